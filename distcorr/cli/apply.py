"""The command ``distcorr apply``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from distcorr.apply import ApplyOptions, Interpolation
from distcorr.batch.correct import Destination, ImageFormat, Job, Outcome, correct, plan
from distcorr.cli.debug import debugging
from distcorr.cli.progress import file_progress
from distcorr.cli.statements import (
    ForceOption,
    IsocentreOption,
    OverwriteOption,
    PartOption,
    PositionOption,
    StateOption,
    statement_of,
    tell,
)
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError


class FormatName(StrEnum):
    """Names of the output formats on the command line."""

    NRRD = "nrrd"
    NIFTI = "nifti"
    DICOM = "dicom"


_FORMATS = {
    FormatName.NRRD: ImageFormat.NRRD,
    FormatName.NIFTI: ImageFormat.NIFTI,
    FormatName.DICOM: ImageFormat.DICOM,
}


def apply(
    correction: Annotated[Path, typer.Argument(help="Correction file.")],
    series: Annotated[
        list[Path],
        typer.Argument(help="DICOM folders or files, NRRD or NIfTI volumes, or manifests."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")],
    image_format: Annotated[FormatName, typer.Option("--format")] = FormatName.NRRD,
    interpolation: Annotated[Interpolation, typer.Option()] = Interpolation.BSPLINE,
    jacobian: Annotated[
        bool, typer.Option("--jacobian", help="Undo the change of brightness by stretching.")
    ] = False,
    force: ForceOption = None,
    state: StateOption = None,
    position: PositionOption = None,
    isocentre: IsocentreOption = None,
    part: PartOption = None,
    overwrite: OverwriteOption = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print refusals and warnings only.")
    ] = False,
) -> None:
    """Correct scans: each becomes a volume, a mask of where to trust it, and a record."""
    options = ApplyOptions(interpolation, jacobian, force_reason=force)
    destination = Destination(out, _FORMATS[image_format], overwrite)
    loaded = Correction.load(correction)
    jobs = plan(series, statement_of(state, position, isocentre, force), part)
    rows: list[tuple[str, str]] = []
    failures = 0
    with file_progress("Correcting", quiet=quiet) as progress:
        for number, job in enumerate(jobs):
            if progress is not None:
                progress(number, len(jobs))
            outcome = _one(job, loaded, options, destination)
            failures += isinstance(outcome, DistcorrError)
            rows.append((job.name, _describe(outcome)))
    if not quiet:
        width = max(len(name) for name, _ in rows)
        for name, text in rows:
            typer.echo(f"{name:{width}}  {text}")
    if failures:
        typer.echo(f"{failures} of {len(jobs)} scans were not corrected", err=True)
        raise typer.Exit(1)


def _one(
    job: Job, correction: Correction, options: ApplyOptions, destination: Destination
) -> Outcome | DistcorrError:
    """Run one job; its failure is told and returned, so that the others go on."""
    outcome: Outcome | DistcorrError
    try:
        outcome = correct(job, correction, options, destination)
    except DistcorrError as refusal:
        outcome = refusal
    except Exception as failure:
        if debugging():
            raise
        outcome = DistcorrError(Code.INTERNAL, f"{type(failure).__name__}: {failure}")
    if isinstance(outcome, DistcorrError):
        typer.echo(f"{job.name}: {outcome}", err=True)
    else:
        tell(outcome.findings, job.name)
    return outcome


def _describe(outcome: Outcome | DistcorrError) -> str:
    if isinstance(outcome, DistcorrError):
        return f"failed     {outcome.code}"
    return (
        f"corrected  by up to {outcome.largest_displacement_mm:.1f} mm, "
        f"{outcome.supported_fraction:.1%} supported  {outcome.files.volume}"
    )
