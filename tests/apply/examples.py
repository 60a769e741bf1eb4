"""Scans of a synthetic object, seen through a known field."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from distcorr.acquisition import Scan
from distcorr.facts import AcquisitionFacts, Fact, Scanner, VendorState
from distcorr.space import Grid, PatientPosition, Volume
from tests.correction.examples import SCANNER

ISOCENTRE = (3.0, -4.0, 12.0)


def facts(
    state: VendorState | None = VendorState.ND,
    position: PatientPosition | None = PatientPosition.HFS,
    scanner: Scanner = SCANNER,
    isocentre: tuple[float, float, float] = ISOCENTRE,
) -> AcquisitionFacts:
    return AcquisitionFacts(
        state=Fact(state, "test"),
        patient_position=Fact(position, "test"),
        isocentre_lps=Fact(isocentre, "test"),
        scanner=scanner,
        description="test scan",
    )


def coronal_grid(size: tuple[int, int, int] = (30, 34, 22), spacing: float = 6.0) -> Grid:
    """Rows to the left, columns to the feet, slices to the back; right-handed."""
    direction = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    half = direction @ ((np.array(size) - 1) * spacing / 2)
    return Grid(size, np.array(ISOCENTRE) - half, np.full(3, spacing), direction)


def oblique_grid(size: tuple[int, int, int] = (24, 28, 20)) -> Grid:
    direction = Rotation.from_euler("xyz", [100, 12, -7], degrees=True).as_matrix()
    spacing = np.array([4.0, 5.0, 6.0])
    half = direction @ ((np.array(size) - 1) * spacing / 2)
    return Grid(size, np.array(ISOCENTRE) - half, spacing, direction)


def fine_grid(size: tuple[int, int, int] = (70, 60, 44)) -> Grid:
    """Voxels so small that the map is tabulated; off the isocentre, where it bends."""
    direction = Rotation.from_euler("xyz", [95, 4, -11], degrees=True).as_matrix()
    spacing = np.array([1.1, 1.2, 1.5])
    half = direction @ ((np.array(size) - 1) * spacing / 2)
    centre = np.array(ISOCENTRE) + np.array([60.0, 40.0, -30.0])
    return Grid(size, centre - half, spacing, direction)


def smooth_object(points_lps: NDArray[Any]) -> NDArray[np.float64]:
    """Brightness of the object at true points: waves of some 60 mm."""
    x, y, z = np.moveaxis(np.asarray(points_lps), -1, 0)
    waves = np.sin(x / 11) + np.cos(y / 13 + 1) + np.sin(z / 12 + x / 40)
    return np.asarray(1000 + 200 * waves)


def scan_of(array: NDArray[Any], grid: Grid, known: AcquisitionFacts) -> Scan:
    return Scan(Volume(array, grid), known)


def flipped_scan(scan: Scan, axes: tuple[int, ...]) -> tuple[Scan, tuple[int, ...]]:
    """Store a scan with some grid axes reversed; gives the axes of its array, too."""
    grid = scan.volume.grid
    direction, last = grid.direction.copy(), np.zeros(3)
    for axis in axes:
        last[axis] = grid.size[axis] - 1
        direction[:, axis] *= -1
    origin = grid.origin_lps + grid.direction @ (grid.spacing * last)
    array_axes = tuple(2 - axis for axis in axes)
    there = Grid(grid.size, origin, grid.spacing, direction)
    return scan_of(np.flip(scan.volume.array, array_axes), there, scan.facts), array_axes
