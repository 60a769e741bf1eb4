"""Fits that must not be stored, and why; on simulated legs in 6 mm voxels."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from distcorr.acquisition import Scan
from distcorr.correction import Provenance
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.facts import Scanner
from distcorr.field import HarmonicField
from distcorr.learn import FitResult, Reference, learn
from distcorr.learn.body import find_body
from distcorr.learn.estimate import SKIN_MARGIN_MM
from distcorr.learn.fit import lattice_of
from distcorr.learn.guards import (
    MIN_IN_PLACE,
    ONE_CONTRAST,
    doubt_of_body,
    doubt_of_use,
    refuse_doubtful,
)
from distcorr.learn.outcomes import comparison_level
from distcorr.learn.pair import PairLevel
from distcorr.learn.residual import BlockMatch
from distcorr.learn.rigid import Motion
from distcorr.learn.sameness import difference_of_contrast, share_in_place
from distcorr.learn.unmatched import unmatched_regions
from distcorr.phantom.contrasts import Contrast
from distcorr.phantom.pairs import AnatomyKind, SimulatedPair, simulate_new_scan, subject
from distcorr.space import Volume, transform_points
from tests.learn.conftest import RASTER_MM
from tests.learn.examples import FIELD, SETTINGS, protocol

SCANNER = Scanner(manufacturer="test")
TRUE_FIELD = lattice_of(FIELD, SETTINGS)
MADE = Provenance(created=date(2024, 1, 1), distcorr="0")
"""Without a reason."""


def level_of(reference: Reference) -> PairLevel:
    return comparison_level(reference, find_body(reference.axial, margin_mm=SKIN_MARGIN_MM))


def true_motion(pair: SimulatedPair) -> Motion:
    T = pair.coronal.T_patient_subject @ np.linalg.inv(pair.axial.T_patient_subject)
    still = Motion.none(np.zeros(3))
    from_rotation = np.array([T[2, 1] - T[1, 2], T[0, 2] - T[2, 0], T[1, 0] - T[0, 1]]) / 2
    return replace(still, translation=T[:3, 3], rotation_vector=from_rotation)


def test_a_sound_fit_raises_no_doubt(fitted: FitResult) -> None:
    assert fitted.findings == ()
    assert fitted.doubts == ()
    made = fitted.correction(SCANNER, MADE)
    assert made.provenance.force_reason is None


@pytest.fixture(scope="module")
def of_two_bodies(references: list[Reference]) -> FitResult:
    mixed = Reference("mixed", references[0].axial, references[1].coronal)
    return learn([mixed], SETTINGS)


def test_scans_of_two_subjects_are_named(of_two_bodies: FitResult) -> None:
    """Their correlation is that of one body in two contrasts, so it can't tell."""
    [outcome] = of_two_bodies.references
    assert outcome.after.agreement.correlation > 0.7
    [doubt] = of_two_bodies.doubts
    assert doubt.code is Code.DIFFERENT_SUBJECTS
    assert "mixed" in doubt.what


def test_a_doubtful_fit_is_stored_for_a_reason_only(of_two_bodies: FitResult) -> None:
    with pytest.raises(DistcorrError) as refusal:
        of_two_bodies.correction(SCANNER, MADE)
    assert refusal.value.code is Code.DIFFERENT_SUBJECTS
    assert "--force" in str(refusal.value)
    forced = MADE.model_copy(update={"force_reason": "twins"})
    made = of_two_bodies.correction(SCANNER, forced)
    assert made.provenance.force_reason == "twins"
    assert "two scans of mixed" in made.figures.notes[0]
    assert made.figures.notes[0].endswith("reason given: twins")


