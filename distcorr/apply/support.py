"""Where a correction holds in full, for kernels: the trilinear support on its lattice.

Point by point this is :meth:`distcorr.correction.Correction.supported`; over a box
it is decided once if the support cannot cross its threshold there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from distcorr.correction import FULL_SUPPORT

Array = NDArray[np.float64]

NOWHERE, EVERYWHERE, SOMEWHERE = 0, 1, 2
"""Where a cell is supported."""

_BLOCK = 4
"""Cells along each axis that are decided together if they can be."""

_ROUNDING = 1e-6
"""Margin of a box's least and largest support, for the last digits of float32."""


class Support(NamedTuple):
    """Support of a correction as the kernels take it.

    Attributes
    ----------
    origin, spacing : ndarray, shape (3,)
        Of the lattice, mm, scanner frame.
    weight : ndarray of float32, shape (z, y, x)
        At the nodes.
    T_scanner_result : ndarray, shape (4, 4)
        From indices of the result to the scanner frame.
    T_scanner_index : ndarray, shape (4, 4)
        From indices of the scan to the scanner frame.
    by_shown : bool
        Whether the place where tissue is shown has to be supported too.
    """

    origin: Array
    spacing: Array
    weight: NDArray[np.float32]
    T_scanner_result: Array
    T_scanner_index: Array
    by_shown: bool


@njit(cache=True)
def point_supported(origin, spacing, weight, T_scanner_a, i, j, k):  # type: ignore[no-untyped-def]
    """Whether the correction holds in full at index (i, j, k) of a grid a; false for NaN."""
    T = T_scanner_a
    ux = (T[0, 0] * i + T[0, 1] * j + T[0, 2] * k + T[0, 3] - origin[0]) / spacing[0]
    uy = (T[1, 0] * i + T[1, 1] * j + T[1, 2] * k + T[1, 3] - origin[1]) / spacing[1]
    uz = (T[2, 0] * i + T[2, 1] * j + T[2, 2] * k + T[2, 3] - origin[2]) / spacing[2]
    depth, height, width = weight.shape
    if not (1.0 <= ux <= width - 2.0 and 1.0 <= uy <= height - 2.0 and 1.0 <= uz <= depth - 2.0):
        return False
    return _trilinear(weight, ux, uy, uz) >= FULL_SUPPORT


@njit(cache=True, inline="always")
def _trilinear(c, x, y, z):  # type: ignore[no-untyped-def]
    i, j, k = int(x), int(y), int(z)
    fx, fy, fz = x - i, y - j, z - k
    total = 0.0
    for b in range(2):
        plane = 0.0
        for a in range(2):
            left, right = c[k + b, j + a, i], c[k + b, j + a, i + 1]
            plane += (fy if a else 1.0 - fy) * ((1.0 - fx) * left + fx * right)
        total += (fz if b else 1.0 - fz) * plane
    return total


@njit(cache=True, nogil=True)
def classify(support, step, nodes, shape, kinds):  # type: ignore[no-untyped-def]
    """Decide for every cell of a coarse map where it is supported; writes ``kinds``.

    Blocks of cells first; one by one only in those that are supported in part.
    """
    low, high = np.empty(3), np.empty(3)
    depth, height, width = kinds.shape
    for k in range(0, depth, _BLOCK):
        for j in range(0, height, _BLOCK):
            for i in range(0, width, _BLOCK):
                stop = min(i + _BLOCK, width), min(j + _BLOCK, height), min(k + _BLOCK, depth)
                kind = _kind(support, step, nodes, shape, (i, j, k), stop, low, high)
                kinds[k : stop[2], j : stop[1], i : stop[0]] = kind
                if kind != SOMEWHERE:
                    continue
                for c in range(k, stop[2]):
                    for b in range(j, stop[1]):
                        for a in range(i, stop[0]):
                            kinds[c, b, a] = _kind(
                                support,
                                step,
                                nodes,
                                shape,
                                (a, b, c),
                                (a + 1, b + 1, c + 1),
                                low,
                                high,
                            )


