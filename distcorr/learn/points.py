"""Pairs of points as observations: what markers and landmarks say of the field.

A pair is a true place and the place where a scan shows it. The true places may
have been measured in another session or by another machine (CT), so that a
rigid motion takes them to the scanner first, and the shown ones may carry an
error of calibration (voxel size, angle between slices; an offset of the stack),
which is none of the field's (:mod:`distcorr.learn.calibration`):

    residual = (I + S) s(D, motion(true)) + o - shown,

S symmetric, o constant, s the acquisition's exact map ``s + Q D(s) = r + D(r)``
(:mod:`distcorr.acquisition`), so that with J the Jacobian of D

    ds = (I + Q J(s))^-1 (dD(r) - Q dD(s)) + (ds/dr) dr.

S and o enter linearly. Their best values for the present field and motion are solved
for at every step, and they are eliminated from the normal equations (Golub & Pereyra
1973, SIAM J Numer Anal 10:413), so that points have the unknowns of any other
reference. Mislabelled markers are weighed down by Student's t (Lange et al.
1989, J Am Stat Assoc 84:881).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from distcorr.acquisition import Acquisition
from distcorr.errors import Code, DistcorrError
from distcorr.field import HarmonicBasis, ScannerField
from distcorr.learn.calibration import CALIBRATION_UNKNOWNS, Calibration, calibration_rows
from distcorr.learn.cubes import BLOCK_MM
from distcorr.learn.normal import Normal
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.rigid import PARAMETERS, Motion
from distcorr.learn.student import (
    STUDENT_NU,
    student_log_likelihood,
    student_scale,
    student_weight,
)
from distcorr.space.linear import solve3

Array = NDArray[np.float64]

MAX_UNSOLVED = 0.1
"""Share of points at which the map may have no solution before the field is refused."""

_CHUNK = 2048
"""Points per matrix product; bounds the rows of 300 unknowns to 15 MB."""

_CALIBRATION_STEPS = 4
"""Reweighted least squares for nine unknowns; the outer steps go on from there."""


@dataclass(frozen=True, eq=False)
class PointsLinear:
    """Pairs linearised about a field and a motion.

    Attributes
    ----------
    normal : Normal
        Of ``3 * basis.size + 12`` unknowns; its vector points downhill.
    gradients : ndarray, shape (blocks, unknowns)
        The share of each cube of space in the vector. Their sum is the vector but
        for the pull of the calibration's prior, which belongs to no cube.
    residual : ndarray, shape (m, 3)
        Predicted minus shown, scanner frame, mm; NaN where the map has no
        solution.
    weight : ndarray, shape (m,)
        Of each coordinate's squared residual, 1/mm^2.
    scale_mm : float
        Scale of Student's t that the residuals suggest, at least ``sd_mm``.
    calibration : Calibration
        S and o.
    log_likelihood : float
        Of the residuals under Student's t.
    """

    normal: Normal
    gradients: Array
    residual: Array
    weight: Array
    scale_mm: float
    calibration: Calibration
    log_likelihood: float

    @property
    def noise_sd_mm(self) -> float:
        """Standard deviation of a coordinate under Student's t of that scale, mm."""
        return self.scale_mm * float(np.sqrt(STUDENT_NU / (STUDENT_NU - 2)))

    @property
    def trust(self) -> Array:
        """Weight of each point as a share of the largest a point can have."""
        most = (STUDENT_NU + 3) / STUDENT_NU / self.scale_mm**2
        return self.weight / most


