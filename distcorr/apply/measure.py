"""Figures of a corrected scan that are known without looking at every voxel.

The longest displacement and the nearest unsupported voxel are sought cell by cell,
the most promising first, until no cell that is left can do better.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from distcorr.apply.coarse import CoarseMap, ExactMap
from distcorr.apply.fused import Result
from distcorr.apply.threads import share_out
from distcorr.space import transform_points

Array = NDArray[np.float64]

_TOGETHER = 64
"""Cells looked into at once."""


def counts(result: Result, step: tuple[int, int, int]) -> tuple[NDArray[np.int64], ...]:
    """Count the valid voxels of each cell, and those among them that are supported.

    Returns
    -------
    valid, both : ndarray of int, shape (cells along k, j, i)
    """
    shape = tuple(-(-n // s) for n, s in zip(result.valid.shape, step, strict=True))
    valid, both = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    share_out(
        lambda start, stop: _count(start, stop, result.valid, result.supported, step, valid, both),
        shape[0],
    )
    return valid, both


@njit(cache=True, nogil=True)
def _count(start, stop, valid, supported, step, of_valid, of_both):  # type: ignore[no-untyped-def]
    depth, height, width = valid.shape
    for ck in range(start, stop):
        for k in range(ck * step[0], min((ck + 1) * step[0], depth)):
            for j in range(height):
                cj = j // step[1]
                for ci in range(of_valid.shape[2]):
                    some, full = 0, 0
                    for i in range(ci * step[2], min((ci + 1) * step[2], width)):
                        some += valid[k, j, i]
                        full += valid[k, j, i] & supported[k, j, i]
                    of_valid[ck, cj, ci] += some
                    of_both[ck, cj, ci] += full


def longest_displacement_mm(
    mapping: ExactMap, coarse: CoarseMap, result: Result, of_valid: NDArray[np.int64]
) -> float:
    """Longest way from true to shown over the valid voxels of the tabulated cells, mm."""
    wanted = (of_valid > 0) & ~coarse.exact
    if not wanted.any():
        return 0.0
    cells = np.argwhere(wanted)
    bounds = _displacement_bounds(mapping, coarse)[wanted]
    longest = 0.0
    order = np.argsort(-bounds, kind="stable")
    for start in range(0, len(order), _TOGETHER):
        chosen = order[start : start + _TOGETHER]
        if bounds[chosen[0]] <= longest:
            break
        k, j, i = voxels_of_cells(cells[chosen], coarse.step, result.valid.shape).T
        index = np.stack([i, j, k], axis=-1)[result.valid[k, j, i]].astype(np.float64)
        moved = displacement(mapping, index, mapping(index))
        longest = max(longest, float(np.linalg.norm(moved, axis=-1).max()))
    return longest


def nearest_unsupported_mm(
    mapping: ExactMap,
    step: tuple[int, int, int],
    result: Result,
    lost_of_cell: NDArray[np.int64],
) -> float:
    """Least distance from the isocentre to a valid voxel without support, mm; inf if none."""
    cells = np.argwhere(lost_of_cell > 0)
    T = mapping.T_scanner_result
    half = (np.array(step)[::-1] - 1) / 2
    centres = transform_points(T, cells[:, ::-1] * np.array(step)[::-1] + half)
    reach = float(np.linalg.norm(np.abs(T[:3, :3]) @ half))
    bounds = np.linalg.norm(centres, axis=-1) - reach
    nearest = np.inf
    order = np.argsort(bounds, kind="stable")
    for start in range(0, len(order), _TOGETHER):
        chosen = order[start : start + _TOGETHER]
        if bounds[chosen[0]] >= nearest:
            break
        k, j, i = voxels_of_cells(cells[chosen], step, result.valid.shape).T
        lost = result.valid[k, j, i] & ~result.supported[k, j, i]
        voxels = np.stack([k, j, i], axis=-1)[lost]
        true = transform_points(T, voxels[:, ::-1])
        nearest = min(nearest, float(np.linalg.norm(true, axis=-1).min()))
    return nearest


def displacement(mapping: ExactMap, index: Array, mapped: Array) -> Array:
    """Way from true to shown of voxels (n, 3) of the result, scanner frame, mm."""
    shown = transform_points(np.linalg.inv(mapping.T_index_scanner), mapped[:, :3])
    return shown - transform_points(mapping.T_scanner_result, index)


def voxels_of_cells(
    cells: NDArray[np.int64], step: tuple[int, int, int], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Voxels (n, 3) of cells (m, 3) that lie on the grid, as (k, j, i)."""
    within = np.stack(np.indices(step), axis=-1).reshape(1, -1, 3)
    voxels = (cells[:, None, :] * np.array(step) + within).reshape(-1, 3)
    return voxels[(voxels < np.array(shape)).all(axis=-1)]


def _displacement_bounds(mapping: ExactMap, coarse: CoarseMap) -> Array:
    """Bound of the displacement in each cell, mm: that of its corners and its bulge.

    A function differs from the linear one between its ends by at most an eighth of
    its second difference; a quarter is granted.
    """
    k, j, i = (np.arange(n) - 1.0 for n in coarse.nodes.shape[:3])
    sk, sj, si = coarse.step
    index = np.stack(np.meshgrid(k * sk, j * sj, i * si, indexing="ij")[::-1], axis=-1)
    flat = coarse.nodes.reshape(-1, coarse.nodes.shape[-1])
    moved = displacement(mapping, index.reshape(-1, 3), flat).reshape(index.shape)
    bounds = _largest_around(np.linalg.norm(moved[1:-1, 1:-1, 1:-1], axis=-1))
    for axis in range(3):
        bulge = np.linalg.norm(np.diff(moved, 2, axis=axis), axis=-1)
        inner = tuple(slice(None) if other == axis else slice(1, -1) for other in range(3))
        bounds = bounds + _largest_around(bulge[inner]) / 4
    return np.asarray(bounds)


def _largest_around(corners: Array) -> Array:
    """Largest of the eight corners of each cell."""
    for axis in range(3):
        n = corners.shape[axis]
        corners = np.maximum(corners.take(range(n - 1), axis), corners.take(range(1, n), axis))
    return corners
