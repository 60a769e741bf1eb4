"""Batches of small scans, and work that goes wrong in a worker on purpose."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from distcorr.apply import ApplyOptions
from distcorr.batch.correct import Destination, Outcome
from distcorr.batch.folder import Claim
from distcorr.batch.jobs import Job, plan
from distcorr.batch.load import Statement
from distcorr.batch.workers import Attempt, Failure, Success, Work
from distcorr.correction import Correction
from distcorr.facts import VendorState
from distcorr.space import PatientPosition
from tests.batch.examples import CORONAL, write_image
from tests.correction.examples import correction_of, example_field

STATEMENT = Statement("test", VendorState.ND, PatientPosition.HFS, (0.0, 0.0, 0.0))
STATED = ("--state", "ND", "--position", "HFS", "--isocentre", "0,0,0")


def write_correction(folder: Path) -> Path:
    path = folder / "scanner.distcorr"
    correction_of(example_field()).save(path)
    return path


def write_scans(folder: Path, number: int) -> list[Path]:
    return [
        write_image(folder / f"s{index:02d}.nrrd", CORONAL, seed=index) for index in range(number)
    ]


def jobs_of(scans: list[Path]) -> list[Job]:
    return plan(scans, STATEMENT)


def work_of(correction: Path, claim: Claim) -> Work:
    identifier = Correction.load(correction).identifier
    return Work(correction, identifier, ApplyOptions(), None, Destination(claim))


def contents(folder: Path) -> dict[str, bytes]:
    """Outputs and records by name; neither table nor page, which hold times, nor the state."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(("results.", "report."))
    }


@dataclass(frozen=True)
class Deadly:
    """Kills its worker at one scan, as often as ``deaths`` files don't exist yet.

    Other scans are handed to ``attempt``.
    """

    attempt: Attempt
    victim: str
    marks: Path
    deaths: int

    def __call__(self, job: Job) -> Success | Failure:
        if job.name == self.victim:
            died = len(list(self.marks.iterdir()))
            if died < self.deaths:
                (self.marks / str(died)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return self.attempt(job)


@dataclass(frozen=True)
class Echo:
    """Does nothing, successfully; tells the process in place of a displacement."""

    def __call__(self, job: Job) -> Success | Failure:
        return Success(Outcome((Path(job.name),), float(os.getpid()), 1.0, (), (), (), False), 0.0)


@dataclass(frozen=True)
class Stillborn:
    """Can't be unpickled."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return os._exit, (3,)

    def __call__(self, job: Job) -> Success | Failure:
        raise AssertionError
