"""What was drawn on a scan ends where the tissue is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distcorr.acquisition import Scan
from distcorr.apply import (
    ApplyOptions,
    Interpolation,
    LabelInterpolation,
    apply_correction,
    correct_labels,
    correct_points,
    turn_normals,
)
from distcorr.errors import Code, DistcorrError
from distcorr.facts import AcquisitionFacts, VendorState
from distcorr.field import HarmonicField
from distcorr.space import Grid, PatientPosition, Volume
from tests.apply.examples import ISOCENTRE, coronal_grid, facts, oblique_grid, scan_of
from tests.correction.examples import SCANNER, correction_of, example_field

CORRECTION = correction_of(example_field())
_FIELD = example_field()
STRONG = correction_of(HarmonicField(_FIELD.basis, 4.0 * _FIELD.coefficients))
"""Moves labels of 3 mm voxels by several of them, also in DIS2D scans."""

STATES = (VendorState.ND, VendorState.DIS2D)
SOLVED_MM = 1e-4
"""Ten times the residual at which the map counts as solved."""


def empty_scan(known: AcquisitionFacts, grid: Grid | None = None) -> Scan:
    grid = grid or coronal_grid()
    return scan_of(np.zeros(grid.shape, np.int16), grid, known)


def sphere(centre: np.ndarray, radius: float, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Points of a sphere and its normals there."""
    normals = np.random.default_rng(1).normal(size=(n, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return centre + radius * normals, normals


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("position", [PatientPosition.HFS, PatientPosition.FFP])
@given(st.lists(st.tuples(*[st.floats(-70, 70)] * 3), min_size=1, max_size=20))
@settings(max_examples=20)
def test_points_come_back_from_where_they_are_shown(state, position, offsets) -> None:
    scan = empty_scan(facts(state, position), oblique_grid((60, 60, 60)))
    true = np.array(ISOCENTRE) + np.array(offsets)
    shown = scan.acquisition.true_to_shown_patient(CORRECTION.field, true)
    found = correct_points(shown, scan, CORRECTION)
    np.testing.assert_allclose(found.true_lps, true, atol=SOLVED_MM)
    assert found.mapped.all()
    assert found.supported.all()
    np.testing.assert_allclose(
        found.displacement_mm, np.linalg.norm(true - shown, axis=1), atol=1e-4
    )
    assert found.findings() == ()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("position", [PatientPosition.HFS, PatientPosition.FFDL])
def test_normals_of_a_shown_sphere_become_those_of_the_sphere(
    state: VendorState, position: PatientPosition
) -> None:
    scan = empty_scan(facts(state, position))
    acquisition = scan.acquisition
    true, expected = sphere(np.array(ISOCENTRE) + np.array([30.0, 20, -40]), 25.0)
    shown = acquisition.true_to_shown_patient(CORRECTION.field, true)
    # Normal of the shown surface from two tangents, mapped by differences.
    tangent = np.cross(expected, [0.3, 0.5, 0.8])
    other = np.cross(expected, tangent)
    h = 1e-3
    mapped = [
        acquisition.true_to_shown_patient(CORRECTION.field, true + h * t)
        - acquisition.true_to_shown_patient(CORRECTION.field, true - h * t)
        for t in (tangent, other)
    ]
    seen = np.cross(*mapped)
    seen *= 2.0 / np.linalg.norm(seen, axis=1, keepdims=True)
    found = turn_normals(seen, correct_points(shown, scan, CORRECTION), scan, CORRECTION)
    np.testing.assert_allclose(found, 2.0 * expected, atol=2e-3)
    # It matters: untouched normals were off by more.
    assert np.abs(seen - 2.0 * expected).max() > 0.02


def test_unsupported_and_outside_points_are_told_by_name() -> None:
    correction = correction_of(example_field(), support_mm=60.0)
    scan = empty_scan(facts(), coronal_grid((30, 34, 22)))
    points = np.array(ISOCENTRE) + np.array([[0.0, 0, 0], [80, 0, 0], [0, 0, 140]])
    found = correct_points(points, scan, correction)
    np.testing.assert_array_equal(found.supported, [True, False, False])
    np.testing.assert_array_equal(found.in_scan, [True, True, False])
    told = {f.code: f for f in found.findings(("in", "rim", "out"))}
    assert set(told) == {Code.OUTSIDE_SUPPORT, Code.OUTSIDE_SCAN}
    assert told[Code.OUTSIDE_SUPPORT].evidence == "rim, out"
    assert told[Code.OUTSIDE_SUPPORT].what.startswith("2 of 3 points")
    assert told[Code.OUTSIDE_SCAN].evidence == "out"


def test_what_the_field_folds_stays_and_is_told() -> None:
    strong = HarmonicField.from_terms(x={(3, 1): 400.0}, y={}, z={})
    correction = correction_of(strong)
    scan = empty_scan(facts(), coronal_grid((60, 60, 60)))
    offsets = np.stack([np.linspace(0, 145, 60), np.zeros(60), np.full(60, 60.0)], axis=1)
    points = np.array(ISOCENTRE) + offsets
    found = correct_points(points, scan, correction)
    lost = ~found.mapped
    assert 0 < lost.sum() < len(points)
    assert not found.supported[lost].any()
    np.testing.assert_array_equal(found.true_lps[lost], points[lost])
    assert np.isfinite(found.true_lps).all()
    assert Code.NO_TRUE_PLACE in [f.code for f in found.findings()]


def test_points_of_another_place_are_refused() -> None:
    with pytest.raises(DistcorrError) as raised:
        correct_points([[500.0, 0, 0], [0, 600, 0]], empty_scan(facts()), CORRECTION)
    assert raised.value.code is Code.OUTSIDE_SCAN
    assert "points LPS x 0 to 500" in raised.value.finding.evidence


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (facts(VendorState.DIS3D), Code.NOTHING_TO_CORRECT),
        (facts(VendorState.TRUSTED), Code.NOTHING_TO_CORRECT),
        (facts(None), Code.STATE_UNKNOWN),
        (facts(position=None), Code.POSITION_UNKNOWN),
        (facts(scanner=replace(SCANNER, serial="7")), Code.WRONG_SCANNER),
    ],
)
def test_what_holds_for_the_scan_holds_for_what_was_drawn_on_it(
    known: AcquisitionFacts, code: Code
) -> None:
    scan = empty_scan(known)
    labels = Volume(np.ones(scan.volume.grid.shape, np.uint8), scan.volume.grid)
    for call in (
        lambda: correct_points([ISOCENTRE], scan, CORRECTION),
        lambda: correct_labels(labels, scan, CORRECTION),
    ):
        with pytest.raises(DistcorrError) as raised:
            call()
        assert raised.value.code is code


