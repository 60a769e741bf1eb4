"""What each subject says of the field by itself, and what all others say.

No further fit is needed: about the joint estimate all data are linear, so that the
equations of each subject, condensed to the field's unknowns, tell both. The two
estimates x_s (this subject alone) and x_o (the others) share the prior, of precision
P, and nothing else. With C_s and C_o their posterior covariances, the covariance of
their difference is

    C_s + C_o - C_s P C_o - C_o P C_s .
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from distcorr.field import HarmonicBasis, HarmonicField
from distcorr.learn.equations import sum_of_images
from distcorr.learn.normal import Normal
from distcorr.learn.state import State
from distcorr.learn.view import Rows

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Voice:
    """One subject against all others.

    Attributes
    ----------
    subject : int
    others : HarmonicField
        What all but this subject say the field is.
    difference : HarmonicField
        What this subject alone says, less that.
    covariance : ndarray, shape (3 k, 3 k)
        Of the difference's coefficients (component slowest), if all errors are those
        that the weights and their inflation account for.
    """

    subject: int
    others: HarmonicField
    difference: HarmonicField
    covariance: Array

    def difference_at(self, points_scanner: Array, visible: Array) -> tuple[float, float]:
        """Compare the difference with its error at points.

        Parameters
        ----------
        points_scanner : ndarray, shape (m, 3)
            mm.
        visible : ndarray, shape (3, 3)
            Projector on what of D the scans show.

        Returns
        -------
        tuple of float
            Root mean squares over the points of the difference and of its standard
            deviation, mm.
        """
        size = self.difference.displacement(points_scanner) @ visible
        variance = _variance_at(self.others.basis, self.covariance, points_scanner, visible)
        return float(np.sqrt((size**2).sum(axis=1).mean())), float(np.sqrt(variance.mean()))


@dataclass(frozen=True, eq=False)
class Hearing:
    """What each subject says of the field, condensed from the joint fit.

    Attributes
    ----------
    state : State
        The joint estimate, about which all is linear.
    subjects : dict of int to Normal
        Of the field's unknowns, for each subject.
    points : Normal
        What points say; they count among the others of every subject.
    """

    state: State
    subjects: dict[int, Normal]
    points: Normal

    @classmethod
    def of(cls, state: State, rows: Sequence[Rows], points: Normal) -> Hearing:
        """Condense what pairs of scans say at a state, and what points say there."""
        subjects = {}
        for number in sorted({one.subject for one in rows}):
            said = sum_of_images(state, [one for one in rows if one.subject == number]).normal
            subjects[number] = _condensed(state, _scaled(said, 1 / state.inflation))
        return cls(state, subjects, _condensed(state, points))

    def without(self, subject: int) -> Hearing:
        """Leave a subject out."""
        rest = {number: said for number, said in self.subjects.items() if number != subject}
        return replace(self, subjects=rest)

    def voices(self) -> list[Voice]:
        """Set each subject against all others."""
        return [
            _voice(self.state, number, own, _total([self.points, *self._but(number)]))
            for number, own in self.subjects.items()
        ]

    def _but(self, subject: int) -> list[Normal]:
        return list(self.without(subject).subjects.values())


def _voice(state: State, subject: int, own: Normal, others: Normal) -> Voice:
    P = np.diag(state.prior.precision)
    step_own, C_own = _solved(state, own)
    step_others, C_others = _solved(state, others)
    shared = C_own @ P @ C_others
    return Voice(
        subject,
        _field(state, state.coefficients.reshape(-1) + step_others),
        _field(state, step_own - step_others),
        C_own + C_others - shared - shared.T,
    )


def _field(state: State, coefficients: Array) -> HarmonicField:
    return HarmonicField(state.prior.basis, coefficients.reshape(3, -1))


def _scaled(normal: Normal, factor: float) -> Normal:
    return Normal(factor * normal.matrix, factor * normal.vector)


def _total(parts: Sequence[Normal]) -> Normal:
    matrix = np.sum([part.matrix for part in parts], axis=0)
    return Normal(matrix, np.sum([part.vector for part in parts], axis=0))


def _condensed(state: State, information: Normal) -> Normal:
    """Eliminate the motions, with what their prior says, from normal equations."""
    k3 = 3 * state.prior.basis.size
    precision = state.prior_precision[k3:]
    of_motions = information.matrix[k3:, k3:] + np.diag(precision)
    vector = information.vector[k3:] - precision * state.parameters[k3:]
    mixed = information.matrix[:k3, k3:]
    solved = cho_solve(cho_factor(of_motions), np.column_stack([mixed.T, vector]))
    return Normal(
        information.matrix[:k3, :k3] - mixed @ solved[:, :-1],
        information.vector[:k3] - mixed @ solved[:, -1],
    )


def _solved(state: State, information: Normal) -> tuple[Array, Array]:
    """Return the step of the field's unknowns and their covariance."""
    factor = cho_factor(information.matrix + np.diag(state.prior.precision))
    pull = information.vector - state.prior.precision * state.coefficients.reshape(-1)
    return cho_solve(factor, pull), cho_solve(factor, np.eye(len(pull)))


def _variance_at(
    basis: HarmonicBasis, covariance: Array, points_scanner: Array, visible: Array
) -> Array:
    """Sum the variances of a field's visible components at points (m, 3), shape (m,)."""
    k = basis.size
    B = basis.values(points_scanner)
    total = np.zeros(len(points_scanner))
    weight = visible @ visible.T
    for a in range(3):
        for b in range(3):
            if weight[a, b]:
                block = covariance[a * k : (a + 1) * k, b * k : (b + 1) * k]
                total += weight[a, b] * np.einsum("mi,ij,mj->m", B, block, B, optimize=True)
    return np.maximum(total, 0.0)
