"""Files of points whose places are exchanged: everything else is as it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr.errors import Code, DistcorrError
from distcorr.points import read_document, read_points
from distcorr.points.documents import MOVABLE

SHIFT = np.array([1.0, -2.0, 0.5])

MARKUPS = {
    "@schema": "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/"
    "Resources/Schema/markups-schema-v1.0.3.json#",
    "markups": [
        {
            "type": "Fiducial",
            "name": "kopf",
            "coordinateSystem": "RAS",
            "coordinateUnits": "mm",
            "locked": False,
            "labelFormat": "%N-%d",
            "controlPoints": [
                {
                    "id": "1",
                    "label": "größer Rollhügel",
                    "description": "by hand",
                    "associatedNodeID": "vtkMRMLScalarVolumeNode1",
                    "position": [10.0, 20.0, 30.0],
                    "orientation": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
                    "selected": True,
                    "locked": True,
                    "visibility": False,
                    "positionStatus": "defined",
                },
                {"id": "2", "label": "later", "positionStatus": "undefined", "position": [0, 0, 0]},
                {"id": "3", "label": "", "position": [1, 2, 3]},
            ],
            "measurements": [],
            "display": {"color": [0.4, 1.0, 1.0], "glyphType": "Sphere3D", "opacity": 1.0},
        },
        {
            "type": "Line",
            "coordinateSystem": "LPS",
            "controlPoints": [{"position": [1, 2, 3]}, {"position": [4, 5, 6]}],
            "measurements": [
                {"name": "length", "enabled": True, "value": 5.19, "units": "mm"},
                {"name": "curvature mean", "enabled": False, "controlPointValues": [1, 2]},
            ],
        },
    ],
}


def written(path: Path, content: object) -> Path:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_markups_file_keeps_everything_else(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mrk.json", MARKUPS)
    before = path.read_bytes()
    document = read_document(path)
    places = document.places
    assert places.names == ("point 1 (größer Rollhügel)", "point 2", "point 3", "point 4")
    np.testing.assert_array_equal(
        places.points_lps, [[-10, -20, 30], [-1, -2, 3], [1, 2, 3], [4, 5, 6]]
    )
    text = document.moved(places.points_lps + SHIFT, ["doubtful", "", "alone", ""])
    found = json.loads(text)
    expected = json.loads(json.dumps(MARKUPS))
    expected["distcorr"] = "corrected by distcorr"
    points = expected["markups"][0]["controlPoints"]
    points[0]["position"] = [9.0, 22.0, 30.5]
    points[0]["description"] = "by hand; doubtful"
    points[2]["position"] = [0.0, 4.0, 3.5]
    line = expected["markups"][1]
    line["controlPoints"][0] = {"position": [2.0, 0.0, 3.5], "description": "alone"}
    line["controlPoints"][1]["position"] = [5.0, 3.0, 6.5]
    line["measurements"] = [
        {"name": "length", "enabled": True, "units": "mm"},
        {"name": "curvature mean", "enabled": False},
    ]
    assert found == expected
    assert list(found["markups"][0]) == list(MARKUPS["markups"][0])  # the order of keys, too
    (finding,) = document.findings
    assert finding.code is Code.DERIVED_DROPPED
    assert finding.evidence == "length 5.19, curvature mean"
    assert document.moved(places.points_lps + SHIFT, ["doubtful", "", "alone", ""]) == text
    assert path.read_bytes() == before


def test_micrometres_stay_micrometres(tmp_path: Path) -> None:
    point = {"position": [1000, 0, 0]}
    content = {"markups": [{"coordinateUnits": "um", "controlPoints": [point]}]}
    document = read_document(written(tmp_path / "a.mrk.json", content))
    np.testing.assert_allclose(document.places.points_lps, [[1, 0, 0]])
    moved = json.loads(document.moved(document.places.points_lps + SHIFT, [""]))
    np.testing.assert_allclose(
        moved["markups"][0]["controlPoints"][0]["position"], [2000, -2000, 500]
    )


@pytest.mark.parametrize("kind", ["Plane", "ROI", "TestGrid"])
def test_what_bends_is_refused(tmp_path: Path, kind: str) -> None:
    content = {"markups": [MARKUPS["markups"][0], {"type": kind, "controlPoints": []}]}
    with pytest.raises(DistcorrError) as raised:
        read_document(written(tmp_path / "a.mrk.json", content))
    assert raised.value.code is Code.BAD_FORMAT
    assert kind in raised.value.finding.evidence


@pytest.mark.parametrize("kind", sorted(MOVABLE))
def test_what_is_its_points_is_moved(tmp_path: Path, kind: str) -> None:
    content = {"markups": [{"type": kind, "controlPoints": [{"position": [1, 2, 3]}]}]}
    assert len(read_document(written(tmp_path / "a.mrk.json", content)).places) == 1


FCSV = '''# Markups fiducial file version = 4.13
# CoordinateSystem = {axes}
# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID
1,1,2,3,0,0,0,1,1,0,1,"left, upper ""one""",,vtkMRMLNode1,2,0
2,0,0,0,0,0,0,1,1,1,0,never,said,,0,0
3,4,5,6,0,0,0,1,0,1,0,F-2,said,,2,0
'''


@pytest.mark.parametrize(("axes", "sign"), [("LPS", 1), ("RAS", -1), ("0", -1), ("1", 1)])
def test_an_fcsv_keeps_everything_else(tmp_path: Path, axes: str, sign: int) -> None:
    document = read_document(written(tmp_path / "a.fcsv", FCSV.format(axes=axes)))
    places = document.places
    np.testing.assert_array_equal(places.points_lps[0], [sign, 2 * sign, 3])
    text = document.moved(places.points_lps + np.array([sign, 0, 0]), ["", "doubtful"])
    lines = FCSV.format(axes=axes).splitlines()
    lines.insert(1, "# corrected by distcorr")
    lines[4] = lines[4].replace("1,1,2,3", "1,2.0,2.0,3.0")
    lines[6] = lines[6].replace("3,4,5,6", "3,5.0,5.0,6.0").replace("said", "said; doubtful")
    assert text.splitlines() == lines
    again = read_points(written(tmp_path / "b.fcsv", text))
    np.testing.assert_array_equal(again.points_lps[0], [2 * sign, 2 * sign, 3])


def test_a_short_fcsv_gets_a_description_where_it_belongs(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fcsv", "# CoordinateSystem = LPS\na,1,2,3\n")
    moved = read_document(path).moved(np.array([[1.0, 2.0, 3.0]]), ["doubtful"])
    assert moved.splitlines()[-1] == "a,1.0,2.0,3.0,,,,,,,,,doubtful"


TABLE = """Subject,R,A,S,,Label,defined,
007,1,2,3,x,"a, b",1,y
008,0,0,0,,later,0,
009,4,5,6,,c,1,z
"""


def test_a_table_keeps_its_columns(tmp_path: Path) -> None:
    document = read_document(written(tmp_path / "a.csv", TABLE))
    places = document.places
    assert places.names == ("point 1 (a, b)", "point 2 (c)")
    text = document.moved(places.points_lps + SHIFT, ["", "doubtful"])
    assert text.splitlines() == [
        "Subject,R,A,S,,Label,defined,,distcorr",
        '007,0.0,4.0,3.5,x,"a, b",1,y,corrected',
        "008,0,0,0,,later,0,,",
        "009,3.0,7.0,6.5,,c,1,z,doubtful",
    ]


cells = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
coordinates = st.floats(-4000, 4000, allow_subnormal=False)


@given(
    rows=st.lists(st.tuples(cells, *[coordinates] * 3, cells), min_size=1, max_size=6),
    suffix=st.sampled_from([".csv", ".tsv"]),
)
def test_no_cell_and_no_digit_is_lost(tmp_path_factory, rows, suffix) -> None:
    path = tmp_path_factory.mktemp("table") / f"a{suffix}"
    delimiter = "," if suffix == ".csv" else "\t"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([["id", "l", "p", "s", "note"], *rows])
    document = read_document(path)
    points = document.places.points_lps
    np.testing.assert_array_equal(points, [row[1:4] for row in rows])
    out = path.with_name(f"b{suffix}")
    out.write_text(document.moved(points, [""] * len(rows)), encoding="utf-8", newline="")
    with out.open(encoding="utf-8", newline="") as stream:
        found = list(csv.reader(stream, delimiter=delimiter))[1:]
    assert [(row[0], row[4]) for row in found] == [(row[0], row[4]) for row in rows]
    assert [[float(cell) for cell in row[1:4]] for row in found] == [list(r[1:4]) for r in rows]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.mrk.json", MARKUPS), ("a.fcsv", FCSV.format(axes="LPS")), ("a.csv", TABLE)],
)
def test_a_corrected_file_is_not_corrected_again(
    tmp_path: Path, name: str, content: object
) -> None:
    document = read_document(written(tmp_path / name, content))
    points = document.places.points_lps
    again = written(tmp_path / f"again{name[1:]}", document.moved(points, [""] * len(points)))
    with pytest.raises(DistcorrError) as raised:
        read_document(again)
    assert raised.value.code is Code.ALREADY_CORRECTED


def test_coinciding_points_are_no_fault_here(tmp_path: Path) -> None:
    """The ends of a curve may meet; only pairs need places of their own."""
    document = read_document(written(tmp_path / "a.csv", "x,y,z\n1,2,3\n1,2,3\n"))
    assert len(document.places) == 2


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", "x,y,z\n", Code.POINTS_INVALID),
        ("a.csv", "x,y,z\n1,2,nan\n", Code.POINTS_INVALID),
        ("a.csv", "x,y,z\n1,2,1e9\n", Code.POINTS_INVALID),
        ("a.csv", "a,b\n1,2\n", Code.BAD_FORMAT),
        ("a.mrk.json", '{"markups": []}', Code.POINTS_INVALID),
        ("a.mrk.json", '{"markups": [{"type": "Line", "measurements": [1]}]}', Code.BAD_FORMAT),
        ("a.mrk.json", "[]", Code.BAD_FORMAT),
        ("a.fcsv", "1,2,3,4\n", Code.BAD_FORMAT),
        ("a.txt", "1 2 3", Code.BAD_FORMAT),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, name: str, content: str, code: Code) -> None:
    with pytest.raises(DistcorrError) as raised:
        _ = read_document(written(tmp_path / name, content)).places
    assert raised.value.code is code


def test_real_markups(data: Path) -> None:
    """336 markers of a phantom: the text of the file is the same but for the places."""
    path = data / "gnl_linac1T" / "MR.mrk.json"
    document = read_document(path)
    points = document.places.points_lps
    assert len(points) == 336
    found, source = json.loads(document.moved(points, [""] * 336)), json.loads(path.read_text())
    assert found.pop("distcorr")
    assert found == source
