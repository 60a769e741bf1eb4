"""The table of a run: ``results.csv`` and ``results.json`` in its output folder.

Every scan of the plan has a row from the beginning. A row says ``unfinished`` until
its end is known, so the table of a run that was killed says nothing false; records
tell the next run what was done all the same. Equal runs give equal tables but for
the seconds, resumed or not.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from distcorr.batch.jobs import Job
from distcorr.batch.workers import Failure, Success
from distcorr.errors import Code, DistcorrError
from distcorr.outputs import remove_temporaries, whole_output

SCHEMA = 1
WRITING_SHARE = 0.02
"""Largest share of a run's time that goes into writing its table again and again."""


class Status(StrEnum):
    """What became of a scan."""

    CORRECTED = "corrected"
    NOT_NEEDED = "not needed"
    FAILED = "failed"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Row:
    """One scan.

    Attributes
    ----------
    scan : str
        Its name.
    status : Status
    error_code : str
        Empty if it was corrected.
    what : str
        What went wrong, with evidence; of a corrected scan, what was drawn on it and
        could not be corrected.
    seconds : float or None
        Of the work, whichever run did it; None if not known.
    supported_fraction, largest_displacement_mm : float or None
        None unless corrected.
    outputs : tuple of str
        Names in the output folder, the record last.
    input : str
        Absolute path.
    """

    scan: str
    status: Status
    error_code: str
    what: str
    seconds: float | None
    supported_fraction: float | None
    largest_displacement_mm: float | None
    outputs: tuple[str, ...]
    input: str


class _StoredRow(BaseModel):
    scan: str
    status: Status
    seconds: float | None


class _StoredTable(BaseModel):
    distcorr_results: int
    scans: tuple[_StoredRow, ...]


class Table:
    """The rows of a run, in the order of its plan, and their files.

    Parameters
    ----------
    directory : Path
        Output folder; the caller holds its claim.
    jobs : sequence of Job
    overwrite : bool
        Whether files of these names may be replaced that are no such tables.

    Raises
    ------
    DistcorrError
        ``output-exists``, ``disk-full``, ``output-unwritable``.
    """

    def __init__(self, directory: Path, jobs: Sequence[Job], *, overwrite: bool) -> None:
        self.csv_path = directory / "results.csv"
        self.json_path = directory / "results.json"
        for path in (self.csv_path, self.json_path):
            remove_temporaries(path)
        self._seconds_before = self._earlier_seconds(overwrite)
        self._rows = {job.name: _unfinished(job) for job in jobs}
        self._next_write = 0.0
        self._write(finished=False)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows."""
        return tuple(self._rows.values())

    def note(self, job: Job, ending: Success | Failure) -> None:
        """Enter the end of a job; the files follow at once, or a little later.

        Raises
        ------
        DistcorrError
            ``disk-full``, ``output-unwritable``.
        """
        row = _row(job, ending)
        if isinstance(ending, Success) and ending.outcome.done_before:
            row = replace(row, seconds=self._seconds_before.get(job.name))
        self._rows[job.name] = row
        if time.monotonic() >= self._next_write:
            self._write(finished=False)

    def finish(self) -> None:
        """Write the table as it is at the end of the run."""
        done = all(row.status is not Status.UNFINISHED for row in self.rows)
        self._write(finished=done)

    def _write(self, *, finished: bool) -> None:
        start = time.monotonic()
        rows = [_cells(row) for row in self.rows]
        table = {"distcorr_results": SCHEMA, "finished": finished, "scans": rows}
        text = json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        for path, content in ((self.json_path, text), (self.csv_path, _csv(self.rows))):
            with whole_output(path, overwrite=True) as temporary:
                temporary.write_text(content, encoding="utf-8", newline="")
        end = time.monotonic()
        self._next_write = end + (end - start) / WRITING_SHARE

    def _earlier_seconds(self, overwrite: bool) -> dict[str, float]:
        """How long scans took that an earlier run corrected; refuse other people's files."""
        earlier = _read(self.json_path)
        first = _HEADING.encode()
        if not overwrite:
            ours = earlier is not None or not self.json_path.exists()
            if not ours:
                raise _foreign(self.json_path)
            if self.csv_path.exists() and not self.csv_path.read_bytes().startswith(first):
                raise _foreign(self.csv_path)
        return {
            row.scan: row.seconds
            for row in (earlier.scans if earlier else ())
            if row.status is Status.CORRECTED and row.seconds is not None
        }


def _read(path: Path) -> _StoredTable | None:
    try:
        return _StoredTable.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _foreign(path: Path) -> DistcorrError:
    return DistcorrError(Code.OUTPUT_EXISTS, f"{path} exists already and is no table of a run")


def _unfinished(job: Job) -> Row:
    return Row(job.name, Status.UNFINISHED, "", "", None, None, None, (), str(job.path))


def _row(job: Job, ending: Success | Failure) -> Row:
    seconds = round(ending.seconds, 3)
    if isinstance(ending, Failure):
        found = ending.error.finding
        what = "; ".join(part for part in (found.what, found.evidence) if part)
        needless = found.code is Code.NOTHING_TO_CORRECT
        return replace(
            _unfinished(job),
            status=Status.NOT_NEEDED if needless else Status.FAILED,
            error_code=str(found.code),
            what=what,
            seconds=seconds,
        )
    outcome = ending.outcome
    return replace(
        _unfinished(job),
        status=Status.CORRECTED,
        seconds=seconds,
        supported_fraction=outcome.supported_fraction,
        largest_displacement_mm=outcome.largest_displacement_mm,
        what="; ".join(f"{one.name} [{one.error_code}]: {one.what}" for one in outcome.lost),
        outputs=tuple(path.name for path in outcome.outputs),
    )


_COLUMNS = [one.name for one in fields(Row)]
_HEADING = ",".join(_COLUMNS) + "\r\n"


def _csv(rows: Sequence[Row]) -> str:
    stream = io.StringIO(newline="")
    stream.write(_HEADING)
    writer = csv.DictWriter(stream, _COLUMNS)
    for row in rows:
        writer.writerow(_cells(row) | {"outputs": ";".join(row.outputs)})
    return stream.getvalue()


def _cells(row: Row) -> dict[str, Any]:
    # asdict copies every value in depth, which took most of the time of a long table.
    return {name: getattr(row, name) for name in _COLUMNS}
