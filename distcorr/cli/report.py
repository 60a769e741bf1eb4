"""The command ``distcorr report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distcorr.batch import LoadedReference, load_references, read_cohort
from distcorr.cli.statements import OverwriteOption
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError
from distcorr.outputs import refuse_existing

if TYPE_CHECKING:
    from distcorr.report import ReferencePictures


def report(
    correction: Annotated[Path, typer.Argument(help="Correction file.")],
    out: Annotated[Path, typer.Argument(help="OUT.html.")],
    cohort: Annotated[
        Path | None,
        typer.Option("--cohort", help="Manifest of the references, for pictures of the anatomy."),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Write a page that shows what was learned, how good it is and where it holds."""
    from distcorr.report import write_report  # it draws, for which much is imported

    if out.suffix.lower() not in (".html", ".htm"):
        raise DistcorrError(
            Code.BAD_FORMAT, f"{out.name} is no name of a page", "", "end it in .html"
        )
    refuse_existing(out, overwrite=overwrite)
    learned = Correction.load(correction)
    pictures = [] if cohort is None else _pictures(learned, load_references(read_cohort(cohort)))
    write_report(learned, out, pictures, overwrite=overwrite)
    typer.echo(str(out))


def _pictures(correction: Correction, references: list[LoadedReference]) -> list[ReferencePictures]:
    """Make pictures of the references that the correction was learned from."""
    from distcorr.report import make_pictures

    known = {source.sha256 for source in correction.provenance.inputs}
    pictures = []
    for reference in references:
        if not known.issuperset(source.sha256 for source in reference.inputs):
            typer.echo(
                f"{reference.id}: not among the scans that the correction was learned from",
                err=True,
            )
        made = make_pictures(reference.id, reference.axial, reference.coronal, correction)
        if made is None:
            typer.echo(f"{reference.id}: no body within the support, no pictures", err=True)
        else:
            pictures.append(made)
    return pictures
