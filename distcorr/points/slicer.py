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
from dataclasses import dataclass
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

PLACED = "defined"
"""Status of a control point that has a position."""

_FCSV_HEADER = re.compile(r"#\s*(?P<name>[^=]+?)\s*=\s*(?P<value>.*?)\s*$")
FCSV_XYZ = slice(1, 4)
FCSV_LABEL = 11
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
    content = parsed_markups(path)
    markups = content["markups"]
    axes = _common_axes(path, markups)
    labels: list[str] = []
    points: list[list[float]] = []
    unplaced = 0
    for markup in markups:
        scale = millimetres(path, markup.get("coordinateUnits", "mm"))
        for point in markup.get("controlPoints", []):
            if point.get("positionStatus", PLACED) != PLACED:
                unplaced += 1
                continue
            labels.append(str(point.get("label", "")))
            points.append([scale * value for value in three_numbers(path, point["position"])])
    array = np.array(points, dtype=np.float64).reshape(-1, 3) * axes.signs
    return PointList(str(path), tuple(labels), array, axes, skipped(str(path), unplaced))


def parsed_markups(path: Path) -> dict[str, Any]:
    """Parse a ``.mrk.json`` and check its structure.

    Raises
    ------
    DistcorrError
        ``bad-format`` unless it holds lists of control points with positions.
    """
    try:
        content = json.loads(read_text(path))
        for markup in content["markups"]:
            for point in markup.get("controlPoints", []):
                if point.get("positionStatus", PLACED) == PLACED:
                    len(point["position"])
            for measurement in markup.get("measurements", []):
                measurement.get("name")
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, RecursionError) as failure:
        raise DistcorrError(
            Code.BAD_FORMAT,
            "this is no markups file of 3D Slicer",
            f"{path}: {type(failure).__name__} {failure}",
            "save the point list from Slicer as .mrk.json",
        ) from failure
    return dict(content)


def three_numbers(path: Path, position: Any) -> list[float]:
    """Return a position as floats; raises ``points-invalid`` if it is none."""
    numbers = [v for v in position if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != 3 or len(position) != 3:
        raise DistcorrError(
            Code.POINTS_INVALID, "a position is not three numbers", f"{path}: {position}"
        )
    return [float(v) for v in numbers]


def _common_axes(path: Path, markups: list[dict[str, Any]]) -> FileAxes:
    stated = [axes_of(path, str(one.get("coordinateSystem", "LPS"))) for one in markups]
    if len(set(stated)) > 1:
        raise DistcorrError(
            Code.BAD_FORMAT, "the lists of one file have different axes", str(path),
            "save each list in a file of its own",
        )  # fmt: skip
    return stated[0] if stated else FileAxes.LPS


def axes_of(path: Path, stated: str) -> FileAxes:
    """Understand how a file names its axes; raises ``bad-format`` if that fails."""
    axes = _AXES.get(stated.strip().upper())
    if axes is None:
        raise DistcorrError(
            Code.BAD_FORMAT, "the axes of the coordinates are not known", f"{path}: {stated!r}",
            "state LPS or RAS",
        )  # fmt: skip
    return axes


def millimetres(path: Path, unit: str | list[str]) -> float:
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
    text = FcsvText.read(path)
    placed = [row for row in text.rows if fcsv_is_placed(row)]
    labels = tuple(row[FCSV_LABEL] if len(row) > FCSV_LABEL else "" for row in placed)
    array = np.array([text.point(row) for row in placed]).reshape(-1, 3) * text.axes.signs
    unplaced = len(text.rows) - len(placed)
    return PointList(str(path), labels, array, text.axes, skipped(str(path), unplaced))


@dataclass(frozen=True)
class FcsvText:
    """A ``.fcsv``, taken apart.

    Attributes
    ----------
    path : Path
    comments : tuple of str
        Lines that begin with ``#``.
    axes : FileAxes
    rows : tuple of tuple of str
        Cells of each point, as written.
    """

    path: Path
    comments: tuple[str, ...]
    axes: FileAxes
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, path: Path) -> FcsvText:
        """Read a file; raises DistcorrError as :func:`read_fcsv`."""
        lines = read_text(path).splitlines()
        comments = tuple(line for line in lines if line.startswith("#"))
        matches = (_FCSV_HEADER.match(line) for line in comments)
        header = {match["name"].lower(): match["value"] for match in matches if match}
        if "coordinatesystem" not in header:
            raise DistcorrError(
                Code.BAD_FORMAT, "the file does not state the axes of its coordinates", str(path),
                "add the line '# CoordinateSystem = LPS' or RAS, or save it again from Slicer",
            )  # fmt: skip
        axes = axes_of(path, header["coordinatesystem"])
        _require_usual_columns(path, header.get("columns", "id,x,y,z"))
        rows = _fcsv_rows(path, [line for line in lines if not line.startswith("#")])
        return cls(path, comments, axes, tuple(tuple(row) for row in rows))

    def point(self, row: tuple[str, ...]) -> list[float]:
        """Coordinates of a row as in the file; raises ``points-invalid``."""
        return _fcsv_point(self.path, row)


def fcsv_is_placed(row: tuple[str, ...]) -> bool:
    """Whether a row of a ``.fcsv`` holds a point that has been placed."""
    return len(row) <= _FCSV_STATUS or row[_FCSV_STATUS] == _FCSV_PLACED


def _fcsv_rows(path: Path, lines: list[str]) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines) if row]
    except csv.Error as failure:
        raise DistcorrError(
            Code.BAD_FORMAT, "this is no .fcsv file", f"{path}: {failure}", "save it again"
        ) from failure


def _require_usual_columns(path: Path, columns: str) -> None:
    names = [name.strip().lower() for name in columns.split(",")]
    if names[FCSV_XYZ] != ["x", "y", "z"]:
        raise DistcorrError(
            Code.BAD_FORMAT, "the columns are not those that Slicer writes", f"{path}: {columns}",
            "save the point list from Slicer as .mrk.json",
        )  # fmt: skip


def _fcsv_point(path: Path, row: tuple[str, ...]) -> list[float]:
    try:
        x, y, z = (float(cell) for cell in row[FCSV_XYZ])
    except ValueError:
        raise DistcorrError(
            Code.POINTS_INVALID, "a position is not three numbers", f"{path}: {','.join(row)}"
        ) from None
    return [x, y, z]