def ball(grid: Grid, centre: np.ndarray, radius: float) -> np.ndarray:
    return np.linalg.norm(grid.points_lps() - centre, axis=-1) <= radius


def two_balls(scan: Scan, grid: Grid, dtype: type = np.uint16) -> tuple[np.ndarray, np.ndarray]:
    """Labels 3 and 700 as shown and where they are."""
    places = grid.points_lps()
    truly = scan.acquisition.shown_to_true_patient(STRONG.field, places)
    maps = []
    for at in (truly, places):
        labels = np.zeros(grid.shape, dtype)
        for value, offset in ((3, [60.0, 30, -70]), (700, [-60.0, -35, 70])):
            labels[np.linalg.norm(at - ISOCENTRE - np.array(offset), axis=-1) <= 25] = value
        maps.append(labels)
    return maps[0], maps[1]


def dice(one: np.ndarray, other: np.ndarray, value: int) -> float:
    a, b = one == value, other == value
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.mark.parametrize("state", STATES)
def test_labels_come_back_and_votes_come_nearer(state: VendorState) -> None:
    grid = coronal_grid((60, 68, 44), 3.0)
    scan = empty_scan(facts(state), grid)
    shown, true = two_balls(scan, grid)
    for value in (3, 700):
        found = {
            way: dice(
                correct_labels(Volume(shown, grid), scan, STRONG, None, way).volume.array,
                true,
                value,
            )
            for way in LabelInterpolation
        }
        assert found[LabelInterpolation.VOTE] > 0.955
        assert found[LabelInterpolation.VOTE] >= found[LabelInterpolation.NEAREST]
        assert found[LabelInterpolation.VOTE] > dice(shown, true, value) + 0.02


def test_nearest_labels_are_those_of_the_image_kernel() -> None:
    grid = oblique_grid()
    scan = empty_scan(facts(), grid)
    labels = np.random.default_rng(3).integers(0, 9, grid.shape).astype(np.uint8)
    mine = correct_labels(
        Volume(labels, grid), scan, CORRECTION, grid, LabelInterpolation.NEAREST
    ).volume.array
    options = ApplyOptions(Interpolation.NEAREST)
    theirs = apply_correction(scan_of(labels, grid, facts()), CORRECTION, options).volume.array
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("way", LabelInterpolation)
@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (np.uint8, [255]),
        (np.int16, [-3, 7]),
        (np.int64, [2**53 + 1, -(2**60) - 1]),
        (np.float32, [1.0, 70000.0]),
    ],
)
def test_label_values_are_exact(way: LabelInterpolation, dtype: type, values: list) -> None:
    grid = coronal_grid()
    scan = empty_scan(facts(), grid)
    labels = np.zeros(grid.shape, dtype)
    for n, value in enumerate(values):
        labels[5:15, 8:20, 4 + 10 * n : 12 + 10 * n] = value
    before = labels.copy()
    found = correct_labels(Volume(labels, grid), scan, CORRECTION, interpolation=way).volume.array
    assert found.dtype == dtype
    assert set(np.unique(found).tolist()) == {0, *np.array(values, dtype).tolist()}
    np.testing.assert_array_equal(labels, before)


