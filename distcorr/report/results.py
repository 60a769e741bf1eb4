"""Read the table that a batch leaves in its output folder, ``results.json``.

This module alone knows how the table is written: pages see :class:`Results`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ValidationError

from distcorr.errors import REGISTRY, Code, DistcorrError

TABLE = "results.json"
EVIDENCE_MARK = "; "
"""Stands in the table between what went wrong and the evidence."""

MAX_TABLE_BYTES = 256 << 20
"""A table of a hundred thousand scans has some 50 MB."""


class Status(StrEnum):
    """What became of a scan; the worst first."""

    FAILED = "failed"
    UNFINISHED = "unfinished"
    CORRECTED = "corrected"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """One scan of a batch.

    Attributes
    ----------
    name : str
    status : Status
    code : str
        Empty unless it failed or needed no correction.
    what : str
        What went wrong, without the evidence, which stays in the table: it quotes
        descriptions of series and paths, and people write names into both.
    remedy : str
        What to do about it; empty where ``code`` is.
    seconds, supported, displacement_mm : float or None
        Time of the work, supported fraction, largest displacement.
    corrected : Path or None
        Corrected volume.
    input : Path or None
        Scan as acquired; it may be named after a patient, so no page shows it.
    """

    name: str
    status: Status
    code: str
    what: str
    remedy: str
    seconds: float | None
    supported: float | None
    displacement_mm: float | None
    corrected: Path | None
    input: Path | None


@dataclass(frozen=True, slots=True)
class Results:
    """A batch.

    Attributes
    ----------
    finished : bool
        Whether every scan of the plan was tried.
    scans : tuple of ScanResult
        In the order of the plan.
    """

    finished: bool
    scans: tuple[ScanResult, ...]

    def worst_first(self) -> list[ScanResult]:
        """Order them: failed, unfinished, by displacement or lack of support, not needed.

        A corrected scan stands where the worse of its two ranks puts it.
        """
        moved = _ranks([-(scan.displacement_mm or 0.0) for scan in self.scans])
        seen = _ranks([1.0 if s.supported is None else s.supported for s in self.scans])
        place = {
            scan.name: (list(Status).index(scan.status), min(a, b), a + b, number)
            for number, (scan, a, b) in enumerate(zip(self.scans, moved, seen, strict=True))
        }
        return sorted(self.scans, key=lambda scan: place[scan.name])


class _Row(BaseModel):
    scan: str
    status: Status
    error_code: str = ""
    what: str = ""
    seconds: float | None = None
    supported_fraction: float | None = None
    largest_displacement_mm: float | None = None
    outputs: tuple[str, ...] = ()
    input: str = ""


class _Table(BaseModel):
    distcorr_results: int
    finished: bool = True
    scans: tuple[_Row, ...]


def read_results(folder: Path) -> Results:
    """Read the table of a batch.

    Parameters
    ----------
    folder : Path
        Output folder of ``distcorr apply``.

    Raises
    ------
    DistcorrError
        ``not-found``, ``too-large``, ``bad-format`` or ``schema-unknown``.
    """
    path = folder / TABLE
    if not path.is_file():
        raise DistcorrError(
            Code.NOT_FOUND, f"{folder} holds no results of a batch", str(path),
            "give a correction file, or the output folder of distcorr apply",
        )  # fmt: skip
    if path.stat().st_size > MAX_TABLE_BYTES:
        raise DistcorrError(Code.TOO_LARGE, "this is too large for a table of results", str(path))
    try:
        table = _Table.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DistcorrError(
            Code.BAD_FORMAT, f"{path} is no table of results", f"{where}: {first['msg']}"
        ) from error
    if table.distcorr_results != 1:
        raise DistcorrError(
            Code.SCHEMA_UNKNOWN,
            f"{path} has an unknown schema",
            f"version {table.distcorr_results}; this distcorr reads version 1",
        )
    return Results(table.finished, tuple(_scan(row, folder) for row in table.scans))


def _scan(row: _Row, folder: Path) -> ScanResult:
    what = row.what.partition(EVIDENCE_MARK)[0]
    if row.input:
        what = what.replace(row.input, "the scan")
    # Names in a table are no paths: none may lead out of its folder.
    outputs = [folder / Path(name).name for name in row.outputs]
    return ScanResult(
        row.scan,
        row.status,
        row.error_code,
        what.replace(str(folder.absolute()), "the output folder"),
        _remedy(row.error_code),
        row.seconds,
        row.supported_fraction,
        row.largest_displacement_mm,
        outputs[0] if outputs else None,
        Path(row.input) if row.input else None,
    )


def _remedy(code: str) -> str:
    if not code:
        return ""
    known = {str(one): entry.remedy for one, entry in REGISTRY.items()}
    return known.get(code, "look the code up in the manual of the version that wrote it")


def _ranks(values: list[float]) -> list[int]:
    """Rank of each value, the smallest 0."""
    return [int(rank) for rank in np.argsort(np.argsort(values, kind="stable"), kind="stable")]
