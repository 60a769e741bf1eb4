"""The command ``distcorr demo``: the whole road on a simulated cohort."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from distcorr.acquisition import Scan
from distcorr.apply import (
    ApplyOptions,
    Interpolation,
    MeasuredBall,
    apply_correction,
    measure_ball,
)
from distcorr.batch import load_scan, read_cohort
from distcorr.batch.correct import Destination, correct
from distcorr.batch.folder import claimed
from distcorr.batch.jobs import plan
from distcorr.batch.learning import load_material
from distcorr.batch.load import Statement
from distcorr.batch.recipe import Recipe
from distcorr.cli.learn import QuietOption, Target, ValidateOption, learn_and_write, summary
from distcorr.cli.progress import file_progress
from distcorr.correction import Correction
from distcorr.facts import Plane, VendorState
from distcorr.images import read_volume
from distcorr.learn import FitSettings
from distcorr.phantom.cohort import CohortSettings, simulate_cohort
from distcorr.phantom.fields import FieldName
from distcorr.phantom.pairs import PairSettings
from distcorr.phantom.settings import ScanSettings
from distcorr.roundness import Surface
from distcorr.space import Volume

VOXEL_MM = 4.0
"""Coarse enough for a minute or two on two cores, fine enough to see the squeeze."""

TABLE_MM = -55.0
"""Brings the femoral heads some 150 mm from the isocentre, as in a scan of whole femurs."""

RADIUS_MM = 200.0


def demo(
    directory: Annotated[Path, typer.Argument(help="Folder to create.")] = Path("distcorr-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal results.")] = 0,
    validate: ValidateOption = False,
    quiet: QuietOption = False,
) -> None:
    """Simulate a cohort, learn its scanner, correct a new subject, and show the difference.

    Both scans of each reference are corrected by the vendor within their slices
    only, the commonest case: a femoral head is an ellipse in axial cuts of a
    coronal scan.
    """
    say = _silent if quiet else typer.echo
    say(f"1/4 simulating two reference subjects and one new one as DICOM in {directory}")
    with file_progress("simulating", quiet=quiet) as progress:
        manifest = simulate_cohort(_settings(seed), directory, progress=progress)
    _name_heads(manifest)
    say("2/4 learning the scanner from the two reference subjects")
    cohort = read_cohort(manifest)
    # It draws, for which much is imported.
    from distcorr.report.before_after import Side, write_before_after

    material = load_material(cohort)
    file, page = directory / "scanner.distcorr", directory / "scanner.distcorr.html"
    target = Target(file, page)
    correction = learn_and_write(material, FitSettings(), target, validated=validate, quiet=quiet)
    for line in summary(correction):
        say(f"    {line}")
    say("3/4 correcting the new subject, who took no part in it")
    jobs = plan([manifest], Statement(manifest.name))
    with claimed(directory / "corrected") as claim:
        outcomes = [correct(job, Recipe(correction), Destination(claim)) for job in jobs]
    say("4/4 comparing with the truth that the simulator kept")
    truth = json.loads((directory / "truth" / "truth.json").read_text(encoding="utf-8"))
    scan = load_scan(cohort.resolve(cohort.scans[0].path), Statement(manifest.name)).scan
    record = next(one for one in truth["scans"] if one["name"].startswith(cohort.scans[0].id))
    errors = _errors(scan, correction, directory / "truth" / record["files"]["points"])
    heads = _heads(scan, correction, directory / "truth", record)
    corrected = read_volume(outcomes[0].outputs[0])
    picture = directory / "before_after.png"
    write_before_after(
        picture,
        Side("as scanned", scan.volume, heads[0].shown),
        Side("corrected", corrected, heads[0].corrected),
        np.array(record["spheres"][0]["centre_true_lps"]),
        record["spheres"][0]["radius_mm"],
    )
    for line in _verdict(heads, errors):
        typer.echo(line)
    say(f"correction  {file}\nreport      {page}\npicture     {picture}")
    say(f"corrected   {outcomes[0].outputs[0]}")


def _name_heads(manifest: Path) -> None:
    """Name the references' femoral heads, which the report measures.

    The labels are those of the simulator on the scan as shown, better than a hand
    draws them; the fit does not see them.
    """
    lines = []
    for line in manifest.read_text(encoding="utf-8").splitlines():
        lines.append(line)
        if line.startswith('coronal = "ref'):
            id = line.removeprefix('coronal = "').split("/")[0]
            lines.append(f'head = "truth/{id}_coronal_spheres_shown.nrrd"')
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _silent(text: str) -> None:
    del text


def _settings(seed: int) -> CohortSettings:
    def scan(plane: Plane, state: VendorState) -> ScanSettings:
        return ScanSettings(
            plane,
            state,
            pixel_mm=VOXEL_MM,
            slice_spacing_mm=VOXEL_MM,
            slice_thickness_mm=VOXEL_MM,
            table_mm=(0.0, 0.0, TABLE_MM),
        )

    pair = PairSettings(
        scan(Plane.AXIAL, VendorState.DIS2D), scan(Plane.CORONAL, VendorState.DIS2D)
    )
    return CohortSettings(subjects=2, new=1, pair=pair, field=FieldName.CLINICAL_3T, seed=seed)


@dataclass(frozen=True, eq=False)
class _Head:
    """A femoral head's region and shape before and after."""

    name: str
    shown: Volume
    corrected: Volume
    ball: MeasuredBall


