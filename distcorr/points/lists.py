"""A list of points, valid once constructed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError, Finding
from distcorr.space import FileAxes

Array = NDArray[np.float64]

MAX_COORDINATE_MM = 5000.0
"""Farther from the origin no table goes; beyond it the unit is not mm."""

SAME_PLACE_MM = 1e-3
"""Points nearer than this are one point listed twice: no two markers fit there."""


@dataclass(frozen=True, eq=False)
class PointList:
    """Points with their labels.

    Parameters
    ----------
    source : str
        File or place that the points came from, for messages.
    labels : tuple of str
        One for each point; empty where there is none.
    points_lps : ndarray, shape (m, 3)
        Patient LPS, mm.
    axes : FileAxes
        Axes of the file that was read, so that it can be written the same way.
    findings : tuple of Finding
        What the reader passed over.

    Raises
    ------
    DistcorrError
        ``points-invalid`` if a coordinate is no number or impossible, or if two
        points coincide.
    """

    source: str
    labels: tuple[str, ...]
    points_lps: Array
    axes: FileAxes = FileAxes.LPS
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        points = np.array(self.points_lps, dtype=np.float64).reshape(-1, 3)
        if len(points) != len(self.labels):
            raise ValueError(f"{len(points)} points need as many labels, got {len(self.labels)}")
        points.setflags(write=False)
        object.__setattr__(self, "points_lps", points)
        object.__setattr__(self, "labels", tuple(label.strip() for label in self.labels))
        names = tuple(self.name_of(index) for index in range(len(points)))
        require_possible(self.source, points, names)
        _require_distinct(self)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        named = sum(bool(label) for label in self.labels)
        return f"PointList({self.source!r}, {len(self)} points, {named} labelled, {self.axes})"

    def name_of(self, index: int) -> str:
        """Name a point in messages: its number, counted from 1, and its label."""
        label = self.labels[index]
        return f"point {index + 1}" + (f" ({label})" if label else "")


def require_possible(source: str, points_lps: Array, names: tuple[str, ...]) -> None:
    """Refuse coordinates that no scanner has.

    Parameters
    ----------
    source : str
        For messages.
    points_lps : ndarray, shape (m, 3)
        mm.
    names : tuple of str
        One for each point, for messages.

    Raises
    ------
    DistcorrError
        ``points-invalid``.
    """
    bad = np.flatnonzero(~(np.abs(points_lps) <= MAX_COORDINATE_MM).all(axis=1))
    if len(bad):
        first = int(bad[0])
        raise DistcorrError(
            Code.POINTS_INVALID,
            "a coordinate is not a number or impossible",
            f"{source}, {names[first]}: {points_lps[first].tolist()}; {len(bad)} such points",
            f"give millimetres, at most {MAX_COORDINATE_MM:g} from the origin",
        )


def _require_distinct(points: PointList) -> None:
    from scipy.spatial import cKDTree  # slow to import, and only lists of points need it

    if len(points) < 2:
        return
    twice = cKDTree(points.points_lps).query_pairs(SAME_PLACE_MM, output_type="ndarray")
    if len(twice):
        one, other = (int(index) for index in twice[np.lexsort(twice.T[::-1])][0])
        raise DistcorrError(
            Code.POINTS_INVALID,
            "two points lie at one place",
            f"{points.source}: {points.name_of(one)} and {points.name_of(other)} at "
            f"{points.points_lps[one].tolist()}; {len(twice)} such pairs",
            "list every point once",
        )
