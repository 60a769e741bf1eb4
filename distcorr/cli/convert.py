"""The command ``distcorr convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distcorr.batch.footprint import converting
from distcorr.batch.sidecar import sidecar_path, write_sidecar
from distcorr.cli.memory import MaxMemoryOption
from distcorr.dicom import load_series
from distcorr.images import write_volume
from distcorr.memory import Allowance, Extent
from distcorr.outputs import refuse_existing, whole_output


def convert(
    series: Annotated[Path, typer.Argument(help="Folder of a DICOM series, or one file.")],
    out: Annotated[Path, typer.Argument(help="OUT.nrrd, OUT.nii or OUT.nii.gz.")],
    part: Annotated[
        str | None,
        typer.Option("--part", help="Which volume of a series that holds several: name or number."),
    ] = None,
    max_memory: MaxMemoryOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Convert a DICOM series to a volume with exact geometry, and its facts to OUT.json."""
    sidecar = sidecar_path(out)
    for path in (out, sidecar):
        refuse_existing(path, overwrite=overwrite)
    allowance = Allowance.of(max_memory)

    def admit(scan: Extent) -> None:
        allowance.require(converting(scan), "converting the series", str(scan))

    loaded = load_series(series, part, admit)
    found = loaded.series
    mark = found.facts.corrected_by.value
    # The facts come when the volume is complete, its name last: where it is, they are too.
    with whole_output(out, overwrite=overwrite) as temporary:
        write_volume(loaded.volume, temporary, correction=mark)
        write_sidecar(sidecar, loaded.volume.grid, found.facts, found.findings, overwrite=overwrite)
    for finding in found.findings:
        typer.echo(f"{finding.severity.name.lower()}{finding}", err=True)
    typer.echo(f"{out}: {loaded.volume.grid!r}\n{sidecar}")
