"""Pools of workers: deaths, orphans, stopping; and the runner above them."""

from __future__ import annotations

import os
from pathlib import Path

import numba
import pytest

from distcorr.batch.folder import claimed
from distcorr.batch.jobs import Job
from distcorr.batch.local import InProcess, LocalPool
from distcorr.batch.results import Status, Table
from distcorr.batch.runner import local_pool, run
from distcorr.batch.workers import Died, Failure, Pool, Success, cores, threads
from distcorr.errors import Code, DistcorrError
from tests.batch.batches import (
    STATEMENT,
    Deadly,
    Echo,
    Stillborn,
    contents,
    jobs_of,
    work_of,
    write_correction,
    write_scans,
)

JOBS = [Job(f"s{index}", Path("/scans") / str(index), STATEMENT) for index in range(7)]


def drained(pool: Pool, number: int) -> dict[str, Success | Failure | Died]:
    return {job.name: ending for job, ending in (pool.ended() for _ in range(number))}


@pytest.mark.parametrize("processes", [1, 2])
def test_every_job_ends_once(processes: int) -> None:
    pool = InProcess(Echo()) if processes == 1 else LocalPool(Echo(), processes, 1)
    for job in JOBS:
        pool.submit(job)
    endings = drained(pool, len(JOBS))
    assert set(endings) == {job.name for job in JOBS}
    found = {ending.outcome.largest_displacement_mm for ending in endings.values()}
    assert (os.getpid() in found) is (processes == 1)
    assert len(found) <= processes
    assert pool.stop() == []


def test_a_dead_worker_takes_nobody_with_it(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    pool = LocalPool(Deadly(Echo(), "s2", tmp_path / "marks", deaths=1), 2, 1)
    for job in JOBS:
        pool.submit(job)
    endings = drained(pool, len(JOBS))
    assert endings.pop("s2") == Died("killed by SIGKILL")
    assert all(isinstance(ending, Success) for ending in endings.values())
    pool.submit(JOBS[2])
    assert isinstance(drained(pool, 1)["s2"], Success)
    pool.stop()


def test_workers_that_can_not_start_are_one_clear_error() -> None:
    pool = LocalPool(Stillborn(), 2, 1)
    for job in JOBS:
        pool.submit(job)
    with pytest.raises(DistcorrError, match="die before they begin; ended with exit status 3"):
        pool.ended()
    pool.stop()


@pytest.mark.parametrize("deaths", [1, 5])
def test_a_job_that_kills_its_workers_fails_alone(tmp_path: Path, deaths: int) -> None:
    jobs = jobs_of(write_scans(tmp_path / "in", 4))
    correction = write_correction(tmp_path)
    (tmp_path / "marks").mkdir()
    heard: list[str] = []
    with claimed(tmp_path / "out") as claim:
        table = Table(claim.directory, jobs, overwrite=False)
        deadly = Deadly(work_of(correction, claim), "s01", tmp_path / "marks", deaths)
        run(jobs, LocalPool(deadly, 2, 1), table, claim, lambda job, _: heard.append(job.name))
    rows = {row.scan: row for row in table.rows}
    assert sorted(heard) == sorted(rows)
    victim = rows.pop("s01")
    assert {row.status for row in rows.values()} == {Status.CORRECTED}
    if deaths == 1:
        assert victim.status is Status.CORRECTED
    else:
        assert victim.status is Status.FAILED
        assert victim.error_code == Code.WORKER_DIED
        assert victim.what == (
            "the worker of the scan died, and again when it did nothing else; killed by SIGKILL"
        )
        assert "s01_corrected.nrrd" not in contents(tmp_path / "out")


def test_a_worker_that_sees_another_correction_refuses(tmp_path: Path) -> None:
    jobs = jobs_of(write_scans(tmp_path / "in", 1))
    correction = write_correction(tmp_path)
    with claimed(tmp_path / "out") as claim:
        work = work_of(correction, claim)
        object.__setattr__(work, "correction_sha256", "0" * 64)
        ending = work(jobs[0])
    assert isinstance(ending, Failure)
    assert ending.error.code is Code.CORRECTION_INVALID


def test_the_unforeseen_is_an_answer_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("distcorr.batch.workers.correct", fail)
    correction = write_correction(tmp_path)
    with claimed(tmp_path / "out") as claim:
        ending = work_of(correction, claim)(JOBS[0])
    assert isinstance(ending, Failure)
    assert ending.error.code is Code.INTERNAL
    assert "ZeroDivisionError: by nought" in str(ending.error)
    assert "in fail" in ending.traceback


def test_cores_are_shared() -> None:
    assert isinstance(local_pool(Echo(), 1, 100), InProcess)
    assert isinstance(local_pool(Echo(), 8, 1), InProcess)
    pool = local_pool(Echo(), 2, 100)
    assert isinstance(pool, LocalPool)
    assert (pool.processes, pool.threads_each) == (2, max(1, cores() // 2))


def test_threads_are_limited_for_a_while() -> None:
    before = numba.get_num_threads()
    with threads(1):
        assert numba.get_num_threads() == 1
    assert numba.get_num_threads() == before
    with threads(10_000):
        assert numba.get_num_threads() >= 1
