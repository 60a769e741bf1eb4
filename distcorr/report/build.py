"""One page about a correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distcorr.correction import Correction, Figures, ShiftShell
from distcorr.display import grey_image
from distcorr.facts import Plane
from distcorr.outputs import whole_output
from distcorr.report.acceptance import judge, tolerances
from distcorr.report.heads import HeadShape
from distcorr.report.pictures import Anatomy, PlanePictures, ReferencePictures
from distcorr.report.render import fill
from distcorr.report.summary import answers, fully_supported, pairs, shells_of

NORMALS = {Plane.CORONAL: "y", Plane.AXIAL: "z", Plane.SAGITTAL: "x"}


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
    """One cut of one reference as the page shows it; ``axis`` is its normal in patient LPS."""

    plane: str
    axis: str
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


@dataclass(frozen=True, slots=True)
class LeftOutView:
    """What is left in who or what took no part in a fit, by distance.

    Attributes
    ----------
    name : str
    shells : dict of tuple to ShiftShell
        By inner and outer radius, mm.
    whole : ShiftShell
        All blocks together.
    """

    name: str
    shells: dict[tuple[float, float], ShiftShell]
    whole: ShiftShell


def write_report(
    correction: Correction,
    path: Path,
    pictures: Sequence[ReferencePictures] = (),
    heads: Sequence[HeadShape] = (),
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
    heads : sequence of HeadShape
        From :func:`distcorr.report.measure_heads`; likewise.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    DistcorrError
        ``output-exists`` or ``output-unwritable``.
    """
    text = render(correction, pictures, heads)
    with whole_output(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def render(
    correction: Correction,
    pictures: Sequence[ReferencePictures] = (),
    heads: Sequence[HeadShape] = (),
) -> str:
    """Fill the page; equal input gives equal text."""
    return fill("page.html", _context(correction, pictures, heads))


def _context(
    correction: Correction, pictures: Sequence[ReferencePictures], heads: Sequence[HeadShape]
) -> dict[str, Any]:
    # A batch's page needs none of it, and importing matplotlib takes half a second.
    from distcorr.report.figures import field_figure, sd_figure
    from distcorr.report.residuals import residual_figure

    figures = correction.figures
    anatomy = _widest(pictures)
    left_out = _left_out(figures)
    return {
        "scanner": correction.scanner,
        "provenance": correction.provenance,
        "figures": figures,
        "identifier": correction.identifier,
        "answers": answers(correction),
        "shells": shells_of(correction),
        "pairs": pairs(correction),
        "has_edge": not fully_supported(correction),
        "has_anatomy": anatomy is not None,
        "field_figure": field_figure(correction, anatomy),
        "sd_figure": sd_figure(correction, anatomy),
        "residual_figure": residual_figure(figures) if figures.references else None,
        "left_out": {row.left_out: row for row in figures.leave_one_out},
        "left_out_views": left_out,
        "left_out_edges": sorted({edge for view in left_out for edge in view.shells}),
        "shell_figure": _shell_figure(left_out),
        "judgements": [judge(correction, one) for one in tolerances()],
        "heads": heads,
        "references": [_reference_view(reference) for reference in pictures],
    }


def _widest(pictures: Sequence[ReferencePictures]) -> Anatomy | None:
    """Choose the scan that shows most of the planes through the isocentre."""
    return max((one.anatomy for one in pictures), key=lambda one: one.pixels, default=None)


def _left_out(figures: Figures) -> list[LeftOutView]:
    named = [(row.left_out, row.shells) for row in figures.leave_one_out]
    if figures.spatial is not None:
        named.append((figures.spatial.reference, figures.spatial.shells))
    return [
        LeftOutView(
            name, {(row.inner_mm, row.outer_mm): row for row in rows}, ShiftShell.joined(rows)
        )
        for name, rows in named
        if rows
    ]


def _shell_figure(views: Sequence[LeftOutView]) -> str | None:
    from distcorr.report.residuals import shell_figure

    if not views:
        return None
    return shell_figure([(view.name, tuple(view.shells.values())) for view in views])


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
    width, height = cut.size_mm
    axis = NORMALS[cut.plane]
    return CutView(str(cut.plane), axis, cut.position_mm, width, height, (before, after))
