"""The kernel: map and interpolation of every voxel in one pass, rows side by side.

A task is a row of cells of the coarse map. Its nodes are interpolated along k once
for each plane of voxels, along j once for each row; along i three cubic polynomials
give the places of a cell's voxels. Places, fractions and weights of one row of voxels
stay in the cache. Nothing is kept of a voxel but its results. Tasks share nothing, so
threads change no result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from distcorr.apply.coarse import LONGEST
from distcorr.apply.sampling import (
    edge_sum,
    inner_sum,
    nearest,
    within,
)
from distcorr.apply.support import EVERYWHERE, SOMEWHERE, point_supported
from distcorr.apply.weights import SINC_TAPS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_THIRD, _SIXTH = 1 / 3, 1 / 6


class Table(NamedTuple):
    """A coarse map as the kernels take it; see :class:`distcorr.apply.coarse.CoarseMap`.

    Attributes
    ----------
    step : tuple of int
    nodes : ndarray, shape (k, j, i, channels)
    supported : ndarray of uint8, shape (cells along k, j, i)
        Where each is supported; see :mod:`distcorr.apply.support`.
    """

    step: tuple[int, int, int]
    nodes: Array
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


@njit(cache=True, nogil=True, error_model="numpy")
def resample_cells(start, stop, voxels, measured, table, support, limits, result):  # type: ignore[no-untyped-def]
    """Fill the voxels of some rows of cells; those of cells marked exact not usefully.

    Parameters
    ----------
    start, stop : int
        Rows of cells, counted through all planes.
    voxels : Voxels
    measured : ndarray of bool
        Of the scan, flat: where a measurement stands behind a voxel; empty if everywhere.
    table : Table
    support : Support
    limits : Range
    result : Result
    """
    # Arrays are taken out of their tuples once: each time costs an atomic count of
    # references, for which threads wait on each other.
    flat, shape, taps, nodes = voxels.flat, voxels.shape, voxels.taps, table.nodes
    supported_cells = table.supported
    array, valid, supported = result.array, result.valid, result.supported
    sk, sj, si = table.step
    depth, height, width = array.shape
    count, channels = nodes.shape[2:]
    planes, line = np.empty((4, count, channels)), np.empty((count, channels))
    room = width + LONGEST  # the last cell may reach beyond the row
    weights, at, w = np.empty(4), np.empty((channels, room)), np.empty((3, SINC_TAPS))
    u, values = np.empty((3, room), voxels.real.dtype), np.empty(room, voxels.real.dtype)
    ok, first = np.empty(room, np.bool_), np.empty(room, np.int64)
    for task in range(start, stop):
        ck, cj = task // supported_cells.shape[1], task % supported_cells.shape[1]
        for k in range(ck * sk, min((ck + 1) * sk, depth)):
            _lagrange_weights((k - ck * sk) / sk, weights)
            _blend_planes(nodes, ck, cj, weights, planes)
            for j in range(cj * sj, min((cj + 1) * sj, height)):
                _lagrange_weights((j - cj * sj) / sj, weights)
                _blend_rows(planes, weights, line)
                _places(line, si, at)
                _values(flat, shape, taps, at, width, w, u, first, values, ok)
                if channels == 4:
                    _brighten(at, width, values, ok)
                if measured.size:
                    _drop_unmeasured(measured, shape, at, width, ok)
                _store(values, ok, width, limits, array, valid, k, j, 0)
                for ci in range(count - 3):
                    kind = supported_cells[ck, cj, ci]
                    i = ci * si
                    n = min(si, width - i)
                    supported[k, j, i : i + n] = kind == EVERYWHERE
                    if kind == SOMEWHERE:
                        _store_support(support, at, i, n, supported, k, j, i)


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
    channels = mapped.shape[1]
    at, w = np.zeros((channels, LONGEST)), np.empty((3, SINC_TAPS))
    u, values = np.empty((3, LONGEST), voxels.real.dtype), np.empty(LONGEST, voxels.real.dtype)
    ok, first = np.empty(LONGEST, np.bool_), np.empty(LONGEST, np.int64)
    for p in range(start, stop):
        k, j, i = places[p]
        at[:, 0] = mapped[p]
        _values(flat, shape, taps, at, 1, w, u, first, values, ok)
        if channels == 4:
            _brighten(at, 1, values, ok)
        if measured.size:
            _drop_unmeasured(measured, shape, at, 1, ok)
        _store(values, ok, 1, limits, array, valid, k, j, i)
        _store_support(support, at, 0, 1, supported, k, j, i)


@njit(cache=True, inline="always")
def _lagrange_weights(t, w):  # type: ignore[no-untyped-def]
    """Weights of nodes at -1, 0, 1, 2 in cubic interpolation at ``t``."""
    w[0] = -t * (t - 1) * (t - 2) / 6
    w[1] = (t + 1) * (t - 1) * (t - 2) / 2
    w[2] = -(t + 1) * t * (t - 2) / 2
    w[3] = (t + 1) * t * (t - 1) / 6


@njit(cache=True)
def _blend_planes(nodes, ck, cj, w, out):  # type: ignore[no-untyped-def]
    """Interpolate the four rows of nodes of a row of cells along k."""
    for b in range(4):
        for a in range(out.shape[1]):
            for c in range(out.shape[2]):
                out[b, a, c] = (
                    w[0] * nodes[ck, cj + b, a, c]
                    + w[1] * nodes[ck + 1, cj + b, a, c]
                    + w[2] * nodes[ck + 2, cj + b, a, c]
                    + w[3] * nodes[ck + 3, cj + b, a, c]
                )


@njit(cache=True)
def _blend_rows(planes, w, out):  # type: ignore[no-untyped-def]
    """Interpolate along j."""
    for a in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[a, c] = (
                w[0] * planes[0, a, c]
                + w[1] * planes[1, a, c]
                + w[2] * planes[2, a, c]
                + w[3] * planes[3, a, c]
            )


@njit(cache=True)
def _places(line, step, at):  # type: ignore[no-untyped-def]
    """Where a row's voxels are shown: in each cell a cubic polynomial of their number."""
    scale = 1.0 / step
    for c in range(at.shape[0]):
        for cell in range(line.shape[0] - 3):
            a0, a1, a2, a3 = line[cell, c], line[cell + 1, c], line[cell + 2, c], line[cell + 3, c]
            p1 = (a2 - 0.5 * a1 - _THIRD * a0 - _SIXTH * a3) * scale
            p2 = (0.5 * (a0 + a2) - a1) * scale * scale
            p3 = (_SIXTH * (a3 - a0) + 0.5 * (a1 - a2)) * scale * scale * scale
            # Of constant length, for vectors; the next cell puts right what is too much.
            for m in range(LONGEST):
                at[c, np.uintp(cell * step + m)] = ((p3 * m + p2) * m + p1) * m + a1


