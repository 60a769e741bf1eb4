"""Figures of what phantom markers taught: errors by distance, and the harmonics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from distcorr.correction import SHELL_EDGES_MM
from distcorr.display.png import figure_image
from distcorr.field import HarmonicField
from distcorr.field.harmonics import Term
from distcorr.report.residuals import AFTER, BEFORE, GRID
from distcorr.report.shift_figures import COMPONENTS

Array = NDArray[np.float64]

LEAST_MM = 1e-2
"""Smallest error drawn: less is no measurement, and the axis is logarithmic."""

SHOWN_TERM_MM = 0.3
"""Smallest coefficient drawn, mm at the reference radius."""


def error_figure(radius_mm: Array, before_mm: Array, after_mm: Array) -> str:
    """Errors of single points by distance from the isocentre, and their means by shell.

    Parameters
    ----------
    radius_mm, before_mm, after_mm : ndarray, shape (m,)

    Returns
    -------
    str
        Data URI of a PNG.
    """
    figure = Figure(figsize=(8.5, 3.8), layout="constrained")
    axes = figure.add_subplot()
    for errors, colour, mark, label in (
        (before_mm, BEFORE, "o", "as shown"),
        (after_mm, AFTER, "s", "corrected"),
    ):
        axes.plot(radius_mm, np.maximum(errors, LEAST_MM), ".", color=colour, alpha=0.35, ms=4)
        middle, means = [], []
        for low, high in pairwise(SHELL_EDGES_MM):
            inside = (radius_mm >= low) & (radius_mm < high)
            if inside.any():
                middle.append((low + high) / 2)
                means.append(max(float(errors[inside].mean()), LEAST_MM))
        axes.plot(middle, means, mark + "-", color=colour, mec="white", ms=8, label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("distance from the isocentre, mm")
    axes.set_ylabel("error, mm")
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, title="mean by shell", loc="upper left")
    return figure_image(figure)


def harmonics_figure(
    learned: HarmonicField, truth: HarmonicField | None = None, least_mm: float = SHOWN_TERM_MM
) -> str:
    """Coefficients of a field, by component, largest degree last.

    Parameters
    ----------
    learned : HarmonicField
    truth : HarmonicField, optional
        Drawn beside it; of the same reference radius.
    least_mm : float
        Terms that are smaller in both are left out.

    Returns
    -------
    str
        Data URI of a PNG.
    """
    fields = [learned] if truth is None else [learned, truth]
    named = [_terms(field) for field in fields]
    figure = Figure(figsize=(12.5, 3.6), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    for number, (axes, title) in enumerate(zip(panels, COMPONENTS, strict=True)):
        keys = sorted(
            {k for terms in named for k, c in terms[number].items() if abs(c) >= least_mm}
        )
        _draw_terms(axes, keys, [terms[number] for terms in named])
        axes.set_title(f"D_{title}", fontsize=11)
        axes.set_xlabel("degree, order (negative: sine)", fontsize=9)
    panels[0].set_ylabel(f"mm at {learned.basis.radius_mm:.0f} mm", fontsize=9)
    panels[0].legend(frameon=False, fontsize=9)
    return figure_image(figure)


def _terms(field: HarmonicField) -> list[dict[Term, float]]:
    return [
        dict(zip(field.basis.terms, map(float, row), strict=True)) for row in field.coefficients
    ]


def _draw_terms(axes: Axes, keys: Sequence[Term], named: Sequence[dict[Term, float]]) -> None:
    at = np.arange(len(keys))
    axes.bar(at, [named[0].get(key, 0.0) for key in keys], 0.55, color=AFTER, label="learned")
    for truth in named[1:]:
        values = [truth.get(key, 0.0) for key in keys]
        axes.plot(at, values, "_", color="black", ms=20, mew=2, label="true")
    axes.axhline(0, color="#444444", lw=0.8)
    axes.set_xticks(at, [f"{key.n}, {key.m}" for key in keys], fontsize=8, rotation=45)
    axes.set_xlim(-0.8, max(len(keys), 3) - 0.2)
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
