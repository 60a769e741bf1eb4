"""Workers of a Dask cluster that is there already."""

from __future__ import annotations

import ctypes
import queue
import sys
import time
from functools import lru_cache, partial
from typing import Any

from distcorr.batch.jobs import Job
from distcorr.batch.workers import Attempt, Died, Ending, Failure, Success, threads
from distcorr.errors import Code, DistcorrError

CONNECT_S = 10.0
"""Time that a scheduler has to answer."""

LOOK_S = 5.0
"""How often it is looked whether there are workers, while none of them answers."""

NO_WORKER_S = 60.0
"""Time after which a cluster without workers is given up: restarts take less."""


class Cluster:
    """Runs jobs on the workers of a Dask cluster.

    Workers need this package in the same version, and the same absolute paths for
    inputs, outputs and the correction.

    Parameters
    ----------
    attempt : callable
        Does a job.
    address : str
        Of the scheduler, for example ``tcp://10.0.0.1:8786``.

    Raises
    ------
    DistcorrError
        ``package-missing``, ``cluster-unavailable``.
    """

    def __init__(self, attempt: Attempt, address: str) -> None:
        try:
            from distributed import Client  # optional, and slow to import
        except ImportError as error:
            raise DistcorrError(
                Code.PACKAGE_MISSING,
                "a cluster needs the package distributed",
                str(error),
                "pip install 'distcorr[cluster]'",
            ) from error
        self._attempt, self._address = attempt, address
        try:
            connect: Any = Client
            self._client = connect(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise self._unavailable(str(error)) from error
        self._jobs: dict[Any, Job] = {}
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def submit(self, job: Job) -> None:
        """Hand in a job."""
        future = self._client.submit(partial(_on_worker, self._attempt), job, pure=False)
        self._jobs[future] = job
        future.add_done_callback(self._done.put)

    def ended(self) -> tuple[Job, Ending]:
        """Wait for a job that was handed in to end."""
        last_seen = time.monotonic()
        while True:
            try:
                future = self._done.get(timeout=LOOK_S)
            except queue.Empty:
                if self._has_workers():
                    last_seen = time.monotonic()
                elif time.monotonic() - last_seen > NO_WORKER_S:
                    raise self._unavailable(f"no worker for {NO_WORKER_S:.0f} s") from None
            else:
                return self._jobs.pop(future), self._ending(future)

    def stop(self) -> list[tuple[Job, Ending]]:
        """Cancel what waits and leave the cluster; tasks that run go on for nothing."""
        unheard = [
            (job, self._ending(future))
            for future, job in self._jobs.items()
            if future.status == "finished"
        ]
        self._client.cancel(list(self._jobs), force=True)
        self._jobs.clear()
        self._client.close()
        return unheard

    def _ending(self, future: Any) -> Ending:
        from distributed import KilledWorker

        if future.status == "finished":
            ending: Success | Failure = future.result()
            return ending
        if future.status != "error":
            if self._client.status != "running":
                raise self._unavailable("the connection was lost")
            return Died(f"the cluster gave the job up ({future.status})")
        failure = future.exception()
        if isinstance(failure, KilledWorker):
            return Died(f"{failure.allowed_failures + 1} workers of the cluster, one by one")
        what = f"a worker can't run the job: {type(failure).__name__}: {failure}"
        return Failure(DistcorrError(Code.INTERNAL, what), 0.0)

    def _has_workers(self) -> bool:
        try:
            return bool(self._client.nthreads())
        except OSError as error:
            raise self._unavailable(str(error)) from error

    def _unavailable(self, evidence: str) -> DistcorrError:
        what = f"the cluster at {self._address} is not available"
        return DistcorrError(Code.CLUSTER_UNAVAILABLE, what, evidence)


def _on_worker(attempt: Attempt, job: Job) -> Success | Failure:
    """Do a job with the threads that the worker was given."""
    from distributed import get_worker

    _keep_freed_memory()
    with threads(get_worker().state.nthreads):
        return attempt(job)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""

_KEPT_BYTES = 32 << 20
"""The largest threshold that glibc takes, and the one that it would find itself."""


@lru_cache(maxsize=1)
def _keep_freed_memory() -> None:
    """Let the C library reuse memory again, as it does in every other process.

    Dask starts its workers with MALLOC_TRIM_THRESHOLD_=65536, and any value of it
    ends glibc's own adjustment: each array then is fetched from the system and
    given back, page by page, which took a third of a small scan's time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, 2 * _KEPT_BYTES)
