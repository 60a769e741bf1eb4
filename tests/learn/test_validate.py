"""Whose a displacement is, from images: simulated subjects displaced by what is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from distcorr.acquisition import Scan
from distcorr.errors import Code, DistcorrError
from distcorr.learn import FitResult, Reference, learn, validate
from distcorr.learn.fit import Progress
from distcorr.learn.separation import Part, Separation, Verdict, separate
from distcorr.learn.validate import leave_one_out, separation_of_fit
from distcorr.space import Volume, transform_points
from tests.learn.examples import SETTINGS
from tests.learn.shifts_examples import Displacement, bump, wave

Y = 1


def displaced(reference: Reference, displacement: Displacement) -> Reference:
    """Show the coronal scan's tissue elsewhere, as susceptibility would.

    These scans lie at the isocentre head first supine, so LPS is the scanner frame.
    """
    volume = reference.coronal.volume
    points = volume.grid.points_lps()
    index = transform_points(volume.grid.T_index_lps, points - displacement(points))
    coordinates = np.moveaxis(index[..., ::-1], -1, 0)
    array = map_coordinates(volume.array.astype(float), coordinates, order=3, mode="nearest")
    scan = Scan(Volume(np.maximum(array, 0), volume.grid), reference.coronal.facts)
    return replace(reference, coronal=scan)


def separated(result: FitResult) -> tuple[Separation, Separation]:
    """As scanned and after the fit."""
    return (
        separate([one.before.shifts for one in result.references]),
        separate([one.after.shifts for one in result.references]),
    )


def parts_of(found: Separation, axis: int) -> tuple[Part, Part]:
    scanner, subject = found.whole[axis].scanner, found.whole[axis].subject
    assert scanner is not None
    assert subject is not None
    return scanner, subject


def test_subjects_without_anything_of_their_own(fitted: FitResult) -> None:
    raw, left = separated(fitted)
    assert [one.verdict for one in raw.whole] == [Verdict.SCANNER] * 3
    assert 0.1 < left.noise_factor < 0.6
    for axis in range(3):
        scanner, subject = parts_of(left, axis)
        assert not subject.shown
        assert scanner.rms_mm < 0.4 * parts_of(raw, axis)[0].rms_mm


def test_what_one_subject_has_alone_is_its_own(references: list[Reference]) -> None:
    """The fit resists it and leaves it where it is; other directions stay clean."""
    own = bump(Y, 6.0, centre=(75.0, 0.0, 20.0), width_mm=35.0)
    _, left = separated(learn([displaced(references[0], own), references[1]], SETTINGS))
    assert left.whole[Y].verdict is Verdict.SUBJECT
    assert parts_of(left, Y)[1].rms_mm > 0.3
    assert not any(parts_of(left, axis)[1].shown for axis in (0, 2))


def test_what_all_have_in_common_is_the_scanners(
    references: list[Reference], fitted: FitResult
) -> None:
    """A displacement too fine for the field is left, and repeats."""
    common = wave(Y, 2.5, length_mm=110.0)
    _, left = separated(learn([displaced(one, common) for one in references], SETTINGS))
    assert left.whole[Y].verdict is Verdict.SCANNER
    plain = separated(fitted)[1]
    assert parts_of(left, Y)[0].rms_mm > 3 * parts_of(plain, Y)[0].rms_mm
    assert not parts_of(left, Y)[1].shown


@pytest.mark.parametrize("made", [True, False], ids=["given", "not-given"])
def test_a_full_fit_is_made_once(
    references: list[Reference],
    fitted: FitResult,
    monkeypatch: pytest.MonkeyPatch,
    made: bool,
) -> None:
    given: list[list[str]] = []

    def learn_nothing_new(
        pairs: list[Reference], settings: object, progress: Progress, points: object
    ) -> FitResult:
        given.append([one.id for one in pairs])
        progress("done", 1.0)
        return fitted

    monkeypatch.setattr(validate, "learn", learn_nothing_new)
    told: list[float] = []
    found = leave_one_out(
        references, SETTINGS, lambda _, share: told.append(share), full=fitted if made else None
    )
    full = [] if made else [["ref01", "ref02"]]
    assert given == [*full, ["ref02"], ["ref01"]]
    assert found.separations.fitted == separation_of_fit(references, fitted)
    assert told == pytest.approx([0.5, 1.0] if made else [1 / 3, 2 / 3, 1.0])
    # The field of all subjects stands in for that of the others: it changes nothing.
    assert [one.row.field_change_mean_mm for one in found.subjects] == [0.0, 0.0]


def test_one_subject_can_not_be_left_out_of_one(references: list[Reference]) -> None:
    with pytest.raises(DistcorrError) as refusal:
        leave_one_out(references[:1], SETTINGS)
    assert refusal.value.code is Code.TOO_FEW_REFERENCES


def test_a_refusal_says_who_was_left_out(
    references: list[Reference], fitted: FitResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pairs that show the field may all be those of one subject."""

    def learn_from_the_first(given: list[Reference], *rest: object) -> FitResult:
        if references[0] in given:
            return fitted
        raise DistcorrError(Code.NOTHING_TO_LEARN, "the pairs show nothing", "gain 0", "add one")

    monkeypatch.setattr(validate, "learn", learn_from_the_first)
    with pytest.raises(DistcorrError) as refusal:
        leave_one_out(references, SETTINGS)
    assert refusal.value.code is Code.NOTHING_TO_LEARN
    assert "without ref01, the pairs show nothing; gain 0; add one" in str(refusal.value)
