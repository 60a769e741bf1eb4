"""Point lists: every format gives the same LPS millimetres, and nothing is guessed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr.errors import Code, DistcorrError
from distcorr.points import FileAxes, PointList, read_points, write_points
from distcorr.points.read import READERS

LABELS = ("F-1", 'a, "b"', "")
POINTS = np.array([[1.0, -2.5, 3.0], [40.0, 5.0, -60.25], [0.0, 0.0, 1e-3]])

FCSV = '''# Markups fiducial file version = 4.13
# CoordinateSystem = {axes}
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
1,1,2,3,0,0,0,1,1,1,0,F-1,,
2,4,5,6,0,0,0,1,1,1,0,"left, upper ""one""",desc,
'''


def refusal(path: Path) -> DistcorrError:
    with pytest.raises(DistcorrError) as raised:
        read_points(path)
    return raised.value


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def markups(folder: Path, *lists: dict) -> Path:
    return written(folder / "list.mrk.json", json.dumps({"markups": list(lists)}))


def control(*positions: list[float], **more: object) -> list[dict]:
    return [{"label": f"F-{k}", "position": p, **more} for k, p in enumerate(positions, 1)]


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("axes", FileAxes)
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str, axes: FileAxes) -> None:
    path = tmp_path / f"points{suffix}"
    write_points(PointList("test", LABELS, POINTS, axes), path)
    again = read_points(path)
    assert again.labels == LABELS
    assert again.axes is axes
    np.testing.assert_array_equal(again.points_lps, POINTS)


coordinates = st.floats(-4000, 4000, allow_subnormal=False)


@given(
    points=st.lists(st.tuples(*[coordinates] * 3), min_size=1, max_size=8),
    suffix=st.sampled_from(list(READERS)),
    axes=st.sampled_from(list(FileAxes)),
)
def test_no_digit_is_lost(tmp_path_factory, points, suffix, axes) -> None:
    array = np.array(points)
    apart = np.linalg.norm(array[:, None] - array[None], axis=2) + np.eye(len(array))
    if (apart < 0.01).any():
        return
    path = tmp_path_factory.mktemp("points") / f"list{suffix}"
    write_points(PointList("test", ("",) * len(array), array, axes), path)
    np.testing.assert_array_equal(read_points(path).points_lps, array)


@pytest.mark.parametrize(
    ("axes", "signs"),
    [("LPS", (1, 1, 1)), ("1", (1, 1, 1)), ("RAS", (-1, -1, 1)), ("0", (-1, -1, 1))],
)
def test_all_spellings_of_the_axes(tmp_path: Path, axes: str, signs: tuple[int, ...]) -> None:
    fcsv = read_points(written(tmp_path / "a.fcsv", FCSV.format(axes=axes)))
    assert fcsv.labels == ("F-1", 'left, upper "one"')
    np.testing.assert_array_equal(fcsv.points_lps, np.array([[1, 2, 3], [4, 5, 6]]) * signs)
    path = markups(tmp_path, {"coordinateSystem": axes, "controlPoints": control([1, 2, 3])})
    np.testing.assert_array_equal(read_points(path).points_lps, np.array([[1, 2, 3]]) * signs)


def test_columns_of_a_table_name_the_axes(tmp_path: Path) -> None:
    for header, signs in (("x,y,z", 1), ("L,P,S", 1), ("r,a,s", -1)):
        path = written(tmp_path / "t.csv", f"label,{header}\nA,1,2,3\n")
        np.testing.assert_array_equal(read_points(path).points_lps, [[signs, 2 * signs, 3]])


def test_micrometres_are_converted(tmp_path: Path) -> None:
    for unit in ("um", ["um", "UCUM", "micrometer"]):
        path = markups(tmp_path, {"coordinateUnits": unit, "controlPoints": control([1000, 0, 0])})
        np.testing.assert_allclose(read_points(path).points_lps, [[1, 0, 0]])


def test_several_lists_of_one_file_are_joined(tmp_path: Path) -> None:
    path = markups(
        tmp_path, {"controlPoints": control([1, 0, 0])}, {"controlPoints": control([2, 0, 0])}
    )
    assert len(read_points(path)) == 2


def test_points_that_were_never_placed_are_counted(tmp_path: Path) -> None:
    placed, unplaced = control([1, 2, 3])[0], {"label": "x", "positionStatus": "undefined"}
    path = markups(tmp_path, {"controlPoints": [unplaced, placed, unplaced]})
    found = read_points(path)
    assert len(found) == 1
    assert [f.code for f in found.findings] == [Code.POINTS_UNUSED]
    assert found.findings[0].what.startswith("2 points")
    fcsv = FCSV.format(axes="LPS").replace(",F-1,,", ",F-1,,,0,0")
    assert len(read_points(written(tmp_path / "b.fcsv", fcsv)).findings) == 1
    table = "label,l,p,s,defined\nA,1,2,3,1\nB,0,0,0,0\n"
    assert read_points(written(tmp_path / "b.csv", table)).labels == ("A",)


WRONG = {
    "a.fcsv": [
        (FCSV.format(axes="LPS").replace("# CoordinateSystem = LPS\n", ""), Code.BAD_FORMAT),
        (FCSV.format(axes="scanner"), Code.BAD_FORMAT),
        (FCSV.format(axes="LPS").replace("1,1,2,3", "1,one,2,3"), Code.POINTS_INVALID),
        (FCSV.format(axes="LPS").replace("id,x,y,z", "id,label,x,y"), Code.BAD_FORMAT),
    ],
    "a.mrk.json": [
        ("{", Code.BAD_FORMAT),
        ("[]", Code.BAD_FORMAT),
        ('{"markups": [{"controlPoints": [{"label": "no position"}]}]}', Code.BAD_FORMAT),
        ('{"markups": [{"controlPoints": [{"position": [1, 2]}]}]}', Code.POINTS_INVALID),
        ('{"markups": [{"controlPoints": [{"position": [1, 2, NaN]}]}]}', Code.POINTS_INVALID),
        ('{"markups": [{"coordinateSystem": "IJK", "controlPoints": []}]}', Code.BAD_FORMAT),
        ('{"markups": [{"coordinateUnits": "in", "controlPoints": []}]}', Code.BAD_FORMAT),
        (
            '{"markups": [{"coordinateSystem": "RAS"}, {"coordinateSystem": "LPS"}]}',
            Code.BAD_FORMAT,
        ),
    ],
    "a.csv": [
        ("", Code.BAD_FORMAT),
        ("1,2,3\n4,5,6\n", Code.BAD_FORMAT),
        ("x,y,z,r,a,s\n1,2,3,4,5,6\n", Code.BAD_FORMAT),
        ("x,x,y,z\n1,1,2,3\n", Code.BAD_FORMAT),
        ("x,y,z\n1,2\n", Code.BAD_FORMAT),
        ("x,y,z\n1,2,\n", Code.POINTS_INVALID),
        ("x,y,z\n1,2,nan\n", Code.POINTS_INVALID),
        ("x,y,z\n1,2,1e9\n", Code.POINTS_INVALID),
        ("x,y,z\n1,2,3\n1,2,3\n", Code.POINTS_INVALID),
    ],
    "a.txt": [("1 2 3", Code.BAD_FORMAT)],
}


@pytest.mark.parametrize(
    ("name", "text", "code"), [(name, *case) for name, cases in WRONG.items() for case in cases]
)
def test_wrong_files_are_refused(tmp_path: Path, name: str, text: str, code: Code) -> None:
    path = written(tmp_path / name, text)
    found = refusal(path)
    assert found.code is code
    assert str(path) in found.finding.evidence


def test_files_that_are_absent_or_binary_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.csv").code is Code.NOT_FOUND
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    assert refusal(tmp_path / "b.csv").code is Code.UNREADABLE


def test_the_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "x,y,z\n1,2,3\n1,2,3.5a\n")
    assert "row 3, column z: '3.5a'" in refusal(path).finding.evidence


def test_real_marker_lists(data: Path) -> None:
    for name in ("CT", "MR"):
        found = read_points(data / "gnl_linac1T" / f"{name}.mrk.json")
        assert len(found) == 336
        assert found.axes is FileAxes.LPS
        assert set(found.labels) == {""}
        first = found.points_lps[0]
    np.testing.assert_array_equal(first, [-7.31, -149.53, -5.43])
