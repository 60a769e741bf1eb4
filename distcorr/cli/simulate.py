"""The command ``distcorr simulate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from distcorr.cli.progress import file_progress
from distcorr.facts import Plane, VendorState
from distcorr.phantom.cohort import MAX_SUBJECTS, CohortSettings, simulate_cohort
from distcorr.phantom.contrasts import Contrast
from distcorr.phantom.fields import FieldName
from distcorr.phantom.pairs import PairSettings, station_scans
from distcorr.phantom.settings import DEFAULT_BIAS, DEFAULT_FOV_MM, DEFAULT_NOISE, ScanSettings
from distcorr.space import PatientPosition


def simulate(
    directory: Annotated[Path, typer.Argument(help="Folder to create.")],
    subjects: Annotated[
        int, typer.Option(min=1, max=MAX_SUBJECTS, help="Reference subjects, scanned twice.")
    ] = 2,
    new: Annotated[
        int, typer.Option(min=0, max=MAX_SUBJECTS, help="Other subjects, scanned coronally.")
    ] = 1,
    axial_state: Annotated[
        VendorState, typer.Option(help="Vendor correction of the axial scans.")
    ] = VendorState.TRUSTED,
    coronal_state: Annotated[
        VendorState, typer.Option(help="Vendor correction of the coronal scans.")
    ] = VendorState.ND,
    field: Annotated[FieldName, typer.Option(help="The scanner's field.")] = FieldName.DEFAULT,
    fov: Annotated[
        tuple[float, float, float],
        typer.Option(help="Field of view: left-right, front-back, head-feet, mm."),
    ] = DEFAULT_FOV_MM,
    voxel: Annotated[float, typer.Option(help="Pixel size and slice distance, mm.")] = 2.0,
    slice_thickness: Annotated[
        float | None,
        typer.Option(help="Thickness and distance of slices, mm.", show_default="--voxel"),
    ] = None,
    contrast: Annotated[Contrast, typer.Option(help="Contrast of the scans.")] = Contrast.T1W,
    coronal_contrast: Annotated[
        Contrast | None,
        typer.Option(help="Another contrast of the coronal scans.", show_default="--contrast"),
    ] = None,
    noise: Annotated[
        float, typer.Option(help="Noise, as a share of the mean brightness.")
    ] = DEFAULT_NOISE,
    bias: Annotated[
        float, typer.Option(help="Unevenness of the coil's sensitivity (SD of its logarithm).")
    ] = DEFAULT_BIAS,
    position: Annotated[PatientPosition, typer.Option(help="Patient position.")] = (
        PatientPosition.HFS
    ),
    table: Annotated[int, typer.Option(help="Table position, whole mm towards the head.")] = 0,
    axial_table: Annotated[
        int | None,
        typer.Option(help="Another table position of the axial scans.", show_default="--table"),
    ] = None,
    new_position: Annotated[
        PatientPosition | None,
        typer.Option(help="Another position of the new subjects.", show_default="--position"),
    ] = None,
    axial_cover: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Lowest and highest end of the axial scans, mm head-wards of the isocentre.",
            show_default="as --fov",
        ),
    ] = None,
    stations: Annotated[
        int,
        typer.Option(
            min=1,
            max=9,
            help="Axial scans, one for each station of the table, that share the length.",
        ),
    ] = 1,
    side_motion: Annotated[
        tuple[float, float],
        typer.Option(help="Motion of leg against leg between the scans: SD in mm and degrees."),
    ] = (0.0, 0.0),
    fat_shift: Annotated[
        float, typer.Option(help="Chemical shift of fat along the readout, pixels.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal files.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Simulate a cohort of legs with a known truth, as DICOM, to plan and to test with.

    The folder gets cohort.toml for `distcorr learn`, the series, and the truth.
    """

    def scan(plane: Plane, state: VendorState, seen: Contrast, table_mm: int) -> ScanSettings:
        thickness = voxel if slice_thickness is None else slice_thickness
        return ScanSettings(
            plane,
            state,
            fov_mm=fov,
            pixel_mm=voxel,
            slice_spacing_mm=thickness,
            slice_thickness_mm=thickness,
            patient_position=position,
            table_mm=(0.0, 0.0, float(table_mm)),
            contrast=seen,
            noise=noise,
            bias=bias,
            fat_shift_pixels=fat_shift,
        )

    axial = scan(Plane.AXIAL, axial_state, contrast, table if axial_table is None else axial_table)
    if axial_cover is not None:
        axial = _covering(axial, *axial_cover)
    first, *others = station_scans(axial, stations)
    coronal = scan(Plane.CORONAL, coronal_state, coronal_contrast or contrast, table)
    motion_mm, motion_deg = side_motion
    pair = PairSettings(
        first,
        coronal,
        further_axials=tuple(others),
        new=replace(coronal, patient_position=new_position or position),
        side_motion_mm=motion_mm,
        side_motion_deg=motion_deg,
    )
    settings = CohortSettings(subjects, new, pair, field, seed)
    with file_progress("simulating", quiet=quiet) as progress:
        manifest = simulate_cohort(settings, directory, progress=progress)
    typer.echo(str(manifest))


def _covering(scan: ScanSettings, low: float, high: float) -> ScanSettings:
    """Limit a scan along head-foot, in the scanner frame."""
    x, y, _ = scan.centre_scanner_mm
    left_right, front_back, _ = scan.fov_mm
    return replace(
        scan,
        fov_mm=(left_right, front_back, high - low),
        centre_scanner_mm=(x, y, (low + high) / 2),
    )
