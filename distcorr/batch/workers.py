"""What happens in a worker, whichever kind of pool it belongs to."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numba
from threadpoolctl import ThreadpoolController

from distcorr.apply import ApplyOptions
from distcorr.batch.budget import Budget
from distcorr.batch.correct import Destination, Outcome, correct
from distcorr.batch.jobs import Job
from distcorr.batch.recipe import Recipe
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError
from distcorr.space import Grid


@dataclass(frozen=True, slots=True)
class Success:
    """A job was done.

    Attributes
    ----------
    outcome : Outcome
    seconds : float
    """

    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A job was refused or failed.

    Attributes
    ----------
    error : DistcorrError
    seconds : float
    traceback : str
        Of the worker; empty for a refusal.
    """

    error: DistcorrError
    seconds: float
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Died:
    """The worker of a job ended before the job did.

    Attributes
    ----------
    evidence : str
    """

    evidence: str


Ending = Success | Failure | Died
Attempt = Callable[[Job], Success | Failure]
"""Does a job in a worker; sent there by pickling."""


class Pool(Protocol):
    """Workers that take jobs."""

    def submit(self, job: Job) -> None:
        """Hand in a job."""

    def ended(self) -> tuple[Job, Ending]:
        """Wait for a job that was handed in to end.

        Raises
        ------
        DistcorrError
            ``worker-died`` if no worker can be started, ``cluster-unavailable``.
        """

    def stop(self) -> list[tuple[Job, Ending]]:
        """End all workers at once.

        Returns
        -------
        list
            Jobs that had ended, which :meth:`ended` had not told yet.
        """


@dataclass(frozen=True, eq=False)
class Work:
    """Corrects scans in a worker.

    Attributes
    ----------
    correction : Path
        Absolute. The worker reads it, once.
    correction_sha256 : str
        Identifier that it must have.
    options : ApplyOptions
    like : Grid or None
        Grid of the results.
    destination : Destination
    budget : Budget, optional
        Memory that each scan may take; unlimited by default.
    """

    correction: Path
    correction_sha256: str
    options: ApplyOptions
    like: Grid | None
    destination: Destination
    budget: Budget | None = None

    def __call__(self, job: Job) -> Success | Failure:
        """Correct one scan; whatever goes wrong is an answer."""
        # One job at a time: numba's thread pool is not safe to share, and a
        # cluster's worker may run several tasks as threads.
        with _ONE_JOB:
            start = time.perf_counter()
            try:
                admit = None if self.budget is None else self.budget.admit(job)
                outcome = correct(job, self._recipe(), self.destination, admit)
            except DistcorrError as refusal:
                return Failure(refusal, time.perf_counter() - start)
            except Exception as failure:
                error = DistcorrError(Code.INTERNAL, f"{type(failure).__name__}: {failure}")
                return Failure(error, time.perf_counter() - start, traceback.format_exc())
            return Success(outcome, time.perf_counter() - start)

    def _recipe(self) -> Recipe:
        correction = _correction(self.correction, self.correction_sha256)
        return Recipe(correction, self.options, self.like)


_ONE_JOB = threading.Lock()


@lru_cache(maxsize=1)
def _correction(path: Path, sha256: str) -> Correction:
    """Load the correction of a run, once for each worker."""
    correction = Correction.load(path)
    if correction.identifier != sha256:
        raise DistcorrError(
            Code.CORRECTION_INVALID,
            "the worker does not see the correction that the run began with",
            f"{path} is {correction.identifier[:12]}, not {sha256[:12]}",
            "leave the file as it is while a run lasts, and give workers the same file system",
        )
    return correction


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """Find the libraries that have threads of their own; it takes milliseconds."""
    return ThreadpoolController()


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let kernels, ITK and BLAS use ``number`` threads each in this thread's work."""
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    itk: Any = sitk.ProcessObject
    most: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba_before, itk_before = numba.get_num_threads(), itk.GetGlobalDefaultNumberOfThreads()
    numba.set_num_threads(max(1, min(number, most)))
    itk.SetGlobalDefaultNumberOfThreads(number)
    try:
        with _blas().limit(limits=number):
            yield
    finally:
        numba.set_num_threads(numba_before)
        itk.SetGlobalDefaultNumberOfThreads(itk_before)
