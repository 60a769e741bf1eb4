"""Figures that tell the scanner's part of the shifts from the subject's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from distcorr.display.png import figure_image
from distcorr.learn.separation import MAX_SD_MM, Part, Parts, Separation, Verdict
from distcorr.learn.shifts import Shifts, measured_in_both
from distcorr.report.residuals import AFTER, BEFORE, GRID
from distcorr.report.shift_figures import COMPONENTS

Array = NDArray[np.float64]

_WHOSE = {
    Verdict.SCANNER: "the scanner's",
    Verdict.SUBJECT: "the subject's",
    Verdict.BOTH: "both's",
    Verdict.NOISE: "noise",
    Verdict.UNKNOWN: "can't tell",
}

_NOISE = "#6b7785"
_BAR = 0.32


def separation_figure(stages: Sequence[tuple[str, Separation]]) -> str:
    """Root mean squares of what repeats, of what does not, and of the noise.

    Parameters
    ----------
    stages : sequence of tuple
        A name, such as "as scanned", and what was separated there.

    Returns
    -------
    str
        Data URI of a PNG.
    """
    figure = Figure(figsize=(12.5, 1.5 + 0.8 * len(stages)), layout="constrained")
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    for number, (axes, title) in enumerate(zip(panels, COMPONENTS, strict=True)):
        for place, (_, found) in enumerate(stages):
            _draw_parts(axes, place, found.whole[number])
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("root mean square, mm", fontsize=9)
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
    panels[0].set_yticks(range(len(stages)), [name for name, _ in stages])
    panels[0].set_ylim(len(stages) - 0.45, -0.55)
    right = max(axes.get_xlim()[1] for axes in panels)
    panels[0].set_xlim(0, 1.35 * right)  # room for whose it is
    handles, labels = panels[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(
        unique.values(), unique.keys(), loc="outside lower center", ncols=3, frameon=False
    )
    return figure_image(figure)


def _draw_parts(axes: Axes, place: int, parts: Parts) -> None:
    if parts.scanner is None or parts.subject is None or parts.noise_mm is None:
        axes.text(0.02, place, "too little is seen", va="center", fontsize=9)
        return
    rows = (
        (place - _BAR / 2, parts.scanner, AFTER, "repeats: the scanner's"),
        (place + _BAR / 2, parts.subject, BEFORE, "differs: the subject's"),
    )
    for y, part, colour, label in rows:
        axes.barh(y, part.rms_mm, _BAR, color=colour, label=label)
        axes.plot([part.rms_mm, part.rms_mm + part.rms_error_mm], [y, y], color="black", lw=1.2)
    axes.plot(parts.noise_mm, place, "|", color=_NOISE, ms=26, mew=2, label="noise")
    axes.text(
        max(_end(parts.scanner), _end(parts.subject), parts.noise_mm),
        place,
        f"  {_WHOSE[parts.verdict]}",
        va="center",
        fontsize=9,
    )


def _end(part: Part) -> float:
    return part.rms_mm + part.rms_error_mm


def repetition_figure(first: tuple[str, Shifts], second: tuple[str, Shifts]) -> str:
    """Shifts of one subject against those of another at the same places of the scanner.

    What the scanner does falls on the diagonal; what one subject has alone, on its axis.

    Parameters
    ----------
    first, second : tuple of (str, Shifts)
        Name of a subject, and its shifts.

    Returns
    -------
    str
        Data URI of a PNG.
    """
    a, b = measured_in_both(first[1], second[1])
    known = np.maximum(_sd(a), _sd(b)) < MAX_SD_MM
    size = max(1.0, 1.05 * float(np.abs([a.vector[known], b.vector[known]]).max(initial=0.0)))
    figure = Figure(figsize=(12.5, 4.8), layout="constrained")
    for number, (axes, title) in enumerate(
        zip(figure.subplots(1, 3, sharex=True, sharey=True), COMPONENTS, strict=True)
    ):
        seen = known[:, number]
        axes.axhline(0, color=GRID)
        axes.axvline(0, color=GRID)
        axes.plot([-size, size], [-size, size], color=AFTER, lw=1.4, label="repeats")
        axes.plot(
            a.vector[seen, number], b.vector[seen, number], "o", ms=3, color="#222222", alpha=0.35
        )
        axes.set(xlim=(-size, size), ylim=(-size, size), aspect="equal")
        axes.set_title(f"{title}: {seen.sum()} places", fontsize=11)
        axes.set_xlabel(f"shift in {first[0]}, mm", fontsize=9)
        axes.set_ylabel(f"shift in {second[0]}, mm", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    return figure_image(figure)


def _sd(shifts: Shifts) -> Array:
    """Return standard deviations of the components, shape (b, 3), mm."""
    return np.asarray(np.sqrt(np.einsum("bii->bi", shifts.covariance)))
