"""Workers on this machine: this process itself, or processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.context import SpawnProcess

from distcorr.batch.jobs import Job
from distcorr.batch.workers import Attempt, Died, Ending, threads
from distcorr.errors import Code, DistcorrError

MAX_FAILED_STARTS = 3
"""Workers in a row that may die before they are ready; then none will be."""

STOP_S = 5.0
"""A worker that is told to end and has not is killed after this time."""


class InProcess:
    """Runs jobs one after the other in this process, which then can't survive them.

    Parameters
    ----------
    attempt : callable
        Does a job.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._queue: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Hand in a job."""
        self._queue.append(job)

    def ended(self) -> tuple[Job, Ending]:
        """Do the next job."""
        job = self._queue.popleft()
        return job, self._attempt(job)

    def stop(self) -> list[tuple[Job, Ending]]:
        """Forget the jobs that wait."""
        self._queue.clear()
        return []


@dataclass(slots=True)
class _Worker:
    """One process as its parent sees it."""

    process: SpawnProcess
    connection: connection.Connection
    job: Job | None = None
    ready: bool = False

    def last_words(self) -> tuple[Job, Ending] | None:
        """Wait for the end of a process that was told to end; return what it had done."""
        self.process.join(STOP_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()
        said: Ending | None = None
        with self.connection, suppress(EOFError, OSError):
            while self.connection.poll():
                said = self.connection.recv()
        return None if said is None or self.job is None else (self.job, said)


@dataclass(slots=True)
class LocalPool:
    """Runs jobs in processes of their own, each at its own risk.

    A process pool of the standard library loses all its workers and the
    knowledge of whose job was the cause when one of them is killed; here the
    others go on, and the job of the dead one is known.

    Parameters
    ----------
    attempt : callable
        Does a job; pickled once for each process.
    processes : int
    threads_each : int
        For the kernels of each process.
    """

    attempt: Attempt
    processes: int
    threads_each: int
    _workers: list[_Worker] = field(default_factory=list)
    _queue: deque[Job] = field(default_factory=deque)
    _failed_starts: int = 0

    def submit(self, job: Job) -> None:
        """Hand in a job."""
        self._queue.append(job)

    def ended(self) -> tuple[Job, Ending]:
        """Wait for a job that was handed in to end."""
        while True:
            self._feed()
            by_connection = {worker.connection: worker for worker in self._workers}
            for ready in connection.wait(list(by_connection)):
                assert isinstance(ready, connection.Connection)
                found = self._hear(by_connection[ready])
                if found is not None:
                    return found

    def stop(self) -> list[tuple[Job, Ending]]:
        """Terminate all processes."""
        self._queue.clear()
        for worker in self._workers:
            worker.process.terminate()
        unheard = [worker.last_words() for worker in self._workers]
        self._workers.clear()
        return [found for found in unheard if found is not None]

    def _feed(self) -> None:
        """Give jobs to idle workers; start workers while there are jobs for them."""
        idle = [worker for worker in self._workers if worker.job is None]
        while self._queue:
            if not idle:
                if len(self._workers) >= self.processes:
                    return
                idle.append(self._start())
            worker = idle.pop()
            worker.job = self._queue.popleft()
            try:
                worker.connection.send(worker.job)
            except OSError:
                return  # it died; its closed connection tells

    def _start(self) -> _Worker:
        # A fork of a process with threads, such as numba's, may hang.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, self.attempt, self.threads_each)
        process = context.Process(target=_serve, args=arguments, daemon=True)
        with _no_interrupt():
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _hear(self, worker: _Worker) -> tuple[Job, Ending] | None:
        """Take what a worker says; its end if it says nothing any more."""
        try:
            said: Ending | None = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        if said is None:
            worker.ready, self._failed_starts = True, 0
            return None
        job, worker.job = worker.job, None
        assert job is not None  # workers answer jobs
        return job, said

    def _bury(self, worker: _Worker) -> tuple[Job, Ending] | None:
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join()
        evidence = _manner_of_death(worker.process.exitcode)
        worker.process.close()
        if worker.ready:
            return None if worker.job is None else (worker.job, Died(evidence))
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise DistcorrError(
                Code.WORKER_DIED, "worker processes die before they begin", evidence
            )
        if worker.job is not None:
            self._queue.appendleft(worker.job)
        return None


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Start a process that never hears of Ctrl-C, which reaches the whole process group.

    The parent decides what follows from it; here it is heard a moment later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _manner_of_death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"ended with exit status {exit_code}"


def _serve(parent: connection.Connection, attempt: Attempt, threads_each: int) -> None:
    """Do jobs until the parent hangs up; the life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with threads(threads_each):
        parent.send(None)
        while True:
            try:
                parent.send(attempt(parent.recv()))
            except (EOFError, BrokenPipeError, ConnectionResetError):
                return


def _end_with_parent() -> None:
    """Do not outlive a parent that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a child
    connection.wait([parent.sentinel])
    os._exit(1)