@njit(cache=True)
def _kind(support, step, nodes, shape, start, stop, low, high):  # type: ignore[no-untyped-def]
    """Where the cells from ``start`` to before ``stop`` (i, j, k) are supported."""
    first = (start[0] * step[2], start[1] * step[1], start[2] * step[0])
    last = (
        min(stop[0] * step[2], shape[2]) - 1.0,
        min(stop[1] * step[1], shape[1]) - 1.0,
        min(stop[2] * step[0], shape[0]) - 1.0,
    )
    _box_of_voxels(support, first, last, low, high)
    kind = _over_box(support, low, high)
    if support.by_shown and kind != NOWHERE:
        _box_of_nodes(support, nodes, start, stop, low, high)
        of_shown = _over_box(support, low, high)
        if of_shown != EVERYWHERE:
            return of_shown
    return kind


@njit(cache=True)
def _box_of_voxels(s, first, last, low, high):  # type: ignore[no-untyped-def]
    """Box in lattice coordinates around the voxels from ``first`` to ``last``."""
    for a in range(3):
        low[a] = high[a] = s.T_scanner_result[a, 3]
        for b in range(3):
            one = s.T_scanner_result[a, b] * first[b]
            other = s.T_scanner_result[a, b] * last[b]
            low[a] += min(one, other)
            high[a] += max(one, other)
        low[a] = (low[a] - s.origin[a]) / s.spacing[a]
        high[a] = (high[a] - s.origin[a]) / s.spacing[a]


@njit(cache=True)
def _box_of_nodes(s, nodes, start, stop, low, high):  # type: ignore[no-untyped-def]
    """Box in lattice coordinates around the shown places of the nodes around some cells.

    They reach a whole cell farther on all sides, so what lies within is in the box.
    """
    T = s.T_scanner_index
    low[:] = np.inf
    high[:] = -np.inf
    for c in range(start[2], stop[2] + 3):
        for b in range(start[1], stop[1] + 3):
            for a in range(start[0], stop[0] + 3):
                at = nodes[c, b, a]
                for axis in range(3):
                    u = T[axis, 0] * at[0] + T[axis, 1] * at[1] + T[axis, 2] * at[2] + T[axis, 3]
                    u = (u - s.origin[axis]) / s.spacing[axis]
                    low[axis] = min(low[axis], u)
                    high[axis] = max(high[axis], u)


@njit(cache=True)
def _over_box(s, low, high):  # type: ignore[no-untyped-def]
    """Decide where a box in lattice coordinates is supported.

    A trilinear function is largest and least at corners: those of the parts into
    which the lattice's planes cut the box.
    """
    depth, height, width = s.weight.shape
    size = (width, height, depth)
    whole = True
    for a in range(3):
        if not (low[a] <= size[a] - 2.0 and high[a] >= 1.0):
            return NOWHERE
        whole = whole and low[a] >= 1.0 and high[a] <= size[a] - 2.0
        low[a] = max(low[a], 1.0)
        high[a] = min(high[a], size[a] - 2.0)
    least, largest = np.inf, -np.inf
    z = low[2]
    while True:
        y = low[1]
        while True:
            x = low[0]
            while True:
                weight = _trilinear(s.weight, x, y, z)
                least, largest = min(least, weight), max(largest, weight)
                if x >= high[0]:
                    break
                x = min(np.floor(x) + 1.0, high[0])
            if y >= high[1]:
                break
            y = min(np.floor(y) + 1.0, high[1])
        if z >= high[2]:
            break
        z = min(np.floor(z) + 1.0, high[2])
    if largest < FULL_SUPPORT - _ROUNDING:
        return NOWHERE
    return EVERYWHERE if whole and least >= FULL_SUPPORT + _ROUNDING else SOMEWHERE
