"""Documents of points that are rows of cells: ``.fcsv`` and tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Finding
from distcorr.points.documents import (
    MARK,
    Document,
    MarkupsDocument,
    Places,
    already_corrected,
    places_of,
)
from distcorr.points.read import suffix_of
from distcorr.points.slicer import FCSV_LABEL, FCSV_XYZ, FcsvText, fcsv_is_placed
from distcorr.points.tables import (
    Table,
    defined_rows,
    delimiter_of,
    list_columns,
    read_table,
)

Array = NDArray[np.float64]

REMARK_COLUMN = "distcorr"
_FCSV_DESCRIPTION = 12


@dataclass(frozen=True, eq=False)
class FcsvDocument:
    """A ``.fcsv``.

    Parameters
    ----------
    path : Path
    text : FcsvText
    """

    path: Path
    text: FcsvText

    def __post_init__(self) -> None:
        if any(MARK in line for line in self.text.comments):
            raise already_corrected(self.path)

    @classmethod
    def read(cls, path: Path) -> FcsvDocument:
        """Read a file; raises DistcorrError as :func:`distcorr.points.read_points`."""
        return cls(path, FcsvText.read(path))

    @property
    def places(self) -> Places:
        """Points that have been placed."""
        rows = [row for row in self.text.rows if fcsv_is_placed(row)]
        points = np.array([self.text.point(row) for row in rows]).reshape(-1, 3)
        labels = [row[FCSV_LABEL] if len(row) > FCSV_LABEL else "" for row in rows]
        axes = self.text.axes
        return places_of(self.path, points * axes.signs, labels, (axes,) * len(rows))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Nothing: the format holds nothing that follows from the points."""
        return ()

    def moved(self, points_lps: Array, remarks: Sequence[str]) -> str:
        """Return the text of the file with its points elsewhere."""
        out = io.StringIO()
        comments = [*self.text.comments]
        # The first line names the format.
        comments.insert(1, f"# {MARK}")
        out.writelines(f"{line}\n" for line in comments)
        writer = csv.writer(out, lineterminator="\n")
        in_file = iter(self.text.axes.in_file(points_lps).tolist())
        told = iter(remarks)
        for row in self.text.rows:
            cells = list(row)
            if fcsv_is_placed(row):
                cells[FCSV_XYZ] = next(in_file)
                remark = next(told)
                if remark:
                    cells += [""] * (_FCSV_DESCRIPTION + 1 - len(cells))
                    said = cells[_FCSV_DESCRIPTION]
                    cells[_FCSV_DESCRIPTION] = f"{said}; {remark}" if said else remark
            writer.writerow(cells)
        return out.getvalue()


@dataclass(frozen=True, eq=False)
class TableDocument:
    """A table, ``.csv`` or ``.tsv``.

    Parameters
    ----------
    table : Table
    """

    table: Table

    def __post_init__(self) -> None:
        if REMARK_COLUMN in self.table.columns:
            raise already_corrected(self.table.path)

    @classmethod
    def read(cls, path: Path) -> TableDocument:
        """Read a file; raises DistcorrError as :func:`distcorr.points.read_points`."""
        return cls(read_table(path))

    @property
    def places(self) -> Places:
        """Points that have been placed."""
        table = self.table
        names, axes = list_columns(table)
        rows = defined_rows(table)
        points = table.numbers(names, rows) * axes.signs
        return places_of(table.path, points, table.labels(rows), (axes,) * len(rows))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Nothing: what other columns mean is not known."""
        return ()

    def moved(self, points_lps: Array, remarks: Sequence[str]) -> str:
        """Return the text of the file with its points elsewhere, and one column more."""
        names, axes = list_columns(self.table)
        rows = defined_rows(self.table)
        lower = [name.strip().lower() for name in self.table.header]
        where = [lower.index(name) for name in names]
        cells = [list(row) for row in self.table.cells]
        for row, xyz in zip(rows, axes.in_file(points_lps).tolist(), strict=True):
            for column, value in zip(where, xyz, strict=True):
                cells[row][column] = repr(value)
        told = [""] * self.table.rows
        for row, remark in zip(rows, remarks, strict=True):
            told[row] = remark or "corrected"
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n", delimiter=delimiter_of(self.table.path))
        writer.writerow([*self.table.header, REMARK_COLUMN])
        writer.writerows([*row, remark] for row, remark in zip(cells, told, strict=True))
        return out.getvalue()


def read_document(path: Path) -> Document:
    """Read a file of points whole, to write it again with its points elsewhere.

    Parameters
    ----------
    path : Path
        As :func:`distcorr.points.read_points`. Points may coincide.

    Raises
    ------
    DistcorrError
        ``already-corrected``; ``bad-format`` for planes, regions and unknown
        kinds of markups; as :func:`distcorr.points.read_points`.
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix == ".mrk.json":
        return MarkupsDocument.read(path)
    if suffix == ".fcsv":
        return FcsvDocument.read(path)
    return TableDocument.read(path)
