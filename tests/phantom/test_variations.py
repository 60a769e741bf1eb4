"""What real scans vary beyond the field: each against the exact truth, and written down."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from distcorr.errors import Code, DistcorrError
from distcorr.facts import Plane, VendorState
from distcorr.phantom.contrasts import Contrast
from distcorr.phantom.fields import default_field, random_field
from distcorr.phantom.legs import DigitalLegs
from distcorr.phantom.motion import BLEND_MM, SideMotion, random_motion
from distcorr.phantom.pairs import (
    AnatomyKind,
    Case,
    case_settings,
    simulate_case,
    simulate_new_scan,
    simulate_pair,
    station_scans,
    subject,
)
from distcorr.phantom.scanner import acquire
from distcorr.phantom.settings import PhaseEncoding, ScanSettings
from distcorr.phantom.truth import sphere_surfaces
from distcorr.space import PatientPosition, transform_points
from tests.phantom.examples import Axis, Ball, Ramp, clean


def sides(seed=3, sd_mm=3.0, sd_deg=2.0):
    return SideMotion.drawn(np.random.default_rng(seed), sd_mm, sd_deg)


def read_millimetres(scan):
    """Coordinate that each pixel of a scanned :class:`Ramp` shows."""
    return (scan.volume.array - 10000.0) / 50


def test_side_motion_can_be_undone():
    points = np.random.default_rng(0).uniform(-200, 200, (500, 3))
    motion = sides()
    np.testing.assert_allclose(motion.undone(motion.applied(points)), points, atol=1e-8)
    assert np.linalg.norm(motion.applied(points) - points, axis=1).mean() > 2.0


def test_each_side_moves_rigidly_beyond_the_band():
    motion = sides()
    for x, T in ((BLEND_MM + 10, motion.T_left), (-BLEND_MM - 10, motion.T_right)):
        points = np.array([[x, 0.0, 0.0], [2 * x, 50.0, -80.0]])
        moved = transform_points(T, points)
        np.testing.assert_allclose(motion.undone(moved), points, atol=1e-9)


@pytest.mark.parametrize("axis", Axis)
def test_pixels_show_the_tissue_of_sides_that_moved(axis):
    settings = clean(Plane.CORONAL, VendorState.ND)
    placed = random_motion(np.random.default_rng(7))
    scan = acquire(
        Ramp(axis), settings, random_field(2), T_patient_subject=placed, side_motion=sides()
    )
    subject_points = scan.subject_of_true(scan.true_lps(scan.volume.grid.points_lps()))
    inside = (np.abs(subject_points) < 150).all(axis=-1)
    error = (read_millimetres(scan) - subject_points[..., axis])[inside]
    assert np.abs(error).max() < 0.15
    assert np.sqrt((error**2).mean()) < 0.03


def test_side_motion_leaves_the_scanner_alone():
    settings = clean(Plane.CORONAL, VendorState.DIS2D)
    still = acquire(Ball(), settings, random_field(2))
    moved = acquire(Ball(), settings, random_field(2), side_motion=sides())
    points = np.array([[80.0, 20.0, 90.0], [-70.0, 0.0, -100.0]])
    np.testing.assert_array_equal(still.true_lps(points), moved.true_lps(points))
    assert (still.volume.array != moved.volume.array).any()


def test_femoral_heads_stay_spheres_when_legs_move():
    legs = DigitalLegs(1, 5.0)
    settings = clean(Plane.CORONAL, VendorState.ND, fov_mm=(400.0, 200.0, 300.0), pixel_mm=10.0)
    scan = acquire(legs, settings, default_field(), side_motion=sides())
    surfaces, _ = sphere_surfaces(scan, legs.spheres)
    for sphere, surface in zip(legs.spheres, surfaces, strict=True):
        distance = np.linalg.norm(scan.subject_of_true(surface) - sphere.centre, axis=-1)
        np.testing.assert_allclose(distance, sphere.radius, atol=1e-6)


@pytest.mark.parametrize("state", [VendorState.ND, VendorState.DIS2D])
@pytest.mark.parametrize("phase", PhaseEncoding)
def test_fat_is_shown_beside_its_place_along_the_readout(phase, state):
    """Pixels of pure fat show what the truth says of the pixel before the shift."""
    settings = clean(Plane.CORONAL, state, phase_encoding=phase, fat_shift_pixels=1.5)
    axis = Axis.S if phase is PhaseEncoding.ROW else Axis.L
    scan = acquire(Ramp(axis, fat_share=1.0), settings, random_field(2))
    grid = scan.volume.grid
    k, j, i = np.indices(grid.shape)
    index = np.stack([i, j, k], axis=-1).astype(float)
    index[..., settings.readout_axis] -= 1.5
    tissue = scan.subject_of_true(scan.true_lps(transform_points(grid.T_lps_index, index)))
    inside = (np.abs(tissue) < 150).all(axis=-1)
    error = (read_millimetres(scan) - tissue[..., axis])[inside]
    assert np.abs(error).max() < 0.2
    assert np.sqrt((error**2).mean()) < 0.03


def test_what_is_no_fat_is_not_shifted():
    plain, shifted = (
        acquire(Ball(), clean(Plane.AXIAL, VendorState.ND, fat_shift_pixels=s), default_field())
        for s in (0.0, 2.0)
    )
    np.testing.assert_array_equal(plain.volume.array, shifted.volume.array)


def test_a_shift_beyond_the_solved_map_is_refused():
    with pytest.raises(DistcorrError, match="fat_shift_pixels"):
        ScanSettings(Plane.AXIAL, VendorState.ND, pixel_mm=2.0, fat_shift_pixels=8.0)


def test_anatomy_that_does_not_tell_its_fat_refuses_the_shift(data):
    calves = subject(AnatomyKind.CALVES, 1, data / "anatomy", raster_mm=6.0)
    settings = clean(Plane.CORONAL, VendorState.ND, pixel_mm=8.0, fat_shift_pixels=1.0)
    with pytest.raises(DistcorrError) as refusal:
        acquire(calves, settings, default_field())
    assert refusal.value.code is Code.BAD_FORMAT
    head = subject(AnatomyKind.HEAD, 1, data / "anatomy", raster_mm=6.0)
    share = head.fat(Contrast.T1W).array.sum() / head.brightness(Contrast.T1W).array.sum()
    assert 0.01 < share < 0.15


def test_stations_cover_the_whole_with_overlap():
    whole = clean(Plane.AXIAL, VendorState.ND, fov_mm=(240.0, 160.0, 400.0), slice_spacing_mm=1.0)
    stations = station_scans(whole, 3, 20.0)
    heights = [s.grid().corners_lps[:, 2] for s in stations]
    assert min(h.min() for h in heights) == pytest.approx(-199.5, abs=0.5)
    assert max(h.max() for h in heights) == pytest.approx(199.5, abs=0.5)
    for low, high in pairwise(heights):
        assert low.max() - high.min() == pytest.approx(19.0, abs=1.0)
    for station in stations:
        middle = station.grid().corners_lps[:, 2].mean()
        assert station.isocentre_lps[2] == pytest.approx(middle, abs=1e-6)
    assert station_scans(whole, 1) == (whole,)


def test_each_station_sees_the_field_from_its_own_place():
    """Pixels of a station at the table's own position follow the exact map."""
    field = random_field(2)
    whole = clean(Plane.AXIAL, VendorState.ND, fov_mm=(240.0, 160.0, 280.0))
    for station in station_scans(whole, 2, 20.0):
        scan = acquire(Ramp(Axis.S), station, field)
        shown = scan.volume.grid.points_lps()
        true = scan.true_lps(shown)
        isocentre = np.array(station.isocentre_lps)
        expected = true + field.displacement(true - isocentre)
        np.testing.assert_allclose(expected, shown, atol=1e-6)
        inside = (np.abs(true) < 150).all(axis=-1)
        assert np.abs(read_millimetres(scan) - true[..., 2])[inside].max() < 0.12


