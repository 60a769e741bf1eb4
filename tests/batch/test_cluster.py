"""A Dask scheduler and two workers on this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster

from distcorr.batch import cluster as cluster_module
from distcorr.batch.cluster import Cluster
from distcorr.batch.folder import claimed
from distcorr.batch.local import InProcess
from distcorr.batch.results import Status, Table
from distcorr.batch.runner import cluster_pool, run
from distcorr.batch.workers import Pool
from distcorr.errors import Code, DistcorrError
from tests.batch.batches import (
    STATED,
    Deadly,
    Echo,
    contents,
    jobs_of,
    work_of,
    write_correction,
    write_scans,
)
from tests.batch.runs import finish, kill_when, records, start

SCANS = 12


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    # A worker's first death is told, so that no test waits for restarts in vain.
    settings = {"distributed.scheduler.allowed-failures": 0}
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit=0
        ) as cluster,
    ):
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cluster")
    write_correction(folder)
    write_scans(folder / "in", SCANS)
    (folder / "in" / "bad.nrrd").write_bytes(b"NRRD0004\nthis is not one\n\n")
    return folder


def correct_all(folder: Path, out: Path, pool_of, deadly: Deadly | None = None) -> Table:
    jobs = jobs_of(sorted((folder / "in").iterdir()))
    with claimed(out) as claim:
        work = work_of(folder / "scanner.distcorr", claim)
        if deadly is not None:
            work = Deadly(work, deadly.victim, deadly.marks, deadly.deaths)
        table = Table(claim.directory, jobs, overwrite=False)
        pool: Pool = pool_of(work)
        run(jobs, pool, table, claim, lambda *_: None)
    return table


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[str, bytes]:
    table = correct_all(folder, folder / "undisturbed", InProcess)
    (bad,) = [row for row in table.rows if row.status is Status.FAILED]
    assert (bad.scan, bad.error_code) == ("bad", Code.UNREADABLE)
    return contents(folder / "undisturbed")


def statuses(table: Table) -> list[tuple[str, str, str, str]]:
    return [(row.scan, row.status, row.error_code, row.what) for row in table.rows]


def test_a_cluster_gives_the_same(
    folder: Path, address: str, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    table = correct_all(folder, tmp_path, lambda work: cluster_pool(work, address))
    alone = correct_all(folder, folder / "undisturbed", InProcess)
    assert statuses(table) == statuses(alone)
    assert contents(tmp_path) == undisturbed


@pytest.mark.parametrize("deaths", [1, 99])
def test_dead_workers_of_a_cluster(
    folder: Path, address: str, undisturbed: dict[str, bytes], tmp_path: Path, deaths: int
) -> None:
    (tmp_path / "marks").mkdir()
    deadly = Deadly(Echo(), "s05", tmp_path / "marks", deaths)
    out = tmp_path / "out"
    table = correct_all(folder, out, lambda work: Cluster(work, address), deadly)
    rows = {row.scan: row for row in table.rows}
    assert rows.pop("bad").error_code == Code.UNREADABLE
    if deaths == 1:
        assert contents(out) == undisturbed
    else:
        assert rows.pop("s05").error_code == Code.WORKER_DIED
    assert {row.status for row in rows.values()} == {Status.CORRECTED}


def test_a_killed_run_resumes_on_the_cluster(
    folder: Path, address: str, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    scans = sorted((folder / "in").glob("s*.nrrd"))
    command = (folder / "scanner.distcorr", *scans, *STATED, "--scheduler", address)
    out = tmp_path / "out"
    kill_when(start(*command, "-o", out), out, 1)
    assert 1 <= len(records(out)) <= SCANS
    # Workers may still do tasks of the dead run; what they write must not come late.
    status, _, complaints = finish(start(*command, "-o", out))
    assert status == 0, complaints
    assert list((out / ".distcorr" / "staged").iterdir()) == []
    good = json_free(undisturbed)
    assert {name: content for name, content in contents(out).items() if name in good} == good


def json_free(found: dict[str, bytes]) -> dict[str, bytes]:
    """Volumes; records name the source of what is stated, which differs here."""
    return {name: content for name, content in found.items() if not name.endswith(".json")}


def test_no_scheduler_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT_S", 0.5)
    for nowhere in ("tcp://127.0.0.1:9", "carrier-pigeon://x"):
        with pytest.raises(DistcorrError) as refusal:
            Cluster(Echo(), nowhere)
        assert refusal.value.code is Code.CLUSTER_UNAVAILABLE
        assert nowhere in str(refusal.value)


def test_a_cluster_without_workers_is_one_clear_error(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "LOOK_S", 0.1)
    monkeypatch.setattr(cluster_module, "NO_WORKER_S", 0.5)
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(DistcorrError, match="no worker") as refusal,
    ):
        correct_all(folder, tmp_path, lambda work: Cluster(work, empty.scheduler_address))
    assert refusal.value.code is Code.CLUSTER_UNAVAILABLE
    assert '"unfinished"' in (tmp_path / "results.json").read_text()


def test_a_missing_package_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DistcorrError, match=r"pip install 'distcorr\[cluster\]'") as refusal:
        Cluster(Echo(), "tcp://127.0.0.1:9")
    assert refusal.value.code is Code.PACKAGE_MISSING
