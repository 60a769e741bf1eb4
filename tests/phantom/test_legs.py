"""The digital legs and the real anatomy as subjects."""

from functools import lru_cache

import numpy as np
import pytest

from distcorr.facts import Plane, VendorState
from distcorr.phantom.contrasts import INTENSITY, Contrast, Tissue
from distcorr.phantom.fields import FieldName, named_field
from distcorr.phantom.legs import DigitalLegs
from distcorr.phantom.pairs import AnatomyKind, subject
from distcorr.phantom.scanner import acquire
from distcorr.phantom.truth import body_points, sphere_labels
from distcorr.space import Grid, transform_points
from tests.phantom.examples import clean

RASTER_MM = 2.0


@lru_cache(maxsize=1)
def legs():
    return DigitalLegs(1, RASTER_MM)


def head_scan(state, plane=Plane.AXIAL, field=FieldName.CLINICAL_3T):
    """Scan the left femoral head finely."""
    centre = legs().spheres[0].centre
    settings = clean(
        plane, state, fov_mm=(90.0, 90.0, 90.0), pixel_mm=1.5,
        slice_spacing_mm=1.5, slice_thickness_mm=1.5, centre_scanner_mm=centre,
    )  # fmt: skip
    return acquire(legs(), settings, named_field(field))


def axis_lengths(labels, label, grid: Grid):
    """Semi-axes of a labelled ellipsoid from its second moments, mm, longest first."""
    k, j, i = np.nonzero(labels == label)
    points = transform_points(grid.T_lps_index, np.stack([i, j, k], axis=-1))
    return np.sqrt(5 * np.linalg.eigvalsh(np.cov(points.T)))[::-1]


def test_femoral_heads_have_adult_sizes_and_places():
    left, right = legs().spheres
    assert 22 <= left.radius <= 26
    assert left.centre[0] > 70
    assert right.centre[0] < -70
    assert np.linalg.norm(left.centre) < 200


def test_an_undistorted_scan_shows_the_femoral_head_as_a_sphere():
    scan = head_scan(VendorState.TRUSTED)
    shown, _ = sphere_labels(scan, legs().spheres)
    lengths = axis_lengths(shown, 1, scan.volume.grid)
    assert lengths[0] / lengths[2] < 1.005
    assert lengths.mean() == pytest.approx(legs().spheres[0].radius, rel=0.005)


def test_an_uncorrected_scan_squeezes_the_femoral_head():
    scan = head_scan(VendorState.ND, Plane.CORONAL)
    shown, true = sphere_labels(scan, legs().spheres)
    lengths = axis_lengths(shown, 1, scan.volume.grid)
    assert lengths[0] / lengths[2] > 1.04
    assert (shown == 1).sum() < 0.95 * (true == 1).sum()


def test_the_image_itself_shows_the_sphere():
    """Along rays into the socket the bright marrow ends at one distance."""
    scan = head_scan(VendorState.TRUSTED)
    sphere = legs().spheres[0]
    rng = np.random.default_rng(0)
    ray = rng.normal(size=(400, 3)) + 2.0 * np.array([-0.72, 0.05, 0.69])
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    distance = np.arange(15.0, 30.0, 0.25)
    points = np.array(sphere.centre) + distance[:, None, None] * ray
    i, j, k = np.rint(transform_points(scan.volume.grid.T_index_lps, points)).astype(int).T
    profile = scan.volume.array[k, j, i].astype(float)
    edge = distance[np.argmax(profile < 450, axis=1)]
    assert edge.mean() == pytest.approx(sphere.radius - 1.8, abs=0.8)
    assert edge.std() < 0.8


def test_muscle_is_textured_modestly():
    image = legs().brightness(Contrast.T1W).array
    muscle = INTENSITY[Contrast.T1W][Tissue.MUSCLE]
    near = image[(image > 0.7 * muscle) & (image < 1.3 * muscle)]
    assert 0.03 < near.std() / near.mean() < 0.12


def test_subjects_differ_and_seeds_repeat():
    one = DigitalLegs(4, 4.0).brightness(Contrast.T1W).array
    again = DigitalLegs(4, 4.0).brightness(Contrast.T1W).array
    other = DigitalLegs(5, 4.0).brightness(Contrast.T1W).array
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 20


def test_body_is_where_the_brightness_is():
    image, body = legs().brightness(Contrast.PD).array, legs().body().array
    assert ((image > 0) == (body > 0)).all()
    assert body.max() == 1.0
    # Two thighs below, one trunk above.
    low, high = body[legs_row(-100.0)], body[legs_row(150.0)]
    middle = body.shape[2] // 2
    assert low[:, middle].max() == 0
    assert high[:, middle].max() == 1


def legs_row(z):
    raster = legs().body()
    return round((z - raster.origin[2]) / raster.spacing[2])


def test_raw_displacement_in_the_legs_is_as_designed():
    """About 3 mm in the mean and 9-12 at the 95th percentile within 200 mm."""
    settings = clean(Plane.CORONAL, VendorState.ND, fov_mm=(400.0, 240.0, 400.0), pixel_mm=5.0)
    scan = acquire(legs(), settings, named_field(FieldName.DEFAULT))
    shown, true = body_points(scan, 5000, seed=0)
    size = np.linalg.norm(shown - true, axis=1)[np.linalg.norm(true, axis=1) < 200]
    assert 2.0 < size.mean() < 4.0
    assert 7.0 < np.percentile(size, 95) < 12.0


@pytest.mark.parametrize("kind", [AnatomyKind.HEAD, AnatomyKind.CALVES])
def test_real_anatomy_fills_the_field_of_view(kind, data):
    anatomy = subject(kind, 2, data / "anatomy", raster_mm=4.0)
    settings = clean(Plane.CORONAL, VendorState.ND, fov_mm=(400.0, 240.0, 400.0), pixel_mm=8.0)
    scan = acquire(anatomy, settings, named_field(FieldName.DEFAULT))
    assert scan.body.mean() > 0.1
    inside = scan.volume.array[scan.body]
    assert 200 < inside.mean() < 1500
    assert scan.volume.array[~scan.body].mean() < 0.2 * inside.mean()
