"""The command ``distcorr field``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distcorr.apply import require_applicable
from distcorr.batch import load_scan
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
from distcorr.outputs import refuse_existing
from distcorr.transforms import TransformFormat, write_transform


def field(
    correction: Annotated[Path, typer.Argument(help="Correction file.")],
    series: Annotated[Path, typer.Argument(help="DICOM folder or file, NRRD or NIfTI volume.")],
    out: Annotated[
        Path,
        typer.Argument(help="OUT.nrrd, .mha or .nii.gz (displacement field), .tfm or .h5."),
    ],
    force: ForceOption = None,
    state: StateOption = None,
    position: PositionOption = None,
    isocentre: IsocentreOption = None,
    part: PartOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Export the correction as a transform for one series, from true to shown (ITK, LPS)."""
    TransformFormat.of(out)
    refuse_existing(out, overwrite=overwrite)
    learned = Correction.load(correction)
    loaded = load_scan(series, statement_of(state, position, isocentre, force), part)
    doubts = require_applicable(loaded.scan, learned, force)
    grid = loaded.scan.volume.grid
    inexact = write_transform(out, learned, loaded.scan.acquisition, grid, overwrite=overwrite)
    tell((*loaded.findings, *doubts, *inexact), str(series))
    typer.echo(f"{out}: for {grid!r}")