def _heads(scan: Scan, correction: Correction, folder: Path, record: dict[str, Any]) -> list[_Head]:
    labels = read_volume(folder / record["files"]["spheres_shown"])
    with np.load(folder / record["files"]["surfaces"], allow_pickle=False) as stored:
        surfaces = stored["shown_lps"]
    heads = []
    for sphere, surface in zip(record["spheres"], surfaces, strict=True):
        region = (labels.array == sphere["label"]).astype(np.float32)
        shown = Scan(Volume(region, labels.grid), scan.facts)
        ball = measure_ball(known_surface(surface), scan.acquisition, correction.field)
        heads.append(
            _Head(
                sphere["name"],
                shown.volume,
                apply_correction(shown, correction, ApplyOptions(Interpolation.LINEAR)).volume,
                ball,
            )
        )
    return heads


def known_surface(points_lps: NDArray[np.float64]) -> Surface:
    """Take points that the simulator spread evenly over a ball, 3 mm apart."""
    return Surface(points_lps, None, np.ones(len(points_lps)), 3.0 * np.eye(3))


def _errors(
    scan: Scan, correction: Correction, points: Path
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Errors of body points within the radius, before and after, mm."""
    with np.load(points, allow_pickle=False) as stored:
        shown, true = stored["shown_lps"], stored["true_lps"]
    acquisition = scan.acquisition
    centre = np.linalg.inv(acquisition.T_scanner_patient)[:3, 3]
    near = np.linalg.norm(true - centre, axis=1) < RADIUS_MM
    found = acquisition.shown_to_true_patient(correction.field, shown[near])
    before = np.linalg.norm(shown[near] - true[near], axis=1)
    return before, np.linalg.norm(found - true[near], axis=1)


def _verdict(
    heads: list[_Head], errors: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> list[str]:
    lines = []
    for head in heads:
        shown, corrected = head.ball.shown, head.ball.corrected
        lines.append(
            f"{head.name}: axis ratio {shown.axis_ratio:.3f} as scanned (squeezed "
            f"{shown.squeeze_name}), {corrected.axis_ratio:.3f} corrected, 1.000 true"
        )
    before, after = errors
    lines.append(
        f"displacement within {RADIUS_MM:.0f} mm of the isocentre: mean {before.mean():.2f} mm "
        f"(95 % below {np.percentile(before, 95):.2f}) as scanned, mean {after.mean():.2f} mm "
        f"(95 % below {np.percentile(after, 95):.2f}) corrected"
    )
    return lines
