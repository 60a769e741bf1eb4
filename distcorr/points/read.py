"""Read a list of points from any of the known formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from distcorr.errors import Code, DistcorrError
from distcorr.points.lists import PointList
from distcorr.points.slicer import read_fcsv, read_mrk_json
from distcorr.points.tables import read_list_table

READERS: dict[str, Callable[[Path], PointList]] = {
    ".mrk.json": read_mrk_json,
    ".fcsv": read_fcsv,
    ".csv": read_list_table,
    ".tsv": read_list_table,
}
"""Readers by the end of the file name."""

SUFFIXES = tuple(READERS)
"""File names that are read and written."""


def suffix_of(path: Path) -> str:
    """Return the format's suffix of a file name.

    Raises
    ------
    DistcorrError
        ``bad-format`` if it is none of :data:`READERS`.
    """
    name = Path(path).name.lower()
    found = [suffix for suffix in READERS if name.endswith(suffix)]
    if not found:
        raise DistcorrError(
            Code.BAD_FORMAT, "the file name names no known format of points", str(path),
            f"end it in one of {', '.join(READERS)}",
        )  # fmt: skip
    return found[0]


def read_points(path: Path) -> PointList:
    """Read a list of points.

    Parameters
    ----------
    path : Path
        ``.mrk.json`` or ``.fcsv`` of 3D Slicer, ``.csv`` or ``.tsv`` with
        columns ``x, y, z`` or ``l, p, s`` (LPS) or ``r, a, s``, in mm.

    Returns
    -------
    PointList
        In patient LPS, mm.

    Raises
    ------
    DistcorrError
        ``not-found``, ``unreadable``, ``too-large``, ``bad-format``, or
        ``points-invalid`` where a position is not three possible numbers or
        two points coincide.
    """
    path = Path(path)
    return READERS[suffix_of(path)](path)
