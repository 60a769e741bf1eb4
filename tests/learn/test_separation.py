"""What is the scanner's and what the subject's, on shifts whose parts are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distcorr.correction import Axis
from distcorr.learn.separation import (
    MIN_PLACES,
    MISCALIBRATION,
    Part,
    Parts,
    Separation,
    Verdict,
    separate,
)
from distcorr.learn.shifts import Shifts
from tests.learn.shifts_examples import (
    NOISE_MM,
    Displacement,
    bump,
    centres,
    lattice,
    measured,
    nothing,
    wave,
)

BLOCKS = lattice()
X, Y, Z = range(3)


def cohort(*displacements: Displacement, seed: int = 0) -> list[Shifts]:
    place = centres(BLOCKS)
    return [
        measured(displacement(place), BLOCKS, 100 * seed + number)
        for number, displacement in enumerate(displacements)
    ]


def both(*displacements: Displacement) -> Displacement:
    return lambda position: sum(one(position) for one in displacements)


def mean_square(displacement: Displacement, axis: int) -> float:
    return float((displacement(centres(BLOCKS))[:, axis] ** 2).mean())


def parts_of(found: Separation, axis: int) -> tuple[Part, Part]:
    scanner, subject = found.whole[axis].scanner, found.whole[axis].subject
    assert scanner is not None
    assert subject is not None
    return scanner, subject


def test_what_repeats_is_the_scanners() -> None:
    found = separate(cohort(wave(Y, 1.0), wave(Y, 1.0), wave(Y, 1.0)))
    scanner, subject = parts_of(found, Y)
    assert scanner.mean_square_mm2 == pytest.approx(mean_square(wave(Y, 1.0), Y), rel=0.05)
    assert not subject.shown
    assert subject.rms_mm < 0.1
    assert [one.verdict for one in found.whole] == [Verdict.NOISE, Verdict.SCANNER, Verdict.NOISE]
    repeating = found.whole[Y].repeating
    assert repeating is not None
    assert 0.85 < repeating < 1


def test_what_one_subject_has_alone_is_its_own() -> None:
    """Even in a single place, for a difference beyond noise can't be the scanner's."""
    own = bump(X, 3.0)
    found = separate(cohort(own, nothing))
    scanner, subject = parts_of(found, X)
    # Two values s and 0 have the variance s^2 / 2.
    assert subject.mean_square_mm2 == pytest.approx(mean_square(own, X) / 2, rel=0.1)
    assert not scanner.shown
    assert [one.verdict for one in found.whole] == [Verdict.SUBJECT, Verdict.NOISE, Verdict.NOISE]


def test_a_fit_that_halves_it_between_two_subjects_changes_nothing() -> None:
    """The joint fit takes the mean away; the difference stays."""
    found = separate(cohort(bump(X, 1.5), bump(X, -1.5)))
    scanner, subject = parts_of(found, X)
    assert subject.mean_square_mm2 == pytest.approx(mean_square(bump(X, 3.0), X) / 2, rel=0.1)
    assert scanner.mean_square_mm2 < 0
    assert scanner.rms_mm == 0
    assert found.whole[X].verdict is Verdict.SUBJECT


def test_both_are_told_apart_when_both_are_there() -> None:
    common, own = wave(Z, 0.8), wave(Z, 0.8, length_mm=170.0)
    found = separate(cohort(both(common, own), common, both(common, bump(Z, 3.0))))
    scanner, subject = parts_of(found, Z)
    assert scanner.mean_square_mm2 == pytest.approx(mean_square(common, Z), rel=0.4)
    assert subject.shown
    assert found.whole[Z].verdict is Verdict.BOTH


def test_agreement_in_one_region_only_is_not_called_the_scanners() -> None:
    """Two subjects can agree by chance once."""
    once = bump(Y, 3.0, centre=(45.0, 45.0, 45.0), width_mm=25.0)
    found = separate(cohort(once, once))
    assert parts_of(found, Y)[0].rms_mm > 0.15
    assert found.whole[Y].verdict is Verdict.NOISE


def test_a_claim_of_too_much_noise_is_corrected() -> None:
    """Even while one subject is displaced on its own in a part of the body."""
    place = centres(BLOCKS)
    true = (bump(X, 2.0)(place), nothing(place))
    found = separate(
        [
            replace(one, covariance=one.covariance / 0.3, vector=one.vector)
            for one in (measured(t, BLOCKS, seed, 0.1) for seed, t in enumerate(true))
        ]
    )
    assert found.noise_factor == pytest.approx(0.3, rel=0.15)
    assert found.whole[X].verdict is Verdict.SUBJECT
    assert found.whole[Y].verdict is Verdict.NOISE


def test_shells_say_where() -> None:
    found = separate(cohort(bump(X, 3.0, centre=(10.0, 0.0, 140.0)), nothing))
    shells = {one.shell_mm: one.verdict for one in found.shells if one.axis is Axis.X}
    assert shells[(125.0, 150.0)] is Verdict.SUBJECT
    assert shells[(0.0, 50.0)] is Verdict.NOISE
    assert [one.shell_mm for one in found.whole] == [None] * 3
    places = sum(one.places for one in found.shells if one.axis is Axis.X)
    assert places == (np.linalg.norm(centres(BLOCKS), axis=1) < 250).sum()


@pytest.mark.parametrize("subjects", [0, 1])
def test_fewer_than_two_subjects_tell_nothing(subjects: int) -> None:
    found = separate(cohort(wave(Y, 2.0), wave(Y, 2.0))[:subjects])
    assert [one.verdict for one in found.whole] == [Verdict.UNKNOWN] * 3
    assert all(one.places == 0 and one.repeating is None for one in found.whole)
    assert found.shells == ()


def test_few_shared_places_tell_nothing() -> None:
    first, second = cohort(wave(Y, 2.0), wave(Y, 2.0))
    few = np.linspace(0, len(BLOCKS) - 1, MIN_PLACES - 1).astype(int)
    found = separate([first.restricted(few), second])
    assert found.whole[Y].places == len(few)
    assert found.whole[Y].verdict is Verdict.UNKNOWN


def test_places_in_one_spot_tell_nothing() -> None:
    one_spot = (BLOCKS >= 0).all(axis=1) & (BLOCKS < 3).all(axis=1)
    found = separate([one.restricted(one_spot) for one in cohort(wave(Y, 2.0), wave(Y, 2.0))])
    assert (found.whole[Y].places, found.whole[Y].regions) == (27, 1)
    assert found.whole[Y].verdict is Verdict.UNKNOWN


def test_blocks_without_structure_do_not_count() -> None:
    """A component that is not seen in half of the body is judged in the other half."""
    place = centres(BLOCKS)
    noise = np.full(place.shape, NOISE_MM)
    noise[place[:, 0] > 0, Z] = 50.0
    true = wave(Z, 1.0)(place)
    found = separate([measured(true, BLOCKS, seed, noise) for seed in (1, 2)])
    assert [one.places for one in found.whole] == [len(BLOCKS), len(BLOCKS), len(BLOCKS) // 2]
    assert found.noise_factor == pytest.approx(1, abs=0.1)
    assert found.whole[Z].noise_mm == pytest.approx(NOISE_MM, rel=0.05)


def test_little_that_repeats_in_much_noise_stays_open() -> None:
    """The subject could have as much of its own, hidden by the noise."""
    place, true = centres(BLOCKS), wave(X, 0.6)
    found = separate([measured(true(place), BLOCKS, seed, 0.5) for seed in (1, 2)])
    assert parts_of(found, X)[0].shown
    assert found.whole[X].verdict is Verdict.UNKNOWN


def test_estimates_are_unbiased_and_their_errors_right() -> None:
    common, own = wave(Y, 0.5), wave(Y, 0.6, length_mm=90.0)
    scanner, subject = [], []
    for seed in range(60):
        found = separate(cohort(both(common, own), common, seed=seed + 1))
        parts = parts_of(found, Y)
        scanner.append(parts[0].mean_square_mm2)
        noise = found.whole[Y].noise_mm
        assert noise is not None
        scatter = parts[1].error_mm2 ** 2 - (MISCALIBRATION * noise**2) ** 2
        subject.append((parts[1].mean_square_mm2, np.sqrt(scatter)))
    values, errors = np.array(subject).T
    assert values.mean() == pytest.approx(mean_square(own, Y) / 2, abs=3 * errors.mean() / 60**0.5)
    assert values.std() == pytest.approx(errors.mean(), rel=0.3)
    place = centres(BLOCKS)
    repeats = float((both(common, own)(place) * common(place))[:, Y].mean())
    assert np.mean(scanner) == pytest.approx(repeats, abs=0.01)


def test_the_error_of_what_repeats_is_that_of_independent_regions() -> None:
    """Subjects' own shifts, constant in a region and independent between regions."""
    region = BLOCKS // 3
    _, number = np.unique(region, axis=0, return_inverse=True)
    values, errors = [], []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        own = generator.normal(size=(2, number.max() + 1, 3))[:, number.reshape(-1)]
        found = separate([measured(one, BLOCKS, seed + 7, 0.01) for one in own])
        values.append(parts_of(found, Y)[0].mean_square_mm2)
        errors.append(parts_of(found, Y)[0].error_mm2)
    assert np.mean(values) == pytest.approx(0, abs=3 * np.std(values) / 60**0.5)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.3)


@settings(max_examples=20, deadline=None)
@given(st.floats(-3, 3), st.sampled_from([X, Y, Z]), st.permutations([0, 1, 2]))
def test_what_repeats_never_enters_the_subject_part(
    size: float, axis: int, order: list[int]
) -> None:
    own = (bump(Y, 2.0), nothing, wave(X, 0.5))
    plain = separate(cohort(*own))
    shifted = cohort(*(both(one, wave(axis, size)) for one in own))
    found = separate([shifted[index] for index in order])
    for before, after in zip(plain.whole, found.whole, strict=True):
        assert before.subject is not None
        assert after.subject is not None
        assert after.subject.mean_square_mm2 == pytest.approx(
            before.subject.mean_square_mm2, abs=1e-9
        )


def test_a_part_says_its_size_and_error() -> None:
    assert Part(0.25, 0.11).rms_mm == 0.5
    assert Part(0.25, 0.11).rms_error_mm == pytest.approx(0.1)
    assert Part(-0.25, 0.04).rms_mm == 0
    assert Part(-0.25, 0.04).rms_error_mm == pytest.approx(0.2)
    assert Parts(Axis.X, None, 3, 1).verdict is Verdict.UNKNOWN
