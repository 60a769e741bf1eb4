"""Points in tables with a header line (CSV, TSV).

A list has the columns ``x, y, z`` or ``l, p, s`` (patient LPS) or ``r, a, s``
(RAS), optionally ``label`` and ``defined``: what Slicer exports as a table of
control points [1]_. Pairs have ``true_x`` to ``shown_z`` or, as the
mri_distortion_toolkit writes them, ``x_gt`` to ``z_gnl``; both in LPS, mm.

.. [1] https://slicer.readthedocs.io/en/latest/developer_guide/modules/markups.html
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.points.lists import PointList
from distcorr.points.text import read_text, skipped
from distcorr.space import FileAxes

Array = NDArray[np.float64]

LIST_COLUMNS = {
    ("x", "y", "z"): FileAxes.LPS,
    ("l", "p", "s"): FileAxes.LPS,
    ("r", "a", "s"): FileAxes.RAS,
}

PAIR_COLUMNS = (
    (("true_x", "true_y", "true_z"), ("shown_x", "shown_y", "shown_z")),
    (("x_gt", "y_gt", "z_gt"), ("x_gnl", "y_gnl", "z_gnl")),
)

LABEL = "label"
DEFINED = "defined"


@dataclass(frozen=True)
class Table:
    """Cells of a table by column.

    Attributes
    ----------
    path : Path
    header : tuple of str
        Names as written.
    cells : tuple of tuple of str
        Rows below the header, as written.
    columns : dict of str to tuple of str
        Names in lower case.
    """

    path: Path
    header: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    columns: dict[str, tuple[str, ...]]

    @property
    def rows(self) -> int:
        """Number of rows below the header."""
        return len(self.cells)

    def has(self, names: tuple[str, ...]) -> bool:
        """Whether all of these columns are there."""
        return set(names) <= set(self.columns)

    def numbers(self, names: tuple[str, ...], rows: list[int]) -> Array:
        """Read columns as numbers.

        Raises
        ------
        DistcorrError
            ``points-invalid`` with row and column of the first cell that is none.
        """
        out = np.empty((len(rows), len(names)))
        for c, name in enumerate(names):
            for k, row in enumerate(rows):
                cell = self.columns[name][row]
                try:
                    out[k, c] = float(cell)
                except ValueError:
                    raise DistcorrError(
                        Code.POINTS_INVALID,
                        "a coordinate is not a number",
                        f"{self.path}, row {row + 2}, column {name}: {cell!r}",
                        "write numbers in millimetres with a decimal point",
                    ) from None
        return out

    def labels(self, rows: list[int]) -> tuple[str, ...]:
        """Labels of some rows; empty if there is no such column."""
        if LABEL not in self.columns:
            return ("",) * len(rows)
        return tuple(self.columns[LABEL][row] for row in rows)


def read_table(path: Path) -> Table:
    """Read a table.

    Raises
    ------
    DistcorrError
        ``bad-format`` without header, with repeated columns or rows of unequal
        length; as :func:`distcorr.points.text.read_text`.
    """
    delimiter = delimiter_of(path)
    stream = io.StringIO(read_text(path), newline="")
    try:
        rows = [row for row in csv.reader(stream, delimiter=delimiter) if any(row)]
    except csv.Error as failure:
        raise DistcorrError(
            Code.BAD_FORMAT, "this is no table", f"{path}: {failure}", "export it again"
        ) from failure
    if not rows:
        raise DistcorrError(Code.BAD_FORMAT, "the table is empty", str(path), "give a header line")
    header = [name.strip().lower() for name in rows[0]]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DistcorrError(
            Code.BAD_FORMAT, "a column occurs twice", f"{path}: {', '.join(twice)}", "rename one"
        )
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise DistcorrError(
                Code.BAD_FORMAT,
                "a row has not as many cells as the header",
                f"{path}, row {number}: {len(row)} cells, header: {len(header)}",
                "export the table again",
            )
    cells = list(zip(*rows[1:], strict=True)) or [()] * len(header)
    below = tuple(tuple(row) for row in rows[1:])
    return Table(path, tuple(rows[0]), below, dict(zip(header, cells, strict=True)))


def delimiter_of(path: Path) -> str:
    """Return what separates the cells of a file of this name."""
    return "\t" if path.name.lower().endswith(".tsv") else ","


def read_list_table(path: Path) -> PointList:
    """Read a list of points from a table.

    Raises
    ------
    DistcorrError
        ``bad-format`` if the columns are not exactly one of
        :data:`LIST_COLUMNS`, ``points-invalid``, and as :func:`read_table`.
    """
    table = read_table(path)
    names, axes = list_columns(table)
    rows = defined_rows(table)
    points = table.numbers(names, rows) * axes.signs
    findings = skipped(str(path), table.rows - len(rows))
    return PointList(str(path), table.labels(rows), points, axes, findings)


def list_columns(table: Table) -> tuple[tuple[str, str, str], FileAxes]:
    """Find the columns of a list of points, and their axes.

    Raises
    ------
    DistcorrError
        ``bad-format`` if they are not exactly one of :data:`LIST_COLUMNS`.
    """
    found = [names for names in LIST_COLUMNS if table.has(names)]
    if len(found) != 1:
        raise _wrong_columns(table, [", ".join(names) for names in LIST_COLUMNS])
    return found[0], LIST_COLUMNS[found[0]]


def read_pair_table(path: Path) -> tuple[PointList, PointList]:
    """Read pairs of true and shown points, row by row, from one table.

    Returns
    -------
    true, shown : PointList
        Of equal length and with equal labels.

    Raises
    ------
    DistcorrError
        ``bad-format`` if the columns are not exactly one of
        :data:`PAIR_COLUMNS`, ``points-invalid``, and as :func:`read_table`.
    """
    table = read_table(path)
    found = [names for names in PAIR_COLUMNS if table.has(names[0] + names[1])]
    if len(found) != 1:
        raise _wrong_columns(table, [", ".join(true + shown) for true, shown in PAIR_COLUMNS])
    rows = defined_rows(table)
    labels = table.labels(rows)
    findings = skipped(str(path), table.rows - len(rows))
    true, shown = (table.numbers(names, rows) for names in found[0])
    return (
        PointList(f"{path}, true", labels, true, findings=findings),
        PointList(f"{path}, shown", labels, shown),
    )


def defined_rows(table: Table) -> list[int]:
    """Rows of a table whose points have been placed."""
    defined = table.columns.get(DEFINED)
    return [row for row in range(table.rows) if defined is None or defined[row].strip() != "0"]


def _wrong_columns(table: Table, wanted: list[str]) -> DistcorrError:
    return DistcorrError(
        Code.BAD_FORMAT,
        "the table's columns do not say what its points are, or say it twice",
        f"{table.path}: {', '.join(name or '(no name)' for name in table.columns)}",
        f"name the columns {' or '.join(wanted)}, in mm",
    )
