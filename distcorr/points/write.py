"""Write a list of points, in the axes it was read in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from distcorr.outputs import whole_output
from distcorr.points.lists import PointList
from distcorr.points.read import suffix_of
from distcorr.space import FileAxes

SCHEMA = (
    "https://raw.githubusercontent.com/Slicer/Slicer/main/Modules/Loadable/Markups/"
    "Resources/Schema/markups-schema-v1.0.3.json#"
)

_TABLE_COLUMNS = {FileAxes.LPS: ("l", "p", "s"), FileAxes.RAS: ("r", "a", "s")}


def write_points(points: PointList, path: Path, *, overwrite: bool = False) -> None:
    """Write a list of points.

    Parameters
    ----------
    points : PointList
    path : Path
        Its end chooses the format, see :func:`distcorr.points.read_points`.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    DistcorrError
        ``bad-format``, ``output-exists`` or ``output-unwritable``.
    """
    text = _WRITERS[suffix_of(path)](points)
    with whole_output(Path(path), overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _rows(points: PointList) -> list[tuple[str, list[float]]]:
    in_file = points.axes.in_file(points.points_lps).tolist()
    return list(zip(points.labels, in_file, strict=True))


def _mrk_json(points: PointList) -> str:
    control = [{"label": label, "position": xyz} for label, xyz in _rows(points)]
    markup = {
        "type": "Fiducial",
        "coordinateSystem": str(points.axes),
        "coordinateUnits": "mm",
        "controlPoints": control,
    }
    return json.dumps({"@schema": SCHEMA, "markups": [markup]}, indent=1) + "\n"


def _fcsv(points: PointList) -> str:
    out = io.StringIO()
    out.write("# Markups fiducial file version = 4.13\n")
    out.write(f"# CoordinateSystem = {points.axes}\n")
    out.write("# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n")
    writer = csv.writer(out, lineterminator="\n")
    for number, (label, xyz) in enumerate(_rows(points), 1):
        writer.writerow([number, *xyz, 0, 0, 0, 1, 1, 1, 0, label, "", ""])
    return out.getvalue()


def _table(points: PointList, delimiter: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", delimiter=delimiter)
    writer.writerow(["label", *_TABLE_COLUMNS[points.axes]])
    writer.writerows([label, *xyz] for label, xyz in _rows(points))
    return out.getvalue()


_WRITERS: dict[str, Callable[[PointList], str]] = {
    ".mrk.json": _mrk_json,
    ".fcsv": _fcsv,
    ".csv": lambda points: _table(points, ","),
    ".tsv": lambda points: _table(points, "\t"),
}
