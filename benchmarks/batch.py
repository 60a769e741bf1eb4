"""Many small scans: throughput per core, and what kills leave behind.

Makes 200 small scans of digital legs in a folder, once, and prints how fast they are
corrected by one process with one thread, by two processes of this machine, and by
two Dask workers that it starts here. Then it corrects them once more, kills one
worker on the way and the whole run later, resumes, and compares all outputs with
those of the run that nothing happened to. Usage:

    python benchmarks/batch.py FOLDER [--scans 200] [--voxel 5]

Start-up is not part of the rate: it counts from the end of the fourth scan. The rate
means something on a machine that does nothing else; on others, the processor time per
scan shows what pools cost.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

import numpy as np
import psutil
from distributed import LocalCluster

from distcorr import __version__
from distcorr.apply import ApplyOptions
from distcorr.batch import Statement
from distcorr.batch.correct import Destination
from distcorr.batch.folder import claimed
from distcorr.batch.jobs import Job, plan
from distcorr.batch.local import InProcess, LocalPool
from distcorr.batch.results import Status, Table
from distcorr.batch.runner import cluster_pool, run
from distcorr.batch.workers import Pool, Work, threads
from distcorr.correction import Axis, ComponentRevealed, Correction, Figures, Provenance
from distcorr.facts import Scanner, VendorState
from distcorr.field import Lattice
from distcorr.images import write_volume
from distcorr.phantom.fields import default_field
from distcorr.phantom.pairs import AnatomyKind, Case, simulate_case
from distcorr.space import PatientPosition, Volume

WORKERS = 2
WARM = 2 * WORKERS
"""Scans that are not timed: each worker's first ones, with loading and compiling."""

ALLOWED_LOSS = 0.15
"""Of the rate per core, against a single process."""

STATEMENT = Statement("benchmark", VendorState.ND, PatientPosition.HFS, (0.0, 0.0, 0.0))
STATED = ("--state", "ND", "--position", "HFS", "--isocentre", "0,0,0")


class Way(StrEnum):
    """Who corrects."""

    ALONE = "single process"
    POOL = "local pool"
    CLUSTER = "Dask workers"


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast one way was.

    Attributes
    ----------
    wall_s : float
        Wall time of a scan times the number of cores.
    processor_s : float
        Processor time of a scan, with all processes that take part.
    whole_s : float
        Wall time of everything, from before the start of the workers.
    """

    wall_s: float
    processor_s: float
    whole_s: float


def make_material(folder: Path, scans: int, voxel_mm: float) -> None:
    """Write the correction and the scans, which differ by their noise, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "scanner.distcorr").exists():
        true_correction().save(folder / "scanner.distcorr")
    wanted = [folder / "scans" / f"scan{number:03d}.nrrd" for number in range(scans)]
    missing = [path for path in wanted if not path.exists()]
    if not missing:
        return
    case = simulate_case(
        AnatomyKind.LEGS,
        Case.ND_TRUSTED,
        default_field(),
        subjects=0,
        new=1,
        voxel_mm=voxel_mm,
    )
    volume = case.new[0].volume
    for path in missing:
        rng = np.random.default_rng(wanted.index(path))
        noise = rng.normal(0.0, 5.0, volume.array.shape)
        array = np.clip(np.rint(volume.array + noise), 0, 65535).astype(np.uint16)
        write_volume(Volume(array, volume.grid), path)


def true_correction() -> Correction:
    """Pack the simulated field as if it had been learned."""
    lattice = Lattice.covering([-350.0] * 3, [350.0] * 3, 25.0)
    lattice = lattice.interpolating(default_field().displacement)
    shape = lattice.coefficients.shape[1:]
    return Correction(
        lattice,
        np.full((3, *shape), 0.1, np.float32),
        np.ones(shape, np.float32),
        None,
        Scanner("SIEMENS", "Simulated", "benchmark", 3.0),
        Provenance(created=date(2026, 1, 1), distcorr=__version__),
        Figures(
            revealed=tuple(
                ComponentRevealed(component=axis, revealed=True, information=1.0, text="As given.")
                for axis in Axis
            ),
            min_jacobian=0.5,
        ),
    )


def scans_of(folder: Path, number: int) -> list[Path]:
    """Return the first scans."""
    return sorted((folder / "scans").glob("scan*.nrrd"))[:number]


class Clock:
    """Reads the times when the first scans and when the last one have ended."""

    def __init__(self, scans: int) -> None:
        self._scans, self._ended = scans, 0
        self._begun = time.perf_counter()
        self._marks: list[tuple[float, float]] = []

    def __call__(self, *_: object) -> None:
        """Note the end of a scan."""
        self._ended += 1
        if self._ended in (WARM, self._scans):
            self._marks.append((time.perf_counter(), family_processor_s()))

    def speed(self, cores: int) -> Speed:
        """Give the times per scan between the marks."""
        (wall_0, processor_0), (wall_1, processor_1) = self._marks
        timed = self._scans - WARM
        return Speed(
            (wall_1 - wall_0) * cores / timed,
            (processor_1 - processor_0) / timed,
            wall_1 - self._begun,
        )


def family_processor_s() -> float:
    """Processor time of this process and all that it started."""
    me = psutil.Process()
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        used = process.cpu_times()
        total += used.user + used.system
    return total


