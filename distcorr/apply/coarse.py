"""The map of a scan, tabulated on a coarse subgrid as far as that is exact enough.

The map from a voxel of the result to the place in the scan where its tissue is
shown is smooth over several voxels, but dear: 64 coefficients for each component,
and Newton's method on top for DIS2D. It is evaluated at the nodes of a subgrid;
in the cells between them tricubic Lagrange interpolation stands for it. Each cell
is tried at its centre against the map itself; a cell that misses, or has a node
without a solution, is marked, and its voxels are mapped one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition
from distcorr.apply.threads import share_out
from distcorr.field import LatticeField

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

PLACE_TOLERANCE = 5e-4
"""Error of a cell's centre, voxels of the scan. Between centre and corner it may be
twice as large: a thousandth of a voxel, at the steepest edge (black to white within
a voxel) a thousandth of the contrast."""

BRIGHTNESS_TOLERANCE = 2e-4
"""Error of the factor of brightness at a cell's centre: a fifth of a grey level of 1000."""

CELLS_PER_NODE = 3
"""Cells, along each axis, in one node distance of the field's lattice at first; with
more, hardly a cell fails; with fewer, most do where the field is strong."""

LONGEST = 8
"""Voxels of a cell along an axis, at most; the kernel handles so many at once."""

_POINTS = 1 << 17
"""Points mapped together: with their Jacobians about 40 MB."""

_AT_CENTRE = np.array([-1.0, 9.0, 9.0, -1.0]) / 16
"""Cubic Lagrange weights half way between the middle two of four nodes."""

FAILING_SHARE = 0.01
"""Cells that may be left to be mapped voxel by voxel: each costs as much as its volume."""


@dataclass(frozen=True, eq=False)
class ExactMap:
    """The way from the voxels of the result to those of the scan.

    Parameters
    ----------
    acquisition : Acquisition
    field : LatticeField
    T_scanner_result : ndarray, shape (4, 4)
        From indices (i, j, k) of the result to the scanner frame.
    T_index_scanner : ndarray, shape (4, 4)
        From the scanner frame to indices of the scan.
    with_brightness : bool
        Whether the factor of brightness is wanted.
    """

    acquisition: Acquisition
    field: LatticeField
    T_scanner_result: Array
    T_index_scanner: Array
    with_brightness: bool

    def __call__(self, index: Array) -> Array:
        """Map indices (n, 3) of the result.

        Returns
        -------
        ndarray, shape (n, 3) or (n, 4)
            Indices of the scan, NaN where the map can't be solved; then det(ds/dr).
        """
        out = np.empty((len(index), 4 if self.with_brightness else 3))
        for start in range(0, len(index), _POINTS):
            part = slice(start, start + _POINTS)
            true = np.empty((len(index[part]), 3))
            _transform(self.T_scanner_result, index[part], true)
            shown = self.acquisition.true_to_shown(self.field, true)
            _transform(self.T_index_scanner, shown, out[part])
            if self.with_brightness:
                out[part, 3] = self._stretch(true, shown)
        return out

    def _stretch(self, true: Array, shown: Array) -> Array:
        """Shown volume per true volume; NaN where nothing is shown."""
        stretch = np.full(len(true), np.nan)
        solved = np.isfinite(shown).all(axis=-1)
        stretch[solved] = self.acquisition.stretch(self.field, true[solved], shown[solved])
        return stretch


@dataclass(frozen=True, eq=False)
class CoarseMap:
    """A map tabulated on a subgrid.

    Attributes
    ----------
    step : tuple of int
        Voxels of a cell along k, j, i.
    nodes : ndarray, shape (cells + 3 along k, j, i, channels)
        The exact map's values at voxels (m - 1) * step, m = 0, 1, ... Empty if all
        cells are exact.
    exact : ndarray of bool, shape (cells along k, j, i)
        Cells whose voxels have to be mapped one by one.
    """

    step: tuple[int, int, int]
    nodes: Array
    exact: Mask


