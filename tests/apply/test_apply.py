"""Applying a correction: physics, agreement with SimpleITK and bookkeeping."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from distcorr.acquisition import Scan
from distcorr.apply import ApplyOptions, Interpolation, apply_correction
from distcorr.apply.coarse import BRIGHTNESS_TOLERANCE, PLACE_TOLERANCE, ExactMap, tabulate
from distcorr.errors import Code
from distcorr.facts import AcquisitionFacts, VendorState
from distcorr.field import HarmonicField
from distcorr.space import Grid, PatientPosition, Volume, transform_points
from distcorr.transforms import ScanMap, bspline_transform, displacement_field
from tests.apply.examples import (
    coronal_grid,
    facts,
    fine_grid,
    flipped_scan,
    oblique_grid,
    scan_of,
    smooth_object,
)
from tests.correction.examples import correction_of, example_field

SHOWN_STATES = (VendorState.ND, VendorState.DIS2D)
CORRECTION = correction_of(example_field())
SMALL_SUPPORT = correction_of(example_field(), support_mm=40.0)
ZERO = correction_of(HarmonicField.from_terms(x={}, y={}, z={}))
GREY_LEVELS = 2.0
"""Interpolation error allowed of an object of 200 grey levels' amplitude in 4 mm voxels."""


def distorted(grid: Grid, known: AcquisitionFacts, brightness: bool = False) -> Scan:
    """See the object through the field, by the inverse of the map that is applied."""
    acquisition = replace(known, state=known.state).T_scanner_patient()
    assert acquisition is not None
    scan = scan_of(np.zeros(grid.shape), grid, known)
    true = scan.acquisition.shown_to_true_patient(CORRECTION.field, grid.points_lps())
    values = smooth_object(true)
    if brightness:
        values = values * _volume_ratio(scan, grid)
    return scan_of(values, grid, known)


def _volume_ratio(scan: Scan, grid: Grid) -> np.ndarray:
    """det(d true / d shown) by central differences."""
    h = 0.01
    columns = []
    for axis in np.eye(3):
        ahead, behind = (
            scan.acquisition.shown_to_true_patient(CORRECTION.field, grid.points_lps() + s * axis)
            for s in (h, -h)
        )
        columns.append((ahead - behind) / (2 * h))
    return np.abs(np.linalg.det(np.stack(columns, axis=-1)))


def inner(array: np.ndarray, margin: int = 4) -> np.ndarray:
    cut = slice(margin, -margin)
    return array[cut, cut, cut]


@pytest.mark.parametrize("position", list(PatientPosition))
@pytest.mark.parametrize("state", SHOWN_STATES)
def test_the_object_returns_to_its_place(position: PatientPosition, state: VendorState) -> None:
    grid = coronal_grid()
    scan = distorted(grid, facts(state, position))
    truth = smooth_object(grid.points_lps())
    done = apply_correction(scan, CORRECTION)
    assert np.abs(inner(scan.volume.array - truth)).max() > 7 * GREY_LEVELS
    assert np.abs(inner(done.volume.array - truth)).max() < GREY_LEVELS


def test_a_first_principles_fixed_point_agrees() -> None:
    """Uncorrected, head first and supine: what is shown at q is the r with r + D(r) = q."""
    grid = coronal_grid()
    known = facts()
    q = grid.points_lps() - np.array(known.isocentre_lps.value)
    r = q.copy()
    for _ in range(60):
        r = q - example_field().displacement(r)
    scan = scan_of(smooth_object(r + np.array(known.isocentre_lps.value)), grid, known)
    done = apply_correction(scan, CORRECTION)
    truth = smooth_object(grid.points_lps())
    assert np.abs(inner(done.volume.array - truth)).max() < GREY_LEVELS


@pytest.mark.parametrize("state", SHOWN_STATES)
def test_brightness_is_restored(state: VendorState) -> None:
    grid = coronal_grid()
    scan = distorted(grid, facts(state), brightness=True)
    truth = smooth_object(grid.points_lps())
    plain = apply_correction(scan, CORRECTION)
    done = apply_correction(scan, CORRECTION, ApplyOptions(correct_intensity=True))
    assert np.abs(inner(done.volume.array - truth)).max() < GREY_LEVELS
    assert np.abs(inner(plain.volume.array - truth)).max() > 5 * GREY_LEVELS


