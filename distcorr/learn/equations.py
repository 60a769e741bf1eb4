"""The equations of one step: what images and points say, and the prior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from distcorr.field import ScannerField
from distcorr.learn.cubes import Cubes
from distcorr.learn.normal import Normal, accumulate, embed
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.points import PointsLinear, linearise
from distcorr.learn.state import State
from distcorr.learn.view import Rows

Array = NDArray[np.float64]

BLOCK_MM = 40.0
"""Edge of the blocks whose gradients are compared to see how much the data scatter."""


def normal_of(state: State, rows: Sequence[Rows]) -> tuple[Normal, float]:
    """Sum the normal equations and measure the scatter against them.

    Returns
    -------
    normal : Normal
    scatter : float
        Mean square of the blocks' gradients relative to what their weights
        predict, so that information can be divided by it.
    """
    parts = []
    for one in rows:
        blocks = Cubes.of(one.points, BLOCK_MM).members()
        own, gradients = accumulate(
            state.prior.basis, one.probes, one.by_motion, one.residual, blocks
        )
        parts.append(embed(own, gradients, one.subject, len(state.motions)))
    total = Normal(
        np.sum([own.matrix for own, _ in parts], axis=0),
        np.sum([own.vector for own, _ in parts], axis=0),
    )
    A = total.matrix / state.inflation + np.diag(state.prior_precision)
    factor = cho_factor(A)
    G = np.concatenate([gradients for _, gradients in parts])
    # At the optimum the blocks' gradients sum to the prior's pull; their spread
    # about that is the noise that the estimate really sees.
    spread = float(np.einsum("bi,ib->", G, cho_solve(factor, G.T)))
    expected = float(np.trace(cho_solve(factor, total.matrix)))
    return total, spread / max(expected, 1e-9)


def views_of(state: State, points: Sequence[PointPairs], field: ScannerField) -> list[PointsLinear]:
    """Linearise what sets of points say; their motions are the last of the state's."""
    motions = state.motions[len(state.motions) - len(points) :]
    return [
        linearise(pairs, state.prior, field, motion)
        for pairs, motion in zip(points, motions, strict=True)
    ]


def points_information(state: State, views: Sequence[PointsLinear]) -> Normal:
    """Sum what sets of points say of all unknowns; each carries its own scatter."""
    unknowns = len(state.parameters)
    matrix, vector = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
    first = len(state.motions) - len(views)
    for number, view in enumerate(views):
        own, _ = embed(view.normal, view.gradients, first + number, len(state.motions))
        matrix += own.matrix
        vector += own.vector
    return Normal(matrix, vector)


def information_of(state: State, images: Normal, points: Normal) -> Normal:
    """Add what images say, divided by the inflation, and what points say."""
    return Normal(
        images.matrix / state.inflation + points.matrix,
        images.vector / state.inflation + points.vector,
    )


def solved(state: State, information: Normal) -> tuple[Array, Array]:
    """Return the Gauss-Newton step and the posterior covariance."""
    precision = state.prior_precision
    factor = cho_factor(information.matrix + np.diag(precision))
    pull = information.vector - precision * state.parameters
    return cho_solve(factor, pull), cho_solve(factor, np.eye(len(pull)))
