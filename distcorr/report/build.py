"""Fill the page and write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from distcorr.correction import Correction
from distcorr.outputs import whole_output
from distcorr.report.figures import (
    cut_size_mm,
    field_figure,
    grey_image,
    residual_figure,
    sd_figure,
)
from distcorr.report.pictures import PlanePictures, ReferencePictures
from distcorr.report.summary import answers, fully_supported, pairs, shells_of


@dataclass(frozen=True, slots=True)
class Flicker:
    """Two images on identical pixels that the page swaps while the pointer is on them."""

    title: str
    first: str
    second: str
    first_name: str
    second_name: str


@dataclass(frozen=True, slots=True)
class CutView:
    """One cut of one reference as the page shows it."""

    plane: str
    position_mm: float
    width_mm: float
    height_mm: float
    flickers: tuple[Flicker, Flicker]


@dataclass(frozen=True, slots=True)
class ReferenceView:
    """The cuts of one reference, drawn to one scale."""

    id: str
    displacement_mm: float
    cuts: tuple[CutView, ...]

    @property
    def widest_mm(self) -> float:
        """Width of the widest cut."""
        return max(cut.width_mm for cut in self.cuts)


def write_report(
    correction: Correction,
    path: Path,
    pictures: Sequence[ReferencePictures] = (),
    *,
    overwrite: bool = False,
) -> None:
    """Write the report of a correction: one HTML file that needs nothing else.

    Parameters
    ----------
    correction : Correction
    path : Path
    pictures : sequence of ReferencePictures
        From :func:`distcorr.report.make_pictures`; without them the anatomical
        part is left out.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    DistcorrError
        ``output-exists`` or ``output-unwritable``.
    """
    text = render(correction, pictures)
    with whole_output(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render(correction: Correction, pictures: Sequence[ReferencePictures] = ()) -> str:
    """Fill the page; equal input gives equal text."""
    room = files("distcorr.report")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(room.joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        style=room.joinpath("page.css").read_text(encoding="utf-8"),
        **_context(correction, pictures),
    )


def _context(correction: Correction, pictures: Sequence[ReferencePictures]) -> dict[str, Any]:
    figures = correction.figures
    return {
        "scanner": correction.scanner,
        "provenance": correction.provenance,
        "figures": figures,
        "identifier": correction.identifier,
        "answers": answers(correction),
        "shells": shells_of(correction),
        "pairs": pairs(correction),
        "has_edge": not fully_supported(correction),
        "field_figure": field_figure(correction),
        "sd_figure": sd_figure(correction),
        "residual_figure": residual_figure(correction) if figures.references else None,
        "left_out": {row.left_out: row for row in figures.leave_one_out},
        "references": [_reference_view(reference) for reference in pictures],
    }


def _reference_view(reference: ReferencePictures) -> ReferenceView:
    cuts = tuple(_cut_view(cut, reference.window) for cut in reference.cuts)
    return ReferenceView(reference.id, reference.displacement_mm, cuts)


def _cut_view(cut: PlanePictures, window: tuple[float, float]) -> CutView:
    before = Flicker(
        "before",
        grey_image(cut.coronal_before, window),
        grey_image(cut.axial_before, window),
        "coronal scan, as acquired",
        "axial scan, as acquired",
    )
    after = Flicker(
        "after",
        grey_image(cut.coronal_after, window),
        grey_image(cut.axial_after, window),
        "coronal scan, corrected",
        "axial scan, corrected",
    )
    width, height = cut_size_mm(cut)
    return CutView(str(cut.plane), cut.position_mm, width, height, (before, after))