def linearise(
    pairs: PointPairs, prior: HarmonicPrior, field: ScannerField, motion: Motion
) -> PointsLinear:
    """Linearise what pairs of points say about a field and a motion.

    Parameters
    ----------
    pairs : PointPairs
    prior : HarmonicPrior
        Its basis orders the unknowns; its widths tell how many of them the
        points determine, so that the scatter is not underestimated.
    field : ScannerField
    motion : Motion
        From the true places to the scanner.

    Raises
    ------
    DistcorrError
        ``folding`` if the map has no solution at more than
        :data:`MAX_UNSOLVED` of the points.
    """
    moved = motion.apply(pairs.true_scanner)
    shown = pairs.acquisition.true_to_shown(field, moved)
    solved = np.isfinite(shown).all(axis=1)
    if (~solved).mean() > MAX_UNSOLVED:
        raise DistcorrError(
            Code.FOLDING,
            f"the field folds at the points of {pairs.id}",
            f"no place is shown for {(~solved).sum()} of {len(pairs)}",
        )
    rows = np.flatnonzero(solved)
    at = _Linearisation(
        pairs, prior.basis, field, motion, moved[rows], shown[rows], pairs.shown_scanner[rows]
    )
    none = np.zeros(CALIBRATION_UNKNOWNS)
    precision = np.concatenate([prior.precision, pairs.motion_precision, none])
    raw = student_scale(at.raw_residual, pairs.sd_mm)
    # Neither calibration nor unknowns that the points determine are scatter.
    scale = student_scale(at.calibrated_residual(raw), pairs.sd_mm)
    determined = at.sums(scale).determined(precision)
    free = max(1.0 - determined / at.raw_residual.size, 1.0 / at.raw_residual.size)
    found = at.sums(student_scale(at.calibrated_residual(scale), pairs.sd_mm, free))
    residual = np.full((len(pairs), 3), np.nan)
    weight = np.zeros(len(pairs))
    residual[rows], weight[rows] = found.residual, found.weight
    normal, gradients = found.without_calibration()
    return PointsLinear(
        normal,
        gradients,
        residual,
        weight,
        found.scale_mm,
        found.calibration,
        student_log_likelihood(found.residual, found.scale_mm),
    )


@dataclass(frozen=True, eq=False)
class _Sums:
    """Normal equations with the calibration still among the unknowns, as the last nine."""

    matrix: Array
    gradients: Array
    residual: Array
    weight: Array
    scale_mm: float
    calibration: Calibration
    calibration_precision: Array

    def without_calibration(self) -> tuple[Normal, Array]:
        """Eliminate S and o (Schur complement)."""
        own = len(self.matrix) - CALIBRATION_UNKNOWNS
        cross = cho_solve(cho_factor(self.matrix[own:, own:]), self.matrix[own:, :own])
        matrix = self.matrix[:own, :own] - self.matrix[:own, own:] @ cross
        gradients = self.gradients[:, :own] - self.gradients[:, own:] @ cross
        # Both lie at their optimum, where data and prior pull alike, so that the
        # vector needs no correction.
        return Normal(matrix, self.gradients[:, :own].sum(axis=0)), gradients

    def determined(self, precision: Array) -> float:
        """Count the unknowns that the data determine rather than the prior.

        Parameters
        ----------
        precision : ndarray
            Inverse prior variances of all unknowns; the calibration's are in the matrix already.
        """
        at = np.arange(len(precision))
        A = self.matrix.copy()
        A[at, at] += precision
        known = precision.copy()
        known[-CALIBRATION_UNKNOWNS:] = self.calibration_precision
        return float(len(A) - known @ np.diag(np.linalg.inv(A)))


