"""Meshes and landmarks of a new subject, corrected by what two others taught.

Simulates legs as a scanner shows them, learns its correction from two references, and
corrects files that were "drawn" on the coronal scan of a third subject: a mesh of each
femoral head (.stl and, in RAS, .vtp) and landmarks on and in it (.mrk.json in RAS).
Vertices are those of true spheres, taken to where the scan shows them by the
simulator's own map. Printed is how far the corrected vertices are from the truth.
Usage:

    python benchmarks/landmarks.py [--voxel 4] [--case nd-trusted dis2d-both]
        [--field default] [--seed 0] [--table-mm -55]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util import numpy_support
from vtkmodules.vtkCommonCore import vtkPoints, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkPolyData
from vtkmodules.vtkFiltersSources import vtkSphereSource
from vtkmodules.vtkIOGeometry import vtkSTLReader, vtkSTLWriter
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader, vtkXMLPolyDataWriter

from distcorr import __version__
from distcorr.acquisition import Scan
from distcorr.batch import LoadedScan, content_sha256
from distcorr.batch.attachments import attachments_of
from distcorr.batch.follow import AttachmentOutcome, follow
from distcorr.correction import Correction, Provenance
from distcorr.errors import DistcorrError
from distcorr.learn import FitSettings, Reference, learn
from distcorr.phantom.fields import FieldName, named_field
from distcorr.phantom.pairs import (
    AnatomyKind,
    Case,
    PairSettings,
    case_settings,
    raster_for,
    simulate_new_scan,
    simulate_pair,
    subject,
)
from distcorr.phantom.scanner import SimulatedScan, sphere_lps

Array = NDArray[np.float64]

TARGET_MM = 0.2
"""Every vertex has to come back this near to the truth."""

TABLE_MM = -55.0
"""Brings the femoral heads some 150 mm from the isocentre, as in a scan of whole femurs."""

RAS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Drawing:
    """A file, the true places of its points, and where the scan shows them (LPS, mm)."""

    name: str
    true: Array
    shown: Array
    path: Path


def sphere(radius: float) -> tuple[Any, Array]:
    """Triangulate a sphere about the origin; returns surface and vertices."""
    source = vtkSphereSource()
    source.SetRadius(radius)
    source.SetThetaResolution(40)
    source.SetPhiResolution(20)
    source.SetOutputPointsPrecision(1)
    source.Update()
    surface = source.GetOutput()
    return surface, vertices(surface)


def vertices(surface: Any) -> Array:
    """Points of a VTK surface, shape (m, 3)."""
    return np.array(numpy_support.vtk_to_numpy(surface.GetPoints().GetData()), np.float64)


def with_vertices(surface: Any, points: Array) -> Any:
    """Return the same faces with other points."""
    other = vtkPolyData()
    other.DeepCopy(surface)
    held = vtkPoints()
    held.SetData(numpy_support.numpy_to_vtk(np.ascontiguousarray(points), deep=True))
    other.SetPoints(held)
    return other


def draw(scan: SimulatedScan, spheres: Any, folder: Path) -> Iterator[Drawing]:
    """Write what somebody would draw on a scan, and keep where it truly is."""
    for one in spheres:
        surface, around = sphere(one.radius)
        centre = sphere_lps(scan, one)
        true = centre + around
        shown = scan.shown_lps(true)
        stem = one.name.replace(" ", "-")
        stl = folder / f"{stem}.stl"
        yield Drawing(f"{one.name}, STL", true, shown, _write_stl(surface, shown, stl))
        vtp = folder / f"{stem}-ras.vtp"
        yield Drawing(f"{one.name}, VTP", true, shown, _write_vtp(surface, shown, vtp))
        marks = np.vstack([centre, centre + one.radius * np.vstack([np.eye(3), -np.eye(3)])])
        seen = scan.shown_lps(marks)
        json_path = folder / f"{stem}.mrk.json"
        yield Drawing(f"{one.name}, landmarks", marks, seen, _write_marks(seen, json_path))


def _write_stl(surface: Any, points: Array, path: Path) -> Path:
    writer = vtkSTLWriter()
    writer.SetHeader("3D Slicer output. SPACE=LPS")
    writer.SetFileType(2)
    return _written(writer, with_vertices(surface, points), path)


def _write_vtp(surface: Any, points: Array, path: Path) -> Path:
    data = with_vertices(surface, points * RAS)
    space = vtkStringArray()
    space.SetName("SPACE")
    space.InsertNextValue("RAS")
    data.GetFieldData().AddArray(space)
    return _written(vtkXMLPolyDataWriter(), data, path)


def _written(writer: Any, data: Any, path: Path) -> Path:
    writer.SetInputData(data)
    writer.SetFileName(str(path))
    writer.Write()
    return path


def _write_marks(points: Array, path: Path) -> Path:
    control = [
        {"id": str(n), "label": f"F-{n}", "position": xyz}
        for n, xyz in enumerate((points * RAS).tolist(), 1)
    ]
    markup = {"type": "Fiducial", "coordinateSystem": "RAS", "controlPoints": control}
    path.write_text(json.dumps({"@schema": "markups-schema-v1.0.3.json#", "markups": [markup]}))
    return path


def corrected_points(path: Path, drawing: Drawing) -> tuple[Array, Array]:
    """Read a corrected file by other software; returns its points and the true ones, LPS."""
    if path.name.endswith(".mrk.json"):
        control = json.loads(path.read_text())["markups"][0]["controlPoints"]
        return np.array([point["position"] for point in control]) * RAS, drawing.true
    reader: Any = vtkXMLPolyDataReader() if path.suffix == ".vtp" else vtkSTLReader()
    reader.SetFileName(str(path))
    if path.suffix == ".vtp":
        reader.Update()
        return vertices(reader.GetOutput()) * RAS, drawing.true
    reader.MergingOff()
    reader.Update()
    # STL repeats every vertex for each of its faces.
    surface, _ = sphere(1.0)
    faces = numpy_support.vtk_to_numpy(surface.GetPolys().GetConnectivityArray())
    return vertices(reader.GetOutput()), drawing.true[faces]


@dataclass(frozen=True, slots=True)
class Row:
    """Errors of one file's points, mm."""

    name: str
    raw_mean: float
    raw_max: float
    mean: float
    p95: float
    max: float
    supported: float

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.max <= TARGET_MM

    def text(self) -> str:
        """One line of the table."""
        return (
            f"{self.name:32s} | {self.raw_mean:5.2f} {self.raw_max:5.2f} | "
            f"{self.mean:6.3f} {self.p95:6.3f} {self.max:6.3f} | {self.supported:4.0%} | "
            f"{'met' if self.met else 'MISSED'}"
        )


