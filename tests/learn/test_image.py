"""Images as smooth functions of a point in the scanner frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from distcorr.acquisition import Scan
from distcorr.facts import Fact, VendorState
from distcorr.learn.image import Image, prepare, widths_along
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


def sampled(
    image: Image, points: np.ndarray = POINTS, more: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sample an image with one growth of its point spread everywhere."""
    growth = np.zeros((3, 3)) if more is None else more
    return image.sample(points, growth[None], np.zeros(len(points), np.intp))


def polynomial(p: np.ndarray) -> np.ndarray:
    """Symmetric blur leaves it alone: x y has no curvature along any axis of a cube."""
    return p @ SLOPE + 100


@pytest.mark.parametrize("position", [PatientPosition.HFS, PatientPosition.FFP])
@pytest.mark.parametrize("direction", [AXIAL, CORONAL, OBLIQUE], ids=["axial", "coronal", "tilted"])
def test_a_linear_image_keeps_values_and_slopes(
    position: PatientPosition, direction: np.ndarray
) -> None:
    scan = scan_of(polynomial, position, direction)
    values, gradients, inside = sampled(prepare(scan, scan, 2.0))
    assert inside.all()
    np.testing.assert_allclose(values, polynomial(POINTS), atol=2e-3)
    np.testing.assert_allclose(gradients, np.broadcast_to(SLOPE, (200, 3)), atol=2e-3)


def test_a_curved_image_is_blurred_by_the_stated_width() -> None:
    """A parabola rises by half its curvature times the variance of the blur."""
    sigma = 2.0
    scan = scan_of(lambda p: p[..., 0] ** 2, PatientPosition.HFS, AXIAL)
    partner = scan_of(polynomial, PatientPosition.HFS, CORONAL)
    values, gradients, _ = sampled(prepare(scan, partner, sigma))
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
    _, gradients, _ = sampled(image)
    for axis in range(3):
        step = h * np.eye(3)[axis]
        slope = (sampled(image, POINTS + step)[0] - sampled(image, POINTS - step)[0]) / (2 * h)
        np.testing.assert_allclose(gradients[:, axis], slope, atol=0.02)


def test_more_spread_is_more_blur() -> None:
    """A quadratic form rises by the product of its matrix with the covariance."""
    form = np.array([[2.0, 0.3, -0.4], [0.3, -1.0, 0.5], [-0.4, 0.5, 0.7]])
    scan = scan_of(
        lambda p: np.einsum("...i,ij,...j->...", p, form, p), PatientPosition.FFS, OBLIQUE
    )
    image = prepare(scan, scan, 1.5)
    half = np.random.default_rng(1).normal(size=(3, 3))
    more = half @ half.T
    rise = sampled(image, more=more)[0] - sampled(image)[0]
    np.testing.assert_allclose(rise, np.trace(form @ more), rtol=0.01)


def test_the_stated_spread_is_that_of_a_point() -> None:
    """Voxels of a box profile, blurred: the second moment of what one bright voxel becomes."""
    scan = scan_of(lambda p: 0 * p[..., 0], PatientPosition.HFS, OBLIQUE)
    bright = scan.volume.array.copy()
    bright[15, 18, 20] = 1000.0
    point = Scan(Volume(bright, scan.volume.grid), scan.facts)
    image = prepare(point, scan, 2.0)
    centre = np.linalg.inv(image.T_index_scanner) @ [*_kept(image, point, (20, 18, 15)), 1]
    line = np.linspace(-14, 14, 57)
    cube = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    weight = sampled(image, cube + centre[:3])[0].astype(np.float64)
    moments = (cube * weight[:, None]).T @ cube / weight.sum()
    voxel = np.diag(point.volume.grid.spacing**2 / 12)
    in_scanner = OBLIQUE @ voxel @ OBLIQUE.T
    np.testing.assert_allclose(moments + in_scanner, image.spread, atol=0.35)


def _kept(image: Image, scan: Scan, index: tuple[int, int, int]) -> np.ndarray:
    """Index coordinates of a voxel in a prepared image."""
    at = scan.acquisition.T_scanner_patient @ scan.volume.grid.T_lps_index @ [*index, 1]
    return (image.T_index_scanner @ at)[:3]


def test_outside_is_zero_and_said() -> None:
    scan = scan_of(polynomial, PatientPosition.HFS, AXIAL)
    values, gradients, inside = sampled(
        prepare(scan, scan, 1.0), np.array([[500.0, 0, 0], [0, 0, 0], [np.nan, 0, 0]])
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
