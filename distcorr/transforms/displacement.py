"""The displacements of a map at the voxels of a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition
from distcorr.correction import Correction
from distcorr.correction.blocks import blocks, points_of_block
from distcorr.errors import Code, DistcorrError
from distcorr.space import Grid, transform_points, transform_vectors
from distcorr.transforms.scan_map import Direction, ScanMap

Array = NDArray[np.float64]

OFF_GRID_TOLERANCE_MM = 0.05
"""What linear interpolation between voxels of 4 to 6 mm may add to a displacement
field; between voxels of 2 mm it is below 0.01 mm."""


def displacement_field(
    correction: Correction,
    acquisition: Acquisition,
    grid: Grid,
    direction: Direction = Direction.TRUE_TO_SHOWN,
) -> Array:
    """Displacement at every voxel centre.

    Parameters
    ----------
    correction : Correction
    acquisition : Acquisition
        Map of the scan.
    grid : Grid
        Grid of the image in the space that the displacements start from.
    direction : Direction

    Returns
    -------
    ndarray, shape (k, j, i, 3)
        mm, patient LPS. NaN where the map can't be solved.
    """
    vectors = _vectors(ScanMap(correction, acquisition, direction), grid, np.float64)
    return np.asarray(vectors, dtype=np.float64)


def solved_displacements(
    scan_map: ScanMap, grid: Grid, dtype: type[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """Displacement at every voxel centre, in the type that a file holds.

    Parameters
    ----------
    scan_map : ScanMap
    grid : Grid
    dtype : type
        ``numpy.float32`` or ``numpy.float64``.

    Returns
    -------
    ndarray, shape (k, j, i, 3)
        mm, patient LPS; finite.

    Raises
    ------
    DistcorrError
        ``folding`` if the map can't be solved somewhere on the grid.
    """
    vectors = _vectors(scan_map, grid, dtype)
    unsolved = np.flatnonzero(~np.isfinite(vectors[..., 0]))
    if unsolved.size:
        k, j, i = np.unravel_index(unsolved, grid.shape)
        T_scanner_index = scan_map.acquisition.T_scanner_patient @ grid.T_lps_index
        points = transform_points(T_scanner_index, np.stack([i, j, k], axis=-1))
        raise folding(scan_map, points, f"{int(np.prod(grid.size))} voxels")
    return vectors


def folding(scan_map: ScanMap, unsolved_scanner: Array, among: str) -> DistcorrError:
    """Make the refusal of a map that can't be solved at some points (n, 3), scanner frame."""
    nearest = float(np.linalg.norm(unsolved_scanner, axis=-1).min())
    return DistcorrError(
        Code.FOLDING,
        f"the map from {scan_map.direction.value} can't be solved",
        f"at {len(unsolved_scanner)} of {among}, the nearest {nearest:.0f} mm from the isocentre",
    )


def axial_grid(grid: Grid) -> Grid:
    """Cover a grid by one along the patient's axes.

    Each axis takes the spacing of the given grid's axis next to it, so that the
    voxels of a grid that lies along the axes already are met exactly.

    Parameters
    ----------
    grid : Grid

    Returns
    -------
    Grid
        Its direction is the identity.
    """
    nearest = np.abs(grid.direction).argmax(axis=1)
    spacing = grid.spacing[nearest]
    low, high = grid.corners_lps.min(axis=0), grid.corners_lps.max(axis=0)
    # Rounding of the corners must not add a voxel.
    gaps = np.ceil((high - low) / spacing - _WHOLE_GAPS_TOLERANCE).astype(int)
    i, j, k = (int(n) + 1 for n in gaps)
    return Grid((i, j, k), low, spacing, np.eye(3))


_WHOLE_GAPS_TOLERANCE = 1e-3
"""Part of a voxel by which the far corner may stick out; a header's cosines carry six digits."""


def _vectors(
    scan_map: ScanMap, grid: Grid, dtype: type[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    T_scanner_patient = scan_map.acquisition.T_scanner_patient
    T_patient_scanner = np.linalg.inv(T_scanner_patient)
    out = np.empty((*grid.shape, 3), dtype=dtype)
    flat = out.reshape(-1, 3)
    for block in blocks(grid):
        start = points_of_block(T_scanner_patient, grid, block)
        flat[block] = transform_vectors(T_patient_scanner, scan_map.displacement(start))
    return out
