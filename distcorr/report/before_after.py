"""A picture of one place before and after, beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from distcorr.outputs import whole_output
from distcorr.space import Volume, transform_points

Array = NDArray[np.float64]

HALF_WIDTH_MM = 90.0
STEP_MM = 0.75

SEEN = "#ffb000"
TRUE = "#56b4e9"


@dataclass(frozen=True, eq=False)
class Side:
    """One side of the picture.

    Attributes
    ----------
    title : str
    volume : Volume
    label : Volume
        Region to outline, 1 inside.
    """

    title: str
    volume: Volume
    label: Volume


def write_before_after(
    path: Path, before: Side, after: Side, centre_lps: Array, radius_mm: float
) -> None:
    """Draw the axial cut through a labelled ball, before and after.

    Parameters
    ----------
    path : Path
        PNG file.
    before, after : Side
        Both drawn with one grey window.
    centre_lps : ndarray, shape (3,)
        Centre of the cut; where the ball truly is.
    radius_mm : float
        True radius of the ball.
    """
    figure = Figure(figsize=(9.6, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    high = float(np.percentile(_cut(before.volume, centre_lps), 99.5))
    for axes, side in zip(figure.subplots(1, 2), (before, after), strict=True):
        _draw(axes, side, centre_lps, high)
        axes.add_patch(Circle((0, 0), radius_mm, fill=False, color=TRUE, lw=1.8, ls="--"))
    figure.suptitle(
        "Axial cut through a coronal scan. Solid: the femoral head; dashed: the circle that it is",
        fontsize=11,
    )
    with whole_output(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})


def _draw(axes: Axes, side: Side, centre: Array, high: float) -> None:
    w = HALF_WIDTH_MM
    axes.imshow(_cut(side.volume, centre), cmap="gray", vmin=0, vmax=high, extent=(-w, w, w, -w))
    outline = _cut(side.label, centre)
    x = np.arange(-w, w, STEP_MM) + STEP_MM / 2
    axes.contour(x, x, outline, levels=[0.5], colors=[SEEN], linewidths=1.8)
    axes.set_title(side.title)
    axes.set_xlabel("left of the head's centre, mm")
    axes.set_ylabel("behind it, mm")


def _cut(volume: Volume, centre: Array) -> Array:
    """Sample the axial plane through ``centre``; rows go front to back."""
    line = np.arange(-HALF_WIDTH_MM, HALF_WIDTH_MM, STEP_MM) + STEP_MM / 2
    y, x = np.meshgrid(line, line, indexing="ij")
    points = centre + np.stack([x, y, np.zeros_like(x)], axis=-1)
    index = transform_points(volume.grid.T_index_lps, points)
    coordinates = np.moveaxis(index[..., ::-1], -1, 0)
    array = volume.array.astype(np.float32)
    return np.asarray(map_coordinates(array, coordinates, order=1, mode="constant"))
