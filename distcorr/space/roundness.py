"""How round a ball is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """The ellipsoid that a ball became.

    Attributes
    ----------
    centre_lps : ndarray, shape (3,)
        mm.
    radii : ndarray, shape (3,)
        Semi-axes, ascending, mm.
    axes : ndarray, shape (3, 3)
        Columns are their directions in patient LPS.
    """

    centre_lps: Array
    radii: Array
    axes: Array

    @property
    def axis_ratio(self) -> float:
        """Shortest to longest axis; 1 for a ball."""
        return float(self.radii[0] / self.radii[2])


def ellipsoid_of_surface(points_lps: ArrayLike) -> Ellipsoid:
    """Measure the ellipsoid that the surface of a ball was mapped to.

    Points spread evenly over a sphere have variance radius^2 / 3 along each
    axis, and any affine map takes that covariance to the ellipsoid's.

    Parameters
    ----------
    points_lps : array_like, shape (n, 3)
        Images of points spread evenly over the ball's surface, mm.
    """
    points = np.asarray(points_lps, dtype=np.float64)
    centre = points.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov((points - centre).T, bias=True))
    return Ellipsoid(centre, np.sqrt(3 * variance), axes)
