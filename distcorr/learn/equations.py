"""The equations of one step: what images and points say, and the prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from distcorr.errors import Code, DistcorrError
from distcorr.field import ScannerField
from distcorr.learn.cubes import BLOCK_MM, Cubes
from distcorr.learn.normal import Normal, accumulate, embed
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.points import PointsLinear, linearise
from distcorr.learn.rigid import PARAMETERS
from distcorr.learn.state import State
from distcorr.learn.view import Rows

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sum:
    """What several subjects or sets of points say together.

    Attributes
    ----------
    normal : Normal
        Of all unknowns.
    gradients : ndarray, shape (blocks, unknowns)
        Shares of regions of space in its vector, of all subjects and sets.
    """

    normal: Normal
    gradients: Array

    @classmethod
    def of(cls, state: State, parts: Sequence[tuple[int, Normal, Array]]) -> Sum:
        """Add up own normal equations and gradients, each with the number of its motion."""
        unknowns = len(state.parameters)
        matrix, vector = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
        gradients = [np.zeros((0, unknowns))]
        for number, normal, shares in parts:
            own, spread = embed(normal, shares, number, len(state.motions))
            matrix += own.matrix
            vector += own.vector
            gradients.append(spread)
        return cls(Normal(matrix, vector), np.concatenate(gradients))

    def scatter(self, state: State) -> float:
        """Measure the mean square of the regions' gradients against what weights predict.

        At the optimum they sum to the prior's pull; their spread about that is the
        noise that the estimate really sees. Information can be divided by it.
        """
        factor = _factored(self.normal.matrix / state.inflation, state)
        G = self.gradients
        spread = float(np.einsum("bi,ib->", G, cho_solve(factor, G.T)))
        return spread / max(float(np.trace(cho_solve(factor, self.normal.matrix))), 1e-9)


def sum_of_images(state: State, rows: Sequence[Rows]) -> Sum:
    """Sum what pairs of scans say."""
    parts = []
    for one in rows:
        blocks = Cubes.of(one.points, BLOCK_MM).members()
        own, gradients = accumulate(
            state.prior.basis, one.probes, one.by_motion, one.residual, blocks
        )
        parts.append((one.subject, own, gradients))
    return Sum.of(state, parts)


def views_of(state: State, points: Sequence[PointPairs], field: ScannerField) -> list[PointsLinear]:
    """Linearise what sets of points say; their motions are the last of the state's."""
    motions = state.motions[len(state.motions) - len(points) :]
    return [
        linearise(pairs, state.prior, field, motion)
        for pairs, motion in zip(points, motions, strict=True)
    ]


def sum_of_points(state: State, views: Sequence[PointsLinear]) -> Sum:
    """Sum what sets of points say; each carries its own scatter."""
    first = len(state.motions) - len(views)
    return Sum.of(state, [(first + i, v.normal, v.gradients) for i, v in enumerate(views)])


def information_of(state: State, images: Normal, points: Normal) -> Normal:
    """Add what images say, divided by the inflation, and what points say."""
    return Normal(
        images.matrix / state.inflation + points.matrix,
        images.vector / state.inflation + points.vector,
    )


def stepped(state: State, step: Array, covariance: Array) -> State:
    """Return the state after a step, with the prior's widths estimated anew."""
    new = replace(state.moved(step), covariance=covariance)
    k3 = 3 * state.prior.basis.size
    variance = np.diag(covariance)
    motions = tuple(
        motion.with_width_of_sides(own)
        for motion, own in zip(new.motions, variance[k3:].reshape(-1, PARAMETERS), strict=True)
    )
    prior = new.prior.updated(new.coefficients, variance[:k3].reshape(3, -1))
    return replace(new, prior=prior, motions=motions)


def _factored(matrix: Array, state: State) -> tuple[Array, bool]:
    """Factor information with the prior's; refuse what is no information."""
    try:
        factor, lower = cho_factor(matrix + np.diag(state.prior_precision))
    except (np.linalg.LinAlgError, ValueError) as failure:
        raise DistcorrError(
            Code.NOT_CONVERGED, "the equations of a step have no solution", str(failure)
        ) from None
    return np.asarray(factor), bool(lower)


def solved(state: State, information: Normal) -> tuple[Array, Array]:
    """Return the Gauss-Newton step and the posterior covariance."""
    factor = _factored(information.matrix, state)
    pull = information.vector - state.prior_precision * state.parameters
    return cho_solve(factor, pull), cho_solve(factor, np.eye(len(pull)))
