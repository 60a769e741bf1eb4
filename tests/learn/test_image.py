"""Images as smooth functions of a point in the scanner frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from distcorr.acquisition import Scan
from distcorr.facts import Fact, VendorState
from distcorr.learn.image import prepare, widths_along
from distcorr.space import Grid, PatientPosition, Volume, transform_points
from tests.learn.examples import AXIAL, CORONAL, bare_scan

ISOCENTRE = (4.0, -7.0, 11.0)
SLOPE = np.array([2.0, -1.5, 0.7])


def scan_of(function, position: PatientPosition, direction: np.ndarray) -> Scan:
    """A scan whose voxels hold a function of the scanner frame."""
    size, spacing = np.array([40, 36, 30]), np.array([2.0, 2.5, 3.0])
    centre = np.array(ISOCENTRE)
    grid = Grid(tuple(size), centre - direction @ (spacing * (size - 1) / 2), spacing, direction)
    facts = replace(
        bare_scan(VendorState.ND, AXIAL, position=position).facts,
        isocentre_lps=Fact(ISOCENTRE, "test"),
    )
    T = Scan(Volume(np.zeros(grid.shape), grid), facts).acquisition.T_scanner_patient
    values = function(transform_points(T, grid.points_lps()))
    return Scan(Volume(values.astype(np.float32), grid), facts)


OBLIQUE = Rotation.from_euler("xyz", [20, -10, 35], degrees=True).as_matrix()
POINTS = np.random.default_rng(0).uniform(-14, 14, (200, 3))


def polynomial(p: np.ndarray) -> np.ndarray:
    """Symmetric blur leaves it alone: x y has no curvature along any axis of a cube."""
    return p @ SLOPE + 100


@pytest.mark.parametrize("position", [PatientPosition.HFS, PatientPosition.FFP])
@pytest.mark.parametrize("direction", [AXIAL, CORONAL, OBLIQUE], ids=["axial", "coronal", "tilted"])
def test_a_linear_image_keeps_values_and_slopes(
    position: PatientPosition, direction: np.ndarray
) -> None:
    scan = scan_of(polynomial, position, direction)
    values, gradients, inside = prepare(scan, scan, 2.0).sample(POINTS)
    assert inside.all()
    np.testing.assert_allclose(values, polynomial(POINTS), atol=2e-3)
    np.testing.assert_allclose(gradients, np.broadcast_to(SLOPE, (200, 3)), atol=2e-3)


def test_a_curved_image_is_blurred_by_the_stated_width() -> None:
    """A parabola rises by half its curvature times the variance of the blur."""
    sigma = 2.0
    scan = scan_of(lambda p: p[..., 0] ** 2, PatientPosition.HFS, AXIAL)
    partner = scan_of(polynomial, PatientPosition.HFS, CORONAL)
    values, gradients, _ = prepare(scan, partner, sigma).sample(POINTS)
    variance = sigma**2 + partner.volume.grid.spacing[0] ** 2 / 12
    rise = values - POINTS[:, 0] ** 2
    assert rise.mean() == pytest.approx(variance, rel=0.05)  # truncated at 3 sigma
    np.testing.assert_allclose(gradients[:, 0], 2 * POINTS[:, 0], atol=0.02)
    np.testing.assert_allclose(gradients[:, 1:], 0, atol=0.02)


def test_gradients_are_the_derivatives_of_values() -> None:
    scan = scan_of(
        lambda p: 100 * np.sin(p[..., 0] / 9) * np.cos(p[..., 1] / 11 + p[..., 2] / 7),
        PatientPosition.FFS,
        OBLIQUE,
    )
    image, h = prepare(scan, scan, 1.5), 0.2
    _, gradients, _ = image.sample(POINTS)
    for axis in range(3):
        step = h * np.eye(3)[axis]
        slope = (image.sample(POINTS + step)[0] - image.sample(POINTS - step)[0]) / (2 * h)
        np.testing.assert_allclose(gradients[:, axis], slope, atol=0.02)


def test_outside_is_zero_and_said() -> None:
    scan = scan_of(polynomial, PatientPosition.HFS, AXIAL)
    values, gradients, inside = prepare(scan, scan, 1.0).sample(
        np.array([[500.0, 0, 0], [0, 0, 0], [np.nan, 0, 0]])
    )
    assert inside.tolist() == [False, True, False]
    assert values[0] == values[2] == 0
    assert not gradients[[0, 2]].any()


def test_voxels_blur_along_their_edges() -> None:
    grid = Grid((4, 4, 4), np.zeros(3), np.array([1.0, 2.0, 6.0]), CORONAL)
    expected = np.array([1.0, 6.0, 2.0]) / np.sqrt(12)
    np.testing.assert_allclose(widths_along(grid, np.eye(3)), expected)
    turned = Rotation.from_euler("z", 45, degrees=True).as_matrix()
    mixed = np.sqrt((expected[0] ** 2 + expected[1] ** 2) / 2)
    np.testing.assert_allclose(widths_along(grid, turned)[:2], mixed)
