"""The command ``distcorr convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distcorr.dicom import load_series
from distcorr.images import suffix_of, write_volume
from distcorr.outputs import refuse_existing


def convert(
    series: Annotated[Path, typer.Argument(help="Folder of a DICOM series, or one file.")],
    out: Annotated[Path, typer.Argument(help="OUT.nrrd, OUT.nii or OUT.nii.gz.")],
    part: Annotated[
        str | None,
        typer.Option("--part", help="Which volume of a series that holds several: name or number."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Convert a DICOM series to a volume file with exact geometry."""
    suffix_of(out)
    refuse_existing(out, overwrite=overwrite)
    loaded = load_series(series, part)
    mark = loaded.series.facts.corrected_by.value
    write_volume(loaded.volume, out, overwrite=overwrite, correction=mark)
    for finding in loaded.series.findings:
        typer.echo(f"{finding.severity.name.lower()}{finding}", err=True)
    typer.echo(f"{out}: {loaded.volume.grid!r}")
