"""How a subject moves between two scans: as a whole, and one side against the other.

All in true space. Patient LPS, millimetres; x > 0 is the subject's left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from distcorr.space import transform_points

Array = NDArray[np.float64]

SIDE_PIVOT_MM = 90.0
"""Distance of the points about which the sides turn from the midline: the hips'."""

BLEND_MM = 40.0
"""Half the width of the band about the midline in which one side's motion turns
into the other's; the femoral heads lie beyond it and move rigidly."""

_INVERSION_TOLERANCE_MM = 1e-9
_INVERSION_STEPS = 60
"""The band stretches by less than a fifth, so that each step wins a digit or more."""


def random_motion(rng: np.random.Generator, sd_mm: float = 2.0, sd_deg: float = 1.5) -> Array:
    """Draw a rigid motion of a subject about the origin of its frame.

    Parameters
    ----------
    rng : Generator
    sd_mm, sd_deg : float
        Standard deviation of each translation and of each rotation.

    Returns
    -------
    ndarray, shape (4, 4)
    """
    T = np.eye(4)
    T[:3, :3] = Rotation.from_rotvec(rng.normal(0, sd_deg, 3), degrees=True).as_matrix()
    T[:3, 3] = rng.normal(0, sd_mm, 3)
    return T


@dataclass(frozen=True, eq=False)
class SideMotion:
    """A rigid motion of each side of the body, blended smoothly at the midline.

    The way back is the defining one: what lies at p came from
    w T_left^-1 p + (1 - w) T_right^-1 p, where w rises from 0 to 1 within
    ``BLEND_MM`` of the midline.

    Attributes
    ----------
    T_left, T_right : ndarray, shape (4, 4)
        From before to after, patient LPS.
    """

    T_left: Array
    T_right: Array

    @classmethod
    def drawn(cls, rng: np.random.Generator, sd_mm: float, sd_deg: float) -> SideMotion:
        """Draw one rigid motion for each side, about its hip's place in x and y."""
        sides = []
        for x in (SIDE_PIVOT_MM, -SIDE_PIVOT_MM):
            to_pivot = np.eye(4)
            to_pivot[0, 3] = x
            motion = random_motion(rng, sd_mm, sd_deg)
            sides.append(to_pivot @ motion @ np.linalg.inv(to_pivot))
        return cls(sides[0], sides[1])

    def undone(self, points_lps: ArrayLike) -> Array:
        """Say where the tissue at points (..., 3) lay before the motion."""
        p = np.asarray(points_lps, dtype=np.float64)
        t = np.clip((p[..., :1] / BLEND_MM + 1) / 2, 0.0, 1.0)
        w = t**3 * (10 - 15 * t + 6 * t**2)
        left = transform_points(np.linalg.inv(self.T_left), p)
        right = transform_points(np.linalg.inv(self.T_right), p)
        return np.asarray(w * left + (1 - w) * right)

    def applied(self, points_lps: ArrayLike) -> Array:
        """Say where the tissue at points (..., 3) went; inverse of :meth:`undone`."""
        before = np.asarray(points_lps, dtype=np.float64)
        after = before.copy()
        for _ in range(_INVERSION_STEPS):
            step = before - self.undone(after)
            after += step
            if np.abs(step).max(initial=0.0) < _INVERSION_TOLERANCE_MM:
                break
        return after
