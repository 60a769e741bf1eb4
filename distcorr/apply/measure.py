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
    within = np.argwhere(np.ones(step, dtype=np.bool_))[None]
    voxels = (cells[:, None, :] * np.array(step) + within).reshape(-1, 3)
    return np.asarray(voxels[(voxels < np.array(shape)).all(axis=-1)])


def _displacement_bounds(mapping: ExactMap, coarse: CoarseMap) -> Array:
    """Bound of the displacement in each cell, mm: that of its corners and its bulge.

    A function differs from the linear one between its ends by at most an eighth of
    its second difference; a quarter is granted.
    """
    nodes, bounds = coarse.nodes, np.empty(coarse.exact.shape)
    length, bulge = np.zeros(nodes.shape[:3]), np.zeros(nodes.shape[:3])
    T_scanner_index = np.linalg.inv(mapping.T_index_scanner)
    T_scanner_result = mapping.T_scanner_result
    share_out(
        lambda start, stop: _lengths(
            start, stop, nodes, coarse.step, T_scanner_index, T_scanner_result, length, bulge
        ),
        nodes.shape[0] - 2,
    )
    share_out(lambda start, stop: _bounds(start, stop, length, bulge, bounds), len(bounds))
    return bounds


@njit(cache=True, nogil=True)
def _lengths(start, stop, nodes, step, T_scanner_index, T_scanner_result, length, bulge):  # type: ignore[no-untyped-def]
    """Displacement at inner nodes, and a quarter of its second differences there."""
    T, R = T_scanner_index, T_scanner_result
    for k in range(start + 1, stop + 1):
        for j in range(1, nodes.shape[1] - 1):
            for i in range(1, nodes.shape[2] - 1):
                y, x, z = (j - 1) * step[1], (i - 1) * step[2], (k - 1) * step[0]
                square, along_i, along_j, along_k = 0.0, 0.0, 0.0, 0.0
                for a in range(3):
                    moved = T[a, 3] - R[a, 3] - R[a, 0] * x - R[a, 1] * y - R[a, 2] * z
                    by_i, by_j, by_k = 0.0, 0.0, 0.0
                    for c in range(3):
                        twice = 2.0 * nodes[k, j, i, c]
                        moved += T[a, c] * nodes[k, j, i, c]
                        by_i += T[a, c] * (nodes[k, j, i - 1, c] + nodes[k, j, i + 1, c] - twice)
                        by_j += T[a, c] * (nodes[k, j - 1, i, c] + nodes[k, j + 1, i, c] - twice)
                        by_k += T[a, c] * (nodes[k - 1, j, i, c] + nodes[k + 1, j, i, c] - twice)
                    square += moved * moved
                    along_i, along_j, along_k = (
                        along_i + by_i * by_i,
                        along_j + by_j * by_j,
                        along_k + by_k * by_k,
                    )
                length[k, j, i] = np.sqrt(square)
                bulge[k, j, i] = (np.sqrt(along_i) + np.sqrt(along_j) + np.sqrt(along_k)) / 4


@njit(cache=True, nogil=True)
def _bounds(start, stop, length, bulge, bounds):  # type: ignore[no-untyped-def]
    for k in range(start, stop):
        for j in range(bounds.shape[1]):
            for i in range(bounds.shape[2]):
                longest, widest = 0.0, 0.0
                for c in range(1, 3):
                    for b in range(1, 3):
                        for a in range(1, 3):
                            longest = max(longest, length[k + c, j + b, i + a])
                            widest = max(widest, bulge[k + c, j + b, i + a])
                bounds[k, j, i] = longest + widest
