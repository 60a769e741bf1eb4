"""The shape of a mapped ball."""

import numpy as np
import pytest

from distcorr.phantom.truth import _directions
from distcorr.space.roundness import ellipsoid_of_surface

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
