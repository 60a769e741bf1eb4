"""Maps and grids that the tests of the exports share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from distcorr.acquisition import Acquisition
from distcorr.facts import VendorState
from distcorr.space import Grid, PatientPosition
from distcorr.transforms import Direction, ScanMap
from tests.apply.examples import ISOCENTRE, coronal_grid, facts, oblique_grid
from tests.correction.examples import correction_of, example_field

CORRECTION = correction_of(example_field())
STATES = (VendorState.ND, VendorState.DIS2D)
POSITIONS = (PatientPosition.HFS, PatientPosition.FFDL)
MOVED_TABLE = (3.0, -4.0, 62.0)
"""Isocentre 50 mm further up than that of the grids' centres."""


def _off_centre(grid: Grid) -> Grid:
    """Move a small grid to where the field is strong."""
    return replace(grid, origin_lps=grid.origin_lps + np.array([40.0, -50.0, 50.0]))


GRIDS = {
    "oblique": oblique_grid(),
    "coronal": coronal_grid((22, 26, 18), 5.0),
    "fine": _off_centre(coronal_grid((30, 34, 22), 2.0)),
}


def scan_map(
    grid: Grid,
    state: VendorState = VendorState.ND,
    position: PatientPosition = PatientPosition.HFS,
    direction: Direction = Direction.TRUE_TO_SHOWN,
    isocentre: tuple[float, float, float] = ISOCENTRE,
) -> ScanMap:
    known = facts(state, position, isocentre=isocentre)
    return ScanMap(CORRECTION, Acquisition.from_facts(known, grid.normal_lps), direction)


def random_points(grid: Grid, count: int = 1000, margin: float = 0.0, seed: int = 3) -> np.ndarray:
    """Points in patient LPS strewn over a grid, ``margin`` voxels away from its rim."""
    last = np.array(grid.size) - 1
    index = np.random.default_rng(seed).uniform(margin, last - margin, (count, 3))
    return index @ grid.T_lps_index[:3, :3].T + grid.origin_lps


def centres(grid: Grid, every: int = 4) -> np.ndarray:
    """Some voxel centres, rim included."""
    return grid.points_lps()[::every, ::every, ::every].reshape(-1, 3)
