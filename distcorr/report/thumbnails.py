"""Small pictures of a scan before and after, where the correction changed it most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from distcorr.display import grey_image, robust_window
from distcorr.space import Volume, transform_points

Array = NDArray[np.float64]
Image = NDArray[np.float32]

PIXEL_MM = 3.0
"""Whole bodies fit into some 150 pixels."""

SEARCH_MM = 9.0
"""Spacing of the grid on which the place of the cut is sought."""

MAX_PIXELS = 220
"""Of one side; what is longer gets larger pixels."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The axial cut of one scan, before and after, on identical pixels.

    Attributes
    ----------
    before : str or None
        Data URI of a PNG; None if the scan as acquired can't be read any more.
    after : str
    width_mm, height_mm : float
    """

    before: str | None
    after: str
    width_mm: float
    height_mm: float


def make_thumbnail(before: Volume | None, after: Volume) -> Thumbnail:
    """Cut axially where the two differ most, or through the middle.

    Parameters
    ----------
    before : Volume or None
        As acquired; on any grid of the same patient frame.
    after : Volume
        Corrected.
    """
    corners = after.grid.corners_lps
    low, high = corners.min(axis=0), corners.max(axis=0)
    height = _most_changed_mm(before, after, low, high)
    step = max(PIXEL_MM, float((high - low)[:2].max()) / MAX_PIXELS)
    x, y = (np.arange(low[axis], high[axis], step) + step / 2 for axis in (0, 1))
    points = np.stack([*np.meshgrid(x, y), np.full((len(y), len(x)), height)], axis=-1)
    corrected = _sampled(after, points)
    acquired = None if before is None else _sampled(before, points)
    window = robust_window([image for image in (acquired, corrected) if image is not None])
    return Thumbnail(
        None if acquired is None else grey_image(acquired, window),
        grey_image(corrected, window),
        len(x) * step,
        len(y) * step,
    )


def _most_changed_mm(before: Volume | None, after: Volume, low: Array, high: Array) -> float:
    """Head-foot place, mm, of the axial cut that the correction changed most."""
    if before is None:
        return float((low[2] + high[2]) / 2)
    axes = [np.arange(a + SEARCH_MM / 2, b, SEARCH_MM) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    change = np.abs(_sampled(after, points) - _sampled(before, points))
    profile = gaussian_filter(np.nan_to_num(change).mean(axis=(0, 1)), 1.0)
    return float(axes[2][int(np.argmax(profile))])


def _sampled(volume: Volume, points_lps: Array) -> Image:
    """Values at points (..., 3), linear; NaN outside of the grid."""
    index = transform_points(volume.grid.T_index_lps, points_lps.reshape(-1, 3))
    values = map_coordinates(
        volume.array, index[:, ::-1].T, output=np.float32, order=1, mode="nearest"
    )
    size = np.array(volume.grid.size)
    values[((index < -0.5) | (index > size - 0.5)).any(axis=1)] = np.nan
    return np.asarray(values.reshape(points_lps.shape[:-1]))
