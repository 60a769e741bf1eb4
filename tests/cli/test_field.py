"""The command field: every format from one series, in both directions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from distcorr.acquisition import Scan
from distcorr.batch import Statement, load_scan
from distcorr.correction import Correction
from distcorr.space import PatientPosition
from distcorr.transforms import EXACT_MM, Direction, NiftiConvention, ScanMap, TransformFormat
from tests.batch.examples import CORONAL, write_dicom, write_image
from tests.cli.running import Done, run
from tests.correction.examples import SCANNER, correction_of, example_field
from tests.transforms.examples import random_points
from tests.transforms.readers import PointMap, by_dicom_equation, read_back

COARSE_MM = 0.2
"""Voxels of 10 mm: what linear interpolation between them may add."""


@pytest.fixture(scope="module")
def correction(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("learned") / "scanner.distcorr"
    correction_of(example_field(), scanner=SCANNER).save(path)
    return path


def scan_of(folder: Path) -> Scan:
    return load_scan(folder, Statement("test")).scan


def check(moves: PointMap, correction: Path, scan: Scan, direction: Direction) -> None:
    grid = scan.volume.grid
    on = ScanMap(Correction.load(correction), scan.acquisition, direction)
    points = random_points(grid)
    assert np.abs(moves(points) - on.moved_patient(points)).max() < COARSE_MM
    at = grid.points_lps()[::3, ::3, ::3].reshape(-1, 3)
    assert np.abs(moves(at) - on.moved_patient(at)).max() < EXACT_MM


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("kind", list(TransformFormat), ids=lambda kind: kind.name)
def test_every_format_in_both_directions(
    correction: Path, tmp_path: Path, kind: TransformFormat, inverse: bool
) -> None:
    series = write_dicom(tmp_path / "scan", CORONAL)
    out = tmp_path / f"t{kind.suffix}"
    options = ["--convention", kind.convention] + (["--inverse"] if inverse else [])
    done = run("field", correction, series, out, *options)
    assert done.returncode == 0, done.stderr
    direction = Direction.SHOWN_TO_TRUE if inverse else Direction.TRUE_TO_SHOWN
    assert direction.value in done.stdout
    check(read_back(out, kind), correction, scan_of(series), direction)


@pytest.mark.parametrize("inverse", [False, True])
def test_a_registration_object_beside_the_series(
    correction: Path, tmp_path: Path, inverse: bool
) -> None:
    series = write_dicom(tmp_path / "scan", CORONAL)
    out, again = tmp_path / "reg.dcm", tmp_path / "again.dcm"
    options = ["--inverse"] if inverse else []
    for path in (out, again):
        done = run("field", correction, series, path, *options)
        assert done.returncode == 0, done.stderr
    direction = Direction.SHOWN_TO_TRUE if inverse else Direction.TRUE_TO_SHOWN
    check(by_dicom_equation(out), correction, scan_of(series), direction)
    assert out.read_bytes() == again.read_bytes()
    item = pydicom.dcmread(out).DeformableRegistrationSequence[0]
    # Along the patient's axes, for readers that pass over the orientation.
    held = item.DeformableRegistrationGridSequence[0]
    assert list(held.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert item.FrameOfReferenceTransformationComment == Correction.load(correction).identifier


def test_a_registration_object_of_a_real_oblique_series(
    correction: Path, tmp_path: Path, data: Path
) -> None:
    """Feet first, 6 degrees oblique, corrected in the plane; its isocentre is not recorded."""
    series, out = data / "knee_axcor" / "cor_pd_fs", tmp_path / "reg.dcm"
    stated = ("--isocentre", "5,-3,40", "--force", "test of the geometry")
    done = run("field", correction, series, out, *stated)
    assert done.returncode == 0, done.stderr
    scan = load_scan(series, Statement("test", isocentre_lps=(5.0, -3.0, 40.0))).scan
    assert scan.facts.patient_position.value is PatientPosition.FFS
    on = ScanMap(Correction.load(correction), scan.acquisition)
    points = random_points(scan.volume.grid)
    moved = on.moved_patient(points)
    assert np.abs(moved - points).max() > 0.3
    assert np.abs(by_dicom_equation(out)(points) - moved).max() < EXACT_MM


def refused(done: Done, code: str, out: Path) -> bool:
    return done.returncode == 1 and f"error[{code}]" in done.stderr and not out.exists()


def test_a_registration_object_needs_a_dicom_series(correction: Path, tmp_path: Path) -> None:
    image, out = write_image(tmp_path / "scan.nrrd", CORONAL), tmp_path / "reg.dcm"
    done = run("field", correction, image, out, "--state", "ND", "--position", "HFS")
    assert refused(done, "bad-format", out)
    assert "DICOM series" in done.stderr


@pytest.mark.parametrize("name", ["t.nrrd", "t.dcm", "t.tfm"])
def test_a_convention_goes_with_nifti_alone(correction: Path, tmp_path: Path, name: str) -> None:
    series, out = write_dicom(tmp_path / "scan", CORONAL), tmp_path / name
    done = run("field", correction, series, out, "--convention", NiftiConvention.FSL)
    assert refused(done, "bad-format", out)
