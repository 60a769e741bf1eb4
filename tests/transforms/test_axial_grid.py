"""The grid along the patient's axes that covers another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from distcorr.space import Grid
from distcorr.transforms import axial_grid
from tests import strategies
from tests.transforms.examples import GRIDS


@given(strategies.grids())
def test_it_covers_every_voxel_and_wastes_less_than_one(grid: Grid) -> None:
    axial = axial_grid(grid)
    assert np.array_equal(axial.direction, np.eye(3))
    low, high = grid.corners_lps.min(axis=0), grid.corners_lps.max(axis=0)
    far = axial.origin_lps + (np.array(axial.size) - 1) * axial.spacing
    np.testing.assert_allclose(axial.origin_lps, low)
    assert (far >= high - 1.1e-3 * axial.spacing).all()
    assert (far < high + axial.spacing).all()
    assert set(axial.spacing) <= set(grid.spacing)


@pytest.mark.parametrize("name", ["coronal", "fine"])
def test_voxels_of_a_grid_along_the_axes_are_met_exactly(name: str) -> None:
    grid = GRIDS[name]
    axial = axial_grid(grid)
    assert sorted(axial.size) == sorted(grid.size)

    def ordered(of: Grid) -> np.ndarray:
        points = of.points_lps().reshape(-1, 3).round(6)
        return points[np.lexsort(points.T)]

    np.testing.assert_allclose(ordered(axial), ordered(grid), atol=1e-6)
