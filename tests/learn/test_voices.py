"""What each subject says of the field, and which one contradicts the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from distcorr.errors import Code
from distcorr.learn.contradiction import find_contradiction, finding_of
from distcorr.learn.normal import Normal
from distcorr.learn.voices import Hearing
from tests.learn.examples import unlearned

STATE = unlearned(3, np.zeros(3))
FIELD = 3 * STATE.prior.basis.size
SD = STATE.prior.sd.reshape(-1)
NOISE = 0.02
"""Error of one subject's coefficients, as a share of the prior's widths."""

POINTS = np.random.default_rng(0).uniform(-120, 120, (300, 3))
SIGHTS = [(POINTS, np.eye(3))]
NO_POINTS = Normal(np.zeros((FIELD, FIELD)), np.zeros(FIELD))
IDS = ("ref01", "ref02", "ref03", "ref04")


def said(coefficients: np.ndarray, noise: float = NOISE) -> Normal:
    """What a subject says that saw these coefficients with an error."""
    information = np.diag((noise * SD) ** -2.0)
    return Normal(information, information @ coefficients)


def hearing(subjects: Sequence[np.ndarray]) -> Hearing:
    return Hearing(STATE, {n: said(one) for n, one in enumerate(subjects)}, NO_POINTS)


def seen_alike(count: int, seed: int = 0) -> list[np.ndarray]:
    """One field, seen by each subject with the error that it claims."""
    generator = np.random.default_rng(seed)
    field = SD * generator.normal(size=FIELD)
    return [field + NOISE * SD * generator.normal(size=FIELD) for _ in range(count)]


def test_motions_are_eliminated_as_the_full_equations_do() -> None:
    size = len(STATE.parameters)
    G = np.random.default_rng(1).normal(size=(3 * size, size))
    full = Normal(G.T @ G, np.random.default_rng(2).normal(size=size))
    heard = Hearing.of(STATE, [], full).points
    precision = np.diag(STATE.prior_precision)
    covariance = np.linalg.inv(full.matrix + precision)
    prior = precision[:FIELD, :FIELD]
    np.testing.assert_allclose(
        np.linalg.inv(heard.matrix + prior), covariance[:FIELD, :FIELD], rtol=1e-6, atol=1e-9
    )
    step = covariance @ (full.vector - STATE.prior_precision * STATE.parameters)
    np.testing.assert_allclose(
        np.linalg.solve(heard.matrix + prior, heard.vector), step[:FIELD], rtol=1e-5, atol=1e-9
    )


def test_the_difference_scatters_as_claimed() -> None:
    """Fields drawn from the prior, errors from the information: as the formula says."""
    generator = np.random.default_rng(3)
    noises = (0.5, 0.8, 0.3)
    ratios = []
    for _ in range(150):
        field = SD * generator.normal(size=FIELD)
        subjects = {
            n: said(field + noise * SD * generator.normal(size=FIELD), noise)
            for n, noise in enumerate(noises)
        }
        for voice in Hearing(STATE, subjects, NO_POINTS).voices():
            off = voice.difference.coefficients.reshape(-1)
            ratios.append(off**2 / np.diag(voice.covariance))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_subjects_who_agree_are_left_in_peace(count: int) -> None:
    heard = hearing(seen_alike(count))
    assert find_contradiction(heard, dict.fromkeys(range(count), SIGHTS)) is None


def test_a_single_subject_contradicts_nobody() -> None:
    assert find_contradiction(hearing(seen_alike(1)), {0: SIGHTS}) is None


@pytest.mark.parametrize("odd", [0, 1, 2, 3])
def test_the_odd_one_is_named(odd: int) -> None:
    subjects = seen_alike(4)
    subjects[odd] = 0.5 * subjects[odd]
    found = find_contradiction(hearing(subjects), dict.fromkeys(range(4), SIGHTS))
    assert found is not None
    assert [voice.subject for voice in found.voices] == [odd]
    truth = np.mean([one for n, one in enumerate(subjects) if n != odd], axis=0)
    np.testing.assert_allclose(
        found.voices[0].others.coefficients.reshape(-1), truth, rtol=0.02, atol=1e-3
    )
    finding = finding_of(found, IDS)
    assert finding.code is Code.REFERENCES_CONTRADICT
    assert finding.what == f"{IDS[odd]} contradicts the other references"


def test_of_two_nobody_can_say_which_is_wrong() -> None:
    subjects = seen_alike(2)
    found = find_contradiction(
        hearing([subjects[0], 0.5 * subjects[1]]), dict.fromkeys(range(2), SIGHTS)
    )
    assert found is not None
    assert found.rest_mm is None
    finding = finding_of(found, IDS)
    assert "ref01 and ref02 contradict each other" in finding.what
    assert "a third reference" in finding.remedy


def test_nobody_is_odd_among_many_opinions() -> None:
    subjects = [share * one for share, one in zip((1, 0.5, 0.2), seen_alike(3), strict=True)]
    found = find_contradiction(hearing(subjects), dict.fromkeys(range(3), SIGHTS))
    assert found is not None
    assert len(found.voices) == 3
    assert "ref01, ref02 and ref03 contradict one another" in finding_of(found, IDS).what


def test_what_no_scan_shows_contradicts_nothing() -> None:
    """They differ in D_x alone, which none of these scans shows."""
    subjects = seen_alike(3)
    subjects[0][: FIELD // 3] *= 0.2
    hidden = [(POINTS, np.diag([0.0, 1.0, 1.0]))]
    heard = hearing(subjects)
    assert find_contradiction(heard, dict.fromkeys(range(3), SIGHTS)) is not None
    assert find_contradiction(heard, dict.fromkeys(range(3), hidden)) is None


def test_who_sees_nothing_of_the_field_says_nothing() -> None:
    """Both scans of the third are right already; two are left, who agree."""
    subjects = [*seen_alike(2), np.zeros(FIELD)]
    assert find_contradiction(hearing(subjects[:2]), {0: SIGHTS, 1: SIGHTS}) is None
    silent = Hearing(STATE, {**hearing(subjects[:2]).subjects, 2: NO_POINTS}, NO_POINTS)
    assert find_contradiction(silent, {0: SIGHTS, 1: SIGHTS, 2: []}) is None
