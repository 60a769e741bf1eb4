"""The kernel: map and interpolation of every voxel in one pass, rows side by side.

A task is a row of cells of the coarse map. Its nodes are interpolated along k once
for each plane of voxels, along j once for each row; along i three cubic polynomials
give the places of a cell's voxels, which are sampled on the spot. Nothing is kept
for a voxel but its results. Tasks share nothing, so threads change no result.
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
from distcorr.apply.support import EVERYWHERE, SOMEWHERE, voxel_supported
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
    exact : ndarray of bool, shape (cells along k, j, i)
        Cells that the kernel leaves alone.
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

    outside: float
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
    """Fill the voxels of some rows of cells, but for the cells marked exact.

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
    exact, supported_cells = table.exact, table.supported
    array, valid, supported = result.array, result.valid, result.supported
    sk, sj, si = table.step
    depth, height, width = array.shape
    count, channels = nodes.shape[2:]
    planes, line = np.empty((4, count, channels)), np.empty((count, channels))
    weights, at, w = np.empty(4), np.empty((channels, LONGEST)), np.empty((3, SINC_TAPS))
    u, values = np.empty((3, LONGEST), voxels.real.dtype), np.empty(LONGEST, voxels.real.dtype)
    ok, first = np.empty(LONGEST, np.bool_), np.empty(LONGEST, np.int64)
    for task in range(start, stop):
        ck, cj = task // exact.shape[1], task % exact.shape[1]
        for k in range(ck * sk, min((ck + 1) * sk, depth)):
            _lagrange_weights((k - ck * sk) / sk, weights)
            _blend_planes(nodes, ck, cj, weights, planes)
            for j in range(cj * sj, min((cj + 1) * sj, height)):
                _lagrange_weights((j - cj * sj) / sj, weights)
                _blend_rows(planes, weights, line)
                for ci in range(count - 3):
                    if exact[ck, cj, ci]:
                        continue
                    i = ci * si
                    n = min(si, width - i)
                    _places(line, ci, si, at)
                    _values(flat, shape, taps, at, n, w, u, first, values, ok)
                    if channels == 4:
                        _brighten(at, n, values, ok)
                    if measured.size:
                        _drop_unmeasured(measured, shape, at, n, ok)
                    _store(values, ok, n, limits, array, valid, k, j, i)
                    kind = supported_cells[ck, cj, ci]
                    for m in range(n):
                        supported[k, j, i + m] = kind == EVERYWHERE
                    if kind == SOMEWHERE:
                        _store_support(support, at, n, supported, k, j, i)


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
        _store_support(support, at, 1, supported, k, j, i)


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
def _places(line, ci, step, at):  # type: ignore[no-untyped-def]
    """Where the voxels of a cell are shown: cubic polynomials of their number in it."""
    scale = 1.0 / step
    for c in range(at.shape[0]):
        a0, a1, a2, a3 = line[ci, c], line[ci + 1, c], line[ci + 2, c], line[ci + 3, c]
        p1 = (a2 - 0.5 * a1 - _THIRD * a0 - _SIXTH * a3) * scale
        p2 = (0.5 * (a0 + a2) - a1) * scale * scale
        p3 = (_SIXTH * (a3 - a0) + 0.5 * (a1 - a2)) * scale * scale * scale
        for m in range(LONGEST):  # of constant length, for vectors
            at[c, m] = ((p3 * m + p2) * m + p1) * m + a1


@njit(cache=True)
def _values(flat, shape, taps, at, n, w, u, first, values, ok):  # type: ignore[no-untyped-def]
    """Interpolate at the places of a cell's voxels; ``ok`` says which lie in the scan."""
    if taps == 1:
        for m in range(n):
            ok[m] = within(at[0, m], at[1, m], at[2, m], shape)
            if ok[m]:
                values[m] = flat[nearest(at[0, m], at[1, m], at[2, m], shape)]
        return
    _prepare(shape, taps, at, u, first)
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
def _prepare(shape, taps, at, u, first):  # type: ignore[no-untyped-def]
    """Find fractions and first voxels; the latter are -1 where one that acts is missing."""
    before = taps // 2 - 1
    row, plane = shape[2], shape[2] * shape[1]
    low = np.float64(before)
    high_x, high_y, high_z = shape[2] - taps // 2, shape[1] - taps // 2, shape[0] - taps // 2
    for m in range(LONGEST):
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
    for m in range(n):
        valid[k, j, i + m] = ok[m]
        if not ok[m]:
            array[k, j, i + m] = limits.outside
        elif limits.whole:
            array[k, j, i + m] = min(max(np.rint(values[m]), limits.low), limits.high)
        else:
            array[k, j, i + m] = values[m]


@njit(cache=True)
def _store_support(support, at, n, supported, k, j, i):  # type: ignore[no-untyped-def]
    for m in range(n):
        supported[k, j, i + m] = voxel_supported(support, i + m, j, k, at[0, m], at[1, m], at[2, m])
