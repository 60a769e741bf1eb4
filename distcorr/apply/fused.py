"""The kernel: map and interpolation of every voxel in one pass, rows side by side.

A task is a row of cells of the coarse map. Its nodes are interpolated along k once
for each plane of voxels, along j once for each row, then along i. Each step runs over
a whole row of voxels, in loops that compilers turn into vectors; places and fractions
of the row stay in the cache. What is told of the result, how many voxels are valid
and supported and how far they move, is counted in the same pass. Tasks share nothing,
so threads change no result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from distcorr.apply.coarse import LONGEST
from distcorr.apply.lanes import LANES
from distcorr.apply.rows import (
    blend_planes,
    blend_rows,
    lagrange_weights,
    places_of_row,
    values_of_row,
)
from distcorr.apply.sampling import nearest
from distcorr.apply.support import EVERYWHERE, SOMEWHERE, point_supported
from distcorr.apply.weights import SINC_TAPS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_FINITE = {"contract", "nnan", "nsz"}
"""Lets the largest of many be sought in vectors."""

_LEBESGUE = 1.25**2
"""Square of the sum of the weights' absolute values, at most: no place between nodes
is displaced by more than this times the square of the farthest node."""


class Table(NamedTuple):
    """A coarse map as the kernels take it; see :class:`distcorr.apply.coarse.CoarseMap`.

    Attributes
    ----------
    step : tuple of int
    nodes : ndarray, shape (k, j, channels, i)
    exact : ndarray of bool, shape (cells along k, j, i)
    supported : ndarray of uint8, shape (cells along k, j, i)
        Where each is supported; see :mod:`distcorr.apply.support`.
    """

    step: tuple[int, int, int]
    nodes: Array
    exact: Mask
    supported: NDArray[np.uint8]


class Range(NamedTuple):
    """Values of the result.

    Attributes
    ----------
    outside : number
        Of voxels that nothing stands behind, in the type of the result.
    low, high : float
        What its type can hold.
    whole : bool
        Whether values are rounded to whole numbers.
    """

    outside: Any
    low: float
    high: float
    whole: bool


class Result(NamedTuple):
    """Arrays that the kernels fill, shape (k, j, i)."""

    array: NDArray[Any]
    valid: Mask
    supported: Mask


class Ruler(NamedTuple):
    """What displacements are measured by.

    Attributes
    ----------
    T_index_result : ndarray, shape (4, 4)
        From indices of the result to those of the scan, without any displacement.
    spacing : ndarray, shape (3,)
        Of the scan along i, j, k, mm.
    """

    T_index_result: Array
    spacing: Array


class Tally(NamedTuple):
    """What is counted of each row of cells, but for the cells marked exact.

    Attributes
    ----------
    valid, both : ndarray of int64, shape (cells along k, j)
        Voxels that are valid, and those that are supported too.
    square : ndarray, shape (cells along k, j)
        The largest is the square of the longest displacement of a valid voxel, mm^2.
        Rows that can't have it are left out.
    """

    valid: NDArray[np.int64]
    both: NDArray[np.int64]
    square: Array


@njit(cache=True, nogil=True, error_model="numpy")
def resample_cells(start, stop, voxels, measured, table, support, ruler, limits, result, tally):  # type: ignore[no-untyped-def]
    """Fill the voxels of some rows of cells; those of cells marked exact stay invalid.

    Parameters
    ----------
    start, stop : int
        Rows of cells, counted through all planes.
    voxels : Voxels
    measured : ndarray of bool
        Of the scan, flat: where a measurement stands behind a voxel; empty if everywhere.
    table : Table
    support : Support
    ruler : Ruler
    limits : Range
    result : Result
    tally : Tally
    """
    # Arrays are taken out of their tuples once: each time costs an atomic count of
    # references, for which threads wait on each other.
    flat, shape, taps, nodes = voxels.flat, voxels.shape, voxels.taps, table.nodes
    exact, kinds = table.exact, table.supported
    array, valid, supported = result.array, result.valid, result.supported
    T_index_result, spacing = ruler.T_index_result, ruler.spacing
    tallied_valid, tallied_both, tallied_square = tally.valid, tally.both, tally.square
    sk, sj, si = table.step
    depth, height, width = array.shape
    channels, count = nodes.shape[2:]
    planes, line = np.empty((4, channels, count)), np.empty((channels, count))
    w_k, w_j, w_i = np.empty(4), np.empty(4), np.empty((4, LONGEST))
    for m in range(LONGEST):
        lagrange_weights(m / si, w_i[:, m])
    room = width + LONGEST + LANES  # the last cell and the last vector may reach beyond
    at, w, real = np.zeros((channels, room)), np.empty((3, SINC_TAPS)), voxels.real.dtype
    u = (np.empty(room, real), np.empty(room, real), np.empty(room, real))
    values, ok, first = np.empty(room, real), np.empty(room, np.bool_), np.empty(room, np.int64)
    square = 0.0
    for task in range(start, stop):
        ck, cj = task // kinds.shape[1], task % kinds.shape[1]
        some_exact, of_valid, of_both = exact[ck, cj].any(), 0, 0
        for k in range(ck * sk, min((ck + 1) * sk, depth)):
            lagrange_weights((k - ck * sk) / sk, w_k)
            blend_planes(nodes, ck, cj, w_k, planes)
            for j in range(cj * sj, min((cj + 1) * sj, height)):
                lagrange_weights((j - cj * sj) / sj, w_j)
                blend_rows(planes, w_j, line)
                places_of_row(line, si, w_i, at)
                values_of_row(flat, shape, taps, at, width, w, u, first, values, ok)
                if channels == 4:
                    _brighten(at, width, values, ok)
                if measured.size:
                    _drop_unmeasured(measured, shape, at, width, ok)
                if some_exact:
                    _drop_exact(exact[ck, cj], si, width, ok)
                if taps == 1 and channels == 3:
                    _store_nearest(flat, first, ok, width, limits.outside, array, k, j)
                else:
                    _store(values, ok, width, limits, array, k, j, 0)
                _store_kinds(kinds[ck, cj], support, at, si, supported, k, j)
                some, full = _store_valid(ok, supported[k, j], valid[k, j])
                of_valid, of_both = of_valid + some, of_both + full
                ends = T_index_result, spacing, k, j
                if some_exact or _LEBESGUE * _farthest_node(line, si, ends) > square:
                    square = max(square, _farthest(at, ok, width, ends))
        tallied_valid[ck, cj], tallied_both[ck, cj] = of_valid, of_both
        tallied_square[ck, cj] = square


@njit(cache=True, nogil=True, error_model="numpy")
def resample_voxels(start, stop, places, mapped, voxels, measured, support, limits, result):  # type: ignore[no-untyped-def]
    """Fill voxels whose places in the scan are given.

    Parameters
    ----------
    start, stop : int
        Which of them.
    places : ndarray of int, shape (n, 3)
        Of the voxels, (k, j, i).
    mapped : ndarray, shape (n, channels)
        As :class:`distcorr.apply.coarse.ExactMap` returns it.
    voxels, measured, support, limits, result
        As for :func:`resample_cells`.
    """
    flat, shape, taps = voxels.flat, voxels.shape, voxels.taps
    array, valid, supported = result.array, result.valid, result.supported
    channels, real = mapped.shape[1], voxels.real.dtype
    at, w = np.zeros((channels, LANES)), np.empty((3, SINC_TAPS))
    u = (np.empty(LANES, real), np.empty(LANES, real), np.empty(LANES, real))
    values, ok, first = np.empty(LANES, real), np.empty(LANES, np.bool_), np.empty(LANES, np.int64)
    for p in range(start, stop):
        k, j, i = places[p]
        at[:, 0] = mapped[p]
        values_of_row(flat, shape, taps, at, 1, w, u, first, values, ok)
        if channels == 4:
            _brighten(at, 1, values, ok)
        if measured.size:
            _drop_unmeasured(measured, shape, at, 1, ok)
        if taps == 1 and channels == 3:
            array[k, j, i] = flat[first[0]] if ok[0] else limits.outside
        else:
            _store(values, ok, 1, limits, array, k, j, i)
        valid[k, j, i] = ok[0]
        _store_support(support, at, 0, 1, supported, k, j, i)


@njit(cache=True)
def _brighten(at, n, values, ok):  # type: ignore[no-untyped-def]
    for m in range(n):
        values[m] *= at[3, m]
        ok[m] &= at[3, m] > 0


@njit(cache=True)
def _drop_unmeasured(measured, shape, at, n, ok):  # type: ignore[no-untyped-def]
    for m in range(n):
        if ok[m]:
            ok[m] = measured[nearest(at[0, m], at[1, m], at[2, m], shape)]


@njit(cache=True)
def _drop_exact(exact, step, n, ok):  # type: ignore[no-untyped-def]
    """Leave out the voxels of a row's cells that are mapped one by one."""
    for cell in range(len(exact)):
        if exact[cell]:
            ok[cell * step : min((cell + 1) * step, n)] = False