def tabulate(mapping: ExactMap, shape: tuple[int, int, int], cell_mm: float) -> CoarseMap:
    """Tabulate a map, with cells so small that few fail.

    Parameters
    ----------
    mapping : ExactMap
    shape : tuple of int
        Of the result, (k, j, i).
    cell_mm : float
        Longest edge of a cell at first. Cells are halved while too many fail; what
        is new then is mapped only in and around those that failed.

    Returns
    -------
    CoarseMap
        All cells are exact if it is cheaper to map every voxel.
    """
    spacing = np.linalg.norm(mapping.T_scanner_result[:3, :3], axis=0)[::-1]
    longest = np.clip(cell_mm / spacing, 1, np.minimum(shape, LONGEST))
    step = _step(2 ** np.floor(np.log2(longest)).astype(np.int64))
    voxels = int(np.prod(shape, dtype=np.int64))
    if _effort(shape, step) >= voxels:
        every = np.ones(_cells(shape, step), dtype=np.bool_)
        return CoarseMap(step, np.empty((0, 0, 0, 3)), every)
    table = _tabulated(mapping, shape, step)
    while (
        table.exact.mean() > FAILING_SHARE
        and max(table.step) > 1
        and _effort(shape, _halved_step(table.step)) < voxels
    ):
        table = _halved(mapping, shape, table)
    return table


