"""Point lists of 3D Slicer: ``.mrk.json`` and the older ``.fcsv``.

Both state the axes of their coordinates; the numbers 0 and 1 that old files
hold mean RAS and LPS. A ``.mrk.json`` without a statement is LPS by its schema;
an ``.fcsv`` without one is refused, because its default has changed between
versions. Sources: Slicer, Modules/Loadable/Markups, markups-schema-v1.0.3.json
and vtkMRMLMarkupsFiducialStorageNode.cxx.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from distcorr.errors import Code, DistcorrError
from distcorr.points.lists import PointList
from distcorr.points.text import read_text, skipped
from distcorr.space import FileAxes

_AXES = {"LPS": FileAxes.LPS, "RAS": FileAxes.RAS, "1": FileAxes.LPS, "0": FileAxes.RAS}

_MILLIMETRES = {"mm": 1.0, "um": 1e-3}
"""Units that the schema allows, in UCUM."""

_PLACED = "defined"

_FCSV_HEADER = re.compile(r"#\s*(?P<name>[^=]+?)\s*=\s*(?P<value>.*?)\s*$")
_FCSV_XYZ = slice(1, 4)
_FCSV_LABEL = 11
_FCSV_STATUS = 14
"""Unnamed column that Slicer 5 appends: 2 where the point has been placed."""
_FCSV_PLACED = "2"


def read_mrk_json(path: Path) -> PointList:
    """Read all control points of a ``.mrk.json``.

    Parameters
    ----------
    path : Path

    Returns
    -------
    PointList
        Points that were never placed are passed over and counted.

    Raises
    ------
    DistcorrError
        ``bad-format`` if it is no such file, holds lists in different axes, or
        states axes or units that are not known; ``points-invalid``.
    """
    try:
        content = json.loads(read_text(path))
        markups = content["markups"]
        axes = _common_axes(path, markups)
        labels: list[str] = []
        points: list[list[float]] = []
        unplaced = 0
        for markup in markups:
            scale = _millimetres(path, markup.get("coordinateUnits", "mm"))
            for point in markup.get("controlPoints", []):
                if point.get("positionStatus", _PLACED) != _PLACED:
                    unplaced += 1
                    continue
                labels.append(str(point.get("label", "")))
                points.append([scale * value for value in _three(path, point["position"])])
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, RecursionError) as failure:
        raise DistcorrError(
            Code.BAD_FORMAT,
            "this is no markups file of 3D Slicer",
            f"{path}: {type(failure).__name__} {failure}",
            "save the point list from Slicer as .mrk.json",
        ) from failure
    array = np.array(points, dtype=np.float64).reshape(-1, 3) * axes.signs
    return PointList(str(path), tuple(labels), array, axes, skipped(str(path), unplaced))


def _three(path: Path, position: Any) -> list[float]:
    numbers = [v for v in position if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != 3 or len(position) != 3:
        raise DistcorrError(
            Code.POINTS_INVALID, "a position is not three numbers", f"{path}: {position}"
        )
    return [float(v) for v in numbers]


def _common_axes(path: Path, markups: list[dict[str, Any]]) -> FileAxes:
    stated = [_axes(path, str(one.get("coordinateSystem", "LPS"))) for one in markups]
    if len(set(stated)) > 1:
        raise DistcorrError(
            Code.BAD_FORMAT, "the lists of one file have different axes", str(path),
            "save each list in a file of its own",
        )  # fmt: skip
    return stated[0] if stated else FileAxes.LPS


def _axes(path: Path, stated: str) -> FileAxes:
    axes = _AXES.get(stated.strip().upper())
    if axes is None:
        raise DistcorrError(
            Code.BAD_FORMAT, "the axes of the coordinates are not known", f"{path}: {stated!r}",
            "state LPS or RAS",
        )  # fmt: skip
    return axes


def _millimetres(path: Path, unit: str | list[str]) -> float:
    """Return the size of a unit, which is a name or [name, scheme, meaning]."""
    name = unit if isinstance(unit, str) else unit[0]
    if name not in _MILLIMETRES:
        raise DistcorrError(
            Code.BAD_FORMAT, "the unit of the coordinates is not known", f"{path}: {name!r}",
            f"state one of {', '.join(_MILLIMETRES)}",
        )  # fmt: skip
    return _MILLIMETRES[name]


def read_fcsv(path: Path) -> PointList:
    """Read a ``.fcsv``.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DistcorrError
        ``bad-format`` if the header does not state the axes, or other columns
        than Slicer writes; ``points-invalid``.
    """
    lines = read_text(path).splitlines()
    header = {
        match["name"].lower(): match["value"]
        for line in lines
        if (match := _FCSV_HEADER.match(line))
    }
    if "coordinatesystem" not in header:
        raise DistcorrError(
            Code.BAD_FORMAT, "the file does not state the axes of its coordinates", str(path),
            "add the line '# CoordinateSystem = LPS' or RAS, or save it again from Slicer",
        )  # fmt: skip
    axes = _axes(path, header["coordinatesystem"])
    _require_usual_columns(path, header.get("columns", "id,x,y,z"))
    rows = _fcsv_rows(path, [line for line in lines if not line.startswith("#")])
    placed = [r for r in rows if len(r) <= _FCSV_STATUS or r[_FCSV_STATUS] == _FCSV_PLACED]
    labels = tuple(row[_FCSV_LABEL] if len(row) > _FCSV_LABEL else "" for row in placed)
    points = [_fcsv_point(path, row) for row in placed]
    array = np.array(points, dtype=np.float64).reshape(-1, 3) * axes.signs
    return PointList(str(path), labels, array, axes, skipped(str(path), len(rows) - len(placed)))


def _fcsv_rows(path: Path, lines: list[str]) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines) if row]
    except csv.Error as failure:
        raise DistcorrError(
            Code.BAD_FORMAT, "this is no .fcsv file", f"{path}: {failure}", "save it again"
        ) from failure


def _require_usual_columns(path: Path, columns: str) -> None:
    names = [name.strip().lower() for name in columns.split(",")]
    if names[_FCSV_XYZ] != ["x", "y", "z"]:
        raise DistcorrError(
            Code.BAD_FORMAT, "the columns are not those that Slicer writes", f"{path}: {columns}",
            "save the point list from Slicer as .mrk.json",
        )  # fmt: skip


def _fcsv_point(path: Path, row: list[str]) -> list[float]:
    try:
        x, y, z = (float(cell) for cell in row[_FCSV_XYZ])
    except ValueError:
        raise DistcorrError(
            Code.POINTS_INVALID, "a position is not three numbers", f"{path}: {','.join(row)}"
        ) from None
    return [x, y, z]