@njit(cache=True)
def _store(values, ok, n, limits, array, k, j, i):  # type: ignore[no-untyped-def]
    # A view of the row: its indices are known not to be negative, which vectors need.
    row, outside = array[k, j, i : i + n], limits.outside
    if limits.whole:
        low, high = values.dtype.type(limits.low), values.dtype.type(limits.high)
        for m in range(n):
            row[m] = min(max(np.rint(values[m]), low), high) if ok[m] else outside
        return
    for m in range(n):
        row[m] = values[m] if ok[m] else outside


@njit(cache=True)
def _store_nearest(flat, first, ok, n, outside, array, k, j):  # type: ignore[no-untyped-def]
    """Copy labels as they are: floats don't hold all of 64 bits."""
    row = array[k, j]
    for m in range(n):
        row[m] = flat[first[m]] if ok[m] else outside


@njit(cache=True)
def _store_valid(ok, supported, valid):  # type: ignore[no-untyped-def]
    """Write a row; returns the numbers of valid voxels and of those supported too."""
    some, full = 0, 0
    for i in range(len(valid)):
        valid[i] = ok[i]
        some += ok[i]
        full += ok[i] & supported[i]
    return some, full


@njit(cache=True, fastmath=_FINITE)
def _farthest(at, ok, n, ruler):  # type: ignore[no-untyped-def]
    """Square of the longest displacement of a row's valid voxels, mm^2."""
    T, (sx, sy, sz), k, j = ruler
    x, y, z, x1, y1, z1 = at[0], at[1], at[2], T[0, 0], T[1, 0], T[2, 0]
    x0, y0, z0 = _start_of_row(T, k, j)
    longest = 0.0
    for i in range(n):
        dx, dy, dz = sx * (x[i] - x1 * i - x0), sy * (y[i] - y1 * i - y0), sz * (z[i] - z1 * i - z0)
        square = dx * dx + dy * dy + dz * dz if ok[i] else 0.0  # NaN is never valid
        longest = max(longest, square)
    return longest