def _halved_step(step: tuple[int, int, int]) -> tuple[int, int, int]:
    return max(1, step[0] // 2), max(1, step[1] // 2), max(1, step[2] // 2)


def _step(longest: NDArray[np.int64]) -> tuple[int, int, int]:
    return int(longest[0]), int(longest[1]), int(longest[2])


def _effort(shape: tuple[int, int, int], step: tuple[int, int, int]) -> int:
    """Points to be mapped for a table and its trial."""
    cells = _cells(shape, step)
    return int(np.prod(cells + 3)) + int(np.prod(cells))


def _cells(shape: tuple[int, int, int], step: tuple[int, int, int]) -> NDArray[np.int64]:
    counts = [-(-n // s) for n, s in zip(shape, step, strict=True)]
    return np.array(counts, dtype=np.int64)


def _tabulated(
    mapping: ExactMap, shape: tuple[int, int, int], step: tuple[int, int, int]
) -> CoarseMap:
    cells = _cells(shape, step)
    nodes = _evaluated(mapping, [np.arange(n + 3) - 1.0 for n in cells], step)
    every = np.argwhere(np.ones(cells, dtype=np.bool_))
    exact = _fails(mapping, nodes, every, step).reshape(tuple(cells))
    return CoarseMap(step, nodes, exact)


def _halved(mapping: ExactMap, shape: tuple[int, int, int], table: CoarseMap) -> CoarseMap:
    """Halve the cells: exactly in those that failed, by interpolation in the others."""
    step = _halved_step(table.step)
    cells = _cells(shape, step)
    nodes, failed, wanted = table.nodes, table.exact, table.exact
    for axis in range(3):
        if step[axis] < table.step[axis]:
            nodes = _upsampled(nodes, axis, cells[axis] + 3)
            failed = np.repeat(failed, 2, axis).take(range(cells[axis]), axis)
            wanted = np.repeat(wanted, 2, axis).take(range(cells[axis]), axis)
        wanted = _of_nodes(wanted, axis)
    at = np.argwhere(wanted)
    nodes[wanted] = mapping(((at - 1) * np.array(step))[:, ::-1].astype(np.float64))
    exact, tried = failed.copy(), np.argwhere(failed)
    exact[failed] = _fails(mapping, nodes, tried, step)
    return CoarseMap(step, nodes, exact)


def _upsampled(nodes: Array, axis: int, count: int) -> Array:
    """Interpolate half way between nodes; the first of the result lies before the second."""
    before, after = nodes.shape[:axis], nodes.shape[axis + 1 :]
    rows = nodes.reshape(int(np.prod(before)), nodes.shape[axis], int(np.prod(after)))
    fine = np.empty((len(rows), count, rows.shape[2]))
    share_out(lambda start, stop: _upsample(start, stop, rows, fine), len(rows))
    return fine.reshape(*before, count, *after)


@njit(cache=True, nogil=True)
def _upsample(start, stop, rows, fine):  # type: ignore[no-untyped-def]
    last = rows.shape[1] - 1
    for r in range(start, stop):
        for f in range(fine.shape[1]):
            n = (f + 1) // 2
            for c in range(rows.shape[2]):
                v = rows[r, :, c]
                if f % 2 == 1:
                    fine[r, f, c] = v[n]
                elif n == 0:
                    fine[r, f, c] = (5 * v[0] + 15 * v[1] - 5 * v[2] + v[3]) / 16
                elif n + 1 == last:
                    a, b, d, e = v[last], v[last - 1], v[last - 2], v[last - 3]
                    fine[r, f, c] = (5 * a + 15 * b - 5 * d + e) / 16
                else:
                    fine[r, f, c] = (9 * (v[n] + v[n + 1]) - v[n - 1] - v[n + 2]) / 16


def _of_nodes(cells: Mask, axis: int) -> Mask:
    """Mark the four nodes along an axis on which each marked cell rests."""
    v = np.moveaxis(cells, axis, 0)
    marked = np.zeros((len(v) + 3, *v.shape[1:]), dtype=np.bool_)
    for m in range(4):
        marked[m : m + len(v)] |= v
    return np.moveaxis(marked, 0, axis)


def _fails(
    mapping: ExactMap, nodes: Array, cells: NDArray[np.int64], step: tuple[int, int, int]
) -> Mask:
    """Try cells (n, 3) at their centres; true where the table is not exact enough."""
    found = np.empty((len(cells), nodes.shape[-1]))
    share_out(lambda start, stop: _at_centres(start, stop, nodes, cells, found), len(cells))
    centres = ((cells + 0.5) * np.array(step))[:, ::-1]
    miss = np.abs(found - mapping(centres))
    near = (miss[:, :3] <= PLACE_TOLERANCE).all(axis=1)
    if mapping.with_brightness:
        near &= miss[:, 3] <= BRIGHTNESS_TOLERANCE
    return np.asarray(~near)  # NaN is near nothing


def _evaluated(mapping: ExactMap, places: list[Array], step: tuple[int, int, int]) -> Array:
    """Map the points at multiples ``places`` of the step along k, j, i."""
    axes = [place * one for place, one in zip(places, step, strict=True)]
    k, j, i = np.meshgrid(*axes, indexing="ij")
    return mapping(np.stack([i, j, k], axis=-1).reshape(-1, 3)).reshape(*k.shape, -1)


@njit(cache=True, nogil=True)
def _at_centres(start, stop, nodes, cells, found):  # type: ignore[no-untyped-def]
    """Interpolate at the centres of cells (n, 3); writes ``found`` (n, channels)."""
    w = _AT_CENTRE
    for p in range(start, stop):
        k, j, i = cells[p]
        found[p] = 0.0
        for a in range(4):
            for b in range(4):
                v = nodes[k + a, j + b, i : i + 4]
                weight = w[a] * w[b]
                for c in range(found.shape[1]):
                    line = w[0] * v[0, c] + w[1] * v[1, c] + w[2] * v[2, c] + w[3] * v[3, c]
                    found[p, c] += weight * line


@njit(cache=True, nogil=True)
def _transform(T_a_b, points_b, points_a):  # type: ignore[no-untyped-def]
    """Do as :func:`distcorr.space.transform_points`, in one pass; writes ``points_a``."""
    T = T_a_b
    for p in range(len(points_b)):
        x, y, z = points_b[p, 0], points_b[p, 1], points_b[p, 2]
        for a in range(3):
            points_a[p, a] = T[a, 0] * x + T[a, 1] * y + T[a, 2] * z + T[a, 3]
