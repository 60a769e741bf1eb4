"""Motion between the two scans of a pair: of the whole, and of its sides.

A subject moves rigidly; its legs also move against each other. The second part is a
rigid motion too, small, with opposite signs left and right of the middle and a
smooth passage between. Its width is estimated for each subject: where the sides
move alike it shrinks to nothing and costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from distcorr.space import transform_points

Array = NDArray[np.float64]

MOTION_SD = np.array([3.0, 3.0, 3.0, *np.deg2rad([2.0, 2.0, 2.0])])
"""Prior widths of a subject's motion between two scans of a session: mm and rad."""

SIDE_SD = np.array([1.0, 1.0, 1.0, *np.deg2rad([0.7, 0.7, 0.7])])
"""Prior widths of half the motion of the sides against each other, before any is seen."""

SIDE_WIDTH_RANGE = (0.02, 4.0)
"""How far the data may scale these."""

SIDE_BLEND_MM = 25.0
"""Distance from the middle over which a side's motion sets in: half the gap of two legs."""

RIGID = 6
PARAMETERS = 12
"""Of the whole, then of the sides."""

FIXED_PRECISION = 1e10
"""Inverse variance that keeps a parameter in place: 0.01 micrometres or microradians."""


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of the subject from the axial to the coronal scan.

    Parameters
    ----------
    translation : ndarray, shape (3,)
        mm, scanner frame.
    rotation_vector : ndarray, shape (3,)
        Axis times angle in rad, about ``centre``.
    centre : ndarray, shape (3,)
        Centre of rotation, scanner frame at the time of the coronal scan, mm.
    sides : ndarray, shape (6,)
        Translation (mm) and rotation vector (rad) of the left side against the
        whole, about the moved centre; the right side's has the opposite sign.
    precision : ndarray, shape (12,)
        Inverse prior variances of the parameters; by default those of a patient
        between two scans of a session.
    """

    translation: Array
    rotation_vector: Array
    centre: Array
    sides: Array = field(default_factory=lambda: np.zeros(RIGID))
    precision: Array = field(default_factory=lambda: np.concatenate([MOTION_SD, SIDE_SD]) ** -2.0)

    @classmethod
    def none(cls, centre: Array, precision: Array | None = None) -> Motion:
        """Build the motion of a subject that lies still."""
        still = cls(np.zeros(3), np.zeros(3), np.array(centre, dtype=np.float64))
        return still if precision is None else replace(still, precision=precision)

    @property
    def parameters(self) -> Array:
        """Translation (mm) and rotation vector (rad), and those of the sides, shape (12,)."""
        return np.concatenate([self.translation, self.rotation_vector, self.sides])

    @property
    def rotation(self) -> Array:
        """Rotation matrix of the whole, shape (3, 3)."""
        return np.asarray(Rotation.from_rotvec(self.rotation_vector).as_matrix())

    @property
    def matrix(self) -> Array:
        """Motion of the whole: scanner points, axial time to coronal time, shape (4, 4)."""
        T = np.eye(4)
        T[:3, :3] = self.rotation
        T[:3, 3] = self.centre + self.translation - self.rotation @ self.centre
        return T

    def apply(self, points_scanner: Array) -> Array:
        """Move points (..., 3)."""
        return self.with_sides(transform_points(self.matrix, points_scanner))

    def with_sides(self, moved_points: Array) -> Array:
        """Add the motion of the sides to points (..., 3) that moved with the whole."""
        if not self.sides.any():
            return moved_points
        shift = self.sides[:3] + np.cross(self.sides[3:], self._arm(moved_points))
        return np.asarray(moved_points + self._side(moved_points)[..., None] * shift)

    def stepped(self, step: Array) -> Motion:
        """Compose with a small motion that follows this one, given as twelve parameters.

        The sides' part is added to; six parameters leave it as it is.
        """
        turn = Rotation.from_rotvec(step[3:RIGID]) * Rotation.from_rotvec(self.rotation_vector)
        return replace(
            self,
            translation=self.translation + step[:3],
            rotation_vector=np.asarray(turn.as_rotvec()),
            sides=self.sides + step[RIGID:] if len(step) > RIGID else self.sides,
        )

    def with_width_of_sides(self, variance: Array) -> Motion:
        """Estimate the width of the sides' prior anew (expectation-maximisation).

        Parameters
        ----------
        variance : ndarray, shape (12,)
            Posterior variances of the parameters.
        """
        if self.precision[RIGID] >= FIXED_PRECISION:
            return self
        square = float(np.mean((self.sides**2 + variance[RIGID:]) / SIDE_SD**2))
        width = SIDE_SD * np.clip(np.sqrt(square), *SIDE_WIDTH_RANGE)
        return replace(self, precision=np.concatenate([self.precision[:RIGID], width**-2.0]))

    def rows(self, moved_points: Array, gradient: Array) -> Array:
        """Return the derivative of residuals by the parameters of :meth:`stepped`.

        Parameters
        ----------
        moved_points : ndarray, shape (m, 3)
            Moved with the whole.
        gradient : ndarray, shape (m, 3)
            Derivative of the residuals by a displacement of these points.

        Returns
        -------
        ndarray, shape (m, 12)
            ``g . (w x arm) = w . (arm x g)``.
        """
        own = np.concatenate([gradient, np.cross(self._arm(moved_points), gradient)], axis=1)
        return np.concatenate([own, own * self._side(moved_points)[:, None]], axis=1)

    def sensitivity(self, moved_points: Array) -> Array:
        """Return the derivative of moved points by the parameters of :meth:`stepped`.

        Parameters
        ----------
        moved_points : ndarray, shape (m, 3)
            Moved with the whole.

        Returns
        -------
        ndarray, shape (m, 3, 12)
        """
        out = np.zeros((len(moved_points), 3, PARAMETERS))
        out[:, (0, 1, 2), (0, 1, 2)] = 1.0
        x, y, z = self._arm(moved_points).T
        out[:, 1, 3], out[:, 2, 3] = -z, y
        out[:, 0, 4], out[:, 2, 4] = z, -x
        out[:, 0, 5], out[:, 1, 5] = -y, x
        out[:, :, RIGID:] = out[:, :, :RIGID] * self._side(moved_points)[:, None, None]
        return out

    def _arm(self, moved_points: Array) -> Array:
        return np.asarray(moved_points - (self.centre + self.translation))

    def _side(self, moved_points: Array) -> Array:
        """1 on the left side, -1 on the right, and between the two in the middle."""
        return np.asarray(np.tanh(self._arm(moved_points)[..., 0] / SIDE_BLEND_MM))