@contextmanager
def pool_of(way: Way, work: Work, workers: int) -> Iterator[Pool]:
    """Start so many workers; a process that works alone is its only one."""
    if way is Way.ALONE:
        with threads(1):
            yield InProcess(work)
    elif way is Way.POOL:
        yield LocalPool(work, workers, 1)
    else:
        with LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=":0", memory_limit=0
        ) as cluster:
            yield cluster_pool(work, cluster.scheduler_address)


def measure(way: Way, folder: Path, jobs: Sequence[Job], workers: int = WORKERS) -> Speed:
    """Correct all scans and take the time."""
    out = fresh(folder / f"out-{way.name.lower()}")
    path = folder / "scanner.distcorr"
    with claimed(out) as claim:
        work = Work(
            path.absolute(),
            Correction.load(path).identifier,
            ApplyOptions(),
            None,
            Destination(claim),
        )
        table = Table(out, jobs, overwrite=False)
        clock = Clock(len(jobs))
        with pool_of(way, work, workers) as pool:
            run(jobs, pool, table, claim, clock)
    failed = [row for row in table.rows if row.status is not Status.CORRECTED]
    if failed:
        raise RuntimeError(f"{failed[0].scan}: {failed[0].what}")
    return clock.speed(1 if way is Way.ALONE else workers)


def measure_apart(way: Way, folder: Path, scans: int) -> Speed:
    """Measure in a process of its own, so that nothing is warm."""
    command = [sys.executable, __file__, str(folder), "--scans", str(scans), "--way", way.name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Speed(**json.loads(done.stdout.splitlines()[-1]))


def verdicts(speeds: dict[Way, Speed]) -> list[str]:
    """Make the table: each way against the single process."""
    alone = speeds[Way.ALONE]
    lines = [
        f"{'':16s} | scans per s and core | ratio | processor s per scan | ratio | with start-up, s"
    ]
    for way, speed in speeds.items():
        wall, processor = alone.wall_s / speed.wall_s, alone.processor_s / speed.processor_s
        met = "met" if wall >= 1 - ALLOWED_LOSS else "MISSED"
        lines.append(
            f"{way:16s} | {1 / speed.wall_s:20.2f} | {wall:5.2f} | {speed.processor_s:20.3f} | "
            f"{processor:5.2f} | {speed.whole_s:8.1f}   {'' if way is Way.ALONE else met}".rstrip()
        )
    return lines


def survive(folder: Path, scans: Sequence[Path]) -> str:
    """Kill a worker, then the run, resume, and compare with the undisturbed run."""
    out = fresh(folder / "out-killed")
    command = [
        sys.executable, "-c", "from distcorr.cli.main import main; main()", "apply",
        str(folder / "scanner.distcorr"), *map(str, scans), "-o", str(out), *STATED,
        "--jobs", str(WORKERS), "--quiet", "--no-report",
    ]  # fmt: skip
    undisturbed = fresh(folder / "out-undisturbed")
    calm = [str(undisturbed) if word == str(out) else word for word in command]
    subprocess.run(calm, check=True, stderr=subprocess.DEVNULL)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(process, lambda: finished(out) >= len(scans) // 4)
    children = psutil.Process(process.pid).children(recursive=True)
    next(child for child in children if "spawn_main" in " ".join(child.cmdline())).kill()
    wait_for(process, lambda: finished(out) >= len(scans) // 2)
    process.kill()
    process.wait()
    left = finished(out)
    start = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    same = contents(out) == contents(undisturbed)
    return (
        f"one worker killed, the run killed with {left} of {len(scans)} scans finished, "
        f"resumed in {seconds:.1f} s: outputs, records and table are "
        f"{'the same bytes: met' if same else 'DIFFERENT: MISSED'}"
    )


def wait_for(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """Wait for a condition while a process runs."""
    while not condition():
        if process.poll() is not None:
            raise RuntimeError("the run ended before it could be killed; use more scans")
        time.sleep(0.002)


def finished(out: Path) -> int:
    """Count the scans that have a record."""
    return len(list(out.glob("*_corrected.json")))


def contents(out: Path) -> dict[str, bytes]:
    """All files of a run, the table without its seconds."""
    found = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    del found["results.csv"]
    table = json.loads(found["results.json"])
    for row in table["scans"]:
        del row["seconds"]
    return found | {"results.json": json.dumps(table).encode()}


def fresh(folder: Path) -> Path:
    """Return an absolute path at which there is nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder.absolute()


def main() -> None:
    """Make the scans if needed, measure, kill, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the scans are kept, or are to be made")
    parser.add_argument("--scans", type=int, default=200)
    parser.add_argument("--voxel", type=float, default=5.0, help="mm")
    parser.add_argument("--workers", type=int, default=WORKERS, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=[way.name for way in Way], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way is not None:
        jobs = plan(scans_of(chosen.folder, chosen.scans), STATEMENT)
        speed = measure(Way[chosen.way], chosen.folder, jobs, chosen.workers)
        print(json.dumps({name: getattr(speed, name) for name in Speed.__slots__}))
        return
    make_material(chosen.folder, chosen.scans, chosen.voxel)
    speeds = {way: measure_apart(way, chosen.folder, chosen.scans) for way in Way}
    print(f"{chosen.scans} scans, {os.cpu_count()} processors, {WORKERS} workers")
    for line in verdicts(speeds):
        print(line)
    print(survive(chosen.folder, scans_of(chosen.folder, chosen.scans)))


if __name__ == "__main__":
    main()
