"""Figures of what is left between two scans: by component, distance and place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from distcorr.acquisition import Scan
from distcorr.correction import SHELL_EDGES_MM
from distcorr.correction.planes import LAYOUTS, Layout
from distcorr.display.png import OUTSIDE_COLOUR, figure_image
from distcorr.learn.shifts import BLOCK_MM, Shifts
from distcorr.report.pictures import ScanSampler
from distcorr.report.residuals import AFTER, BEFORE, GRID

Array = NDArray[np.float64]

COMPONENTS = ("x, left-right", "y, front-back", "z, head-foot")
"""Components of a vector in the scanner frame, for a patient who lies head first."""

MIN_BLOCKS = 4
"""Fewest blocks of a shell whose root mean square is drawn."""

PIXEL_MM = 3.0
"""Of the anatomy under the map: enough to know the place, far finer than a block."""

SHIFT_COLOURS = "viridis"
TOP_PERCENTILE = 98.0
"""The colour scale ends where only so much of what is drawn is beyond."""

_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True, eq=False)
class SubjectShifts:
    """Shifts of one subject before and after correction.

    Attributes
    ----------
    name : str
    before, after : Shifts
        Of the same blocks in the same order.
    """

    name: str
    before: Shifts
    after: Shifts


def component_figure(subjects: Sequence[SubjectShifts]) -> str:
    """Root mean square of each component of the shifts, by distance and subject.

    Parameters
    ----------
    subjects : sequence of SubjectShifts

    Returns
    -------
    str
        Data URI of a PNG.
    """
    figure = Figure(figsize=(12.5, 3.6), layout="constrained")
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    for number, (axes, title) in enumerate(zip(panels, COMPONENTS, strict=True)):
        for order, one in enumerate(subjects):
            style = _STYLES[order % len(_STYLES)]
            for shifts, mark, colour in ((one.before, "o", BEFORE), (one.after, "s", AFTER)):
                axes.plot(*_rms_by_shell(shifts, number), mark, ls=style, color=colour, lw=1.4)
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("distance from the isocentre, mm", fontsize=9)
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("shift, root mean square, mm", fontsize=9)
    panels[0].set_ylim(bottom=0)
    marks = [
        Line2D([], [], marker="o", color=BEFORE, ls="", label="motion alone"),
        Line2D([], [], marker="s", color=AFTER, ls="", label="corrected by the others"),
    ]
    marks += [
        Line2D([], [], color="#444444", ls=_STYLES[order % len(_STYLES)], label=one.name)
        for order, one in enumerate(subjects)
    ]
    panels[0].legend(handles=marks, frameon=False, fontsize=9, loc="upper left")
    return figure_image(figure)


def _rms_by_shell(shifts: Shifts, component: int) -> tuple[list[float], list[float]]:
    middle, values = [], []
    for low, high in pairwise(SHELL_EDGES_MM):
        inside = (shifts.radius >= low) & (shifts.radius < high)
        if inside.sum() >= MIN_BLOCKS:
            middle.append((low + high) / 2)
            values.append(float(np.sqrt((shifts.vector[inside, component] ** 2).mean())))
    return middle, values


def worst_place(shifts: Shifts) -> Array:
    """Centre of the block whose shift is farthest beyond its error, scanner frame, mm.

    The longest shift would often be one that is hardly known.

    Parameters
    ----------
    shifts : Shifts
        Of at least one block.
    """
    weight = np.linalg.inv(shifts.covariance)
    beyond = np.einsum("bi,bij,bj->b", shifts.vector, weight, shifts.vector)
    return np.asarray((shifts.block[np.argmax(beyond)] + 0.5) * BLOCK_MM)


def shift_map_figure(
    subject: SubjectShifts, axial: Scan, through_scanner: ArrayLike, top_mm: float | None = None
) -> str:
    """Lengths of the shifts as coloured blocks over anatomy, before and after.

    Parameters
    ----------
    subject : SubjectShifts
    axial : Scan
        Its axial scan, drawn as acquired.
    through_scanner : array_like, shape (3,)
        Place in the scanner frame, mm, through which the three planes go.
    top_mm : float, optional
        End of the colour scale, to compare subjects; by default from the shifts.

    Returns
    -------
    str
        Data URI of a PNG.
    """
    centre = np.asarray(through_scanner, dtype=np.float64)
    if top_mm is None:
        top_mm = float(np.percentile(subject.before.length, TOP_PERCENTILE))
    colours = ScalarMappable(Normalize(0, max(top_mm, 0.1)), SHIFT_COLOURS)
    low, high = _box(subject.before)
    sampler = ScanSampler(axial)
    widths = [high[layout.right] - low[layout.right] for layout in LAYOUTS.values()]
    figure = Figure(figsize=(12.5, 7.4), layout="constrained")
    panels = figure.subplots(2, 3, gridspec_kw={"width_ratios": widths})
    rows = (("motion alone", subject.before), ("corrected by the others", subject.after))
    for drawn, (title, shifts) in zip(panels, rows, strict=True):
        for axes, (plane, layout) in zip(drawn, LAYOUTS.items(), strict=True):
            _draw_anatomy(axes, sampler, layout, centre, low, high)
            _draw_blocks(axes, shifts, layout, centre, colours)
            place = f"{'xyz'[layout.normal]} = {centre[layout.normal]:.0f} mm"
            axes.set_title(f"{plane}, {place}", fontsize=10)
        drawn[0].set_ylabel(f"{title}\n\n{drawn[0].get_ylabel()}", fontsize=10)
    bar = figure.colorbar(colours, ax=panels, shrink=0.8, pad=0.01, extend="max")
    bar.set_label("shift between the two scans, mm")
    return figure_image(figure)


def _box(shifts: Shifts) -> tuple[Array, Array]:
    """Corners of the measured blocks and half a block around them, scanner frame, mm."""
    return (shifts.block.min(axis=0) - 0.5) * BLOCK_MM, (shifts.block.max(axis=0) + 1.5) * BLOCK_MM


def _draw_anatomy(
    axes: Axes, sampler: ScanSampler, layout: Layout, centre: Array, low: Array, high: Array
) -> None:
    right = np.arange(low[layout.right], high[layout.right], PIXEL_MM) + PIXEL_MM / 2
    up = np.arange(low[layout.up], high[layout.up], PIXEL_MM) + PIXEL_MM / 2
    points = np.broadcast_to(centre, (len(up), len(right), 3)).copy()
    points[..., layout.right], points[..., layout.up] = right[None, :], up[:, None]
    image = sampler.sample(points)
    bright = float(np.nanpercentile(image, 99)) if np.isfinite(image).any() else 1.0
    extent = (low[layout.right], high[layout.right], low[layout.up], high[layout.up])
    axes.set_facecolor(OUTSIDE_COLOUR)
    axes.imshow(image, cmap="gray", origin="lower", extent=extent, vmin=0, vmax=bright)
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[:1:-1] if layout.downwards else extent[2:])
    axes.set_xlabel(f"{'xyz'[layout.right]}, mm", fontsize=9)
    axes.set_ylabel(f"{'xyz'[layout.up]}, mm", fontsize=9)
    axes.tick_params(labelsize=8)


def _draw_blocks(
    axes: Axes, shifts: Shifts, layout: Layout, centre: Array, colours: ScalarMappable
) -> None:
    layer = np.floor(centre[layout.normal] / BLOCK_MM)
    cut = shifts.restricted(shifts.block[:, layout.normal] == layer)
    for block, length in zip(cut.block, cut.length, strict=True):
        corner = block[[layout.right, layout.up]] * BLOCK_MM
        axes.add_patch(
            Rectangle(
                (float(corner[0]), float(corner[1])), BLOCK_MM, BLOCK_MM,
                facecolor=colours.to_rgba(length), alpha=0.6, edgecolor="none",
            )
        )  # fmt: skip
