"""The shape of a mapped ball."""

import numpy as np
import pytest

from distcorr.errors import Code, DistcorrError
from distcorr.phantom.truth import _directions
from distcorr.space import Grid, Volume
from distcorr.space.roundness import ellipsoid_of, ellipsoid_of_surface

CENTRE = np.array([80.0, -5.0, 140.0])


def test_a_ball_is_round() -> None:
    found = ellipsoid_of_surface(CENTRE + 24.0 * _directions())
    assert found.axis_ratio == pytest.approx(1.0, abs=1e-3)
    assert found.radii == pytest.approx([24.0] * 3, abs=0.02)
    np.testing.assert_allclose(found.centre_lps, CENTRE, atol=0.02)


def test_a_squeeze_is_measured_with_its_direction() -> None:
    points = CENTRE + 24.0 * _directions() * [1.0, 0.86, 0.97]
    found = ellipsoid_of_surface(points)
    assert found.axis_ratio == pytest.approx(0.86, abs=1e-3)
    assert abs(found.axes[1, 0]) == pytest.approx(1.0, abs=1e-3)


def test_a_label_is_measured_on_any_grid() -> None:
    turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    grid = Grid((50, 54, 40), (55.0, -40.0, 190.0), (1.2, 1.6, 2.0), turn)
    inside = (((grid.points_lps() - CENTRE) / (24.0 * np.array([1.0, 0.86, 1.0]))) ** 2).sum(-1) < 1
    found = ellipsoid_of(Volume(inside.astype(np.uint8) * 3, grid), 3)
    assert found.radii == pytest.approx([20.64, 24.0, 24.0], abs=0.15)
    assert abs(found.axes[1, 0]) == pytest.approx(1.0, abs=1e-2)
    np.testing.assert_allclose(found.centre_lps, CENTRE, atol=0.1)


def test_an_absent_label_is_refused() -> None:
    grid = Grid((8, 8, 8), np.zeros(3), np.ones(3), np.eye(3))
    with pytest.raises(DistcorrError) as refusal:
        ellipsoid_of(Volume(np.zeros(grid.shape, np.uint8), grid), 1)
    assert refusal.value.code is Code.NO_CONTRAST
