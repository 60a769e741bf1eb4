"""A pair seen through the current field, and what it says in few rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition
from distcorr.field import ScannerField
from distcorr.learn.image import Image
from distcorr.learn.normal import Probe, probes_of
from distcorr.learn.pair import PairLevel
from distcorr.learn.rigid import Motion
from distcorr.learn.similarity import Comparison, compare
from distcorr.learn.windows import Windows
from distcorr.space import transform_points
from distcorr.space.linear import solve3

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

_TINY = 1e-30


def look(level: PairLevel, field: ScannerField, motion: Motion) -> Comparison:
    """Compare both scans of a pair at the sample points.

    Parameters
    ----------
    level : PairLevel
    field : ScannerField
        Current estimate of D.
    motion : Motion
        Current estimate of the subject's motion.
    """
    pose = Pose.of(level, motion)
    cubes, cube = level.cubes, level.cubes.of_point
    slopes_a, slopes_c = pose.slopes(field, cubes.centres)
    stretch_a, stretch_c = _stretches(pose, field, cubes.centres, (slopes_a, slopes_c))
    missing = _bounded(_spread(level.coronal, slopes_c) - _spread(level.axial, slopes_a), level)
    shown_a = pose.axial.true_to_shown(field, level.points)
    moved = pose.moved(level.points)
    shown_c = pose.coronal.true_to_shown(field, moved)
    a, grad_a, in_a = level.axial.sample(shown_a, _carried(0.5 * missing, slopes_a), cube)
    c, grad_c, in_c = level.coronal.sample(shown_c, _carried(-0.5 * missing, slopes_c), cube)
    _restore(a, grad_a, slopes_a, stretch_a, cube, cubes.centres, level.points)
    _restore(c, grad_c, slopes_c, stretch_c, cube, cubes.centres, level.points)
    valid = in_a & in_c
    windows = Windows(level.shape, level.where, valid, level.half_width)
    return compare(windows, valid, a, c, grad_a, grad_c)


def _spread(image: Image, slopes: Array) -> Array:
    """Point spread of an image as a covariance by true place, given ds/dr (m, 3, 3)."""
    inverse = solve3(slopes, np.broadcast_to(np.eye(3), slopes.shape))
    return np.asarray(inverse @ image.spread @ np.swapaxes(inverse, 1, 2))


MOST_SPREAD = 3.0
"""Largest growth of a point spread, as a share of its own, that second derivatives
can stand for; a field that needs more is not known there yet."""


def _bounded(missing: Array, level: PairLevel) -> Array:
    """Shorten covariances (m, 3, 3) that exceed what a second derivative can do."""
    own = min(np.trace(image.spread) for image in (level.axial, level.coronal))
    size = np.abs(missing).sum(axis=2).max(axis=1)
    share = np.minimum(1.0, MOST_SPREAD * own / 3 / np.maximum(size, _TINY))
    return np.asarray(np.nan_to_num(missing * share[:, None, None]))


STRETCH_STEP_MM = 2.0
"""Step of the differences that say how the stretch changes across a cube."""


def _stretches(
    pose: Pose, field: ScannerField, centres: Array, slopes: tuple[Array, Array]
) -> list[Array]:
    """Shown volume per true volume in either scan around centres (m, 3), with its gradient.

    Within a cube it is linear to a thousandth: it takes the third derivative of D to
    bend it. A value and three derivatives by true place for each cube, shape (m, 4).
    """
    here = [np.linalg.det(one) for one in slopes]
    steps = STRETCH_STEP_MM * np.eye(3)
    ahead = [pose.slopes(field, centres + step) for step in steps]
    return [
        np.stack(
            [value, *((np.linalg.det(one[scan]) - value) / STRETCH_STEP_MM for one in ahead)],
            axis=1,
        )
        for scan, value in enumerate(here)
    ]


def _carried(covariance: Array, slopes: Array) -> Array:
    """Carry a covariance by true place to where an image shows it."""
    return np.asarray(slopes @ covariance @ np.swapaxes(slopes, 1, 2))


@njit(cache=True, parallel=True)
def _restore(values, gradients, slopes, stretch, cube, centres, points):  # type: ignore[no-untyped-def]
    """Undo in place what stretching did to brightness, and take gradients by true place."""
    for p in prange(gradients.shape[0]):
        J, s, centre = slopes[cube[p]], stretch[cube[p]], centres[cube[p]]
        f = s[0]
        for b in range(3):
            f += s[1 + b] * (points[p, b] - centre[b])
        values[p] *= f
        x, y, z = f * gradients[p, 0], f * gradients[p, 1], f * gradients[p, 2]
        for b in range(3):
            gradients[p, b] = J[0, b] * x + J[1, b] * y + J[2, b] * z


@dataclass(frozen=True, eq=False)
class Pose:
    """Both maps of a pair and the way from one scan's time to the other's.

    Attributes
    ----------
    axial, coronal : Acquisition
    motion : Motion
    T_coronal_axial : ndarray, shape (4, 4)
        Scanner frame at axial time to that at coronal time, the motion of the
        subject as a whole included.
    """

    axial: Acquisition
    coronal: Acquisition
    motion: Motion
    T_coronal_axial: Array

    @classmethod
    def of(cls, level: PairLevel, motion: Motion) -> Pose:
        """Build the pose of a pair."""
        reference = level.reference
        return cls(
            reference.axial.acquisition,
            reference.coronal.acquisition,
            motion,
            motion.matrix @ level.nominal_T_coronal_axial(),
        )

    def moved(self, points: Array) -> Array:
        """Say where tissue at points (m, 3) of axial time is at coronal time."""
        return self.motion.with_sides(transform_points(self.T_coronal_axial, points))

    def slopes(self, field: ScannerField, points: Array) -> tuple[Array, Array]:
        """Differentiate where either scan shows tissue by its true place at axial time.

        Parameters
        ----------
        field : ScannerField
        points : ndarray, shape (m, 3)
            True places at axial time, scanner frame, mm.

        Returns
        -------
        tuple of ndarray, shape (m, 3, 3)
            For the axial and the coronal scan.
        """
        moved = self.moved(points)
        of_axial = self.axial.jacobian(field, points, self.axial.true_to_shown(field, points))
        of_coronal = self.coronal.jacobian(field, moved, self.coronal.true_to_shown(field, moved))
        return np.array(of_axial), np.asarray(of_coronal @ self.T_coronal_axial[:3, :3])


@dataclass(frozen=True, eq=False)
class Rows:
    """Residuals of unit variance with their derivatives.

    Attributes
    ----------
    subject : int
        Whose motion they depend on.
    points : ndarray, shape (n, 3)
        True places at axial time, scanner frame, mm.
    residual : ndarray, shape (n,)
    probes : list of Probe
        Derivatives by the field, n rows each.
    by_motion : ndarray, shape (n, 12)
        Derivatives by the subject's motion.
    """

    subject: int
    points: Array
    residual: Array
    probes: list[Probe]
    by_motion: Array


def rows_of(
    level: PairLevel, seen: Comparison, field: ScannerField, motion: Motion, subject: int = 0
) -> Rows:
    """Condense a comparison to three rows for each cube.

    Within a cube the derivatives of all residuals by the unknowns are their own
    gradient g times one and the same smooth matrix. The sums over a cube of
    w g g^T and of w g e are therefore all that the normal equations need, and
    three rows reproduce them.

    Parameters
    ----------
    level : PairLevel
    seen : Comparison
        At the level's points.
    field : ScannerField
    motion : Motion
    subject : int
        Number of the subject among those of the fit.
    """
    gradients, residuals = _condensed(level, seen)
    gradient = gradients.reshape(-1, 3)
    points = np.repeat(_centroids(level, seen), 3, axis=0)
    pose = Pose.of(level, motion)
    whole = transform_points(pose.T_coronal_axial, points)
    moved = motion.with_sides(whole)
    by_coronal = gradient @ pose.T_coronal_axial[:3, :3].T
    shown_a = pose.axial.true_to_shown(field, points)
    shown_c = pose.coronal.true_to_shown(field, moved)
    probes = probes_of(pose.coronal, field, moved, shown_c, by_coronal)
    probes += probes_of(pose.axial, field, points, shown_a, -gradient)
    return Rows(subject, points, residuals.reshape(-1), probes, motion.rows(whole, by_coronal))


RIDGE = 1e-7
"""Share of the strongest cube's information that is added to all, so that each has a
Cholesky factor; far below what any prior adds."""


def _condensed(level: PairLevel, seen: Comparison) -> tuple[Array, Array]:
    """Return three rows for each cube: gradients (count, 3, 3) and residuals (count, 3)."""
    cubes = level.cubes
    sums = np.zeros((cubes.count, 9))
    _add_moments(cubes.of_point, seen.gradient, seen.residual, seen.weight, sums)
    information = sums[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3)
    strongest = float(np.trace(information, axis1=1, axis2=2).max(initial=0.0))
    raised = information + (RIDGE * strongest + _TINY) * np.eye(3)
    factor = np.asarray(np.linalg.cholesky(raised), dtype=np.float64)
    return np.swapaxes(factor, 1, 2), solve3(factor, sums[:, 6:])


def _centroids(level: PairLevel, seen: Comparison) -> Array:
    """Find the centres of each cube's information, shape (count, 3), mm."""
    cubes = level.cubes
    strength = seen.weight * (seen.gradient**2).sum(axis=1)
    total = np.bincount(cubes.of_point, strength, cubes.count)
    sums = [
        np.bincount(cubes.of_point, strength * level.points[:, a], cubes.count) for a in range(3)
    ]
    return np.where(
        total[:, None] > 0,
        np.stack(sums, axis=1) / np.where(total > 0, total, 1.0)[:, None],
        cubes.centres,
    )


@njit(cache=True)
def _add_moments(cube, gradient, residual, weight, sums):  # type: ignore[no-untyped-def]
    for p in range(cube.shape[0]):
        w = weight[p]
        if w == 0.0:
            continue
        row = sums[cube[p]]
        x, y, z = gradient[p, 0], gradient[p, 1], gradient[p, 2]
        row[0] += w * x * x
        row[1] += w * x * y
        row[2] += w * x * z
        row[3] += w * y * y
        row[4] += w * y * z
        row[5] += w * z * z
        e = w * residual[p]
        row[6] += x * e
        row[7] += y * e
        row[8] += z * e
