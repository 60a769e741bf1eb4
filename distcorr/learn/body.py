"""Where a scan shows tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from distcorr.acquisition import Scan
from distcorr.errors import Code, DistcorrError
from distcorr.learn.blur import Thinning, blur
from distcorr.space import transform_points

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

BODY_THRESHOLD = 0.08
"""Share of the 98th percentile above which smoothed intensity counts as body."""

BODY_SMOOTHING_MM = 4.0
BODY_MAP_MM = 3.0
"""Coarsest voxel of the map: less than the smoothing shows."""

BODY_POINTS = 5000

_CONTRAST_SAMPLES = 500_000


@dataclass(frozen=True, eq=False)
class Body:
    """Where a scan shows tissue, as a boolean map in index space."""

    mask: Bools
    T_index_scanner: Array

    def contains(self, points_scanner: Array) -> Bools:
        """Whether points (m, 3) lie in the body (nearest voxel)."""
        index = np.rint(transform_points(self.T_index_scanner, points_scanner)).astype(np.intp)
        size = np.array(self.mask.shape[::-1])
        inside = ((index >= 0) & (index < size)).all(axis=1)
        out = np.zeros(len(index), bool)
        i, j, k = index[inside].T
        out[inside] = self.mask[k, j, i]
        return out

    def points(self) -> Array:
        """Centres of the body's voxels, thinned to some thousands, scanner frame, mm."""
        k, j, i = np.nonzero(self.mask)
        step = max(1, len(i) // BODY_POINTS)
        index = np.stack([i, j, k], axis=1)[step // 2 :: step]
        return transform_points(np.linalg.inv(self.T_index_scanner), index)


def index_of_scanner(scan: Scan) -> Array:
    """Return the transform of scanner points to a scan's voxel indices (i, j, k)."""
    to_patient = np.linalg.inv(scan.acquisition.T_scanner_patient)
    return np.asarray(scan.volume.grid.T_index_lps @ to_patient)


def index_of_kept(kept: tuple[Thinning, ...]) -> Array:
    """Return the transform of voxel indices (i, j, k) to those of the samples kept.

    Parameters
    ----------
    kept : tuple of Thinning
        Along k, j, i.
    """
    T = np.eye(4)
    for axis, thin in zip((2, 1, 0), kept, strict=True):
        T[axis, axis] = 1 / thin.stride
        T[axis, 3] = -thin.first / thin.stride
    return T


def intensity_range(scan: Scan) -> tuple[float, float]:
    """Measure the 1st and the 98th percentile of a scan's voxels.

    Raises
    ------
    DistcorrError
        ``no-contrast`` if the image is empty or constant.
    """
    array = scan.volume.array
    stride = max(1, int(np.cbrt(array.size / _CONTRAST_SAMPLES)))
    low, high = np.percentile(array[::stride, ::stride, ::stride], [1, 98])
    if not high > low:
        raise DistcorrError(
            Code.NO_CONTRAST,
            "the image is empty or constant",
            f"{scan.facts.description}: 1st and 98th percentile {low:g} and {high:g}",
        )
    return float(low), float(high)


def find_body(scan: Scan, margin_mm: float = 0.0) -> Body:
    """Find the body of a scan by a threshold on smoothed intensity.

    Parameters
    ----------
    scan : Scan
    margin_mm : float
        How far beyond the skin the map reaches.

    Raises
    ------
    DistcorrError
        ``no-contrast`` if the image is empty or constant.
    """
    low, high = intensity_range(scan)
    spacing = scan.volume.grid.spacing[::-1]
    strides = np.maximum(1, np.floor(BODY_MAP_MM / spacing)).astype(int)
    smooth, kept = blur(
        scan.volume.array,
        tuple(map(float, BODY_SMOOTHING_MM / spacing)),
        tuple(map(int, strides)),
    )
    mask = smooth > low + BODY_THRESHOLD * (high - low)
    if margin_mm:
        reach = np.maximum(1, np.rint(margin_mm / (spacing * strides))).astype(int)
        for axis, steps in enumerate(reach):
            line = np.ones([3 if a == axis else 1 for a in range(3)], bool)
            mask = binary_dilation(mask, line, iterations=int(steps))
    return Body(mask, index_of_kept(kept) @ index_of_scanner(scan))
