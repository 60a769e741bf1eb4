"""Label maps, points and meshes from files to files, on the command line and by manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vtkmodules.vtkFiltersSources import vtkSphereSource

from distcorr.acquisition import Scan
from distcorr.apply import correct_points
from distcorr.batch import LoadedScan, Statement, load_scan, read_cohort
from distcorr.batch.attachments import Kind, attachment_of, attachments_of, attachments_of_scan
from distcorr.batch.follow import AttachmentOutcome, FollowOptions, correct_attachment, follow
from distcorr.batch.jobs import plan
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.field import HarmonicField
from distcorr.images import read_volume, write_volume
from distcorr.phantom.fields import linac_1t
from distcorr.points import read_pairs
from distcorr.space import FileAxes, Grid, Volume
from tests.apply.examples import coronal_grid, facts, scan_of
from tests.batch.examples import CORONAL, volume, write_dicom
from tests.correction.examples import correction_of, example_field
from tests.meshes import examples as meshes

Run = Callable[..., tuple[int, str, str]]
CORRECTION = correction_of(example_field())
SHOWN = np.array([[30.0, 20.0, -10.0], [-35.0, 10.0, 40.0], [5.0, -40.0, 12.0]])
MM = 1e-4


@pytest.fixture
def scan() -> LoadedScan:
    grid = coronal_grid()
    loaded = scan_of(np.zeros(grid.shape, np.int16), grid, facts(VendorState.DIS2D))
    return LoadedScan(loaded, "0" * 64, ())


def true_of(scan: Scan, points: np.ndarray, correction: Correction = CORRECTION) -> np.ndarray:
    return correct_points(points, scan, correction).true_lps


def marks(path: Path, points_lps: np.ndarray, axes: str = "RAS") -> Path:
    signs = FileAxes(axes).signs
    in_file = (points_lps * signs).tolist()
    control = [{"label": f"F-{n}", "position": p} for n, p in enumerate(in_file)]
    markup = {"type": "Fiducial", "coordinateSystem": axes, "controlPoints": control}
    path.write_text(json.dumps({"@schema": "x", "markups": [markup]}))
    return path


def positions(path: Path) -> np.ndarray:
    (markup,) = json.loads(path.read_text())["markups"]
    signs = FileAxes(markup["coordinateSystem"]).signs
    return np.array([point["position"] for point in markup["controlPoints"]]) * signs


def test_points_are_written_beside_a_record(tmp_path: Path, scan: LoadedScan) -> None:
    path = marks(tmp_path / "a.mrk.json", SHOWN)
    before = path.read_bytes()
    outcome = correct_attachment(attachment_of(path), scan, CORRECTION, tmp_path / "out")
    assert outcome.output == tmp_path / "out" / "a_corrected.mrk.json"
    np.testing.assert_allclose(positions(outcome.output), true_of(scan.scan, SHOWN), atol=MM)
    record = json.loads((tmp_path / "out" / "a_corrected.mrk.json.json").read_text())
    assert record["kind"] == "points"
    assert record["counts"] == {
        "points": 3, "outside_support": 0, "outside_scan": 0, "no_true_place": 0,
    }  # fmt: skip
    assert record["facts"]["state"]["value"] == "DIS2D"
    assert record["correction_sha256"] == CORRECTION.identifier
    largest = outcome.largest_displacement_mm
    assert record["largest_displacement_mm"] == pytest.approx(largest, abs=1e-3)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".vtk", ".vtp", ".obj"])
@pytest.mark.parametrize("axes", ["LPS", "RAS"])
def test_meshes_move_as_points_do(tmp_path: Path, scan: LoadedScan, suffix: str, axes: str) -> None:
    signs = FileAxes(axes).signs
    path = meshes.write(tmp_path / f"m{suffix}", meshes.polydata(meshes.CORNERS * signs), axes)
    outcome = correct_attachment(attachment_of(path), scan, CORRECTION, tmp_path)
    expected = true_of(scan.scan, meshes.CORNERS)
    assert meshes.slicer_axes(outcome.output) == axes
    if suffix == ".obj":
        lines = outcome.output.read_text().splitlines()
        found = np.array([line.split()[1:] for line in lines if line[:2] == "v "], float)
    else:
        found = meshes.points_of(meshes.read(outcome.output)[0])
    if suffix == ".stl":
        expected = expected[meshes.FACES.ravel()]
    np.testing.assert_allclose(found * signs, expected, atol=MM)


def faces_of(data: Any) -> np.ndarray:
    """Numbers of the corners of each triangle."""
    return np.array(
        [[data.GetCell(n).GetPointId(c) for c in range(3)] for n in range(data.GetNumberOfCells())]
    )


def degrees_from_facets(data: Any, of_points: bool) -> np.ndarray:
    """Angle between each facet and the normals that the file holds for it."""
    points = meshes.points_of(data)
    faces = faces_of(data)
    corners = points[faces]
    facets = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    stored = meshes.array_of(data, "Normals", of_points)
    stored = stored[faces].mean(axis=1) if of_points else stored
    lengths = np.linalg.norm(facets, axis=1) * np.linalg.norm(stored, axis=1)
    return np.rad2deg(np.arccos(np.clip((facets * stored).sum(axis=1) / lengths, -1, 1)))


@pytest.mark.parametrize("of_points", [True, False])
def test_normals_stay_normal_to_the_corrected_surface(tmp_path: Path, of_points: bool) -> None:
    source = vtkSphereSource()
    source.SetRadius(30.0)
    source.SetCenter(40.0, 20.0, -50.0)
    source.SetThetaResolution(60)
    source.SetPhiResolution(60)
    source.SetOutputPointsPrecision(1)
    source.Update()
    data = source.GetOutput()
    data.GetPointData().Initialize()
    at = meshes.points_of(data)
    if not of_points:
        at = at[faces_of(data)].mean(axis=1)
    normals = at - np.array([40.0, 20.0, -50.0])
    meshes.normals(data, normals / np.linalg.norm(normals, axis=1, keepdims=True), of_points)
    path = meshes.write(tmp_path / "sphere.vtp", data)
    grid = coronal_grid()
    scan = LoadedScan(scan_of(np.zeros(grid.shape), grid, facts(VendorState.ND)), "", ())
    field = example_field()
    strong = correction_of(HarmonicField(field.basis, 4.0 * field.coefficients))
    outcome = correct_attachment(attachment_of(path), scan, strong, tmp_path)
    found, _ = meshes.read(outcome.output)
    after = degrees_from_facets(found, of_points)
    assert after.max() < degrees_from_facets(data, of_points).max() + 0.3
    stored = meshes.array_of(found, "Normals", of_points)
    np.testing.assert_allclose(np.linalg.norm(stored, axis=1), 1.0, atol=1e-6)
    # As they were, they would be wrong by degrees.
    meshes.normals(found, meshes.array_of(data, "Normals", of_points), of_points)
    assert degrees_from_facets(found, of_points).max() > after.max() + 1.0


def test_label_maps_and_their_record(tmp_path: Path, scan: LoadedScan) -> None:
    grid = scan.scan.volume.grid
    labels = np.zeros(grid.shape, np.uint16)
    labels[4:14, 10:25, 8:20] = 300
    write_volume(Volume(labels, grid), tmp_path / "seg.nrrd")
    outcome = correct_attachment(attachment_of(tmp_path / "seg.nrrd"), scan, CORRECTION, tmp_path)
    found = read_volume(outcome.output)
    assert outcome.attachment.kind is Kind.LABELS
    assert found.grid.same_as(grid)
    assert np.unique(found.array).tolist() == [0, 300]
    record = json.loads(outcome.record.read_text())
    assert record["options"]["label_interpolation"] == "vote"
    assert record["counts"]["labelled_voxels"] == (found.array != 0).sum()


def test_what_may_not_be_relied_on_is_named_in_the_file(tmp_path: Path, scan: LoadedScan) -> None:
    correction = correction_of(example_field(), support_mm=60.0)
    points = np.array([[3.0, -4.0, 12.0], [80.0, 0.0, 0.0], [0.0, 0.0, 200.0]])
    path = tmp_path / "a.csv"
    path.write_text("x,y,z,who\n" + "".join(f"{x},{y},{z},me\n" for x, y, z in points))
    outcome = correct_attachment(attachment_of(path), scan, correction, tmp_path)
    rows = [line.split(",") for line in outcome.output.read_text().splitlines()]
    assert [row[3:] for row in rows] == [
        ["who", "distcorr"],
        ["me", "corrected"],
        ["me", "outside of the correction's support"],
        ["me", "outside of the correction's support"],
    ]
    assert {f.code for f in outcome.findings} == {Code.OUTSIDE_SUPPORT, Code.OUTSIDE_SCAN}


def test_one_bad_file_fails_alone(tmp_path: Path, scan: LoadedScan) -> None:
    bad = tmp_path / "bad.stl"
    bad.write_bytes(b"")
    good = marks(tmp_path / "good.mrk.json", SHOWN)
    first, second = follow(attachments_of([bad, good]), scan, CORRECTION, tmp_path / "out")
    assert isinstance(first, DistcorrError)
    assert isinstance(second, AttachmentOutcome)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "good_corrected.mrk.json",
        "good_corrected.mrk.json.json",
    ]


def test_outputs_are_not_replaced_unless_asked(tmp_path: Path, scan: LoadedScan) -> None:
    one = attachment_of(marks(tmp_path / "a.mrk.json", SHOWN))
    correct_attachment(one, scan, CORRECTION, tmp_path)
    first = one.output(tmp_path).read_bytes()
    with pytest.raises(DistcorrError) as raised:
        correct_attachment(one, scan, CORRECTION, tmp_path)
    assert raised.value.code is Code.OUTPUT_EXISTS
    correct_attachment(one, scan, CORRECTION, tmp_path, FollowOptions(overwrite=True))
    assert one.output(tmp_path).read_bytes() == first


def test_a_mesh_that_folds_is_refused(tmp_path: Path, scan: LoadedScan) -> None:
    fold = correction_of(HarmonicField.from_terms(x={(3, 1): 1500.0}, y={}, z={}))
    corners = np.array([[5.0, 0, 12], [80.0, 0, 12], [60, 20, 12], [60, 0, 30]])
    path = meshes.write(tmp_path / "a.stl", meshes.polydata(corners))
    grid = coronal_grid()
    nd = LoadedScan(scan_of(np.zeros(grid.shape), grid, facts(VendorState.ND)), "", ())
    with pytest.raises(DistcorrError) as raised:
        correct_attachment(attachment_of(path), nd, fold, tmp_path)
    assert raised.value.code is Code.NO_TRUE_PLACE
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.stl"]


def test_names_tell_kinds_and_outputs() -> None:
    for name, kind, output in (
        ("a.seg.nrrd", Kind.LABELS, "a.seg_corrected.nrrd"),
        ("b.nii.gz", Kind.LABELS, "b_corrected.nii.gz"),
        ("c.MRK.JSON", Kind.POINTS, "c_corrected.MRK.JSON"),
        ("d.v2.stl", Kind.MESH, "d.v2_corrected.stl"),
    ):
        one = attachment_of(Path("x") / name)
        assert (one.kind, one.output(Path("o"))) == (kind, Path("o") / output)
    with pytest.raises(DistcorrError) as raised:
        attachment_of(Path("a.txt"))
    assert raised.value.code is Code.BAD_FORMAT
    with pytest.raises(DistcorrError) as raised:
        attachments_of([Path("x/a.stl"), Path("y/a.stl")])
    assert raised.value.code is Code.MANIFEST_INVALID


MANIFEST = """
[[scan]]
id = "sub1"
path = "sub1"
labels = ["seg.nrrd"]
points = ["marks.mrk.json"]
meshes = ["bone.stl"]
mesh_space = "RAS"
"""


def drawn_scan(folder: Path) -> None:
    """A DICOM scan with everything drawn on it."""
    write_dicom(folder / "sub1", CORONAL)
    labels = volume(CORONAL)
    write_volume(Volume((labels.array > 500).astype(np.uint8), labels.grid), folder / "seg.nrrd")
    marks(folder / "marks.mrk.json", SHOWN)
    meshes.write(folder / "bone.stl", meshes.polydata(), None)
    (folder / "cohort.toml").write_text(MANIFEST)


def test_a_manifest_takes_along_what_was_drawn(run: Run, correction: Path, tmp_path: Path) -> None:
    drawn_scan(tmp_path)
    (job,) = plan([tmp_path / "cohort.toml"], Statement("test"))
    cohort = read_cohort(tmp_path / "cohort.toml")
    assert job.attachments == attachments_of_scan(cohort, cohort.scans[0])
    assert job.mesh_axes is FileAxes.RAS
    out = tmp_path / "out"
    status, told, _ = run("apply", correction, tmp_path / "cohort.toml", "-o", out)
    assert status == 0
    assert "sub1_bone.stl        corrected  by up to" in told
    assert sorted(path.name for path in out.glob("sub1*")) == [
        "sub1_bone_corrected.stl",
        "sub1_bone_corrected.stl.json",
        "sub1_corrected.json",
        "sub1_corrected.nrrd",
        "sub1_marks_corrected.mrk.json",
        "sub1_marks_corrected.mrk.json.json",
        "sub1_seg_corrected.nrrd",
        "sub1_seg_corrected.nrrd.json",
        "sub1_supported.nrrd",
    ]
    scan = load_scan(tmp_path / "sub1", Statement("test")).scan
    expected = true_of(scan, SHOWN)
    np.testing.assert_allclose(positions(out / "sub1_marks_corrected.mrk.json"), expected, atol=MM)
    assert meshes.slicer_axes(out / "sub1_bone_corrected.stl") == "RAS"


def test_of_names_the_scan(run: Run, correction: Path, tmp_path: Path) -> None:
    drawn_scan(tmp_path)
    files = [tmp_path / name for name in ("seg.nrrd", "marks.mrk.json", "bone.stl")]
    out = tmp_path / "out"
    status, told, complaints = run(
        "apply", correction, *files, "--of", tmp_path / "sub1", "-o", out
    )
    assert status == 0
    assert "marks.mrk.json  corrected  by up to" in told
    assert "bone.stl: warning[axes-assumed]" in complaints
    # The corrected files are not taken again.
    again = [out / "seg_corrected.nrrd", out / "marks_corrected.mrk.json"]
    status, _, complaints = run("apply", correction, *again, "--of", tmp_path / "sub1", "-o", out)
    assert status == 1
    assert complaints.count("error[already-corrected]") == 2
    assert "2 of 2 files were not corrected" in complaints


def test_a_bad_drawing_leaves_its_scan_alone(run: Run, correction: Path, tmp_path: Path) -> None:
    drawn_scan(tmp_path)
    (tmp_path / "bone.stl").write_bytes(b"")
    status, told, complaints = run(
        "apply", correction, tmp_path / "cohort.toml", "-o", tmp_path / "out"
    )
    assert status == 1
    assert "1 files drawn on scans were not corrected" in complaints
    assert "sub1_bone.stl        failed" in told
    assert (tmp_path / "out" / "sub1_corrected.nrrd").exists()


def test_wrong_usage(run: Run, correction: Path, tmp_path: Path) -> None:
    drawn_scan(tmp_path)
    mesh, scan, out = tmp_path / "bone.stl", tmp_path / "sub1", tmp_path / "out"
    for arguments in (
        (mesh,),
        (scan, "--space", "LPS"),
        (mesh, "--of", scan, "--jacobian"),
        (mesh, "--of", scan, "--format", "nifti"),
        (mesh, "--of", scan, "--space", "IJK"),
    ):
        status, _, complaints = run("apply", correction, *arguments, "-o", out)
        assert status == 2, complaints
    assert not out.exists()


def test_two_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    drawn_scan(tmp_path)
    twice = MANIFEST.replace('["bone.stl"]', '["bone.stl", "other/bone.stl"]')
    taken = MANIFEST + '[[scan]]\nid = "sub1_seg"\npath = "x"\n'
    for text in (twice, taken):
        (tmp_path / "cohort.toml").write_text(text)
        with pytest.raises(DistcorrError) as raised:
            plan([tmp_path / "cohort.toml"], Statement("test"))
        assert raised.value.code is Code.MANIFEST_INVALID


def median_but_for_placement(found: np.ndarray, true: np.ndarray) -> float:
    """Distance that no affine map (placement, voxel sizes) explains, mm; the median."""
    columns = np.c_[found, np.ones(len(found))]
    mapped = columns @ np.linalg.lstsq(columns, true, rcond=None)[0]
    return float(np.median(np.linalg.norm(mapped - true, axis=1)))


def test_real_markers_come_back(data: Path, tmp_path: Path) -> None:
    """Markers of a phantom in a 1 T scanner, with the field of its coils, against their CT."""
    folder = data / "gnl_linac1T"
    pairs = read_pairs(folder / "MatchedMarkerVolume.csv")
    path = marks(tmp_path / "markers.mrk.json", pairs.shown_lps)
    grid = Grid((90, 90, 90), np.full(3, -267.0), np.full(3, 6.0), np.eye(3))
    known = facts(VendorState.ND, isocentre=(0.0, 0.0, 0.0))
    scan = LoadedScan(scan_of(np.zeros(grid.shape, np.uint8), grid, known), "", ())
    correction = correction_of(linac_1t(folder), reach_mm=260.0)
    outcome = correct_attachment(attachment_of(path), scan, correction, tmp_path)
    found = positions(outcome.output)
    assert len(found) == len(pairs) == 288
    assert median_but_for_placement(pairs.shown_lps, pairs.true_lps) > 2.0
    assert median_but_for_placement(found, pairs.true_lps) < 0.8
