"""How round a labelled ball is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.space.frames import transform_points
from distcorr.space.volume import Volume

Array = NDArray[np.float64]

MIN_VOXELS = 100
"""Below it the steps of the voxels decide the shape."""


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """The ellipsoid with the moments of a region.

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


def ellipsoid_of(labels: Volume, label: int) -> Ellipsoid:
    """Fit an ellipsoid to a label by its second moments.

    A solid ellipsoid has variance radius^2 / 5 along each axis.

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
    points = transform_points(labels.grid.T_lps_index, np.stack([i, j, k], axis=1))
    centre = points.mean(axis=0)
    # Each voxel is itself a box: its own variance belongs to the region.
    box = labels.grid.direction @ np.diag(labels.grid.spacing**2 / 12) @ labels.grid.direction.T
    covariance = np.cov((points - centre).T, bias=True) + box
    variance, axes = np.linalg.eigh(covariance)
    return Ellipsoid(centre, np.sqrt(5 * variance), axes)
