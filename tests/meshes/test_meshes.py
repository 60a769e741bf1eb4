"""Meshes: only points and normals change, and other software reads what is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr.errors import Code, DistcorrError
from distcorr.meshes import MESH_SUFFIXES, NormalsKind, read_mesh
from distcorr.space import FileAxes
from tests.meshes.examples import (
    CORNERS,
    FACES,
    array,
    array_of,
    normals,
    points_of,
    polydata,
    read,
    slicer_axes,
    write,
)

SHIFT = np.array([1.0, -2.0, 0.5])
SINGLE_MM = 1e-4
"""Rounding of single precision at 400 mm is 3e-5 mm."""


def refusal(path: Path) -> DistcorrError:
    with pytest.raises(DistcorrError) as raised:
        read_mesh(path)
    return raised.value


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@pytest.mark.parametrize("axes", ["LPS", "RAS"])
@pytest.mark.parametrize("text", [False, True])
def test_moved_points_stay_in_the_axes_of_the_file(
    tmp_path: Path, suffix: str, axes: str, text: bool
) -> None:
    path = write(tmp_path / f"in{suffix}", polydata(), axes, text)
    before = path.read_bytes()
    mesh = read_mesh(path)
    assert (mesh.axes, mesh.findings) == (FileAxes(axes), ())
    signs = FileAxes(axes).signs
    shown = mesh.points_lps
    assert {tuple(p) for p in shown.round(3)} == {tuple(p) for p in (CORNERS * signs).round(3)}
    out = tmp_path / f"out{suffix}"
    mesh.write(out, shown + SHIFT, {})
    assert slicer_axes(out) == axes
    if suffix == ".obj":
        found = [line.split()[1:] for line in out.read_text().splitlines() if line[:2] == "v "]
        np.testing.assert_array_equal(np.array(found, float), (shown + SHIFT) * signs)
    else:
        data, _ = read(out)
        assert data.GetNumberOfCells() == len(FACES)
        np.testing.assert_allclose(points_of(data), (shown + SHIFT) * signs, atol=SINGLE_MM)
    assert path.read_bytes() == before
    again = tmp_path / f"again{suffix}"
    mesh.write(again, shown + SHIFT, {})
    assert again.read_bytes() == out.read_bytes()
    assert not mesh.corrected
    assert read_mesh(out).corrected


def test_faces_are_cut_into_triangles(tmp_path: Path) -> None:
    text = "v 0 0 0\nv 2 0 0\nv 2 2 0\nv 0 2 0\nv 0 0 1\nf 1 2 3 4\nf -5/1 2/2/2 -1\nl 1 2\n"
    (tmp_path / "a.obj").write_text(text)
    found = read_mesh(tmp_path / "a.obj").triangles()
    assert found.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 4]]


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".vtk", ".vtp", ".obj"])
def test_triangles_of_every_format_span_the_same_area(tmp_path: Path, suffix: str) -> None:
    mesh = read_mesh(write(tmp_path / f"in{suffix}", polydata(), "LPS", False))
    a, b, c = (mesh.points_lps[mesh.triangles()[:, n]] for n in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    whole = CORNERS[np.array(FACES)]
    expected = np.linalg.norm(
        np.cross(whole[:, 1] - whole[:, 0], whole[:, 2] - whole[:, 0]), axis=1
    ).sum()
    assert area == pytest.approx(expected / 2, rel=1e-5)


coordinates = st.integers(-400_000, 400_000).map(lambda um: um / 1000)


@given(
    points=st.lists(st.tuples(*[coordinates] * 3), min_size=4, max_size=12, unique=True),
    suffix=st.sampled_from(MESH_SUFFIXES),
    text=st.booleans(),
)
def test_no_point_is_lost_or_exchanged(tmp_path_factory, points, suffix, text) -> None:
    folder = tmp_path_factory.mktemp("mesh")
    array = np.array(points)
    faces = np.array([[n, (n + 1) % len(points), (n + 2) % len(points)] for n in range(4)])
    corners = array[faces.ravel()] if suffix == ".stl" else array
    if np.ptp(corners.astype(np.float32), axis=0).max() == 0:
        return
    mesh = read_mesh(write(folder / f"in{suffix}", polydata(array, faces), "LPS", text))
    np.testing.assert_allclose(mesh.points_lps, corners, atol=SINGLE_MM)
    out = folder / f"out{suffix}"
    mesh.write(out, mesh.points_lps, {})
    if suffix != ".obj":
        np.testing.assert_allclose(points_of(read(out)[0]), corners, atol=SINGLE_MM)


def test_axes_that_are_not_stated_are_taken_as_slicer_does(tmp_path: Path) -> None:
    for suffix in MESH_SUFFIXES:
        path = write(tmp_path / f"in{suffix}", polydata(), None)
        mesh = read_mesh(path)
        assert mesh.axes is FileAxes.LPS
        assert [f.code for f in mesh.findings] == [Code.AXES_ASSUMED]
        stated = read_mesh(path, FileAxes.RAS)
        assert (stated.axes, stated.findings) == (FileAxes.RAS, ())
        np.testing.assert_array_equal(stated.points_lps, mesh.points_lps * [-1, -1, 1])


def test_a_statement_against_the_file_is_told(tmp_path: Path) -> None:
    mesh = read_mesh(write(tmp_path / "a.stl", polydata(), "RAS"), FileAxes.LPS)
    assert mesh.axes is FileAxes.LPS
    assert [f.code for f in mesh.findings] == [Code.STATED_OTHERWISE]


@pytest.mark.parametrize("suffix", [".vtk", ".vtp"])
def test_arrays_of_points_and_cells_are_kept(tmp_path: Path, suffix: str) -> None:
    data = polydata()
    array(data, "thickness", np.array([1.5, 2.5, 3.5, 4.5]))
    array(data, "label", np.arange(4, dtype=np.int32), of_points=False)
    array(data, "direction", np.eye(4, 3))
    mesh = read_mesh(write(tmp_path / f"in{suffix}", data))
    out = tmp_path / f"out{suffix}"
    mesh.write(out, mesh.points_lps + SHIFT, {})
    found, _ = read(out)
    np.testing.assert_array_equal(array_of(found, "thickness"), [1.5, 2.5, 3.5, 4.5])
    np.testing.assert_array_equal(array_of(found, "label", of_points=False), range(4))
    np.testing.assert_array_equal(array_of(found, "direction"), np.eye(4, 3))


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("single", [False, True])
def test_precision_of_the_file_is_kept(tmp_path: Path, text: bool, single: bool) -> None:
    kind = np.float32 if single else np.float64
    mesh = read_mesh(write(tmp_path / "in.vtk", polydata((CORNERS / 3).astype(kind)), "LPS", text))
    out = tmp_path / "out.vtk"
    mesh.write(out, mesh.points_lps, {})
    assert points_of(read(out)[0]).dtype == kind
    assert (b"ASCII" in out.read_bytes()[:100]) == text


def test_colours_of_a_ply_are_kept(tmp_path: Path) -> None:
    colours = np.arange(12, dtype=np.uint8).reshape(4, 3)
    for text in (False, True):
        data = polydata()
        array(data, "RGB", colours)
        mesh = read_mesh(write(tmp_path / f"in{text}.ply", data, "LPS", text))
        out = tmp_path / f"out{text}.ply"
        mesh.write(out, mesh.points_lps, {})
        np.testing.assert_array_equal(array_of(read(out)[0], "RGB"), colours)


@pytest.mark.parametrize("kind", NormalsKind)
@pytest.mark.parametrize("suffix", [".vtk", ".vtp", ".ply"])
def test_normals_are_handed_out_and_taken_back(
    tmp_path: Path, suffix: str, kind: NormalsKind
) -> None:
    of_points = kind is NormalsKind.POINTS
    if suffix == ".ply" and not of_points:
        return  # the format has none
    data = polydata()
    given_ = np.eye(4, 3, dtype=np.float32)
    given_[3] = 0.6, 0.0, 0.8
    normals(data, given_, of_points)
    mesh = read_mesh(write(tmp_path / f"in{suffix}", data, "RAS"))
    found = mesh.normals_lps(kind)
    np.testing.assert_allclose(found, given_ * [-1, -1, 1], atol=1e-6)
    other = NormalsKind.CELLS if of_points else NormalsKind.POINTS
    assert mesh.normals_lps(other) is None
    out = tmp_path / f"out{suffix}"
    mesh.write(out, mesh.points_lps, {kind: -found})
    np.testing.assert_allclose(array_of(read(out)[0], "Normals", of_points), -given_, atol=1e-6)


def test_centres_of_cells(tmp_path: Path) -> None:
    mesh = read_mesh(write(tmp_path / "a.vtp", polydata(), "RAS"))
    np.testing.assert_allclose(mesh.centres_lps, mesh.points_lps[FACES].mean(axis=1))


OBJ = """# SPACE=RAS
mtllib bone.mtl
o femur
v 1 2 3 0.5 0.5 0.5
v 4 5 6 1 0 0
v 7 8 10 0 1 0
vt 0 0
vn 0 0 1
g head
usemtl bone
f 1/1/1 2/1/1 3/1/1
f 1//1 2//1 \\
  -1//1