HEADING = f"{'file':32s} | raw mean max | left mean  p95   max | supp. | max within {TARGET_MM} mm"


def settings_of(case: Case, voxel_mm: float, table_mm: float) -> PairSettings:
    """Protocols of a case with the table moved for all scans."""
    pair = case_settings(case, voxel_mm)
    table = (0.0, 0.0, table_mm)
    return replace(
        pair,
        axial=replace(pair.axial, table_mm=table),
        coronal=replace(pair.coronal, table_mm=table),
    )


def learned(
    case: Case, voxel_mm: float, field: FieldName, seed: int, table_mm: float
) -> tuple[Correction, SimulatedScan, Any]:
    """Learn from two subjects; returns the correction, a third's scan and its spheres."""
    settings, truth = settings_of(case, voxel_mm, table_mm), named_field(field, seed)
    seeds = [100 * seed + n for n in (1, 2, 3)]
    people = [subject(AnatomyKind.LEGS, s, raster_mm=raster_for(voxel_mm)) for s in seeds]
    references = []
    for person, s in zip(people[:2], seeds[:2], strict=True):
        pair = simulate_pair(person, settings, truth, seed=s)
        axial, coronal = pair.axial, pair.coronal
        references.append(
            Reference(pair.id, Scan(axial.volume, axial.facts), Scan(coronal.volume, coronal.facts))
        )
    fit = FitSettings()
    result = learn(references, fit)
    provenance = Provenance(
        created=date(2000, 1, 1),
        distcorr=__version__,
        software={},
        settings=fit.model_dump(),
        inputs=(),
    )
    scan = simulate_new_scan(people[2], settings, truth, seed=seeds[2])
    return result.correction(scan.facts.scanner, provenance), scan, people[2].spheres


def measure(correction: Correction, scan: SimulatedScan, spheres: Any, folder: Path) -> list[Row]:
    """Draw on a scan, correct the files, and compare them with the truth."""
    loaded = LoadedScan(Scan(scan.volume, scan.facts), content_sha256(scan.volume), ())
    drawings = list(draw(scan, spheres, folder))
    attachments = attachments_of([one.path for one in drawings])
    outcomes = follow(attachments, loaded, correction, folder / "corrected")
    return [_row(drawing, outcome) for drawing, outcome in zip(drawings, outcomes, strict=True)]


def _row(drawing: Drawing, outcome: AttachmentOutcome | DistcorrError) -> Row:
    if isinstance(outcome, DistcorrError):
        raise outcome
    found, true = corrected_points(outcome.output, drawing)
    raw = np.linalg.norm(drawing.shown - drawing.true, axis=1)
    left = np.linalg.norm(found - true, axis=1)
    return Row(
        drawing.name,
        float(raw.mean()),
        float(raw.max()),
        float(left.mean()),
        float(np.percentile(left, 95)),
        float(left.max()),
        outcome.supported_fraction,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cases = [Case.ND_TRUSTED, Case.DIS2D_BOTH]
    parser.add_argument("--voxel", type=float, default=4.0, help="mm")
    parser.add_argument("--case", nargs="+", choices=[*Case], default=cases)
    parser.add_argument("--field", choices=[*FieldName], default=FieldName.DEFAULT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table-mm", type=float, default=TABLE_MM)
    chosen = parser.parse_args()
    print(HEADING)
    for case in map(Case, chosen.case):
        correction, scan, spheres = learned(
            case, chosen.voxel, FieldName(chosen.field), chosen.seed, chosen.table_mm
        )
        print(f"{case}, {chosen.voxel:g} mm voxels, {chosen.field} field, seed {chosen.seed}")
        with tempfile.TemporaryDirectory() as folder:
            for row in measure(correction, scan, spheres, Path(folder)):
                print(row.text(), flush=True)


if __name__ == "__main__":
    main()