def test_a_pair_of_several_stations_names_and_orders_them():
    settings = case_settings(Case.TABLE_STATIONS, 10.0)
    pair = simulate_pair(
        Ball(150.0, (0.0, 0.0, 0.0)), settings, default_field(), seed=1, id="ref01"
    )
    assert [scan.name for scan in pair.axials] == [f"ref01/axial-{n}" for n in (1, 2, 3)]
    assert pair.axial is pair.axials[0]
    heights = [scan.facts.isocentre_lps.value[2] for scan in pair.axials]
    assert heights == [-127.0, 0.0, 127.0]
    # One position of the subject, and noise of its own for each scan.
    assert all((s.T_patient_subject == np.eye(4)).all() for s in pair.axials)


def test_partial_coverage_shows_less_of_the_body_axially():
    settings = case_settings(Case.PARTIAL_COVERAGE, 5.0)
    assert settings.axial.fov_mm[2] <= settings.coronal.fov_mm[2] / 2
    pair = simulate_pair(Ball(centre=(20.0, -10.0, 0.0)), settings, default_field(), seed=1)
    volume = [s.body.sum() * np.prod(s.volume.grid.spacing) for s in (pair.axial, pair.coronal)]
    assert volume[0] < 0.9 * volume[1]


def test_the_new_subject_lies_feet_first_and_the_references_do_not():
    settings = case_settings(Case.FEET_FIRST, 10.0)
    pair = simulate_pair(Ball(), settings, default_field(), seed=1)
    new = simulate_new_scan(Ball(), settings, default_field(), seed=2)
    positions = [scan.settings.patient_position for scan in (pair.axial, pair.coronal, new)]
    assert positions == [PatientPosition.HFS, PatientPosition.HFS, PatientPosition.FFS]
    assert replace(new.settings, patient_position=PatientPosition.HFS) == pair.coronal.settings