ITK = {
    Interpolation.BSPLINE: sitk.sitkBSpline,
    Interpolation.LINEAR: sitk.sitkLinear,
    Interpolation.SINC: sitk.sitkLanczosWindowedSinc,
    Interpolation.NEAREST: sitk.sitkNearestNeighbor,
}


def itk_resampled(
    array: np.ndarray,
    grid: Grid,
    like: Grid,
    transform: sitk.Transform,
    interpolation: Interpolation,
    outside: float,
) -> np.ndarray:
    """SimpleITK's result; ITK does not divide a windowed sinc by the sum of its weights."""

    def resampled(values: np.ndarray, beyond: float) -> np.ndarray:
        image = itk_image(values, grid)
        reference = itk_image(np.zeros(like.shape, np.uint8), like)
        moved = sitk.Resample(image, reference, transform, ITK[interpolation], beyond)
        return sitk.GetArrayFromImage(moved)

    expected = resampled(array, outside)
    if interpolation is Interpolation.SINC:
        inside = resampled(np.ones(grid.shape), np.nan)
        expected = np.where(np.isnan(inside), outside, expected / inside)
    return expected


def itk_image(array: np.ndarray, grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(array, isVector=array.ndim == 4)
    image.SetOrigin(grid.origin_lps.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


@pytest.mark.parametrize("interpolation", list(Interpolation))
@pytest.mark.parametrize("grid", [coronal_grid(), oblique_grid()], ids=["coronal", "oblique"])
@pytest.mark.parametrize("state", SHOWN_STATES)
def test_simpleitk_resampling_with_the_exported_field_agrees(
    interpolation: Interpolation, grid: Grid, state: VendorState
) -> None:
    rng = np.random.default_rng(1)
    scan = scan_of(rng.normal(0, 100, grid.shape), grid, facts(state, PatientPosition.FFP))
    like = oblique_grid((44, 38, 34))
    done = apply_correction(
        scan, CORRECTION, ApplyOptions(interpolation, outside_value=-7.0), like=like
    )
    moved = sitk.DisplacementFieldTransform(
        itk_image(displacement_field(CORRECTION, scan.acquisition, like), like)
    )
    expected = itk_resampled(scan.volume.array, grid, like, moved, interpolation, -7.0)
    assert done.volume.valid is not None
    assert 0.1 < done.volume.valid.mean() < 1.0
    # ITK leaves the outermost half voxel to its own rounding: compare within the centres.
    differs = ~np.isclose(done.volume.array, expected, rtol=1e-6, atol=1e-4)
    assert differs.mean() < 2e-3
    assert not differs[scipy_inner(done.volume.valid)].any()


def scipy_inner(valid: np.ndarray) -> np.ndarray:
    from scipy.ndimage import binary_erosion

    return np.asarray(binary_erosion(valid, iterations=2, border_value=1))


@settings(max_examples=25, deadline=None)
@given(
    dtype=st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64]),
    interpolation=st.sampled_from(Interpolation),
    state=st.sampled_from(SHOWN_STATES),
    position=st.sampled_from(PatientPosition),
    correct_intensity=st.booleans(),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
)
def test_a_zero_field_changes_nothing(
    dtype: type,
    interpolation: Interpolation,
    state: VendorState,
    position: PatientPosition,
    correct_intensity: bool,
    size: tuple[int, int, int],
) -> None:
    grid = oblique_grid(size)
    array = (np.random.default_rng(0).uniform(0, 255, grid.shape)).astype(dtype)
    options = ApplyOptions(interpolation, correct_intensity)
    done = apply_correction(scan_of(array, grid, facts(state, position)), ZERO, options)
    assert done.volume.array.dtype == dtype
    np.testing.assert_allclose(done.volume.array, array, atol=1e-3)
    assert done.volume.valid is None
    assert done.largest_displacement_mm == pytest.approx(0, abs=1e-9)
    assert done.supported.all()
    assert done.findings == ()


