"""How the manual's pictures look: size, colours, planes of the scanner frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from distcorr.correction.planes import LAYOUTS, Box
from distcorr.facts import Plane

Array = NDArray[np.float64]

WIDTH_IN = 7.0
"""A page shows pictures some 700 pixels wide, so that a point of type stays a point."""

DPI = 130
FONT_PT = 9.0

BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#5f6b7a"
"""Okabe and Ito's colours, which differ for every kind of colour vision."""

INK = "#1c2733"
LENGTHS, SPREADS = "viridis", "cividis"
"""Maps for displacements and for standard deviations; both run evenly from dark to light."""

BODY_BOX: Box = (np.array([-200.0, -120.0, -200.0]), np.array([200.0, 120.0, 200.0]))
"""Usual field of view of two legs, scanner frame, mm."""

_SHORT_NAMES = {0: "left (x), mm", 1: "back (y), mm", 2: "head (z), mm"}


def new_figure(height_in: float) -> Figure:
    """Make an empty figure of the page's width."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def polish(axes: Axes) -> None:
    """Set type and frame as all pictures have them."""
    axes.tick_params(labelsize=FONT_PT - 1, colors=INK)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_fontsize(FONT_PT)
        text.set_color(INK)
    for spine in axes.spines.values():
        spine.set_color(GREY)


def plane_grid(
    plane: Plane, offset_mm: float, step_mm: float, box: Box = BODY_BOX
) -> tuple[Array, Array, Array]:
    """Points of a plane within a box, by default the usual field of view.

    Parameters
    ----------
    plane : Plane
    offset_mm : float
        Distance of the plane from the isocentre along its normal.
    step_mm : float
    box : tuple of ndarray

    Returns
    -------
    points : ndarray, shape (up, right, 3)
        Scanner frame, mm.
    right, up : ndarray
    """
    layout = LAYOUTS[plane]
    low, high = box
    right, up = (
        np.arange(low[axis], high[axis] + step_mm / 2, step_mm)
        for axis in (layout.right, layout.up)
    )
    points = np.zeros((len(up), len(right), 3))
    points[..., layout.right], points[..., layout.up] = right[None, :], up[:, None]
    points[..., layout.normal] = offset_mm
    return points, right, up


def draw_plane(
    axes: Axes,
    plane: Plane,
    grid: tuple[Array, Array, Array],
    values: Array,
    limits: tuple[float, float],
    colours: str = LENGTHS,
) -> QuadMesh:
    """Colour a plane, with circles around the isocentre and named axes."""
    layout = LAYOUTS[plane]
    points, right, up = grid
    mesh = axes.pcolormesh(
        right, up, values, cmap=colours, vmin=limits[0], vmax=limits[1], shading="nearest",
        rasterized=True,
    )  # fmt: skip
    offset = float(points[0, 0, layout.normal])
    for radius in (100.0, 200.0):
        if radius > abs(offset):
            own = np.sqrt(radius**2 - offset**2)
            axes.add_patch(Circle((0, 0), own, fill=False, ec="white", lw=1.0, ls=":"))
    axes.plot(0, 0, "+", color="white", ms=8, mew=1.5)
    axes.set_aspect("equal")
    axes.set_xlim(right[0], right[-1])
    axes.set_ylim(up[0], up[-1])
    if layout.downwards:
        axes.invert_yaxis()
    axes.set_xlabel(_SHORT_NAMES[layout.right])
    axes.set_ylabel(_SHORT_NAMES[layout.up])
    polish(axes)
    return mesh


def add_bar(figure: Figure, mesh: QuadMesh, panels: list[Axes], label: str) -> None:
    """Add the scale of a map beside its panels."""
    bar = figure.colorbar(mesh, ax=panels, shrink=0.95, pad=0.02, aspect=25, extend="max")
    bar.set_label(label, fontsize=FONT_PT, color=INK)
    bar.ax.tick_params(labelsize=FONT_PT - 1, colors=INK)


def length(vectors: Array) -> Array:
    """Length of vectors (..., 3)."""
    return np.asarray(np.linalg.norm(vectors, axis=-1))


COLOURS = 256
"""A picture of so few is a third as large."""


def write_figures(figures: dict[str, Callable[[], Figure]], folder: Path) -> list[Path]:
    """Draw figures into PNG files that are named after them."""
    from PIL import Image

    written = []
    for name, draw in figures.items():
        figure = draw()
        figure.canvas.draw()
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
        with Image.open(path) as image:
            # Of the ways to choose colours this one spares the rare ones of a scale.
            few = image.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=0)
        few.save(path, optimize=True)
        written.append(path)
    return written
