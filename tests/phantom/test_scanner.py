"""Simulated scans against what the exact maps say they show."""

import numpy as np
import pytest

from distcorr.errors import Code, DistcorrError
from distcorr.facts import Plane, VendorState
from distcorr.phantom.fields import FieldName, default_field, named_field, random_field
from distcorr.phantom.motion import random_motion
from distcorr.phantom.scanner import acquire
from distcorr.phantom.settings import ScanSettings
from distcorr.phantom.truth import sphere_labels
from distcorr.space import PatientPosition, rotation_scanner_patient
from tests.phantom.examples import Axis, Ball, Ramp, clean

PLACED = {
    "coronal ND": clean(Plane.CORONAL, VendorState.ND),
    "axial DIS2D": clean(Plane.AXIAL, VendorState.DIS2D),
    "oblique DIS2D": clean(Plane.CORONAL, VendorState.DIS2D, oblique_deg=(8.0, -5.0, 11.0)),
    "sagittal ND, feet first, table moved": clean(
        Plane.SAGITTAL,
        VendorState.ND,
        patient_position=PatientPosition.FFS,
        table_mm=(0.0, 0.0, 30.0),
    ),
    "coronal DIS2D, decubitus": clean(
        Plane.CORONAL, VendorState.DIS2D, patient_position=PatientPosition.HFDL
    ),
}


@pytest.mark.parametrize("settings", PLACED.values(), ids=PLACED.keys())
@pytest.mark.parametrize("axis", Axis)
def test_each_pixel_shows_the_tissue_that_the_exact_map_says(settings, axis):
    """A ramp's brightness reads as a coordinate, so pixels can be checked in millimetres."""
    motion = random_motion(np.random.default_rng(7))
    scan = acquire(Ramp(axis), settings, random_field(2), T_patient_subject=motion)
    where = scan.volume.grid.points_lps()
    subject = scan.subject_of_true(scan.true_lps(where))
    inside = (np.abs(subject) < 150).all(axis=-1)
    assert inside.mean() > 0.5
    seen = (scan.volume.array - 10000.0) / 50
    error = (seen - subject[..., axis])[inside]
    # One brightness step is 0.02 mm; the rest is curvature within a voxel of 4 mm.
    assert np.abs(error).max() < 0.12
    assert np.sqrt((error**2).mean()) < 0.02


def test_scans_of_all_patient_positions_agree_where_nothing_distorts():
    field = named_field(FieldName.STRONG)
    arrays = []
    for position in PatientPosition:
        settings = clean(
            Plane.CORONAL, VendorState.TRUSTED, patient_position=position, pixel_mm=8.0
        )
        arrays.append(acquire(Ball(), settings, field).volume.array)
    for array in arrays[1:]:
        np.testing.assert_array_equal(array, arrays[0])


@pytest.mark.parametrize("position", PatientPosition)
def test_distortion_follows_the_scanner_not_the_patient(position):
    field = random_field(5)
    settings = clean(Plane.CORONAL, VendorState.ND, patient_position=position)
    scan = acquire(Ball(), settings, field)
    R = rotation_scanner_patient(position)
    true = np.array([[60.0, -40.0, 100.0]])
    expected = true + field.displacement(true @ R.T) @ R
    np.testing.assert_allclose(scan.shown_lps(true), expected, atol=1e-9)


def test_a_moved_table_moves_the_field_along_the_patient():
    field = random_field(5)
    moved = clean(Plane.AXIAL, VendorState.ND, table_mm=(0.0, 0.0, 40.0))
    scan = acquire(Ball(), moved, field)
    true = np.array([[30.0, 20.0, 90.0]])
    expected = true + field.displacement(true - [0, 0, 40.0])
    np.testing.assert_allclose(scan.shown_lps(true), expected, atol=1e-9)
    np.testing.assert_allclose(scan.facts.isocentre_lps.value, (0, 0, 40))


def test_brightness_follows_compression_so_that_the_whole_is_conserved():
    field = default_field()
    totals = {}
    for state in (VendorState.TRUSTED, VendorState.ND, VendorState.DIS2D):
        settings = clean(Plane.CORONAL, state, jacobian_brightness=True)
        totals[state] = acquire(Ball(), settings, field).volume.array.sum(dtype=float)
    assert totals[VendorState.ND] == pytest.approx(totals[VendorState.TRUSTED], rel=2e-3)
    assert totals[VendorState.DIS2D] == pytest.approx(totals[VendorState.TRUSTED], rel=2e-3)
    plain = acquire(Ball(), clean(Plane.CORONAL, VendorState.ND), field).volume.array
    assert abs(plain.sum(dtype=float) / totals[VendorState.TRUSTED] - 1) > 0.005