def test_the_moved_table_moves_by_100_mm():
    settings = case_settings(Case.TABLE_MOVED)
    difference = np.subtract(settings.axial.isocentre_lps, settings.coronal.isocentre_lps)
    assert np.linalg.norm(difference) == 100.0
    assert settings.axial.state is settings.coronal.state is VendorState.ND


def test_thick_slices_are_4_mm_in_both():
    settings = case_settings(Case.THICK_SLICES, 2.0)
    for scan in (settings.axial, settings.coronal):
        assert (scan.pixel_mm, scan.slice_spacing_mm, scan.slice_thickness_mm) == (2.0, 4.0, 4.0)


def test_legs_move_between_the_scans_of_a_pair():
    settings = case_settings(Case.LEGS_MOVE, 10.0)
    pair = simulate_pair(Ball(), settings, default_field(), seed=1)
    assert pair.axial.side_motion is None
    left, right = pair.coronal.side_motion.T_left, pair.coronal.side_motion.T_right
    assert 0.5 < np.linalg.norm((left - right)[:3, 3]) < 20.0


@pytest.mark.parametrize("kind", [AnatomyKind.HEAD, AnatomyKind.CALVES])
def test_real_subjects_differ_by_smooth_deformation(kind, data):
    """Bodies of two seeds overlap, but differ by more than a rigid motion would make."""
    one, two = (subject(kind, seed, data / "anatomy", raster_mm=5.0) for seed in (1, 2))
    a, b = one.body(), two.body()
    points = transform_points(np.linalg.inv(a.T_index_subject), np.argwhere(a.array > 0.5)[:, ::-1])
    i, j, k = np.rint(transform_points(b.T_index_subject, points)).astype(int).T
    inside = (
        (i >= 0) & (j >= 0) & (k >= 0)
        & (i < b.array.shape[2]) & (j < b.array.shape[1]) & (k < b.array.shape[0])
    )  # fmt: skip
    common = b.array[k[inside], j[inside], i[inside]] > 0.5
    assert 0.6 < common.sum() / len(points) < 0.97


def test_seeds_vary_subject_motion_noise_and_coil():
    def simulated(seed):
        return simulate_case(
            AnatomyKind.LEGS,
            Case.ND_TRUSTED,
            default_field(),
            subjects=1,
            new=0,
            voxel_mm=12.0,
            seed=seed,
        )

    one, other = (simulated(seed).references[0].coronal for seed in (1, 2))
    assert (one.body != other.body).mean() > 0.01
    assert not np.allclose(one.T_patient_subject, other.T_patient_subject)
    assert one.noise_sd != other.noise_sd
