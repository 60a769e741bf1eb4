"""How what was learned shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from distcorr.correction.correction import FULL_SUPPORT, Correction
from distcorr.correction.records import Figures, ShellFigures
from distcorr.correction.shells import KnownField, shell_figures
from distcorr.display import Picture, card, figure_image
from distcorr.field import Lattice

if TYPE_CHECKING:
    from distcorr.correction.drawing import SupportedField

HALF_WIDTH_MM = 215.0
"""Of what is drawn around the isocentre: the largest shell and its label."""

EDGES_MM = (0.0, 100.0, 150.0, 200.0)
"""Shells that the facts tell, those that are drawn."""

STEP_MM = 5.0
DPI = 72
"""Both coarse: a figure as wide as a notebook's column, in some 150 kB."""

MOST_REFERENCES = 8
"""So many references are named; the worst come first."""


def correction_card(correction: Correction) -> str:
    """Show a correction as HTML; see :func:`distcorr.display.card`."""
    provenance = correction.provenance
    settings = ", ".join(f"{name} {value}" for name, value in provenance.settings.items())
    facts = [
        *brief_facts(correction),
        *shell_facts(correction),
        *figure_facts(correction.figures),
        ("left out", _left_out(correction.figures)),
        ("settings", settings or "none recorded"),
        ("made by", f"distcorr {provenance.distcorr}"),
        ("identifier", correction.identifier),
    ]
    return card("Correction", [field_picture(correction)], facts)


def brief_facts(correction: Correction) -> list[tuple[str, str]]:
    """Say in a few words which correction this is."""
    subjects = {source.reference for source in correction.provenance.inputs}
    return [
        ("scanner", str(correction.scanner)),
        ("references", str(len(subjects))),
        ("created", correction.provenance.created.isoformat()),
        *lattice_facts(correction.lattice),
        ("supported nodes", f"{(correction.support >= FULL_SUPPORT).mean():.0%}"),
        ("smallest Jacobian", f"{correction.figures.min_jacobian:.3f}"),
    ]


def lattice_facts(lattice: Lattice) -> list[tuple[str, str]]:
    """Tell the largest displacement and the layout of a lattice."""
    strongest = np.linalg.norm(lattice.displacement(lattice.node_points()), axis=-1).max()
    size = " x ".join(str(n) for n in lattice.nodes)
    spacing = " x ".join(f"{s:g}" for s in lattice.spacing)
    return [
        ("largest displacement", f"{strongest:.2f} mm"),
        ("lattice", f"{size} nodes of {spacing} mm"),
    ]


def field_picture(known: SupportedField) -> Picture:
    """Picture the displacement in three planes through the isocentre."""
    from distcorr.correction.drawing import displacement_of, three_planes

    box = np.full(3, -HALF_WIDTH_MM), np.full(3, HALF_WIDTH_MM)
    figure = three_planes(known, displacement_of(known, box), box, step_mm=STEP_MM, arrows=False)
    return Picture(
        figure_image(figure, DPI),
        "Length of the displacement, mm. Circles: shells around the isocentre, mm. Dashed: edge "
        "of the support; beyond it the correction fades out, grey is not corrected.",
        "Displacement in the coronal, axial and sagittal planes through the isocentre",
    )


def shell_facts(known: KnownField) -> Iterator[tuple[str, str]]:
    """Tell displacement, uncertainty and support by distance from the isocentre."""
    rows = shell_figures(known, EDGES_MM)
    held = [row for row in rows if row.supported > 0]
    yield "mean displacement", _by_distance(held, lambda row: f"{row.mean_mm:.2f} mm")
    yield "standard deviation", _by_distance(held, lambda row: f"{row.sd_mm:.2f} mm")
    yield "support", _by_distance(rows, lambda row: f"{row.supported:.0%}")


def figure_facts(figures: Figures) -> Iterator[tuple[str, str]]:
    """Tell what the references revealed and how they fit."""
    for component in figures.revealed:
        yield f"component {component.component}", component.text
    degree = figures.hyperparameters.get("harmonic_degree")
    if degree is not None:
        yield "degree", f"harmonics up to degree {degree:.0f}"
    worst_first = sorted(figures.references, key=lambda row: (-row.residual_after, row.id))
    for row in worst_first[:MOST_REFERENCES]:
        left = "" if row.residual_mm is None else f"{row.residual_mm:.2f} mm, "
        yield (
            f"left in {row.id}",
            f"{left}{row.residual_after:.0%} of local contrast ({row.residual_before:.0%} before)",
        )
    if len(worst_first) > MOST_REFERENCES:
        yield "", f"less in {len(worst_first) - MOST_REFERENCES} others"


def _by_distance(rows: Sequence[ShellFigures], told: Callable[[ShellFigures], str]) -> str:
    parts = [f"{told(row)} at {row.inner_mm:.0f} to {row.outer_mm:.0f} mm" for row in rows]
    return ", ".join(parts) or "nowhere known"


def _left_out(figures: Figures) -> str:
    if not figures.leave_one_out:
        return "not tried on a subject left out of the fit"
    change = np.mean([row.field_change_mean_mm for row in figures.leave_one_out])
    return f"leaving one subject out changes the field by {change:.2f} mm on average"
