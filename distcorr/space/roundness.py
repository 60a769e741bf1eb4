"""How round a ball is shown, from its label or from its surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.space.frames import transform_points
from distcorr.space.volume import Volume

Array = NDArray[np.float64]

MIN_VOXELS = 100
"""Below it the steps of the voxels decide the shape."""


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


def ellipsoid_of(labels: Volume, label: int) -> Ellipsoid:
    """Measure the ellipsoid of a label by its second moments.

    A solid ellipsoid has variance radius^2 / 5 along each axis. The steps of the
    voxels leave an uncertainty of about a voxel's tenth in each radius.

    Parameters
    ----------
    labels : Volume
    label : int

    Raises
    ------
    DistcorrError
        ``no-contrast`` if the label is absent or tiny.
    """
    k, j, i = np.nonzero(labels.array == label)
    if len(i) < MIN_VOXELS:
        raise DistcorrError(
            Code.NO_CONTRAST,
            f"label {label} is absent or too small for its shape to be measured",
            f"{len(i)} voxels, {MIN_VOXELS} needed",
        )
    grid = labels.grid
    points = transform_points(grid.T_lps_index, np.stack([i, j, k], axis=1))
    centre = points.mean(axis=0)
    # Each voxel is itself a box: its own variance belongs to the region.
    box = grid.direction @ np.diag(grid.spacing**2 / 12) @ grid.direction.T
    variance, axes = np.linalg.eigh(np.cov((points - centre).T, bias=True) + box)
    return Ellipsoid(centre, np.sqrt(5 * variance), axes)