def test_two_uncorrected_scans_of_a_still_subject_agree():
    """They share one error, so a pair of them shows nothing of it."""
    field = named_field(FieldName.CLINICAL_3T)
    axial = acquire(Ball(), clean(Plane.AXIAL, VendorState.ND), field)
    coronal = acquire(Ball(), clean(Plane.CORONAL, VendorState.ND), field)
    points = np.array([[70.0, -40.0, 80.0], [90.0, 10.0, 0.0]])
    np.testing.assert_allclose(axial.true_lps(points), coronal.true_lps(points), atol=1e-7)
    # The coronal array is (P, -S, L); bring it to the axial (S, P, L).
    same_place = coronal.volume.array[:, ::-1, :].transpose(1, 0, 2).astype(float)
    difference = np.abs(axial.volume.array.astype(float) - same_place)
    assert difference.mean() < 0.002 * axial.volume.array.mean()


def test_noise_has_the_requested_deviation_and_is_rician():
    settings = clean(Plane.AXIAL, VendorState.TRUSTED, noise=0.05)
    scan = acquire(Ball(), settings, default_field(), seed=3)
    offset = scan.volume.grid.points_lps() - Ball().centre
    distance = np.linalg.norm(offset, axis=-1)
    bright, dark = scan.volume.array[distance < 70], scan.volume.array[distance > 90]
    assert scan.noise_sd == pytest.approx(0.05 * bright.mean(), rel=0.05)
    assert bright.std() == pytest.approx(scan.noise_sd, rel=0.03)
    assert dark.mean() == pytest.approx(scan.noise_sd * np.sqrt(np.pi / 2), rel=0.03)


def test_coil_sensitivity_has_the_requested_deviation():
    ratios = []
    for seed in range(12):
        settings = clean(Plane.AXIAL, VendorState.TRUSTED, bias=0.2, pixel_mm=10.0)
        scan = acquire(Ball(), settings, default_field(), seed=seed)
        inside = scan.volume.array[sphere_labels(scan, Ball(70.0).spheres)[1] == 1]
        ratios.append(np.log(inside.mean() / 1000))
    assert 0.1 < np.std(ratios) < 0.35


def test_equal_seeds_give_equal_scans():
    settings = clean(Plane.CORONAL, VendorState.ND, noise=0.02, bias=0.1)
    one, two, other = (acquire(Ball(), settings, default_field(), seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.volume.array, two.volume.array)
    assert (one.volume.array != other.volume.array).any()


def test_thick_slices_average_more_tissue():
    thin = clean(Plane.AXIAL, VendorState.TRUSTED, slice_thickness_mm=1.0)
    thick = clean(Plane.AXIAL, VendorState.TRUSTED, slice_thickness_mm=12.0)
    blur = []
    for settings in (thin, thick):
        scan = acquire(Ball(), settings, default_field())
        profile = scan.volume.array[:, 17, 34].astype(float)
        blur.append(((profile > 50) & (profile < 950)).sum())
    assert blur[1] > blur[0]


def test_a_field_of_view_beside_the_subject_is_refused():
    settings = clean(Plane.AXIAL, VendorState.ND, centre_scanner_mm=(0.0, 900.0, 0.0))
    with pytest.raises(DistcorrError) as refusal:
        acquire(Ball(), settings, default_field())
    assert refusal.value.code is Code.NO_OVERLAP


@pytest.mark.parametrize(
    "wrong",
    [
        {"pixel_mm": 0.0},
        {"slice_thickness_mm": -1.0},
        {"fov_mm": (400.0, float("nan"), 400.0)},
        {"fov_mm": (1.0, 1.0, 1.0)},
        {"noise": 1.5},
        {"bias": -0.1},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(DistcorrError) as refusal:
        ScanSettings(Plane.AXIAL, VendorState.ND, **wrong)
    assert refusal.value.code is Code.BAD_FORMAT


@pytest.mark.parametrize(
    ("plane", "rows", "columns", "normal"),
    [
        (Plane.AXIAL, (1, 0, 0), (0, 1, 0), (0, 0, 1)),
        (Plane.CORONAL, (1, 0, 0), (0, 0, -1), (0, 1, 0)),
        (Plane.SAGITTAL, (0, 1, 0), (0, 0, -1), (-1, 0, 0)),
    ],
)
def test_grids_are_laid_out_as_scanners_write_them(plane, rows, columns, normal):
    grid = ScanSettings(plane, VendorState.ND).grid()
    np.testing.assert_array_equal(grid.direction.T, [rows, columns, normal])
    np.testing.assert_allclose(grid.corners_lps.mean(axis=0), 0, atol=1e-9)