@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 2)])
@pytest.mark.parametrize("state", SHOWN_STATES)
def test_storing_an_image_flipped_changes_nothing(
    axes: tuple[int, int], state: VendorState
) -> None:
    """Two axes at a time, so that the grid stays right-handed."""
    grid = oblique_grid()
    scan = distorted(grid, facts(state))
    flipped, array_axes = flipped_scan(scan, axes)
    straight = apply_correction(scan, CORRECTION)
    turned = apply_correction(flipped, CORRECTION)
    np.testing.assert_allclose(
        np.flip(turned.volume.array, array_axes), straight.volume.array, atol=1e-3
    )
    assert np.array_equal(np.flip(turned.supported, array_axes), straight.supported)


@pytest.mark.parametrize("interpolation", [Interpolation.LINEAR, Interpolation.BSPLINE])
@pytest.mark.parametrize("state", SHOWN_STATES)
@pytest.mark.parametrize("depth", [1, 44])
def test_small_voxels_are_mapped_from_a_table_and_agree_with_simpleitk(
    interpolation: Interpolation, state: VendorState, depth: int
) -> None:
    """Within a grey level of 1000, through the exported B-spline transform."""
    grid = fine_grid((70, 60, depth))
    array = np.random.default_rng(2).integers(0, 1001, grid.shape).astype(np.float32)
    scan = scan_of(array, grid, facts(state, PatientPosition.HFP))
    done = apply_correction(scan, CORRECTION, ApplyOptions(interpolation))
    transform, findings = bspline_transform(ScanMap(CORRECTION, scan.acquisition), grid)
    assert state is VendorState.DIS2D or findings == ()
    expected = itk_resampled(array, grid, grid, transform, interpolation, 0.0)
    valid = done.volume.valid if done.volume.valid is not None else np.ones(grid.shape, bool)
    inner = scipy_inner(valid)
    assert inner.any()
    # The transform of a DIS2D scan interpolates the map, to within a hundredth of a mm.
    allowed = 1.0 if state is VendorState.ND else 15.0
    assert np.abs(done.volume.array - expected)[inner].max() < allowed


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_thin_volumes_are_mirrored_again_and_again(depth: int) -> None:
    """As SciPy does; ITK reads beyond the image where two slices are mirrored twice."""
    grid = fine_grid((30, 26, depth))
    array = np.random.default_rng(4).uniform(0, 1000, grid.shape)
    scan = scan_of(array, grid, facts())
    done = apply_correction(scan, CORRECTION)
    assert done.volume.valid is not None
    shown = scan.acquisition.true_to_shown_patient(CORRECTION.field, grid.points_lps())
    index = transform_points(grid.T_index_lps, shown)
    expected = map_coordinates(array, np.moveaxis(index[..., ::-1], -1, 0), mode="mirror")
    miss = np.abs(done.volume.array - expected)[done.volume.valid]
    assert len(miss) > 100
    assert miss.max() < 1.0


def test_the_table_is_exact_enough_between_its_nodes_and_centres() -> None:
    grid = fine_grid()
    scan = scan_of(np.zeros(grid.shape), grid, facts(VendorState.DIS2D))
    T_scanner_lps = scan.acquisition.T_scanner_patient
    mapping = ExactMap(
        scan.acquisition,
        CORRECTION.field,
        T_scanner_lps @ grid.T_lps_index,
        np.linalg.inv(T_scanner_lps @ grid.T_lps_index),
        with_brightness=True,
    )
    table = tabulate(mapping, grid.shape, 5.0)
    assert max(table.step) > 1
    assert table.exact.mean() < 0.05
    index = np.random.default_rng(3).uniform(0, np.array(grid.size) - 1, (5000, 3))
    cell = np.floor(index[:, ::-1] / table.step).astype(int)
    kept = ~table.exact[tuple(cell.T)]
    nodes = [np.arange(n) - 1.0 for n in table.nodes.shape[:3]]
    at = index[:, ::-1] / table.step
    found = np.zeros((len(index), 4))
    for corner in np.ndindex(4, 4, 4):
        weight = np.ones(len(index))
        for axis, m in enumerate(corner):
            others = [n for n in range(4) if n != m]
            t = at[:, axis] - nodes[axis][cell[:, axis] + 1]
            weight *= np.prod([(t - (n - 1)) / (m - n) for n in others], axis=0)
        found += weight[:, None] * table.nodes[tuple((cell + corner).T)]
    miss = np.abs(found - mapping(index))[kept]
    assert miss[:, :3].max() < 2 * PLACE_TOLERANCE
    assert miss[:, 3].max() < 2 * BRIGHTNESS_TOLERANCE


