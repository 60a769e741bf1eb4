"""Figures of a corrected scan for which not every voxel has to be looked at."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from distcorr.apply.coarse import ExactMap
from distcorr.apply.fused import Result
from distcorr.space import transform_points

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def nearest_unsupported_mm(
    T_scanner_result: Array, step: tuple[int, int, int], result: Result, doubtful: Mask
) -> float:
    """Least distance from the isocentre to a valid voxel without support.

    Parameters
    ----------
    T_scanner_result : ndarray, shape (4, 4)
        From indices (i, j, k) of the result to the scanner frame.
    step : tuple of int
        Voxels of a cell along k, j, i.
    result : Result
    doubtful : ndarray of bool, shape (cells along k, j, i)
        Whether a cell may have such voxels.

    Returns
    -------
    float
        Millimetres; infinite if there is none.
    """
    return float(_nearest_lost(T_scanner_result, step, result.valid, result.supported, doubtful))


@njit(cache=True)
def _nearest_lost(T, step, valid, supported, doubtful):  # type: ignore[no-untyped-def]
    """Look into those cells only that reach nearer than what has been found."""
    nearest = np.inf
    depth, height, width = valid.shape
    half = (step[2] - 1) / 2, (step[1] - 1) / 2, (step[0] - 1) / 2
    reach = 0.0
    for axis in range(3):
        side = abs(T[axis, 0]) * half[0] + abs(T[axis, 1]) * half[1] + abs(T[axis, 2]) * half[2]
        reach += side * side
    reach = np.sqrt(reach)
    for ck in range(doubtful.shape[0]):
        for cj in range(doubtful.shape[1]):
            for ci in range(doubtful.shape[2]):
                if not doubtful[ck, cj, ci]:
                    continue
                i, j, k = ci * step[2], cj * step[1], ck * step[0]
                if _distance(T, i + half[0], j + half[1], k + half[2]) - reach >= nearest:
                    continue
                for c in range(k, min(k + step[0], depth)):
                    for b in range(j, min(j + step[1], height)):
                        for a in range(i, min(i + step[2], width)):
                            if valid[c, b, a] and not supported[c, b, a]:
                                nearest = min(nearest, _distance(T, a, b, c))
    return nearest


@njit(cache=True, inline="always")
def _distance(T, i, j, k):  # type: ignore[no-untyped-def]
    """From the origin to index (i, j, k)."""
    x = T[0, 0] * i + T[0, 1] * j + T[0, 2] * k + T[0, 3]
    y = T[1, 0] * i + T[1, 1] * j + T[1, 2] * k + T[1, 3]
    z = T[2, 0] * i + T[2, 1] * j + T[2, 2] * k + T[2, 3]
    return np.sqrt(x * x + y * y + z * z)


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
