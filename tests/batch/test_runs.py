"""Whole runs as processes: killed, interrupted, doubled, without room."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.batch.batches import STATED, contents, write_correction, write_scans
from tests.batch.runs import finish, held, kill_when, records, start, wait_for, workers_of

SCANS = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batch")
    write_correction(folder)
    write_scans(folder / "in", SCANS)
    return folder


@pytest.fixture(scope="module")
def arguments(folder: Path) -> tuple[object, ...]:
    scans = sorted((folder / "in").iterdir())
    return (folder / "scanner.distcorr", *scans, *STATED, "--jobs", "2")


@pytest.fixture(scope="module")
def undisturbed(folder: Path, arguments: tuple[object, ...]) -> dict[str, bytes]:
    """What a run makes that nothing happens to."""
    status, out, _ = finish(start(*arguments, "-o", folder / "undisturbed"))
    assert status == 0
    assert f"{SCANS} corrected  " in out
    found = contents(folder / "undisturbed")
    assert len(found) == 3 * SCANS
    return found


Here = Callable[[Path], tuple[int, str, str]]


@pytest.fixture
def here(run: Callable[..., tuple[int, str, str]], arguments: tuple[object, ...]) -> Here:
    """The same run in this process alone: its status and what it told."""
    return lambda out: run("apply", *arguments[:-1], "1", "-o", out)


def table(out: Path) -> dict[str, object]:
    found = json.loads((out / "results.json").read_text())
    for row in found["scans"]:
        del row["seconds"]
    return found


def leftovers(out: Path) -> list[Path]:
    staged = list((out / ".distcorr" / "staged").iterdir())
    return staged + [path for path in out.iterdir() if path.name.startswith(".0")]


def require_same(folder: Path, out: Path, undisturbed: dict[str, bytes]) -> None:
    assert contents(out) == undisturbed
    assert table(out) == table(folder / "undisturbed")
    assert leftovers(out) == []


def test_one_process_gives_the_same(
    run: Callable[..., tuple[int, str, str]],
    folder: Path,
    arguments: tuple[object, ...],
    undisturbed: dict[str, bytes],
) -> None:
    out = folder / "alone"
    assert run("apply", *arguments[:-1], "1", "-o", out, "--quiet")[:2] == (0, "")
    require_same(folder, out, undisturbed)


def require_true(out: Path, done: list[Path]) -> None:
    """A row may lag behind its record, but never runs ahead of it."""
    said = {row["scan"]: row["status"] for row in table(out)["scans"]}
    assert len(said) == SCANS
    for name, status in said.items():
        assert status in ("corrected", "unfinished")
        assert status == "unfinished" or (out / f"{name}_corrected.json") in done


def test_a_killed_run_resumes(
    folder: Path, arguments: tuple[object, ...], undisturbed: dict[str, bytes]
) -> None:
    out = folder / "killed"
    process = start(*arguments, "-o", out)
    with held(process, out, finished=3):
        workers = workers_of(process)
        assert len(workers) == 2
        process.kill()
        wait_for(lambda: not any(worker.is_running() for worker in workers))
    finish(process)
    done = records(out)
    assert 3 <= len(done) < SCANS
    require_true(out, done)
    status, told, _ = finish(start(*arguments, "-o", out))
    assert status == 0
    # What was complete and waited for its turn is moved into place, not done again.
    assert len(done) <= told.count("(already done)") <= len(done) + 2
    require_same(folder, out, undisturbed)


def test_a_run_killed_at_any_moment_resumes(
    folder: Path, arguments: tuple[object, ...], undisturbed: dict[str, bytes], here: Here
) -> None:
    out = folder / "killed-anywhere"
    for finished in (1, 6, 12):
        kill_when(start(*arguments, "-o", out), out, finished)
        require_true(out, records(out))
    assert here(out)[0] == 0
    require_same(folder, out, undisturbed)


def test_a_killed_worker_loses_nothing(
    folder: Path, arguments: tuple[object, ...], undisturbed: dict[str, bytes]
) -> None:
    out = folder / "worker-killed"
    process = start(*arguments, "-o", out)
    with held(process, out, finished=3):
        workers_of(process)[0].kill()
    assert finish(process)[0] == 0
    require_same(folder, out, undisturbed)


def test_ctrl_c_ends_cleanly(
    folder: Path, arguments: tuple[object, ...], undisturbed: dict[str, bytes], here: Here
) -> None:
    out = folder / "interrupted"
    process = start(*arguments, "-o", out)
    with held(process, out, finished=3):
        workers = workers_of(process)
        for one in (*workers, psutil.Process(process.pid)):
            one.send_signal(signal.SIGINT)  # a terminal sends it to all of them
    status, told, complaints = finish(process)
    assert status == 130
    assert "scans are unfinished; the same command continues" in complaints
    assert "Traceback" not in complaints
    assert not any(worker.is_running() for worker in workers)
    assert leftovers(out) == []
    corrected = [row["scan"] for row in table(out)["scans"] if row["status"] == "corrected"]
    assert f"{len(corrected)} corrected, {SCANS - len(corrected)} unfinished" in told
    require_true(out, records(out))
    assert here(out)[0] == 0
    require_same(folder, out, undisturbed)


def test_two_runs_into_one_folder(
    folder: Path, arguments: tuple[object, ...], undisturbed: dict[str, bytes]
) -> None:
    out = folder / "two"
    first = start(*arguments, "-o", out)
    with held(first, out, finished=2):
        status, told, complaints = finish(start(*arguments, "-o", out, "--overwrite"))
    assert (status, told) == (1, "")
    assert "error[output-in-use]: another run writes into the output folder" in complaints
    assert complaints.count("\n") == 1
    assert finish(first)[0] == 0
    require_same(folder, out, undisturbed)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own; needs the right to mount one."""
    out = tmp_path / "small"
    out.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(out)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to mount a file system")
    yield out
    subprocess.run(["umount", str(out)], check=True)