@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_threads_change_nothing(interpolation: Interpolation) -> None:
    grid = fine_grid()
    scan = distorted(grid, facts(VendorState.DIS2D))
    options = ApplyOptions(interpolation, correct_intensity=True)
    before = numba.get_num_threads()
    done = []
    try:
        for threads in sorted({1, before}):
            numba.set_num_threads(threads)
            done.append(apply_correction(scan, SMALL_SUPPORT, options))
    finally:
        numba.set_num_threads(before)
    first, last = done[0], done[-1]
    assert np.array_equal(first.volume.array, last.volume.array)
    assert np.array_equal(first.supported, last.supported)
    assert first.largest_displacement_mm == last.largest_displacement_mm
    assert first.supported_fraction == last.supported_fraction
    assert first.findings == last.findings


def test_integers_are_rounded_and_clipped() -> None:
    grid = coronal_grid()
    array = np.where(np.indices(grid.shape).sum(axis=0) % 6 < 3, 0, 255).astype(np.uint8)
    done = apply_correction(scan_of(array, grid, facts()), CORRECTION)
    assert done.volume.array.dtype == np.uint8
    overshooting = apply_correction(scan_of(array.astype(float), grid, facts()), CORRECTION)
    assert overshooting.volume.array.min() < -5
    expected = np.clip(np.rint(overshooting.volume.array), 0, 255)
    assert np.abs(done.volume.array - expected).max() <= 1


def test_missing_voxels_stay_missing() -> None:
    grid = coronal_grid()
    valid = np.ones(grid.shape, dtype=bool)
    valid[10] = False
    array = smooth_object(grid.points_lps())
    array[5, 5, 5] = np.nan
    scan = Scan(Volume(array, grid, valid), facts())
    done = apply_correction(scan, ZERO, ApplyOptions(outside_value=-1))
    assert done.volume.valid is not None
    valid[5, 5, 5] = False
    assert np.array_equal(done.volume.valid, valid)
    assert (done.volume.array[~valid] == -1).all()
    assert np.isfinite(done.volume.array).all()


def test_outside_of_the_support_is_told() -> None:
    small = correction_of(example_field(), support_mm=40.0)
    done = apply_correction(distorted(coronal_grid(), facts()), small)
    assert [finding.code for finding in done.findings] == [Code.OUTSIDE_SUPPORT]
    assert 0 < done.supported_fraction < 0.5
    assert "mm from the isocentre" in done.findings[0].evidence
    centre = tuple(n // 2 for n in done.supported.shape)
    assert done.supported[centre]
    assert not done.supported[0, 0, 0]


def test_points_without_a_solution_are_outside_and_unsupported() -> None:
    folding = correction_of(HarmonicField.from_terms(x={(2, 2): 900.0}, y={(2, -2): 900.0}, z={}))
    grid = coronal_grid()
    scan = scan_of(np.full(grid.shape, 100.0), grid, facts(VendorState.DIS2D))
    done = apply_correction(scan, folding, ApplyOptions(outside_value=-1))
    lost = np.isnan(displacement_field(folding, scan.acquisition, grid)).any(axis=-1)
    assert lost.any()
    assert (done.volume.array[lost] == -1).all()
    assert not done.supported[lost].any()


def test_a_grid_far_away_shows_nothing() -> None:
    scan = distorted(coronal_grid(), facts())
    far = Grid((4, 4, 4), np.array([900.0, 0, 0]), np.ones(3), np.eye(3))
    done = apply_correction(scan, CORRECTION, like=far)
    assert done.volume.valid is not None
    assert not done.volume.valid.any()
    assert done.supported_fraction == 0
    assert [finding.code for finding in done.findings] == [Code.OUTSIDE_SUPPORT]