l 1 2
"""


def test_an_obj_keeps_all_but_its_normals(tmp_path: Path) -> None:
    path = tmp_path / "in.obj"
    path.write_text(OBJ)
    mesh = read_mesh(path)
    assert [f.code for f in mesh.findings] == [Code.DERIVED_DROPPED]
    out = tmp_path / "out.obj"
    mesh.write(out, mesh.points_lps + np.array([0.0, 0.0, 1.0]), {})
    assert out.read_text().splitlines() == [
        "# corrected by distcorr. SPACE=RAS",
        "#",
        "mtllib bone.mtl",
        "o femur",
        "v 1.0 2.0 4.0 0.5 0.5 0.5",
        "v 4.0 5.0 7.0 1 0 0",
        "v 7.0 8.0 11.0 0 1 0",
        "vt 0 0",
        "g head",
        "usemtl bone",
        "f 1/1 2/1 3/1",
        "f 1 2 -1",
        "l 1 2",
    ]


def test_properties_that_are_not_carried_over_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "in.ply", polydata(), "LPS", text=True)
    lines = path.read_text().splitlines()
    at = lines.index("property float z")
    lines.insert(at + 1, "property float quality")
    head = lines.index("end_header")
    for n in range(head + 1, head + 5):
        lines[n] += " 0.5"
    path.write_text("\n".join(lines) + "\n")
    (finding,) = read_mesh(path).findings
    assert finding.code is Code.DERIVED_DROPPED
    assert "quality" in finding.evidence


def test_attributes_of_a_binary_stl_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "in.stl", polydata())
    content = bytearray(path.read_bytes())
    content[84 + 48] = 7
    path.write_bytes(content)
    (finding,) = read_mesh(path).findings
    assert "attribute bytes" in finding.evidence


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@pytest.mark.parametrize(
    "content", [b"", b"nothing of the kind\n", b"\0" * 90], ids=["empty", "text", "zeros"]
)
def test_what_is_no_mesh_is_refused(
    tmp_path: Path, suffix: str, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert refusal(path).code in (Code.UNREADABLE, Code.MESH_INVALID, Code.BAD_FORMAT)
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@pytest.mark.parametrize("text", [False, True])
def test_a_cut_file_is_refused(tmp_path: Path, suffix: str, text: bool) -> None:
    path = write(tmp_path / f"a{suffix}", polydata(), "LPS", text)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert refusal(path).code in (Code.UNREADABLE, Code.MESH_INVALID)


@pytest.mark.parametrize("suffix", [".vtk", ".vtp", ".ply", ".obj"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e9])
def test_impossible_points_are_refused(tmp_path: Path, suffix: str, wrong: float) -> None:
    points = CORNERS.copy()
    points[1, 2] = wrong
    path = write(tmp_path / f"a{suffix}", polydata(points))
    assert refusal(path).code in (Code.MESH_INVALID, Code.UNREADABLE)


def test_empty_and_degenerate_meshes_are_refused(tmp_path: Path) -> None:
    empty = write(tmp_path / "a.vtp", polydata(CORNERS, FACES[:0]))
    assert refusal(empty).code is Code.MESH_INVALID
    flat = write(tmp_path / "b.vtp", polydata(np.ones((4, 3))))
    assert refusal(flat).code is Code.MESH_INVALID


def test_a_face_without_its_point_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    for corner in ("4", "0", "x", "-5"):
        path.write_text(f"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 {corner}\n")
        assert refusal(path).code is Code.MESH_INVALID


def test_other_data_sets_and_files_are_refused(tmp_path: Path) -> None:
    volume = tmp_path / "a.vtk"
    volume.write_text(
        "# vtk DataFile Version 3.0\nx\nASCII\nDATASET STRUCTURED_POINTS\nDIMENSIONS 2 2 2\n"
    )
    assert refusal(volume).code is Code.BAD_FORMAT
    assert "STRUCTURED_POINTS" in refusal(volume).finding.evidence
    assert refusal(tmp_path / "a.gltf").code is Code.BAD_FORMAT
    assert refusal(tmp_path / "no.stl").code is Code.NOT_FOUND


def test_reading_needs_no_display_and_importing_no_vtk() -> None:
    """The modules that are used load no OpenGL, X11 or EGL library."""
    code = (
        "import sys, distcorr.meshes\n"
        "assert not any(name.startswith('vtk') for name in sys.modules)\n"
        "from tests.meshes import examples\n"
        "import pathlib, tempfile\n"
        "path = pathlib.Path(tempfile.mkdtemp()) / 'a.stl'\n"
        "distcorr.meshes.read_mesh(examples.write(path, examples.polydata()))\n"
        "maps = open('/proc/self/maps').read()\n"
        "assert not any(lib in maps for lib in ('libGL', 'libX11', 'libEGL', 'OpenGL'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
