"""Largest error of every exported format, read back by the tool that it is for.

For grids of some voxel sizes, scans without vendor correction (ND) and with one in
the plane (DIS2D), and both directions, a clinical 3 T field is exported in every
format; 1,000 random points and 1,000 voxel centres are taken through the file and
compared with the exact map. ITK's formats are read by SimpleITK, X5 by
NiTransforms, FSL's warps and DICOM's registration object by their documented
equations. Exit status 1 if an error exceeds 0.01 mm: at random points for voxels up
to 2 mm and for B-splines, at voxel centres for the fields of larger voxels, between
which linear interpolation may add up to 0.05 mm. Usage:

    python benchmarks/transforms.py [--voxels 4 2] [--fov 360 360 160]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distcorr.acquisition import Acquisition
from distcorr.correction import Correction
from distcorr.dicom import load_series
from distcorr.dicom.header import Frame
from distcorr.dicom.registration import DeformableRegistration, ScanRole, write_registration
from distcorr.facts import VendorState
from distcorr.phantom.fields import FieldName, named_field
from distcorr.space import Grid, PatientPosition
from distcorr.space.frames import T_scanner_patient
from distcorr.transforms import (
    EXACT_MM,
    OFF_GRID_TOLERANCE_MM,
    Direction,
    ScanMap,
    TransformFormat,
    axial_grid,
    solved_displacements,
    write_transform,
)
from tests.correction.examples import correction_of
from tests.dicom.examples import write
from tests.transforms.readers import PointMap, by_dicom_equation, read_back

POINTS = 1000
REACH_MM, NODES_MM = 300.0, 25.0
ISOCENTRE = (3.0, -4.0, 12.0)
FIELD_OF_VIEW_MM = (360.0, 360.0, 160.0)
"""Along rows, columns and slices: corners 300 mm from the isocentre."""

CORONAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
OBLIQUE = Rotation.from_euler("xyz", [8, 12, -7], degrees=True).as_matrix() @ CORONAL
FINE_MM = 2.0
"""Largest voxels between which linear interpolation stays within 0.01 mm."""

PLACEMENTS = {
    "coronal, HFS": (CORONAL, PatientPosition.HFS),
    "oblique, FFS": (OBLIQUE, PatientPosition.FFS),
}
DICOM = "DICOM deformable spatial registration"


@dataclass(frozen=True, slots=True)
class Row:
    """One file, measured."""

    grid: str
    voxel_mm: float
    state: VendorState
    direction: Direction
    format: str
    moved_mm: float
    random_mm: float
    centres_mm: float
    seconds: float
    megabytes: float

    @property
    def limit_mm(self) -> float:
        """What the error at random points has to stay below."""
        linear = self.voxel_mm > FINE_MM and self.format != TransformFormat.TFM.value
        return OFF_GRID_TOLERANCE_MM if linear else EXACT_MM

    @property
    def met(self) -> bool:
        """Whether both errors are small enough."""
        return self.random_mm <= self.limit_mm and self.centres_mm <= EXACT_MM

    def text(self) -> str:
        """Format it as a line of the table."""
        return (
            f"{self.grid:20s} | {self.state:5s} | {self.direction.value:13s} | {self.format:40s} | "
            f"{self.moved_mm:5.1f} | {self.random_mm:8.5f} | {self.centres_mm:8.5f} | "
            f"{self.seconds:6.1f} | {self.megabytes:7.1f}"
        )


HEADING = (
    f"{'grid':20s} | state | {'direction':13s} | {'format':40s} | "
    "moved | random   | centres  | s      | MB   (mm; largest)"
)


def grid_of(direction: np.ndarray, voxel_mm: float, fov_mm: tuple[float, float, float]) -> Grid:
    size = tuple(int(length // voxel_mm) for length in fov_mm)
    half = direction @ ((np.array(size) - 1) * voxel_mm / 2)
    return Grid(size, np.array(ISOCENTRE) - half, np.full(3, voxel_mm), direction)


def learned() -> Correction:
    """Build a lattice as corrections hold it, of a clinical 3 T scanner's field."""
    return correction_of(named_field(FieldName.CLINICAL_3T), REACH_MM, NODES_MM)


