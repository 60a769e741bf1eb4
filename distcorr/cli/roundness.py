"""The command ``distcorr roundness``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from distcorr.apply import measure_ball, require_applicable
from distcorr.batch import load_scan
from distcorr.cli.statements import (
    ForceOption,
    IsocentreOption,
    PartOption,
    PositionOption,
    StateOption,
    statement_of,
    tell,
)
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError
from distcorr.labels import read_labels
from distcorr.meshes import MESH_SUFFIXES, read_mesh
from distcorr.roundness import (
    Roundness,
    Surface,
    labels_of,
    measure_roundness,
    surface_of_label,
    surface_of_triangles,
)
from distcorr.space import FileAxes

Ball = tuple[str, bool, Surface]
"""Name, whether its file was corrected already, and surface."""


def roundness(
    files: Annotated[
        list[Path], typer.Argument(help="Label maps (.nrrd, .nii.gz) and meshes of balls.")
    ],
    label: Annotated[
        int | None, typer.Option("--label", help="Of the label maps; all by default.")
    ] = None,
    correction: Annotated[
        Path | None,
        typer.Option("--correction", help="Measure after this correction, too; needs --of."),
    ] = None,
    of: Annotated[
        Path | None,
        typer.Option("--of", metavar="SERIES", help="Scan on which the files were drawn."),
    ] = None,
    space: Annotated[
        FileAxes | None, typer.Option("--space", help="Axes of meshes that do not state theirs.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    force: ForceOption = None,
    state: StateOption = None,
    position: PositionOption = None,
    isocentre: IsocentreOption = None,
    part: PartOption = None,
) -> None:
    """Tell how round a femoral head, or another ball, is shown: axis ratio, squeeze, significance.

    With --correction and --of, the surface is moved to where it truly is and
    measured again.
    """
    if (correction is None) != (of is None):
        raise typer.BadParameter("--correction and --of belong together")
    scan, learned = None, None
    if correction is not None and of is not None:
        learned = Correction.load(correction)
        loaded = load_scan(of, statement_of(state, position, isocentre, force), part)
        scan = loaded.scan
        tell((*loaded.findings, *require_applicable(scan, learned, force)), of.name)
    rows: list[tuple[str, Roundness, Roundness | None]] = []
    for file in files:
        for name, done, surface in _balls(file, label, space):
            if done and scan is not None:
                raise DistcorrError(
                    Code.ALREADY_CORRECTED, "this file was corrected by distcorr before", str(file)
                )
            if scan is None or learned is None:
                rows.append((name, measure_roundness(surface), None))
                continue
            ball = measure_ball(surface, scan.acquisition, learned.field)
            rows.append((name, ball.shown, ball.corrected))
    _print(rows, as_json=as_json)


def _balls(file: Path, label: int | None, space: FileAxes | None) -> Iterator[Ball]:
    if file.name.lower().endswith(MESH_SUFFIXES):
        mesh = read_mesh(file, space)
        tell(mesh.findings, file.name)
        yield file.name, mesh.corrected, surface_of_triangles(mesh.points_lps, mesh.triangles())
        return
    found = read_labels(file)
    layers = [(layer, labels_of(layer)) for layer in found.layers]
    if label is not None:
        layers = [(layer, (label,)) for layer, labels in layers if label in labels] or [
            (found.layers[0], (label,))
        ]
    if not any(labels for _, labels in layers):
        raise DistcorrError(Code.NO_CONTRAST, "the label map is empty", str(file), "draw the ball")
    for number, (layer, labels) in enumerate(layers):
        for one in labels:
            which = f"label {one}" if len(layers) == 1 else f"layer {number} label {one}"
            yield f"{file.name} {which}", found.corrected, surface_of_label(layer, one)


def _print(rows: list[tuple[str, Roundness, Roundness | None]], *, as_json: bool) -> None:
    if as_json:
        data = [
            {
                "ball": name,
                "as_drawn": _data(drawn),
                "corrected": None if after is None else _data(after),
            }
            for name, drawn, after in rows
        ]
        typer.echo(json.dumps(data, indent=1))
        return
    for name, drawn, after in rows:
        typer.echo(f"{name}: {'as shown: ' if after else ''}{drawn.text}")
        if after is not None:
            typer.echo(f"{name}: corrected: {after.text}")


def _data(found: Roundness) -> dict[str, Any]:
    ellipsoid = found.ellipsoid
    return {
        "axis_ratio": found.axis_ratio,
        "axis_ratio_sd": found.axis_ratio_sd,
        "p_value": found.p_value,
        "squeeze_lps": found.squeeze_lps.tolist(),
        "semi_axes_mm": ellipsoid.radii_mm.tolist(),
        "axes_lps": ellipsoid.axes_lps.T.tolist(),
        "centre_lps": ellipsoid.centre_lps.tolist(),
        "sphere_radius_mm": found.sphere.radius_mm,
        "sphere_centre_lps": found.sphere.centre_lps.tolist(),
    }