@njit(cache=True)
def _values(flat, shape, taps, at, n, w, u, first, values, ok):  # type: ignore[no-untyped-def]
    """Interpolate at the places of a cell's voxels; ``ok`` says which lie in the scan."""
    if taps == 1:
        for m in range(n):
            ok[m] = within(at[0, m], at[1, m], at[2, m], shape)
            if ok[m]:
                values[m] = flat[nearest(at[0, m], at[1, m], at[2, m], shape)]
        return
    _prepare(shape, taps, at, n, u, first)
    for m in range(n):
        if first[m] >= 0:
            ok[m] = True
            values[m] = inner_sum(flat, shape, taps, first[m], u[0, m], u[1, m], u[2, m])
            continue
        x, y, z = at[0, m], at[1, m], at[2, m]
        ok[m] = within(x, y, z, shape)
        if ok[m]:
            values[m] = edge_sum(flat, shape, taps, x, y, z, w)


@njit(cache=True)
def _prepare(shape, taps, at, n, u, first):  # type: ignore[no-untyped-def]
    """Find fractions and first voxels; the latter are -1 where one that acts is missing."""
    before = taps // 2 - 1
    row, plane = shape[2], shape[2] * shape[1]
    low = np.float64(before)
    high_x, high_y, high_z = shape[2] - taps // 2, shape[1] - taps // 2, shape[0] - taps // 2
    for m in range(n):
        x, y, z = at[0, m], at[1, m], at[2, m]
        inner = (x >= low) & (y >= low) & (z >= low)
        inner &= (x < high_x) & (y < high_y) & (z < high_z)
        xf, yf, zf = np.floor(x), np.floor(y), np.floor(z)
        u[0, m], u[1, m], u[2, m] = x - xf - 0.5, y - yf - 0.5, z - zf - 0.5
        place = (np.int64(zf) - before) * plane + (np.int64(yf) - before) * row
        first[m] = place + np.int64(xf) - before if inner else -1


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
def _store(values, ok, n, limits, array, valid, k, j, i):  # type: ignore[no-untyped-def]
    # Views of the rows: their indices are known not to be negative, which vectors need.
    row, valid_row = array[k, j, i : i + n], valid[k, j, i : i + n]
    if limits.whole:
        for m in range(n):
            value = min(max(np.rint(values[m]), limits.low), limits.high)
            row[m] = value if ok[m] else limits.outside
            valid_row[m] = ok[m]
        return
    for m in range(n):
        row[m] = values[m] if ok[m] else limits.outside
        valid_row[m] = ok[m]


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
