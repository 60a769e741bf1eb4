"""Figures of how well the pairs agree, and of what is left in whoever was left out."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from distcorr.correction import Figures, ShiftShell
from distcorr.display import figure_image

BEFORE = "#d55e00"
AFTER = "#0072b2"
"""Vermilion and blue of Okabe and Ito, told apart by every kind of colour vision;
circles and squares tell them apart in grey."""

GRID = "#e3e8ee"


def residual_figure(figures: Figures) -> str:
    """Mismatch of each reference's two scans before and after correction.

    Returns
    -------
    str
        Data URI of a PNG.
    """
    rows = figures.references
    left_out = {row.left_out: row for row in figures.leave_one_out}
    figure = Figure(figsize=(7.5, 0.9 + 0.38 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        axes.plot(
            [100 * row.residual_after, 100 * row.residual_before], [place] * 2, color="#c3ccd6"
        )
        axes.plot(100 * row.residual_before, place, "o", color=BEFORE)
        axes.plot(100 * row.residual_after, place, "s", color=AFTER)
        if row.id in left_out:
            value = 100 * left_out[row.id].residual_after
            axes.plot(value, place, "D", mfc="white", mec=AFTER)
    axes.set_yticks(range(len(rows)), [row.id for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("difference between the two scans, % of local contrast")
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    marks = [_mark("o", BEFORE, "motion alone"), _mark("s", AFTER, "corrected")]
    if left_out:
        marks.append(_mark("D", AFTER, "left out of the fit", hollow=True))
    axes.legend(handles=marks, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure_image(figure)


def shell_figure(named: list[tuple[str, tuple[ShiftShell, ...]]]) -> str:
    """Shift of tissue that was left out, by distance from the isocentre.

    Parameters
    ----------
    named : list of tuple
        A panel's title and its shells.

    Returns
    -------
    str
        Data URI of a PNG.
    """
    columns = min(3, len(named))
    rows = -(-len(named) // columns)
    figure = Figure(figsize=(4.4 * columns, 2.9 * rows), layout="constrained")
    panels = np.atleast_1d(
        figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    ).ravel()
    for axes, (title, shells) in zip(panels, named, strict=False):
        _draw_shells(axes, title, shells)
    for axes in panels[len(named) :]:
        axes.set_visible(False)
    panels[0].set_ylim(bottom=0)
    panels[0].legend(
        handles=[_mark("o", BEFORE, "motion alone"), _mark("s", AFTER, "corrected by the others")],
        frameon=False,
        fontsize=9,
        loc="upper left",
    )
    return figure_image(figure)


def _draw_shells(axes: Axes, title: str, shells: tuple[ShiftShell, ...]) -> None:
    middle = [(row.inner_mm + row.outer_mm) / 2 for row in shells]
    axes.plot(middle, [row.before_mm for row in shells], "o-", color=BEFORE, lw=1.4)
    axes.plot(middle, [row.after_mm for row in shells], "s-", color=AFTER, lw=1.4)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("distance from the isocentre, mm", fontsize=9)
    axes.set_ylabel("mean shift, mm", fontsize=9)
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _mark(shape: str, colour: str, label: str, *, hollow: bool = False) -> Line2D:
    inside = "white" if hollow else colour
    return Line2D([], [], ls="", marker=shape, mec=colour, mfc=inside, label=label)
