"""The degree of the harmonics by evidence."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.field import HarmonicBasis
from distcorr.learn.normal import Normal
from distcorr.learn.order import best_degree, evidence_of_degrees
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.rigid import PARAMETERS, Motion
from distcorr.learn.state import State

PRIOR = HarmonicPrior(HarmonicBasis(7))
NOISE_MM = 0.05


def measured(true_degree: int, state: State, seed: int = 0) -> Normal:
    """What direct measurements of D in a ball say, its terms ending at a degree."""
    g = np.random.default_rng(seed)
    n = np.array([term.n for term in PRIOR.basis.terms])
    truth = g.normal(size=PRIOR.sd.shape) * PRIOR.sd * (n <= true_degree)
    B = PRIOR.basis.values(g.uniform(-120, 120, (800, 3)))
    k = PRIOR.basis.size
    H = np.zeros((3 * k + PARAMETERS, 3 * k + PARAMETERS))
    vector = np.zeros(len(H))
    for a in range(3):
        block = slice(a * k, (a + 1) * k)
        H[block, block] = B.T @ B / NOISE_MM**2
        noisy = B @ (truth[a] - state.coefficients[a]) + g.normal(0, NOISE_MM, len(B))
        vector[block] = B.T @ noisy / NOISE_MM**2
    return Normal(H, vector)


@pytest.mark.parametrize("degree", [3, 5, 7])
def test_the_degree_of_the_truth_is_found(degree: int) -> None:
    state = State.initial(PRIOR, (Motion.none(np.zeros(3)),))
    evidence = evidence_of_degrees(state, measured(degree, state))
    assert list(evidence) == [3, 4, 5, 6, 7]
    assert best_degree(evidence) == degree


def test_the_evidence_does_not_depend_on_where_the_estimate_stands() -> None:
    here = State.initial(PRIOR, (Motion.none(np.zeros(3)),))
    g = np.random.default_rng(3)
    there = here.moved(np.concatenate([g.normal(size=3 * PRIOR.basis.size), np.zeros(PARAMETERS)]))
    a, b = (evidence_of_degrees(s, measured(5, s)) for s in (here, there))
    for degree in (4, 5, 6):
        assert a[degree] - a[7] == pytest.approx(b[degree] - b[7], rel=1e-6, abs=1e-3)


def test_a_truncated_state_keeps_what_remains() -> None:
    state = State.initial(PRIOR, (Motion.none(np.zeros(3)),))
    moved = state.moved(np.arange(3.0 * PRIOR.basis.size + PARAMETERS) / 100)
    short = moved.truncated(4)
    assert short.prior.basis.max_degree == 4
    used = moved.unknowns_up_to(4)
    np.testing.assert_array_equal(short.parameters, moved.parameters[used])
    np.testing.assert_array_equal(short.prior_precision, moved.prior_precision[used])
    np.testing.assert_array_equal(np.diag(short.covariance), np.diag(moved.covariance)[used])