def test_a_cropped_map_grows_until_nothing_is_lost() -> None:
    """Viewers store the box that holds the labels; the correction moves them out of it."""
    whole = coronal_grid((90, 100, 66), 2.0)
    scan = empty_scan(facts(), whole)
    array = np.zeros(whole.shape, np.uint8)
    array[ball(whole, np.array(ISOCENTRE) + np.array([60.0, 30, 60]), 20)] = 4
    k, j, i = np.nonzero(array)
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in (k, j, i))
    size = tuple(int(part.stop - part.start) for part in reversed(box))
    start = np.array([part.start for part in reversed(box)])
    origin = whole.points_lps()[start[2], start[1], start[0]]
    cropped = Grid(size, origin, whole.spacing, whole.direction)
    expected = correct_labels(Volume(array, whole), scan, CORRECTION).volume.array
    found = correct_labels(Volume(array[box], cropped), scan, CORRECTION).volume
    assert (found.array != 0).sum() == (expected != 0).sum()
    index = np.rint((found.grid.T_index_lps @ np.r_[origin, 1.0])[:3])
    np.testing.assert_allclose((found.grid.T_index_lps @ np.r_[origin, 1.0])[:3], index, atol=1e-6)
    assert found.grid.size != cropped.size


def test_another_grid_and_another_plane_use_the_map_of_the_scan() -> None:
    """An axial label map of a coronal DIS2D scan follows the coronal slices' normal."""
    grid = coronal_grid((60, 68, 44), 3.0)
    scan = empty_scan(facts(VendorState.DIS2D), grid)
    axial = Grid((60, 60, 60), np.array(ISOCENTRE) - 88.5, np.full(3, 3.0), np.eye(3))
    shown, true = two_balls(scan, axial)
    found = correct_labels(Volume(shown, axial), scan, STRONG, like=axial).volume
    assert found.grid is axial
    for value in (3, 700):
        assert dice(found.array, true, value) > 0.955
    turned = correct_labels(Volume(shown, axial), scan, STRONG, like=grid).volume
    assert turned.array.shape == grid.shape


def test_labels_outside_of_the_support_are_told_by_value() -> None:
    correction = correction_of(example_field(), support_mm=40.0)
    grid = coronal_grid()
    scan = empty_scan(facts(), grid)
    labels = np.zeros(grid.shape, np.uint8)
    labels[ball(grid, np.array(ISOCENTRE), 15)] = 1
    labels[ball(grid, np.array(ISOCENTRE) + np.array([70.0, 0, 0]), 15)] = 2
    found = correct_labels(Volume(labels, grid), scan, correction)
    (finding,) = found.findings
    assert finding.code is Code.OUTSIDE_SUPPORT
    assert finding.evidence == "label 2: 100.0%"
    assert 0 < found.supported_fraction < 1


def test_a_label_that_vanishes_is_told() -> None:
    grid = coronal_grid()
    scan = empty_scan(facts(), grid)
    labels = np.zeros(grid.shape, np.uint8)
    labels[8:12, 8:12, 8:12] = 1
    labels[0, 0, 0] = 2
    found = correct_labels(Volume(labels, grid), scan, CORRECTION)
    lost = [f for f in found.findings if f.code is Code.LABEL_LOST]
    assert [f.evidence for f in lost] == ["2"]


def test_label_maps_that_are_none_or_lie_elsewhere_are_refused() -> None:
    grid = coronal_grid()
    scan = empty_scan(facts(), grid)
    far = Grid(grid.size, grid.origin_lps + 900.0, grid.spacing, grid.direction)
    ones = np.ones(grid.shape, np.uint8)
    for labels, code in (
        (Volume(ones, far), Code.OUTSIDE_SCAN),
        (Volume(0 * ones, grid), Code.BAD_FORMAT),
        (Volume(ones * 0.5, grid), Code.BAD_FORMAT),
        (Volume(ones * np.nan, grid), Code.BAD_FORMAT),
    ):
        with pytest.raises(DistcorrError) as raised:
            correct_labels(labels, scan, CORRECTION)
        assert raised.value.code is code