@njit(cache=True, fastmath=_FINITE)
def _farthest_node(line, step, ruler):  # type: ignore[no-untyped-def]
    """Square of the longest displacement at a row's nodes, mm^2."""
    T, (sx, sy, sz), k, j = ruler
    x, y, z, x1, y1, z1 = line[0], line[1], line[2], T[0, 0], T[1, 0], T[2, 0]
    x0, y0, z0 = _start_of_row(T, k, j)
    longest = 0.0
    for a in range(len(x)):
        i = float((a - 1) * step)
        dx, dy, dz = sx * (x[a] - x1 * i - x0), sy * (y[a] - y1 * i - y0), sz * (z[a] - z1 * i - z0)
        longest = max(longest, dx * dx + dy * dy + dz * dz)
    return longest


@njit(cache=True, inline="always")
def _start_of_row(T, k, j):  # type: ignore[no-untyped-def]
    return (
        T[0, 1] * j + T[0, 2] * k + T[0, 3],
        T[1, 1] * j + T[1, 2] * k + T[1, 3],
        T[2, 1] * j + T[2, 2] * k + T[2, 3],
    )


@njit(cache=True)
def _store_kinds(kinds, support, at, step, supported, k, j):  # type: ignore[no-untyped-def]
    """Say of a row where it is supported, by runs of cells, voxel by voxel where they differ."""
    width, start = supported.shape[2], 0
    for cell in range(1, len(kinds) + 1):
        if cell < len(kinds) and kinds[cell] == kinds[start]:
            continue
        i, end = start * step, min(cell * step, width)
        if kinds[start] == SOMEWHERE:
            _store_support(support, at, i, end - i, supported, k, j, i)
        else:
            supported[k, j, i:end] = kinds[start] == EVERYWHERE
        start = cell


@njit(cache=True)
def _store_support(support, at, m, n, supported, k, j, i):  # type: ignore[no-untyped-def]
    """Decide for voxels from (k, j, i) on, whose places are ``at`` from ``m`` on."""
    origin, spacing, weight = support.origin, support.spacing, support.weight
    T_result, T_index, by_shown = (
        support.T_scanner_result,
        support.T_scanner_index,
        support.by_shown,
    )
    for v in range(n):
        holds = point_supported(origin, spacing, weight, T_result, i + v, j, k)
        if holds and by_shown:
            x, y, z = at[0, m + v], at[1, m + v], at[2, m + v]
            holds = point_supported(origin, spacing, weight, T_index, x, y, z)
        supported[k, j, i + v] = holds and np.isfinite(at[0, m + v])