class _Linearisation:
    """Rows of derivatives at one field and motion, summed for any scale."""

    def __init__(
        self,
        pairs: PointPairs,
        basis: HarmonicBasis,
        field: ScannerField,
        motion: Motion,
        moved: Array,
        shown: Array,
        measured: Array,
    ) -> None:
        self._pairs, self._basis, self._field, self._motion = pairs, basis, field, motion
        self._moved, self._shown = moved, shown
        self._blocks = _blocks(moved)
        self.raw_residual = shown - measured

    def calibrated_residual(self, scale_mm: float) -> Array:
        """Residual with the best S and o, at weights for a scale."""
        return self._calibrated(scale_mm)[0]

    def _calibrated(self, scale_mm: float) -> tuple[Array, Calibration, Array]:
        """Return residual, calibration and the weights that it was found with."""
        rows = calibration_rows(self._shown)
        prior = np.diag(self._pairs.calibration_precision)
        residual, calibration = self.raw_residual, Calibration.none()
        for _ in range(_CALIBRATION_STEPS):
            weight = student_weight(residual, scale_mm)
            A = np.einsum("m,mai,maj->ij", weight, rows, rows, optimize=True)
            b = -np.einsum("m,mai,ma->i", weight, rows, self.raw_residual, optimize=True)
            calibration = Calibration.from_unknowns(np.linalg.solve(A + prior, b))
            residual = self.raw_residual + calibration.apply(self._shown) - self._shown
        return residual, calibration, weight

    def sums(self, scale_mm: float) -> _Sums:
        """Sum the weighted normal equations, cube by cube of space."""
        residual, calibration, weight = self._calibrated(scale_mm)
        own = 3 * self._basis.size + PARAMETERS + CALIBRATION_UNKNOWNS
        matrix, gradients = np.zeros((own, own)), np.zeros((self._blocks.max() + 1, own))
        for first in range(0, len(residual), _CHUNK):
            rows = slice(first, first + _CHUNK)
            by_calibration = calibration_rows(self._shown[rows])
            X = np.concatenate(
                [*self._derivatives(rows, calibration.stretch), by_calibration], axis=2
            )
            weighted = X * weight[rows, None, None]
            matrix += np.einsum("mai,maj->ij", weighted, X, optimize=True)
            pull = -np.einsum("mai,ma->mi", weighted, residual[rows], optimize=True)
            np.add.at(gradients, self._blocks[rows], pull)
        at = np.arange(own - CALIBRATION_UNKNOWNS, own)
        precision = self._pairs.calibration_precision
        matrix[at, at] += precision
        return _Sums(matrix, gradients, residual, weight, scale_mm, calibration, precision)

    def _derivatives(self, rows: slice, stretch: Array) -> tuple[Array, Array]:
        """Differentiate (I + S) s by the coefficients (m, 3, 3k) and the motion (m, 3, 12)."""
        acquisition = self._pairs.acquisition
        moved, shown = self._moved[rows], self._shown[rows]
        m, k = len(moved), self._basis.size
        by_point = stretch @ acquisition.jacobian(self._field, moved, shown)
        by_motion = by_point @ self._motion.sensitivity(moved)
        by_field = np.zeros((m, 3, 3, k))
        if not acquisition.shows_truth:
            Q = acquisition.vendor_projector
            left = np.eye(3) + Q @ self._field.jacobian(shown)
            response = stretch @ solve3(left, np.broadcast_to(np.eye(3), left.shape))
            by_field += response[..., None] * self._basis.values(moved)[:, None, None, :]
            if Q.any():
                by_field -= (response @ Q)[..., None] * self._basis.values(shown)[:, None, None, :]
        return by_field.reshape(m, 3, 3 * k), by_motion


def shown_change(
    acquisition: Acquisition,
    field: ScannerField,
    change: ScannerField,
    true_scanner: Array,
    shown_scanner: Array,
) -> Array:
    """How far shown points move if D changes by a little.

    Parameters
    ----------
    acquisition : Acquisition
    field : ScannerField
        D.
    change : ScannerField
        dD.
    true_scanner, shown_scanner : ndarray, shape (m, 3)
        r and s, scanner frame, mm.

    Returns
    -------
    ndarray, shape (m, 3)
        ``(I + Q J(s))^-1 (dD(r) - Q dD(s))``, mm.
    """
    if acquisition.shows_truth:
        return np.zeros_like(true_scanner)
    Q = acquisition.vendor_projector
    direct = change.displacement(true_scanner) - change.displacement(shown_scanner) @ Q
    return solve3(np.eye(3) + Q @ field.jacobian(shown_scanner), direct)


def _blocks(points: Array) -> NDArray[np.intp]:
    """Tell the number of the cube of space in which each point lies.

    By sorting: a table of cubes would have to reach to every mislabelled point.
    """
    cell = np.floor(points / BLOCK_MM).astype(np.intp)
    return np.unique(cell, axis=0, return_inverse=True)[1].reshape(-1)
