"""The covariance that clusters of residuals suggest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distcorr.field import HarmonicBasis
from distcorr.learn.equations import information_of, solved, sum_of_images
from distcorr.learn.normal import Normal, Probe
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.rigid import PARAMETERS, Motion
from distcorr.learn.state import State
from distcorr.learn.uncertainty import SHARED_ERROR, scatter_of_clusters, with_shared_errors
from distcorr.learn.view import Rows

BASIS = HarmonicBasis(3)
SUBJECTS = 2
STATE = State.initial(HarmonicPrior(BASIS), tuple(Motion.none(np.zeros(3)) for _ in "ab"))
UNKNOWNS = len(STATE.parameters)
NOTHING = Normal(np.zeros((UNKNOWNS, UNKNOWNS)), np.zeros(UNKNOWNS))
EDGE_MM = 200.0


def rows(shared_mm: float, seed: int) -> list[Rows]:
    """Two subjects measured directly: noise, and in each octant one error for both."""
    g = np.random.default_rng(seed)
    errors = g.normal(0, 1, (8, 3)) * shared_mm
    out = []
    for subject in range(SUBJECTS):
        points = np.repeat(g.uniform(-EDGE_MM, EDGE_MM, (1500, 3)), 3, axis=0)
        vectors = np.tile(np.eye(3), (1500, 1))
        octant = ((points > 0) * [1, 2, 4]).sum(axis=1)
        error = (errors[octant] * vectors).sum(axis=1)
        residual = g.normal(size=len(points)) + error
        by_motion = np.zeros((len(points), PARAMETERS))
        out.append(Rows(subject, points, residual, [Probe(points, vectors)], by_motion))
    return out


def test_independent_residuals_scatter_as_the_information_says() -> None:
    information = sum_of_images(STATE, rows(0.0, 0)).normal.matrix
    used = np.diag(information) > 0
    scatter = np.mean(
        [np.diag(scatter_of_clusters(STATE, rows(0.0, s)))[used] for s in range(20)], axis=0
    )
    np.testing.assert_allclose(scatter / np.diag(information)[used], 1.0, atol=0.45)
    assert np.mean(scatter / np.diag(information)[used]) == pytest.approx(1, abs=0.1)


def test_errors_that_subjects_share_over_centimetres_widen() -> None:
    points = np.random.default_rng(1).uniform(-150, 150, (50, 3))
    sd = {}
    for shared_mm in (0.0, 2.0):
        made = rows(shared_mm, 1)
        state = with_shared_errors(_informed(made), made, NOTHING)
        sd[shared_mm] = float(np.mean(state.sd_of_field(points)))
    assert sd[2.0] > 3 * sd[0.0]


def test_what_the_data_have_not_seen_stays_as_uncertain() -> None:
    made = [replace(one, residual=0 * one.residual) for one in rows(0.0, 2)]
    unseen = [
        replace(one, probes=[Probe(p.points, p.vectors * [1, 0, 1]) for p in one.probes])
        for one in made
    ]
    state = with_shared_errors(_informed(unseen), unseen, NOTHING)
    k = BASIS.size
    of_y = np.diag(state.covariance)[k : 2 * k]
    np.testing.assert_allclose(of_y, 1 / STATE.prior_precision[k : 2 * k], rtol=1e-6)


def test_points_are_believed_as_they_say() -> None:
    """Their part is not widened by what the images' errors ask for."""
    told = Normal(1e3 * np.eye(UNKNOWNS), np.zeros(UNKNOWNS))
    _, covariance = solved(STATE, information_of(STATE, NOTHING, told))
    none = [
        replace(
            one,
            residual=0 * one.residual,
            probes=[replace(p, vectors=0 * p.vectors) for p in one.probes],
        )
        for one in rows(0.0, 3)
    ]
    found = with_shared_errors(replace(STATE, covariance=covariance), none, told)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9, atol=1e-12)
    assert SHARED_ERROR > 1


def _informed(made: list[Rows]) -> State:
    images = sum_of_images(STATE, made).normal
    return replace(STATE, covariance=solved(STATE, information_of(STATE, images, NOTHING))[1])
