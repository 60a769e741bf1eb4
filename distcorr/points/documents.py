"""Files of points in which the places can be exchanged and nothing else changes.

:func:`distcorr.points.read_points` takes what an estimator needs. A document keeps
the whole file: labels, ids, colours, display, descriptions, other columns, points
that were never placed.

What is done to the rest:

- The remark of a point goes to its description (Slicer) or to the column
  ``distcorr`` (tables), and the file is marked as corrected, so that it can't be
  corrected twice.
- Measurements of markups (length, angle, ...) lose their values, which were those
  of the shown points; Slicer computes them again. They are told in a finding.
- Point lists, lines, angles and curves are moved control point by control point.
  Planes and regions of interest do not stay flat or right-angled where space
  bends; they are refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError, Finding
from distcorr.points.lists import require_possible
from distcorr.points.slicer import PLACED, axes_of, millimetres, parsed_markups, three_numbers
from distcorr.space import FileAxes

Array = NDArray[np.float64]

MARK = "corrected by distcorr"
"""Stands in every file of points that was corrected."""

MOVABLE = frozenset({"Fiducial", "Line", "Angle", "Curve", "ClosedCurve"})
"""Types of markups that are their control points and nothing else."""

_MARK_KEY = "distcorr"
_MEASURED = ("value", "controlPointValues")


@dataclass(frozen=True, eq=False)
class Places:
    """Where the points of a document are.

    Attributes
    ----------
    points_lps : ndarray, shape (m, 3)
        Patient LPS, mm.
    names : tuple of str
        For messages.
    axes : tuple of FileAxes
        Of each point in the file.
    """

    points_lps: Array
    names: tuple[str, ...]
    axes: tuple[FileAxes, ...]

    def __len__(self) -> int:
        return len(self.names)


class Document(Protocol):
    """A file of points."""

    @property
    def places(self) -> Places:
        """Points that have been placed."""
        ...

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What will not be in the file any more once its points are moved."""
        ...

    def moved(self, points_lps: Array, remarks: Sequence[str]) -> str:
        """Return the text of the file with its points elsewhere.

        Parameters
        ----------
        points_lps : ndarray, shape (m, 3)
            For each of ``places``, patient LPS, mm.
        remarks : sequence of str
            One for each point; empty for those of which there is nothing to say.
        """
        ...


@dataclass(frozen=True, eq=False)
class MarkupsDocument:
    """A ``.mrk.json``.

    Parameters
    ----------
    path : Path
    content : dict
        Parsed JSON; never changed.
    """

    path: Path
    content: dict[str, Any]

    def __post_init__(self) -> None:
        if _MARK_KEY in self.content:
            raise already_corrected(self.path)
        for markup in self.content["markups"]:
            kind = markup.get("type", "Fiducial")
            if kind not in MOVABLE:
                raise _not_movable(self.path, kind)

    @classmethod
    def read(cls, path: Path) -> MarkupsDocument:
        """Read a file; raises DistcorrError as :func:`distcorr.points.read_points`."""
        return cls(path, parsed_markups(path))

    @property
    def places(self) -> Places:
        """Points that have been placed, of all markups of the file."""
        rows = []
        for markup in self.content["markups"]:
            axes, scale = self._axes(markup), self._scale(markup)
            for point in _placed(markup):
                xyz = np.array(three_numbers(self.path, point["position"])) * scale * axes.signs
                rows.append((xyz, str(point.get("label", "")), axes))
        return _places(self.path, rows)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Measurements whose values were those of the shown points."""
        told = [
            f"{one.get('name', 'measurement')} {one['value']:g}"
            if isinstance(one.get("value"), int | float)
            else str(one.get("name", "measurement"))
            for markup in self.content["markups"]
            for one in markup.get("measurements", [])
            if any(key in one for key in _MEASURED)
        ]
        if not told:
            return ()
        what = "values measured on the shown points were left out"
        remedy = "Slicer measures anew when the file is opened"
        return (Finding(Code.DERIVED_DROPPED, what, ", ".join(told), remedy),)

    def moved(self, points_lps: Array, remarks: Sequence[str]) -> str:
        """Return the text of the file with its points elsewhere."""
        content = deepcopy(self.content)
        row = 0
        for markup in content["markups"]:
            axes, scale = self._axes(markup), self._scale(markup)
            for point in _placed(markup):
                point["position"] = (axes.in_file(points_lps[row]) / scale).tolist()
                if remarks[row]:
                    point["description"] = _joined(point.get("description", ""), remarks[row])
                row += 1
            for one in markup.get("measurements", []):
                for key in _MEASURED:
                    one.pop(key, None)
        content[_MARK_KEY] = MARK
        return json.dumps(content, indent=4, ensure_ascii=False) + "\n"

    def _axes(self, markup: dict[str, Any]) -> FileAxes:
        return axes_of(self.path, str(markup.get("coordinateSystem", "LPS")))

    def _scale(self, markup: dict[str, Any]) -> float:
        return millimetres(self.path, markup.get("coordinateUnits", "mm"))


def already_corrected(path: Path) -> DistcorrError:
    """Refusal of a file that carries the mark of a corrected one."""
    return DistcorrError(
        Code.ALREADY_CORRECTED, "this file was corrected by distcorr before", str(path)
    )


def _placed(markup: dict[str, Any]) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = markup.get("controlPoints", [])
    return [point for point in points if point.get("positionStatus", PLACED) == PLACED]


def _not_movable(path: Path, kind: object) -> DistcorrError:
    return DistcorrError(
        Code.BAD_FORMAT,
        "this kind of markup can't be corrected point by point",
        f"{path}: {kind}",
        f"mark what matters by {', '.join(sorted(MOVABLE))}; draw planes and boxes on the "
        "corrected scan",
    )


def _places(path: Path, rows: list[tuple[Array, str, FileAxes]]) -> Places:
    return places_of(
        path,
        np.array([xyz for xyz, _, _ in rows]).reshape(-1, 3),
        [label for _, label, _ in rows],
        tuple(axes for _, _, axes in rows),
    )


def places_of(
    path: Path, points_lps: Array, labels: Sequence[str], axes: tuple[FileAxes, ...]
) -> Places:
    """Name the points of a document and check them.

    Raises
    ------
    DistcorrError
        ``points-invalid`` if there is none, or a coordinate is impossible.
    """
    names = tuple(
        f"point {number}" + (f" ({label.strip()})" if label.strip() else "")
        for number, label in enumerate(labels, 1)
    )
    if not names:
        raise DistcorrError(
            Code.POINTS_INVALID, "the file holds no point that has been placed", str(path)
        )
    require_possible(str(path), points_lps, names)
    return Places(points_lps, names, axes)


def _joined(description: object, remark: str) -> str:
    """Add a remark to a description."""
    return f"{description}; {remark}" if description else remark
