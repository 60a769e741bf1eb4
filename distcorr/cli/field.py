"""The command ``distcorr field``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from distcorr import __version__
from distcorr.apply import require_applicable
from distcorr.batch import load_scan
from distcorr.batch.footprint import Export
from distcorr.cli.memory import MaxMemoryOption
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
from distcorr.dicom import load_series
from distcorr.dicom.header import Frame
from distcorr.dicom.registration import DeformableRegistration, ScanRole, write_registration
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.images import SUFFIXES
from distcorr.memory import Allowance, Extent
from distcorr.outputs import refuse_existing
from distcorr.space import Grid
from distcorr.transforms import (
    Direction,
    NiftiConvention,
    ScanMap,
    TransformFormat,
    axial_grid,
    solved_displacements,
    write_transform,
)

DICOM_SUFFIX = ".dcm"

_ROLES = {
    Direction.TRUE_TO_SHOWN: ScanRole.SOURCE,
    Direction.SHOWN_TO_TRUE: ScanRole.REGISTERED,
}


def field(
    correction: Annotated[Path, typer.Argument(help="Correction file.")],
    series: Annotated[Path, typer.Argument(help="DICOM folder or file, NRRD or NIfTI volume.")],
    out: Annotated[
        Path,
        typer.Argument(
            help="OUT.nrrd, .mha or .nii.gz (displacement field), .tfm or .h5 (ITK transform), "
            ".x5, or .dcm (DICOM registration object)."
        ),
    ],
    inverse: Annotated[
        bool, typer.Option("--inverse", help="From shown to true, for points and meshes.")
    ] = False,
    convention: Annotated[
        NiftiConvention, typer.Option("--convention", help="Whose field a .nii.gz file holds.")
    ] = NiftiConvention.ITK,
    force: ForceOption = None,
    state: StateOption = None,
    position: PositionOption = None,
    isocentre: IsocentreOption = None,
    part: PartOption = None,
    max_memory: MaxMemoryOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Export the correction as a transform for one series, from true to shown."""
    as_dicom = out.name.lower().endswith(DICOM_SUFFIX)
    if as_dicom:
        _require_dicom(series, convention)
    else:
        TransformFormat.of(out, convention)
    refuse_existing(out, overwrite=overwrite)
    learned = Correction.load(correction)
    allowance, export = (
        Allowance.of(max_memory),
        Export(out.name, inverse, convention is not NiftiConvention.ITK),
    )

    def admit(scan: Extent) -> None:
        allowance.require(export.bytes_with(scan), "exporting the transform", str(scan))

    statement = statement_of(state, position, isocentre, force)
    loaded = load_scan(series, statement, part, admit)
    doubts = require_applicable(loaded.scan, learned, force)
    direction = Direction.SHOWN_TO_TRUE if inverse else Direction.TRUE_TO_SHOWN
    scan_map = ScanMap(learned, loaded.scan.acquisition, direction)
    grid = loaded.scan.volume.grid
    inexact: tuple[Finding, ...] = ()
    if as_dicom:
        grid = axial_grid(grid)
        voxels = math.prod(grid.size)
        needed = export.bytes(voxels, loaded.scan.volume.array.nbytes)
        allowance.require(needed, "exporting the transform", f"{voxels} voxels along LPS")
        registration = _registration(scan_map, grid, load_series(series, part).series.frames)
        write_registration(out, registration, overwrite=overwrite)
    else:
        inexact = write_transform(out, scan_map, grid, convention=convention, overwrite=overwrite)
    tell((*loaded.findings, *doubts, *inexact), str(series))
    typer.echo(f"{out}: from {direction.value}, for {grid!r}")


def _require_dicom(series: Path, convention: NiftiConvention) -> None:
    if convention is not NiftiConvention.ITK:
        raise DistcorrError(
            Code.BAD_FORMAT,
            f"a DICOM object can't hold a transform of the convention {convention}",
            "FSL warps are NIfTI files",
            "end the name in .nii.gz, or leave the convention out",
        )
    if series.name.lower().endswith(SUFFIXES) and not series.is_dir():
        raise DistcorrError(
            Code.BAD_FORMAT,
            "a DICOM registration object refers to the images of a DICOM series",
            f"{series} is none",
            "give the DICOM series, or export another format",
        )


def _registration(
    scan_map: ScanMap, grid: Grid, frames: tuple[Frame, ...]
) -> DeformableRegistration:
    vectors = solved_displacements(scan_map, grid, np.float32)
    return DeformableRegistration(
        grid=grid,
        vectors_lps=vectors.astype(np.float32, copy=False),
        frames=frames,
        role=_ROLES[scan_map.direction],
        description=f"Distortion correction, {scan_map.direction.value}",
        comment=scan_map.correction.identifier,
        created=scan_map.correction.provenance.created,
        software=__version__,
    )
