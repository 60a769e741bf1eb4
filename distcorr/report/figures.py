"""Figures of a correction's field, drawn without any state that lives beyond a call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from distcorr.correction import FULL_SUPPORT, Correction
from distcorr.facts import Plane
from distcorr.report import planes
from distcorr.report.pictures import PIXEL_MM, Anatomy, PlanePictures
from distcorr.report.planes import LAYOUTS, plane_points
from distcorr.report.png import figure_image

Array = NDArray[np.float64]

SHELLS_MM = (100.0, 150.0, 200.0)
"""Radii drawn around the isocentre; the usual acceptance figures name them."""

FIELD_COLOURS = "viridis"
SD_COLOURS = "cividis"
"""Both run evenly from dark to light for every kind of colour vision."""

ARROW_STEP_MM = 30.0
ARROW_SCALE = 2.0
"""Arrows are drawn this much longer than the displacement."""

MAX_SD_SHOWN_MM = 2.0
"""End of the colour scale of the standard deviation: beyond it, all is uncertain."""

TOP_PERCENTILE = 98.0
"""The colour scale of the displacement ends where only so much of what is drawn is
beyond: a corner of the lattice would make all else dark."""

ANATOMY_SHARE = 0.6
"""How far the brightest anatomy turns a colour white; air leaves it as the scale has it."""

_INK = "#1c2733"

Value = Callable[[Array], Array]


def field_figure(correction: Correction, anatomy: Anatomy | None = None) -> str:
    """Length of D in colour and its in-plane part as arrows, in three planes.

    Parameters
    ----------
    correction : Correction
    anatomy : Anatomy, optional
        A scan under the colours, on the same planes.

    Returns
    -------
    str
        Data URI of a PNG.
    """

    def length(points: Array) -> Array:
        return np.asarray(np.linalg.norm(correction.field.displacement(points), axis=-1))

    drawn = np.concatenate([_supported_values(correction, length, plane) for plane in LAYOUTS])
    top = max(0.1, float(np.percentile(drawn, TOP_PERCENTILE))) if len(drawn) else 0.1
    colours = ScalarMappable(Normalize(0, top), FIELD_COLOURS)
    name = "displacement, mm"
    return _three_planes(correction, length, colours, name, anatomy, arrows=True)


def sd_figure(correction: Correction, anatomy: Anatomy | None = None) -> str:
    """Length of the standard deviation of D in three planes; as :func:`field_figure`."""

    def length(points: Array) -> Array:
        return np.asarray(np.linalg.norm(correction.standard_deviation_at(points), axis=-1))

    drawn = np.concatenate([_supported_values(correction, length, plane) for plane in LAYOUTS])
    top = min(MAX_SD_SHOWN_MM, max(0.1, float(drawn.max(initial=0.1))))
    colours = ScalarMappable(Normalize(0, top), SD_COLOURS)
    name = "one standard deviation, mm"
    return _three_planes(correction, length, colours, name, anatomy, arrows=False)


def cut_size_mm(cut: PlanePictures) -> tuple[float, float]:
    """Width and height of a cut, mm."""
    rows, columns = cut.axial_before.shape
    return columns * PIXEL_MM, rows * PIXEL_MM


def _supported_values(correction: Correction, value: Value, plane: Plane) -> Array:
    points, _, _ = plane_points(correction, plane, 4 * planes.PLANE_STEP_MM)
    return value(points[correction.supported(points)])


def _three_planes(
    correction: Correction,
    value: Value,
    colours: ScalarMappable,
    name: str,
    anatomy: Anatomy | None,
    *,
    arrows: bool,
) -> str:
    low, high = planes.box(correction)
    widths = [high[layout.right] - low[layout.right] for layout in LAYOUTS.values()]
    figure = Figure(figsize=(13.5, 4.8), layout="constrained")
    panels = figure.subplots(1, 3, gridspec_kw={"width_ratios": widths})
    for axes, plane in zip(panels, LAYOUTS, strict=True):
        _draw_plane(axes, correction, plane, value, colours, anatomy)
        if arrows:
            _draw_arrows(axes, correction, plane)
        _draw_landmarks(axes, plane)
    bar = figure.colorbar(colours, ax=list(panels), shrink=0.9, pad=0.01, extend="max")
    bar.set_label(name)
    return figure_image(figure)


def _draw_plane(
    axes: Axes,
    correction: Correction,
    plane: Plane,
    value: Value,
    colours: ScalarMappable,
    anatomy: Anatomy | None,
) -> None:
    points, right, up = plane_points(correction, plane, planes.PLANE_STEP_MM)
    weight = correction.support_at(points)
    shown = colours.to_rgba(value(points))[..., :3]
    if anatomy is not None:
        shown = _over(anatomy.grey(plane), shown)
    pale = (weight > 0) & (weight < FULL_SUPPORT)
    shown[pale] = 0.55 * shown[pale] + 0.45
    shown[weight <= 0] = 0.90
    half = planes.PLANE_STEP_MM / 2
    extent = (right[0] - half, right[-1] + half, up[0] - half, up[-1] + half)
    axes.imshow(shown, origin="lower", extent=extent, interpolation="nearest")
    if weight.min() < FULL_SUPPORT < weight.max():
        axes.contour(right, up, weight, [FULL_SUPPORT], colors="white", linewidths=3.0)
        axes.contour(
            right, up, weight, [FULL_SUPPORT], colors=_INK, linewidths=1.2, linestyles="dashed"
        )
    if LAYOUTS[plane].downwards:
        axes.invert_yaxis()


def _over(grey: Array, colour: Array) -> Array:
    """Lighten colours by anatomy; where no scan reaches, they stay as they are."""
    share = ANATOMY_SHARE * np.nan_to_num(grey, nan=0.0)[..., None]
    return np.asarray((1 - share) * colour + share)


def _draw_landmarks(axes: Axes, plane: Plane) -> None:
    """Draw isocentre and shells, and name the axes."""
    for radius in SHELLS_MM:
        axes.add_patch(Circle((0, 0), radius, fill=False, ec=_INK, lw=2.0, alpha=0.5))
        axes.add_patch(Circle((0, 0), radius, fill=False, ec="white", lw=1.0))
        axes.text(
            0, radius, f"{radius:.0f}", color=_INK, ha="center", va="center", fontsize=8,
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85},
            clip_on=True,
        )  # fmt: skip
    axes.plot(0, 0, "+", color="white", ms=12, mew=3.5)
    axes.plot(0, 0, "+", color="#d55e00", ms=11, mew=1.6)
    axes.set_aspect("equal")
    layout = LAYOUTS[plane]
    axes.set_title(f"{plane} plane through the isocentre", fontsize=11)
    axes.set_xlabel(f"{layout.right_name}, mm", fontsize=9)
    axes.set_ylabel(f"{layout.up_name}, mm", fontsize=9)
    axes.tick_params(labelsize=9)


def _draw_arrows(axes: Axes, correction: Correction, plane: Plane) -> None:
    points, _, _ = plane_points(correction, plane, ARROW_STEP_MM)
    points = points[correction.supported(points)]
    layout = LAYOUTS[plane]
    D = correction.field.displacement(points)
    axes.quiver(
        points[:, layout.right],
        points[:, layout.up],
        ARROW_SCALE * D[:, layout.right],
        ARROW_SCALE * D[:, layout.up],
        angles="xy",
        scale_units="xy",
        scale=1,
        color="white",
        edgecolor=_INK,
        linewidth=0.4,
        width=0.006,
    )