def test_one_body_in_two_contrasts_is_one_body(
    pairs: list[SimulatedPair], references: list[Reference]
) -> None:
    """Fat-saturated T2 against T1: the contrast that resembles another body most."""
    settings = protocol()
    settings = replace(settings, coronal=replace(settings.coronal, contrast=Contrast.T2_FS))
    anatomy = subject(AnatomyKind.LEGS, 1, raster_mm=RASTER_MM)
    scan = simulate_new_scan(anatomy, settings, FIELD, seed=1)
    fat_saturated = Scan(scan.volume, scan.facts)
    reference = replace(references[0], coronal=fat_saturated)
    motion = true_motion(pairs[0])
    level = level_of(reference)
    assert difference_of_contrast(level, TRUE_FIELD, motion) > ONE_CONTRAST + 0.08
    assert share_in_place(level, TRUE_FIELD, motion) > MIN_IN_PLACE + 0.08
    other = replace(references[1], coronal=fat_saturated)
    assert share_in_place(level_of(other), TRUE_FIELD, motion) < MIN_IN_PLACE - 0.08


def test_one_contrast_is_known_as_such(
    pairs: list[SimulatedPair], references: list[Reference]
) -> None:
    motion = true_motion(pairs[0])
    other = replace(references[1], coronal=references[0].coronal)
    for reference in (references[0], other):
        found = difference_of_contrast(level_of(reference), TRUE_FIELD, motion)
        assert found < ONE_CONTRAST - 0.08


@pytest.mark.parametrize(
    ("in_place", "contrast", "doubted"),
    [(1.0, 0.15, False), (0.8, 0.15, True), (0.8, 0.5, False), (0.6, 0.5, True)],
)
def test_one_contrast_asks_for_more(in_place: float, contrast: float, doubted: bool) -> None:
    found = doubt_of_body("ref01", in_place, contrast)
    assert [one.code for one in found] == [Code.DIFFERENT_SUBJECTS] * doubted


def test_references_that_contradict_each_other_are_named(references: list[Reference]) -> None:
    """The isocentre of one is stated 30 mm off."""

    def shifted(scan: Scan) -> Scan:
        return Scan(scan.volume, scan.facts.stated("test", isocentre_lps=(0.0, 0.0, 30.0)))

    first, second = references
    off = replace(second, axial=shifted(second.axial), coronal=shifted(second.coronal))
    [finding] = learn([first, off], SETTINGS).findings
    assert finding.code is Code.REFERENCES_CONTRADICT
    assert "ref01 and ref02 contradict each other" in finding.what


def test_a_fit_that_helps_nobody_is_doubted(references: list[Reference]) -> None:
    """One coronal scan was taken for an uncorrected one, and is right as it is."""
    settings = protocol()
    anatomy = subject(AnatomyKind.LEGS, 2, raster_mm=RASTER_MM)
    right = simulate_new_scan(anatomy, settings, HarmonicField.from_terms({}, {}, {}), seed=2)
    mistaken = replace(references[1], coronal=Scan(right.volume, right.facts))
    result = learn([references[0], mistaken], SETTINGS)
    assert {one.code for one in result.findings} == {Code.REFERENCES_CONTRADICT}
    assert {one.code for one in result.doubts} == {Code.WORSE_THAN_NOTHING}
    assert "ref02" in result.doubts[0].what
    with pytest.raises(DistcorrError) as refusal:
        result.correction(SCANNER, MADE)
    assert refusal.value.code is Code.WORSE_THAN_NOTHING


IMPLANT_MM = np.array([95.0, 0.0, 75.0])
IMPLANT_RADIUS_MM = 20.0
RIM_SHIFT_MM = 12.0


def with_implant(scan: Scan, readout_lps: tuple[float, float, float]) -> Scan:
    """A void, and around it a dipole's shift along the readout."""
    grid = scan.volume.grid
    centre = scan.acquisition.true_to_shown(FIELD, IMPLANT_MM[None])[0]
    points = grid.points_lps()  # the patient lies head first, the isocentre is the origin
    away = points - centre
    r = np.linalg.norm(away, axis=-1)
    outside = (IMPLANT_RADIUS_MM / np.maximum(r, IMPLANT_RADIUS_MM)) ** 3
    cosine = away[..., 2] / np.maximum(r, 1e-6)
    shift = RIM_SHIFT_MM * outside * (3 * cosine**2 - 1) / 2
    source = points - shift[..., None] * np.array(readout_lps)
    index = transform_points(grid.T_index_lps, source)[..., ::-1]
    array = map_coordinates(
        scan.volume.array.astype(np.float32), np.moveaxis(index, -1, 0), order=1, mode="nearest"
    )
    array[r < IMPLANT_RADIUS_MM] = 0
    return replace(scan, volume=Volume(np.rint(array).astype(np.uint16), grid))


