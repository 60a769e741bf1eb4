"""Figures as PNG data, drawn without any state that lives beyond a call."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patches import Circle
from numpy.typing import NDArray

from distcorr.correction import FULL_SUPPORT, Correction
from distcorr.facts import Plane
from distcorr.report.pictures import PIXEL_MM, Image, PlanePictures

Array = NDArray[np.float64]

SHELLS_MM = (100.0, 150.0, 200.0)
"""Radii drawn around the isocentre; the usual acceptance figures name them."""

FIELD_COLOURS = "viridis"
SD_COLOURS = "cividis"
"""Both run evenly from dark to light for every kind of colour vision."""

PLANE_STEP_MM = 2.0
ARROW_STEP_MM = 30.0
ARROW_SCALE = 4.0
"""Arrows are drawn this much longer than the displacement."""

MAX_SD_SHOWN_MM = 2.0
"""End of the colour scale of the standard deviation: beyond it, all is uncertain."""

_DPI = 130
_INK = "#1c2733"
_OUTSIDE = (38, 56, 82)
"""Colour of pixels that a scan doesn't reach; no grey, so that it isn't taken for air."""

# Axes (right, up) of each plane in the scanner frame, as (axis, sign), and their names.
_LAYOUT: dict[Plane, tuple[tuple[int, int], tuple[int, int], str, str]] = {
    Plane.CORONAL: ((0, 1), (2, 1), "x, to the patient's left if head first", "z, out of the bore"),
    Plane.AXIAL: ((0, 1), (1, -1), "x, to the patient's left if head first", "y, down"),
    Plane.SAGITTAL: ((1, 1), (2, 1), "y, down", "z, out of the bore"),
}


def field_figure(correction: Correction) -> str:
    """Length of D in colour and its in-plane part as arrows, in three planes.

    Returns
    -------
    str
        Data URI of a PNG.
    """

    def length(points: Array) -> Array:
        return np.asarray(np.linalg.norm(correction.field.displacement(points), axis=-1))

    top = _largest(correction, length)
    return _three_planes(correction, length, FIELD_COLOURS, top, "displacement, mm", arrows=True)


def sd_figure(correction: Correction) -> str:
    """Length of the standard deviation of D in three planes; as :func:`field_figure`."""

    def length(points: Array) -> Array:
        return np.asarray(np.linalg.norm(correction.standard_deviation_at(points), axis=-1))

    top = min(MAX_SD_SHOWN_MM, _largest(correction, length))
    name = "one standard deviation, mm"
    return _three_planes(correction, length, SD_COLOURS, top, name, arrows=False)


def residual_figure(correction: Correction) -> str:
    """Mismatch of each reference's two scans before and after correction."""
    rows = correction.figures.references
    left_out = {row.left_out: row for row in correction.figures.leave_one_out}
    figure = Figure(figsize=(7.5, 0.9 + 0.38 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        axes.plot(
            [100 * row.residual_after, 100 * row.residual_before], [place] * 2, color="#c3ccd6"
        )
        axes.plot(100 * row.residual_before, place, "o", color="#d55e00", label="motion alone")
        axes.plot(100 * row.residual_after, place, "s", color="#0072b2", label="corrected")
        if row.id in left_out:
            value = 100 * left_out[row.id].residual_after
            axes.plot(value, place, "D", mfc="white", mec="#0072b2", label="left out of the fit")
    axes.set_yticks(range(len(rows)), [row.id for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("difference between the two scans, % of local contrast")
    axes.grid(axis="x", color="#e3e8ee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    first = {label: handle for handle, label in reversed(list(zip(handles, labels, strict=True)))}
    order = [name for name in ("motion alone", "corrected", "left out of the fit") if name in first]
    axes.legend(
        [first[name] for name in order],
        order,
        loc="upper left",
        bbox_to_anchor=(1, 1),
        frameon=False,
    )
    return _data_uri(figure)


def grey_image(image: Image, window: tuple[float, float]) -> str:
    """Draw a cut in grey, one pixel for each of its own; as data URI of a PNG."""
    low, high = window
    grey = np.clip((np.nan_to_num(image, nan=low) - low) / (high - low), 0, 1)
    buffer = io.BytesIO()
    pixels = np.repeat((255 * grey).astype(np.uint8)[..., None], 3, axis=-1)
    pixels[np.isnan(image)] = _OUTSIDE
    imsave(buffer, pixels, format="png")
    return _encoded(buffer)


def cut_size_mm(cut: PlanePictures) -> tuple[float, float]:
    """Width and height of a cut, mm."""
    rows, columns = cut.axial_before.shape
    return columns * PIXEL_MM, rows * PIXEL_MM


def _largest(correction: Correction, value: Callable[[Array], Array]) -> float:
    """Largest supported value on the lattice's nodes, at least a tenth of a millimetre."""
    nodes = correction.lattice.node_points()
    supported = correction.supported(nodes)
    return max(0.1, float(value(nodes[supported]).max())) if supported.any() else 0.1


def _three_planes(
    correction: Correction,
    value: Callable[[Array], Array],
    colours: str,
    top: float,
    name: str,
    *,
    arrows: bool,
) -> str:
    low, high = _box(correction)
    widths = [high[layout[0][0]] - low[layout[0][0]] for layout in _LAYOUT.values()]
    figure = Figure(figsize=(13.5, 4.6), layout="constrained")
    panels = figure.subplots(1, 3, gridspec_kw={"width_ratios": widths})
    for axes, plane in zip(panels, _LAYOUT, strict=True):
        image = _draw_plane(axes, correction, plane, value, colours, top)
        if arrows:
            _draw_arrows(axes, correction, plane)
    bar = figure.colorbar(image, ax=list(panels), shrink=0.9, pad=0.01, extend="max")
    bar.set_label(name)
    return _data_uri(figure)


def _draw_plane(
    axes: Axes,
    correction: Correction,
    plane: Plane,
    value: Callable[[Array], Array],
    colours: str,
    top: float,
) -> QuadMesh:
    points, right, up = _plane_points(correction, plane, PLANE_STEP_MM)
    weight = correction.support_at(points)
    shown = np.where(weight > 0, value(points), np.nan)
    image = axes.pcolormesh(right, up, shown, cmap=colours, vmin=0, vmax=top, shading="nearest")
    if weight.min() < FULL_SUPPORT < weight.max():
        levels = [-1.0, FULL_SUPPORT]
        axes.contourf(right, up, weight, levels, colors="white", alpha=0.45)
        axes.contour(right, up, weight, [FULL_SUPPORT], colors="white", linewidths=3.0)
        axes.contour(
            right, up, weight, [FULL_SUPPORT], colors=_INK, linewidths=1.2, linestyles="dashed"
        )
    for radius in SHELLS_MM:
        axes.add_patch(Circle((0, 0), radius, fill=False, ec="white", lw=0.9, alpha=0.9))
        axes.text(
            0,
            radius,
            f"{radius:.0f}",
            color=_INK,
            ha="center",
            va="center",
            fontsize=7,
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8},
            clip_on=True,
        )
    axes.plot(0, 0, "+", color="white", ms=11, mew=2.5)
    axes.plot(0, 0, "+", color="#d55e00", ms=10, mew=1.3)
    axes.set_facecolor("#e3e8ee")
    axes.set_aspect("equal")
    _, _, right_name, up_name = _LAYOUT[plane]
    axes.set_title(f"{plane} plane through the isocentre", fontsize=10)
    axes.set_xlabel(f"{right_name}, mm", fontsize=8)
    axes.set_ylabel(f"{up_name}, mm", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_xlim(right.min(), right.max())
    axes.set_ylim(*((up.max(), up.min()) if _LAYOUT[plane][1][1] < 0 else (up.min(), up.max())))
    return image


def _draw_arrows(axes: Axes, correction: Correction, plane: Plane) -> None:
    points, _, _ = _plane_points(correction, plane, ARROW_STEP_MM)
    points = points[correction.supported(points)]
    (a, _), (b, _), _, _ = _LAYOUT[plane]
    D = correction.field.displacement(points)
    axes.quiver(
        points[:, a],
        points[:, b],
        ARROW_SCALE * D[:, a],
        ARROW_SCALE * D[:, b],
        angles="xy",
        scale_units="xy",
        scale=1,
        color="white",
        edgecolor=_INK,
        linewidth=0.4,
        width=0.006,
    )


def _plane_points(correction: Correction, plane: Plane, step: float) -> tuple[Array, Array, Array]:
    """Points of a plane through the isocentre, shape (up, right, 3), and its two axes."""
    (a, _), (b, _), _, _ = _LAYOUT[plane]
    low, high = _box(correction)
    right, up = (
        step * np.arange(np.ceil(low[axis] / step), np.floor(high[axis] / step) + 1)
        for axis in (a, b)
    )
    points = np.zeros((len(up), len(right), 3))
    points[..., a], points[..., b] = right[None, :], up[:, None]
    return points, right, up


def _box(correction: Correction) -> tuple[Array, Array]:
    """Corners of the box that is drawn: where there is any correction."""
    low, high = correction.lattice.domain
    nodes = correction.lattice.node_points()[correction.support > 0]
    if not len(nodes):
        return low, high
    return np.maximum(low, nodes.min(axis=0)), np.minimum(high, nodes.max(axis=0))


def _data_uri(figure: Figure) -> str:
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    # The writer's version would make equal figures differ in bytes.
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return _encoded(buffer)


def _encoded(buffer: io.BytesIO) -> str:
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
