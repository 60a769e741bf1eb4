"""The command ``distcorr report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distcorr.batch import LoadedReference, load_references, read_cohort
from distcorr.cli.batch_page import write_batch_page
from distcorr.cli.statements import OverwriteOption
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError
from distcorr.outputs import refuse_existing

if TYPE_CHECKING:
    from distcorr.report import HeadShape, ReferencePictures


def report(
    subject: Annotated[
        Path,
        typer.Argument(
            metavar="CORRECTION|RESULTS", help="Correction file, or output folder of apply."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="OUT.html.")],
    cohort: Annotated[
        Path | None,
        typer.Option("--cohort", help="Manifest of the references, for pictures of the anatomy."),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Write a page that shows what was learned, or what became of a batch of scans."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise DistcorrError(
            Code.BAD_FORMAT, f"{out.name} is no name of a page", "", "end it in .html"
        )
    refuse_existing(out, overwrite=overwrite)
    if subject.is_dir():
        if cohort is not None:
            raise typer.BadParameter(
                "belongs to a correction, not to a batch", param_hint="--cohort"
            )
        write_batch_page(subject, out, overwrite=overwrite, quiet=False)
    else:
        _correction(subject, out, cohort, overwrite=overwrite)
    typer.echo(str(out))


def see_references(
    references: Sequence[LoadedReference], correction: Correction
) -> tuple[list[ReferencePictures], list[HeadShape]]:
    """Make what a report shows of the references; what can't be made is told on stderr."""
    from distcorr.report import make_pictures, measure_heads  # much is imported to draw

    pictures, shapes = [], []
    for one in references:
        made = make_pictures(one.id, one.axial, one.coronal, correction)
        if made is None:
            typer.echo(f"{one.id}: no body within the support, no pictures", err=True)
        else:
            pictures.append(made)
        drawn = [(head.name, head.surface) for head in one.heads]
        try:
            shapes += measure_heads(one.id, drawn, one.coronal, correction)
        except DistcorrError as refusal:
            typer.echo(f"{one.id}: its femoral heads are not measured: {refusal}", err=True)
    return pictures, shapes


def _correction(path: Path, out: Path, cohort: Path | None, *, overwrite: bool) -> None:
    from distcorr.report import write_report

    learned = Correction.load(path)
    references = [] if cohort is None else load_references(read_cohort(cohort))
    known = {source.sha256 for source in learned.provenance.inputs}
    for one in references:
        if not known.issuperset(source.sha256 for source in one.inputs):
            typer.echo(
                f"{one.id}: not among the scans that the correction was learned from", err=True
            )
    pictures, shapes = see_references(references, learned)
    write_report(learned, out, pictures, shapes, overwrite=overwrite)