def field_error(result: FitResult, reference: Reference) -> tuple[float, float]:
    """Mean error around the implant and the standard deviation claimed there, mm."""
    points = find_body(reference.axial).points()
    near = points[np.linalg.norm(points - IMPLANT_MM, axis=1) < 60]
    error = result.field.displacement(near) - FIELD.displacement(near)
    sd = result.standard_deviation_at(near)
    return float(np.linalg.norm(error, axis=1).mean()), float(np.linalg.norm(sd, axis=1).mean())


def test_metal_does_little_harm_and_is_reported(
    references: list[Reference], fitted_from_one: FitResult
) -> None:
    plain = references[0]
    spoiled = replace(
        plain,
        axial=with_implant(plain.axial, (0, 1, 0)),
        coronal=with_implant(plain.coronal, (0, 0, 1)),
    )
    result = learn([spoiled], SETTINGS)
    without, _ = field_error(fitted_from_one, plain)
    error, sd = field_error(result, plain)
    assert error - without < sd
    [finding] = result.findings
    assert finding.code is Code.REGION_UNMATCHED
    assert "ref01" in finding.what
    [region] = unmatched_regions(result.references[0].after.match)
    assert np.linalg.norm(region.centre - IMPLANT_MM) < 30


def match(unexplained: np.ndarray, misplaced_mm: np.ndarray | float = 1.0) -> BlockMatch:
    """A cube of blocks with given figures."""
    axis = np.arange(round(len(unexplained) ** (1 / 3)))
    block = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    times = np.broadcast_to(np.asarray(misplaced_mm, dtype=float), (len(block),))
    return BlockMatch(block, 30.0 * block, unexplained, times)


NOISE = np.random.default_rng(0).normal(0, 0.02, 729)


@pytest.mark.parametrize(
    ("change", "doubted"), [(0.03, True), (0.003, False), (0.0, False), (-0.03, False)]
)
def test_worse_means_worse_beyond_noise(change: float, doubted: bool) -> None:
    before, after = match(np.full(729, 0.1)), match(0.1 + change + NOISE)
    found = doubt_of_use("ref01", before, after, "the field")
    assert [one.code for one in found] == [Code.WORSE_THAN_NOTHING] * doubted


def test_one_block_that_became_worse_is_no_proof() -> None:
    unexplained = np.full(729, 0.1)
    unexplained[0] = 10.0
    assert doubt_of_use("ref01", match(np.full(729, 0.1)), match(unexplained), "the field") == ()


def test_a_region_is_made_of_neighbours() -> None:
    times = np.ones((9, 9, 9))
    times[2, 3, 3:6] = 5.0
    times[7, 7, 7] = times[0, 0, 0] = times[5, 0, 8] = 5.0
    [region] = unmatched_regions(match(np.full(729, 0.1), times.reshape(-1)))
    np.testing.assert_allclose(region.centre, [60, 90, 120])
    assert region.millilitres == pytest.approx(81)
    assert unmatched_regions(match(np.full(729, 0.1))) == []


def test_the_rim_is_not_searched() -> None:
    times = np.ones((9, 9, 9))
    times[6, 6, 2:5] = 5.0
    assert unmatched_regions(match(np.full(729, 0.1), times.reshape(-1))) == []


def test_a_subject_whose_blocks_differ_widely_has_no_conspicuous_ones() -> None:
    """As where two contrasts run against each other: every boundary stands out."""
    times = np.exp(np.random.default_rng(1).normal(0, 0.6, (9, 9, 9)))
    times[2, 3, 3:6] = 5.0
    assert unmatched_regions(match(np.full(729, 0.1), times.reshape(-1))) == []


def test_no_doubt_needs_no_reason() -> None:
    assert refuse_doubtful((), None) == ()
    doubt = Finding(Code.WORSE_THAN_NOTHING, "it is worse", "by much")
    [note] = refuse_doubtful((doubt,), "a test")
    assert note == "Stored although it is worse (by much); reason given: a test"
