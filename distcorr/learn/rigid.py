"""Rigid motion between the two scans of a pair."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from distcorr.space import transform_points

Array = NDArray[np.float64]

MOTION_SD = np.array([3.0, 3.0, 3.0, *np.deg2rad([2.0, 2.0, 2.0])])
"""Prior widths of a subject's motion between two scans of a session: mm and rad."""

PARAMETERS = 6


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
    precision : ndarray, shape (6,)
        Inverse prior variances of the parameters; by default those of a patient
        between two scans of a session.
    """

    translation: Array
    rotation_vector: Array
    centre: Array
    precision: Array = field(default_factory=lambda: MOTION_SD**-2.0)

    @classmethod
    def none(cls, centre: Array, precision: Array | None = None) -> Motion:
        """Build the motion of a subject that lies still."""
        still = cls(np.zeros(3), np.zeros(3), np.array(centre, dtype=np.float64))
        return still if precision is None else replace(still, precision=precision)

    @property
    def parameters(self) -> Array:
        """Translation (mm) and rotation vector (rad), shape (6,)."""
        return np.concatenate([self.translation, self.rotation_vector])

    @property
    def rotation(self) -> Array:
        """Rotation matrix, shape (3, 3)."""
        return np.asarray(Rotation.from_rotvec(self.rotation_vector).as_matrix())

    @property
    def matrix(self) -> Array:
        """Transform of scanner points, axial time to coronal time, shape (4, 4)."""
        T = np.eye(4)
        T[:3, :3] = self.rotation
        T[:3, 3] = self.centre + self.translation - self.rotation @ self.centre
        return T

    def apply(self, points_scanner: Array) -> Array:
        """Move points (..., 3)."""
        return transform_points(self.matrix, points_scanner)

    def stepped(self, step: Array) -> Motion:
        """Compose with a small motion that follows this one, given as six parameters."""
        turn = Rotation.from_rotvec(step[3:]) * Rotation.from_rotvec(self.rotation_vector)
        return replace(
            self,
            translation=self.translation + step[:3],
            rotation_vector=np.asarray(turn.as_rotvec()),
        )

    def rows(self, moved_points: Array, gradient: Array) -> Array:
        """Return the derivative of residuals by the six parameters of :meth:`stepped`.

        Parameters
        ----------
        moved_points : ndarray, shape (m, 3)
        gradient : ndarray, shape (m, 3)
            Derivative of the residuals by a displacement of these points.

        Returns
        -------
        ndarray, shape (m, 6)
            ``g . (w x arm) = w . (arm x g)``.
        """
        arm = moved_points - (self.centre + self.translation)
        return np.concatenate([gradient, np.cross(arm, gradient)], axis=1)

    def sensitivity(self, moved_points: Array) -> Array:
        """Return the derivative of moved points by the six parameters of :meth:`stepped`.

        Parameters
        ----------
        moved_points : ndarray, shape (m, 3)

        Returns
        -------
        ndarray, shape (m, 3, 6)
        """
        arm = moved_points - (self.centre + self.translation)
        out = np.zeros((len(arm), 3, 6))
        out[:, (0, 1, 2), (0, 1, 2)] = 1.0
        x, y, z = arm.T
        out[:, 1, 3], out[:, 2, 3] = -z, y
        out[:, 0, 4], out[:, 2, 4] = z, -x
        out[:, 0, 5], out[:, 1, 5] = -y, x
        return out