@pytest.mark.parametrize(("image_format", "jobs"), [("nrrd", "2"), ("nifti", "1")])
def test_a_full_disk_is_one_clear_error(
    run: Callable[..., tuple[int, str, str]],
    arguments: tuple[object, ...],
    mounted: Path,
    image_format: str,
    jobs: str,
) -> None:
    filler = mounted / "filler"
    with filler.open("wb") as stream:
        stream.write(bytes(900 << 10))
    format_ = ("--format", image_format)
    command = (*arguments[:-2], "-o", mounted, *format_, "--jobs")
    status, _, complaints = finish(start(*command, jobs))
    assert status == 1
    assert complaints.count("error[disk-full]") >= 1
    assert complaints.count("error[disk-full]") <= int(jobs)
    assert "No space left on device" in complaints
    whole = len(records(mounted))
    assert len(contents(mounted)) == 3 * whole + 1
    assert leftovers(mounted) == []
    filler.unlink()
    status, told, _ = run("apply", *command, "1")
    assert (status, told.count("(already done)")) == (0, whole)
    assert len(records(mounted)) == SCANS


def test_a_read_only_folder_is_one_clear_error(here: Here, mounted: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    status, told, complaints = here(mounted / "out")
    assert (status, told) == (1, "")
    assert complaints.startswith("error[output-unwritable]: ")
    assert complaints.count("\n") == 1


def test_a_scan_that_vanishes_fails_alone(
    folder: Path, arguments: tuple[object, ...], undisturbed: dict[str, bytes], here: Here
) -> None:
    out = folder / "vanished"
    last = folder / "in" / f"s{SCANS - 1:02d}.nrrd"
    process = start(*arguments, "-o", out)
    hidden = folder / "hidden.nrrd"
    with held(process, out, finished=2):
        last.rename(hidden)
    try:
        status, _, complaints = finish(process)
        assert status == 1
        assert f"{last.stem}: error[not-found]" in complaints
        rows = table(out)["scans"]
        assert [row["status"] for row in rows] == ["corrected"] * (SCANS - 1) + ["failed"]
    finally:
        hidden.rename(last)
    assert here(out)[0] == 0
    require_same(folder, out, undisturbed)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux only")
def test_the_clock_does_not_matter(folder: Path, undisturbed: dict[str, bytes], here: Here) -> None:
    """Outputs and records that seem to come from the past or future are as good as any."""
    out = folder / "clock"
    assert here(out)[0] == 0
    for index, path in enumerate(sorted(out.rglob("*"))):
        os.utime(path, (index * 1e8, index * 1e8))
    status, told, _ = here(out)
    assert (status, told.count("(already done)")) == (0, SCANS)
    require_same(folder, out, undisturbed)