def rows(voxel_mm: float, fov_mm: tuple[float, float, float], folder: Path) -> Iterator[Row]:
    """Export and measure everything for one size of voxels."""
    correction = learned()
    write(folder / "scan")
    frames = load_series(folder / "scan").series.frames
    for name, (direction_lps, position) in PLACEMENTS.items():
        grid = grid_of(direction_lps, voxel_mm, fov_mm)
        T = T_scanner_patient(position, ISOCENTRE)
        for state in (VendorState.ND, VendorState.DIS2D):
            for direction in Direction:
                scan_map = ScanMap(correction, Acquisition(state, T, grid.normal_lps), direction)
                for kind in (*TransformFormat, None):
                    yield _measured(name, scan_map, grid, kind, frames, folder)


def _measured(
    name: str,
    scan_map: ScanMap,
    grid: Grid,
    kind: TransformFormat | None,
    frames: tuple[Frame, ...],
    folder: Path,
) -> Row:
    """Measure one file; ``kind`` is None for DICOM."""
    path = folder / f"t{'.dcm' if kind is None else kind.suffix}"
    start = time.perf_counter()
    on = grid
    if kind is None:
        on = axial_grid(grid)
        _write_dicom(path, scan_map, on, frames)
    else:
        write_transform(path, scan_map, grid, convention=kind.convention)
    seconds = time.perf_counter() - start
    moves: PointMap = by_dicom_equation(path) if kind is None else read_back(path, kind)
    draw = np.random.default_rng(1)
    random = _places(grid, draw.uniform(0, np.array(grid.size) - 1, (POINTS, 3)))
    centres = _places(on, draw.integers(0, on.size, (POINTS, 3)))
    moved = np.linalg.norm(scan_map.moved_patient(random) - random, axis=1).max()
    row = Row(
        f"{name}, {grid.spacing[0]:g} mm",
        float(grid.spacing[0]),
        scan_map.acquisition.state,
        scan_map.direction,
        DICOM if kind is None else kind.value,
        float(moved),
        _largest_miss(moves, scan_map, random),
        _largest_miss(moves, scan_map, centres),
        seconds,
        path.stat().st_size / 1e6,
    )
    path.unlink()
    return row


def _write_dicom(path: Path, scan_map: ScanMap, grid: Grid, frames: tuple[Frame, ...]) -> None:
    vectors = solved_displacements(scan_map, grid, np.float32).astype(np.float32, copy=False)
    role = ScanRole.SOURCE if scan_map.direction is Direction.TRUE_TO_SHOWN else ScanRole.REGISTERED
    text = scan_map.direction.value
    registration = DeformableRegistration(
        grid, vectors, frames, role, text, text, date(2026, 1, 2), "benchmark"
    )
    write_registration(path, registration)


def _places(grid: Grid, index: np.ndarray) -> np.ndarray:
    T = grid.T_lps_index
    return index @ T[:3, :3].T + T[:3, 3]


def _largest_miss(moves: PointMap, scan_map: ScanMap, points: np.ndarray) -> float:
    miss = moves(points) - scan_map.moved_patient(points)
    return float(np.linalg.norm(miss, axis=1).max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voxels", type=float, nargs="+", default=[4.0, 2.0], metavar="MM")
    parser.add_argument("--fov", type=float, nargs=3, default=FIELD_OF_VIEW_MM, metavar="MM")
    chosen = parser.parse_args()
    print(HEADING)
    measured: list[Row] = []
    for voxel_mm in chosen.voxels:
        with tempfile.TemporaryDirectory() as folder:
            for row in rows(voxel_mm, tuple(chosen.fov), Path(folder)):
                print(row.text(), flush=True)
                measured.append(row)
    print("\nthe worst of each, mm: random points, voxel centres")
    for voxel_mm, kind in dict.fromkeys((row.voxel_mm, row.format) for row in measured):
        same = [row for row in measured if (row.voxel_mm, row.format) == (voxel_mm, kind)]
        random, centres = max(r.random_mm for r in same), max(r.centres_mm for r in same)
        verdict = "met" if all(row.met for row in same) else "MISSED"
        limits = f"{random:.5f} of {same[0].limit_mm:g}, {centres:.5f} of {EXACT_MM:g}"
        print(f"{voxel_mm:g} mm  {kind:40s} {limits}  {verdict}")
    return int(not all(row.met for row in measured))


if __name__ == "__main__":
    sys.exit(main())
