"""A regular grid of voxels in patient LPS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.space.frames import transform_points

Array = NDArray[np.float64]

DIRECTION_TOLERANCE = 1e-4
"""Largest departure of ``direction.T @ direction`` from identity; header cosines
carry about six digits, so a sound direction is within 1e-5."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Placement of a voxel array in patient LPS, following ITK.

    Index coordinates are (i, j, k): i runs along a row of pixels, k from slice
    to slice. Arrays on a grid have shape (k, j, i), as SimpleITK returns them.

    Parameters
    ----------
    size : tuple of int
        Number of voxels along i, j, k.
    origin_lps : array_like, shape (3,)
        Centre of voxel (0, 0, 0), mm.
    spacing : array_like, shape (3,)
        Distance of neighbouring voxel centres along i, j, k, mm.
    direction : array_like, shape (3, 3)
        Columns are the unit vectors of i, j, k in LPS; right-handed.

    Raises
    ------
    DistcorrError
        ``geometry-invalid`` if the numbers do not describe a right-handed,
        right-angled grid with finite origin and positive spacing.
    """

    size: tuple[int, int, int]
    origin_lps: Array
    spacing: Array
    direction: Array

    def __post_init__(self) -> None:
        size = tuple(int(n) for n in self.size)
        origin = np.array(self.origin_lps, dtype=np.float64)
        spacing = np.array(self.spacing, dtype=np.float64)
        direction = np.array(self.direction, dtype=np.float64)
        _require(len(size) == 3 and min(size) >= 1, "size", self.size)
        _require(origin.shape == (3,) and bool(np.isfinite(origin).all()), "origin", origin)
        _require(
            spacing.shape == (3,)
            and bool(np.isfinite(spacing).all())
            and bool((spacing > 0).all()),
            "spacing",
            spacing,
        )
        _require(
            direction.shape == (3, 3) and bool(np.isfinite(direction).all()), "direction", direction
        )
        error = float(np.abs(direction.T @ direction - np.eye(3)).max())
        _require(error < DIRECTION_TOLERANCE, "direction (not orthonormal)", direction)
        _require(float(np.linalg.det(direction)) > 0, "direction (left-handed)", direction)
        for name, array in (("origin_lps", origin), ("spacing", spacing), ("direction", direction)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "size", size)

    @classmethod
    def from_affine(cls, size: tuple[int, int, int], T_lps_index: ArrayLike) -> Grid:
        """Build a grid from its 4 x 4 index-to-LPS transform."""
        T = np.asarray(T_lps_index, dtype=np.float64)
        spacing = np.linalg.norm(T[:3, :3], axis=0)
        _require(bool((spacing > 0).all()), "spacing", spacing)
        return cls(size, T[:3, 3], spacing, T[:3, :3] / spacing)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (k, j, i) of an array on this grid."""
        return self.size[2], self.size[1], self.size[0]

    @property
    def T_lps_index(self) -> Array:
        """Transform from (i, j, k) to patient LPS, a fresh 4 x 4 array."""
        T = np.eye(4)
        T[:3, :3] = self.direction * self.spacing
        T[:3, 3] = self.origin_lps
        return T

    @property
    def T_index_lps(self) -> Array:
        """Transform from patient LPS to (i, j, k), a fresh 4 x 4 array."""
        T = np.eye(4)
        T[:3, :3] = self.direction.T / self.spacing[:, None]
        T[:3, 3] = -T[:3, :3] @ self.origin_lps
        return T

    @property
    def normal_lps(self) -> Array:
        """Unit vector from slice to slice (the k axis)."""
        return self.direction[:, 2].copy()

    @property
    def extent(self) -> Array:
        """Lengths of the field of view along i, j, k, mm, voxels counted whole."""
        return np.array(self.size) * self.spacing

    @property
    def corners_lps(self) -> Array:
        """Centres of the eight corner voxels, shape (8, 3), i fastest."""
        last = np.array(self.size) - 1
        index = np.array([[i, j, k] for k in (0, 1) for j in (0, 1) for i in (0, 1)]) * last
        return transform_points(self.T_lps_index, index)

    def points_lps(self) -> Array:
        """Centres of all voxels, shape (k, j, i, 3), mm."""
        T = self.T_lps_index
        i, j, k = (np.arange(n, dtype=np.float64) for n in self.size)
        points = T[:3, 3] + k[:, None, None, None] * T[:3, 2]
        points = points + j[None, :, None, None] * T[:3, 1]
        return points + i[None, None, :, None] * T[:3, 0]

    def same_as(self, other: Grid, tolerance: float = 1e-3) -> bool:
        """Whether both grids have equal size and corners within ``tolerance`` mm."""
        if self.size != other.size:
            return False
        return float(np.abs(self.corners_lps - other.corners_lps).max()) <= tolerance

    def __repr__(self) -> str:
        n = " x ".join(str(n) for n in self.size)
        s = " x ".join(f"{v:.4g}" for v in self.spacing)
        o = ", ".join(f"{v:.2f}" for v in self.origin_lps)
        return f"Grid({n} voxels of {s} mm, origin LPS ({o}))"


def _require(condition: bool, name: str, value: object) -> None:
    if not condition:
        raise DistcorrError(
            Code.GEOMETRY_INVALID, f"{name} does not describe a grid", f"value {value}"
        )
