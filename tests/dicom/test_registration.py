"""Deformable Spatial Registration objects: valid, and what the standard says they mean."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest

from distcorr.dicom import load_series, registration
from distcorr.dicom.registration import (
    DEFORMABLE_SPATIAL_REGISTRATION,
    DeformableRegistration,
    ScanRole,
    write_registration,
)
from distcorr.errors import Code, DistcorrError
from distcorr.space import Grid
from tests.dicom.examples import edit, enhanced, write
from tests.transforms.readers import by_dicom_equation

GRID = Grid((4, 3, 5), (-10.5, 20.25, 1 / 3), (2.0, 3.0, 2.5), np.eye(3))
ROLES = pytest.mark.parametrize("role", list(ScanRole), ids=lambda role: role.name)


def linear_vectors(grid: Grid) -> np.ndarray:
    """Vectors that are linear in the place, so that interpolation adds no error."""
    matrix = np.array([[0.01, 0.02, 0.0], [0.0, -0.03, 0.01], [0.02, 0.0, 0.04]])
    return (grid.points_lps() @ matrix.T + [1.0, -2.0, 3.0]).astype(np.float32)


def of(
    folder: Path, grid: Grid = GRID, role: ScanRole = ScanRole.SOURCE, part: str | None = None
) -> DeformableRegistration:
    return DeformableRegistration(
        grid=grid,
        vectors_lps=linear_vectors(grid),
        frames=load_series(folder, part).series.frames,
        role=role,
        description="Distortion correction, true to shown",
        comment="0" * 64,
        created=date(2026, 1, 2),
        software="0.1.0",
    )


def errors_of(tool: Callable[[str], str], path: Path) -> list[str]:
    done = subprocess.run([tool("dciodvfy"), str(path)], capture_output=True, text=True)
    assert "DeformableSpatialRegistration" in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


@ROLES
def test_dciodvfy_finds_no_error(
    tool: Callable[[str], str], tmp_path: Path, role: ScanRole
) -> None:
    write(tmp_path / "scan")
    write_registration(tmp_path / "reg.dcm", of(tmp_path / "scan", role=role))
    assert errors_of(tool, tmp_path / "reg.dcm") == []


@ROLES
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("knee_axcor/cor_pd_fs", None),
        ("table_position/9_gre_fm_siemens_baseline_table_moved_H20", None),
        ("epi_3plane_mosaic/corasc35", "1"),
        ("edge/enhanced_mr_siemens_xa30_t1", None),
    ],
)
def test_dciodvfy_finds_no_error_for_real_scans(
    tool: Callable[[str], str], data: Path, tmp_path: Path, name: str, part: str | None,
    role: ScanRole,
) -> None:  # fmt: skip
    write_registration(tmp_path / "reg.dcm", of(data / name, role=role, part=part))
    assert errors_of(tool, tmp_path / "reg.dcm") == []


def test_points_move_by_the_standard_s_equation(tmp_path: Path) -> None:
    write(tmp_path / "scan")
    write_registration(tmp_path / "reg.dcm", of(tmp_path / "scan"))
    points = GRID.points_lps()
    moved = by_dicom_equation(tmp_path / "reg.dcm")(points.reshape(-1, 3)).reshape(points.shape)
    np.testing.assert_allclose(moved, points + linear_vectors(GRID), atol=1e-6)


def test_values_run_along_x_first_and_rows_and_columns_are_cosines(tmp_path: Path) -> None:
    """Against the standard's words (C.20.3.1.3), without the tests' own reader."""
    write(tmp_path / "scan")
    direction = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    grid = replace(GRID, direction=direction)
    write_registration(tmp_path / "reg.dcm", of(tmp_path / "scan", grid))
    item = pydicom.dcmread(tmp_path / "reg.dcm").DeformableRegistrationSequence[0]
    held = item.DeformableRegistrationGridSequence[0]
    assert held["VectorGridData"].VR == "OF"
    assert list(held.ImageOrientationPatient) == [1, 0, 0, 0, 0, -1]
    assert list(held.GridDimensions) == [4, 3, 5]
    assert list(held.GridResolution) == [2.0, 3.0, 2.5]
    np.testing.assert_allclose([float(v) for v in held.ImagePositionPatient], GRID.origin_lps)
    values = np.frombuffer(held.VectorGridData, "<f4").reshape(-1, 3)
    i, j, k = 3, 1, 2
    expected = linear_vectors(grid)[k, j, i]
    np.testing.assert_array_equal(values[i + 4 * (j + 3 * k)], expected)


def test_matrices_are_the_identity(tmp_path: Path) -> None:
    write(tmp_path / "scan")
    write_registration(tmp_path / "reg.dcm", of(tmp_path / "scan"))
    item = pydicom.dcmread(tmp_path / "reg.dcm").DeformableRegistrationSequence[0]
    for sequence in (
        item.PreDeformationMatrixRegistrationSequence,
        item.PostDeformationMatrixRegistrationSequence,
    ):
        assert sequence[0].FrameOfReferenceTransformationMatrixType == "RIGID"
        assert list(sequence[0].FrameOfReferenceTransformationMatrix) == np.eye(4).ravel().tolist()


@ROLES
def test_it_belongs_to_the_scan(tmp_path: Path, role: ScanRole) -> None:
    paths = write(tmp_path / "scan")
    write_registration(tmp_path / "reg.dcm", of(tmp_path / "scan", role=role))
    ours = pydicom.dcmread(tmp_path / "reg.dcm")
    scan = pydicom.dcmread(paths[0])
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDate", "StudyID"):
        assert ours[keyword].value == scan[keyword].value
    assert ours.SOPClassUID == DEFORMABLE_SPATIAL_REGISTRATION
    assert ours.FrameOfReferenceUID == scan.FrameOfReferenceUID
    item = ours.DeformableRegistrationSequence[0]
    assert item.SourceFrameOfReferenceUID == scan.FrameOfReferenceUID
    assert ours.SeriesInstanceUID != scan.SeriesInstanceUID
    instances = [pydicom.dcmread(path).SOPInstanceUID for path in paths]
    holder, other = (item, ours) if role is ScanRole.SOURCE else (ours, item)
    assert [one.ReferencedSOPInstanceUID for one in holder.ReferencedImageSequence] == instances
    assert "ReferencedImageSequence" not in other
    [series] = ours.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == scan.SeriesInstanceUID
    listed = [one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence]
    assert listed == instances


def test_frames_are_named_where_they_are_not_all(tmp_path: Path) -> None:
    path = enhanced(write(tmp_path / "classic"), tmp_path / "scan" / "one", shared=True)
    whole = of(tmp_path / "scan")
    write_registration(tmp_path / "whole.dcm", whole)
    part = replace(whole, frames=whole.frames[1:4])
    write_registration(tmp_path / "part.dcm", part)

    def reference(name: str) -> pydicom.Dataset:
        item = pydicom.dcmread(tmp_path / name).DeformableRegistrationSequence[0]
        [one] = item.ReferencedImageSequence
        return one

    assert reference("whole.dcm").ReferencedSOPInstanceUID == pydicom.dcmread(path).SOPInstanceUID
    assert "ReferencedFrameNumber" not in reference("whole.dcm")
    numbers = sorted(frame.index + 1 for frame in part.frames)
    assert list(reference("part.dcm").ReferencedFrameNumber) == numbers


def test_equal_content_gives_equal_bytes_and_other_content_other_uids(tmp_path: Path) -> None:
    write(tmp_path / "scan")
    one = of(tmp_path / "scan")
    for name in ("a.dcm", "b.dcm"):
        write_registration(tmp_path / name, one)
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()
    others = {
        "vectors.dcm": replace(one, vectors_lps=one.vectors_lps + np.float32(1e-3)),
        "grid.dcm": replace(one, grid=replace(GRID, origin_lps=GRID.origin_lps + 1)),
        "role.dcm": replace(one, role=ScanRole.REGISTERED),
        "comment.dcm": replace(one, comment="1"),
        "images.dcm": replace(one, frames=one.frames[:-1]),
    }
    for name, other in others.items():
        write_registration(tmp_path / name, other)
    read = [pydicom.dcmread(tmp_path / name) for name in ("a.dcm", *others)]
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        assert len({ds[keyword].value for ds in read}) == len(read)


def test_a_scan_without_a_frame_of_reference_is_refused(tmp_path: Path) -> None:
    def forget(ds: pydicom.Dataset) -> None:
        del ds.FrameOfReferenceUID

    edit(write(tmp_path / "scan"), forget)
    with pytest.raises(DistcorrError) as refusal:
        write_registration(tmp_path / "reg.dcm", of(tmp_path / "scan"))
    assert refusal.value.code is Code.GEOMETRY_MISSING
    assert not (tmp_path / "reg.dcm").exists()


def test_a_grid_too_large_for_an_element_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "scan")
    monkeypatch.setattr(registration, "MAX_GRID_BYTES", 4 * 3 * 5 * 12 - 1)
    with pytest.raises(DistcorrError) as refusal:
        write_registration(tmp_path / "reg.dcm", of(tmp_path / "scan"))
    assert refusal.value.code is Code.TOO_LARGE


def test_existing_files_stay(tmp_path: Path) -> None:
    write(tmp_path / "scan")
    (tmp_path / "reg.dcm").write_text("mine")
    with pytest.raises(DistcorrError) as refusal:
        write_registration(tmp_path / "reg.dcm", of(tmp_path / "scan"))
    assert refusal.value.code is Code.OUTPUT_EXISTS
    write_registration(tmp_path / "reg.dcm", of(tmp_path / "scan"), overwrite=True)
    assert pydicom.dcmread(tmp_path / "reg.dcm").Modality == "REG"
