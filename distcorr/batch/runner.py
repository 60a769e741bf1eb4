"""Correct many scans: plan in, table out, whatever happens to single ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from distcorr.batch.cluster import Cluster
from distcorr.batch.folder import Claim
from distcorr.batch.jobs import Job
from distcorr.batch.local import InProcess, LocalPool
from distcorr.batch.results import Table
from distcorr.batch.workers import Attempt, Died, Failure, Pool, Success, cores
from distcorr.errors import Code, DistcorrError

HOPELESS = frozenset({Code.DISK_FULL})
"""Failures that every further scan would share; the run ends with the first."""

Heard = Callable[[Job, Success | Failure], None]
"""Called with every job that has ended."""


def local_pool(attempt: Attempt, jobs: int, scans: int) -> Pool:
    """Share the cores of this machine among processes.

    Parameters
    ----------
    attempt : callable
    jobs : int
        Processes wanted at most; one job runs in this process, with all cores.
    scans : int
        Number of scans; more processes than that have nothing to do.
    """
    processes = max(1, min(jobs, scans))
    if processes == 1:
        return InProcess(attempt)
    return LocalPool(attempt, processes, max(1, cores() // processes))


def cluster_pool(attempt: Attempt, address: str) -> Pool:
    """Use the workers of the Dask scheduler at ``address``.

    Raises
    ------
    DistcorrError
        ``package-missing``, ``cluster-unavailable``.
    """
    return Cluster(attempt, address)


def run(jobs: Sequence[Job], pool: Pool, table: Table, claim: Claim, heard: Heard) -> None:
    """Let a pool do all jobs and enter their ends into the table.

    The table is written and the pool has ended when this returns or raises.

    Parameters
    ----------
    jobs : sequence of Job
    pool : Pool
    table : Table
    claim : Claim
        Of the output folder.
    heard : callable
        Told of every job that has ended.

    Raises
    ------
    DistcorrError
        ``disk-full``, ``output-unwritable`` of the table, or as the pool does.
    """

    def note(job: Job, ending: Success | Failure) -> None:
        table.note(job, ending)
        heard(job, ending)

    try:
        for job, ending in _endings(jobs, pool):
            note(job, ending)
            if isinstance(ending, Failure) and ending.error.code in HOPELESS:
                break
    finally:
        try:
            # No worker may be between two moves of its outputs when it is ended.
            with claim.undisturbed():
                unheard = pool.stop()
            for job, late in unheard:
                if not isinstance(late, Died):
                    note(job, late)
        finally:
            table.finish()


def _endings(jobs: Sequence[Job], pool: Pool) -> Iterator[tuple[Job, Success | Failure]]:
    """Do all jobs at once; those whose worker died once more, alone.

    A cluster does not know which of a dead worker's jobs was the cause, and what
    was killed for want of memory has all of it when it is alone.
    """
    for job in jobs:
        pool.submit(job)
    suspects = []
    for _ in jobs:
        job, ending = pool.ended()
        if isinstance(ending, Died):
            suspects.append(job)
        else:
            yield job, ending
    for job in suspects:
        pool.submit(job)
        _, ending = pool.ended()
        yield job, _given_up(ending) if isinstance(ending, Died) else ending


def _given_up(died: Died) -> Failure:
    what = "the worker of the scan died, and again when it did nothing else"
    return Failure(DistcorrError(Code.WORKER_DIED, what, died.evidence), 0.0)
