"""Figures of a field in three planes, drawn without any state that lives beyond a call.

Importing matplotlib takes half a second, so this module is imported by those who draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import ArrayLike, NDArray

from distcorr.correction import planes
from distcorr.correction.correction import FULL_SUPPORT
from distcorr.correction.planes import LAYOUTS, Box, plane_points
from distcorr.facts import Plane
from distcorr.field import LatticeField

Array = NDArray[np.float64]

SHELLS_MM = (100.0, 150.0, 200.0)
"""Radii drawn around the isocentre; the usual acceptance figures name them."""

FIELD_COLOURS = "viridis"
"""Runs evenly from dark to light for every kind of colour vision."""

ARROW_STEP_MM = 30.0
ARROW_SCALE = 2.0
"""Arrows are drawn this much longer than the displacement."""

TOP_PERCENTILE = 98.0
"""The colour scale of the displacement ends where only so much of what is drawn is
beyond: a corner of the lattice would make all else dark."""

LEAST_TOP_MM = 0.1
"""A colour scale of less would show rounding."""

ANATOMY_SHARE = 0.6
"""How far the brightest anatomy turns a colour white; air leaves it as the scale has it."""

_INK = "#1c2733"

Anatomy = Mapping[Plane, Array]
"""Brightness 0 to 1 on the points of the planes; NaN where no scan reaches."""


class SupportedField(Protocol):
    """What has a field, and a weight that says where it holds."""

    @property
    def field(self) -> LatticeField:
        """The field as applied."""
        ...

    def support_at(self, points_scanner: ArrayLike) -> Array:
        """Weight of the field, 0 to 1."""
        ...


@dataclass(frozen=True, eq=False)
class Quantity:
    """What colours stand for.

    Attributes
    ----------
    name : str
        With its unit.
    value : callable
        Takes points (..., 3), scanner frame, mm, and returns values (...).
    colours : ScalarMappable
    """

    name: str
    value: Callable[[Array], Array]
    colours: ScalarMappable


def displacement_of(known: SupportedField, box: Box) -> Quantity:
    """Length of D, on a scale that fits the supported part of what is drawn."""

    def length(points: Array) -> Array:
        return np.asarray(np.linalg.norm(known.field.displacement(points), axis=-1))

    drawn = supported_values(known, length, box)
    top = float(np.percentile(drawn, TOP_PERCENTILE)) if len(drawn) else 0.0
    colours = ScalarMappable(Normalize(0, max(LEAST_TOP_MM, top)), FIELD_COLOURS)
    return Quantity("displacement, mm", length, colours)


def supported_values(known: SupportedField, value: Callable[[Array], Array], box: Box) -> Array:
    """Values where the field holds, on a coarser grid of the three planes; shape (m,)."""
    step_mm = 4 * planes.PLANE_STEP_MM
    points = np.concatenate(
        [plane_points(box, plane, step_mm)[0].reshape(-1, 3) for plane in LAYOUTS]
    )
    return value(points[_weight(known, points) >= FULL_SUPPORT])


def three_planes(
    known: SupportedField,
    quantity: Quantity,
    box: Box,
    anatomy: Anatomy | None = None,
    *,
    step_mm: float,
    arrows: bool,
) -> Figure:
    """Draw a quantity in colour, with isocentre, shells and the edge of the support.

    Parameters
    ----------
    known : Correction or FitResult
        Or anything with its field and support.
    quantity : Quantity
    box : tuple of ndarray
        What is drawn.
    anatomy : mapping of Plane to ndarray, optional
        A scan under the colours, on the points of :func:`planes.plane_points`.
    step_mm : float
        Distance of the points that are coloured.
    arrows : bool
        Whether to draw the in-plane part of D.
    """
    widths = [box[1][layout.right] - box[0][layout.right] for layout in LAYOUTS.values()]
    figure = Figure(figsize=(13.5, 4.8), layout="constrained")
    panels = figure.subplots(1, 3, gridspec_kw={"width_ratios": widths})
    for axes, plane in zip(panels, LAYOUTS, strict=True):
        grey = None if anatomy is None else anatomy[plane]
        _draw_plane(axes, known, quantity, plane_points(box, plane, step_mm), grey)
        if LAYOUTS[plane].downwards:
            axes.invert_yaxis()
        if arrows:
            _draw_arrows(axes, known, plane, box)
        _draw_landmarks(axes, plane)
    bar = figure.colorbar(quantity.colours, ax=list(panels), shrink=0.9, pad=0.01, extend="max")
    bar.set_label(quantity.name)
    return figure


def _weight(known: SupportedField, points: Array) -> Array:
    """Weight of the field; nodes beyond its domain support nothing."""
    return np.where(known.field.lattice.inside(points), known.support_at(points), 0.0)


def _draw_plane(
    axes: Axes,
    known: SupportedField,
    quantity: Quantity,
    grid: tuple[Array, Array, Array],
    grey: Array | None,
) -> None:
    """Colour a grid of points, given as :func:`planes.plane_points` gives it."""
    points, right, up = grid
    weight = _weight(known, points)
    shown = quantity.colours.to_rgba(quantity.value(points))[..., :3]
    if grey is not None:
        shown = _over(grey, shown)
    pale = (weight > 0) & (weight < FULL_SUPPORT)
    shown[pale] = 0.55 * shown[pale] + 0.45
    shown[weight <= 0] = 0.90
    half = (right[1] - right[0]) / 2
    extent = (right[0] - half, right[-1] + half, up[0] - half, up[-1] + half)
    axes.imshow(shown, origin="lower", extent=extent, interpolation="nearest")
    if weight.min() < FULL_SUPPORT < weight.max():
        axes.contour(right, up, weight, [FULL_SUPPORT], colors="white", linewidths=3.0)
        axes.contour(
            right, up, weight, [FULL_SUPPORT], colors=_INK, linewidths=1.2, linestyles="dashed"
        )


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


def _draw_arrows(axes: Axes, known: SupportedField, plane: Plane, box: Box) -> None:
    points, _, _ = plane_points(box, plane, ARROW_STEP_MM)
    points = points[_weight(known, points) >= FULL_SUPPORT]
    layout = LAYOUTS[plane]
    D = known.field.displacement(points)
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
