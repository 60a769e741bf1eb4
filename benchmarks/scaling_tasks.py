"""What scaling.py has done in processes of their own; each task prints its figures as JSON.

python benchmarks/scaling_tasks.py TASK '{"argument": value, ...}'
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from batch import STATEMENT, make_material, true_correction
from distributed import LocalCluster
from full_size import full_size_pair, made_once
from runs import FieldSeed, measure, references_of

from distcorr.batch import Statement
from distcorr.batch.cluster import Cluster
from distcorr.batch.correct import Destination, Outcome, correct
from distcorr.batch.folder import claimed
from distcorr.batch.jobs import Job, plan
from distcorr.batch.local import InProcess
from distcorr.batch.recipe import Recipe
from distcorr.batch.results import Table
from distcorr.batch.runner import run
from distcorr.batch.workers import Success
from distcorr.correction import Correction
from distcorr.learn import FitSettings, learn
from distcorr.phantom.fields import FieldName
from distcorr.phantom.pairs import AnatomyKind, Case, simulate_case
from distcorr.phantom.scanner import SIMULATED_SCANNER
from distcorr.report.batch_page import MAX_ROWS, ScanView, render_batch
from distcorr.report.results import read_results

Figures = dict[str, Any]


def make_cohort(folder: str, coarsen: float) -> Figures:
    """Simulate two references as DICOM, once, and the correction of their scanner."""
    manifest = made_once(Path(folder), coarsen)
    correction = manifest.with_name("scanner.distcorr")
    if not correction.exists():
        replace(true_correction(), scanner=SIMULATED_SCANNER).save(correction)
    pair = full_size_pair(coarsen)
    return {
        "manifest": str(manifest),
        "axial_voxels": math.prod(pair.axial.grid().size),
        "coronal_voxels": math.prod(pair.coronal.grid().size),
    }


def look_again(correction: str, scan: str, out: str, looks: int) -> Figures:
    """Find out, again and again, that a scan is done: by reading it, and by its receipt."""
    recipe = Recipe(Correction.load(Path(correction)))
    (job,) = plan([Path(scan)], Statement("benchmark"))
    with claimed(Path(out)) as claim:
        found = correct(job, recipe, Destination(claim))  # makes it, or reads it and warms up
        begun = time.process_time()
        found = correct(job, recipe, Destination(claim))
        read_s = time.process_time() - begun
        known = replace(job, receipt=found.receipt)
        begun = time.process_time()
        for _ in range(looks):
            correct(known, recipe, Destination(claim))
        known_s = (time.process_time() - begun) / looks
    return {"read_cpu_s": read_s, "known_cpu_s": known_s}


def make_scans(folder: str, scans: int, voxel_mm: float) -> Figures:
    """Write small scans for batches, unless they are there."""
    make_material(Path(folder), scans, voxel_mm)
    return {}


def learn_growing(
    counts: list[int], voxel_mm: float, anatomy: str, case: str, seed: int
) -> Figures:
    """Learn from more and more subjects of one cohort, and judge each on a new subject.

    The numbers ascend, so the peak of memory so far is that of the last fit. One small
    fit goes before, for loading and compiling.
    """
    cohort = simulate_case(
        AnatomyKind(anatomy),
        Case(case),
        FieldSeed(FieldName.RANDOM, seed).field(Path()),
        subjects=max(counts),
        voxel_mm=voxel_mm,
        seed=seed,
    )
    pairs = [references_of(pair) for pair in cohort.references]
    learn(pairs[0], FitSettings())
    rows = []
    for count in sorted(counts):
        references = [one for pair in pairs[:count] for one in pair]
        wall, cpu = time.perf_counter(), time.process_time()
        result = learn(references, FitSettings())
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        part = replace(cohort, references=cohort.references[:count])
        outcome = measure(part, result, wall, 0.0)
        rows.append(
            {
                "subjects": count,
                "wall_s": wall,
                "cpu_s": cpu,
                "peak_mb": outcome.peak_mb,
                "raw_mean_mm": outcome.raw_mean_mm,
                "left_mean_mm": outcome.left_mean_mm,
                "left_p95_mm": outcome.left_p95_mm,
            }
        )
    return {"rows": rows}


def keep_books(folder: str, scans: int) -> Figures:
    """Do all that a batch does but read and correct images; processor seconds of each step."""
    out = Path(folder) / f"books-{scans}"
    laps: dict[str, float] = {}
    last = time.process_time()

    def lap(name: str) -> None:
        nonlocal last
        laps[name], last = time.process_time() - last, time.process_time()

    paths = [Path(f"/data/study/subject{number:06d}/coronal") for number in range(scans)]
    lap("paths")
    jobs = plan(paths, STATEMENT)
    lap("plan")
    with claimed(out) as claim:
        table = Table(claim.directory, jobs, overwrite=False)
        run(jobs, InProcess(done_at_once), table, claim, lambda *_: None)
    lap("table")
    results = read_results(out)
    views = [ScanView(scan, None) for scan in results.worst_first()[:MAX_ROWS]]
    page = render_batch(results, views)
    lap("page")
    return {
        **{f"{name}_s": seconds for name, seconds in laps.items()},
        "table_mb": (out / "results.json").stat().st_size / 1e6,
        "page_mb": len(page.encode()) / 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def send_empty(scans: int) -> Figures:
    """Send jobs that do nothing through a Dask scheduler to one worker: what messages cost.

    Scheduler and client share this process, so its processor time is that of both.
    """
    jobs = [Job(f"s{number}", Path(f"/data/{number}"), STATEMENT) for number in range(scans)]
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", memory_limit=0
    ) as cluster:
        pool = Cluster(done_at_once, cluster.scheduler_address)
        before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wall, cpu = time.perf_counter(), time.process_time()
        for job in jobs:
            pool.submit(job)
        for _ in jobs:
            pool.ended()
        figures = {
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "grown_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb,
        }
        pool.stop()
    return figures


def done_at_once(job: Job) -> Success:
    """Tell what a scan's correction would, without any work."""
    names = (f"{job.name}_corrected.nrrd", f"{job.name}_supported.nrrd")
    outputs = (*(Path(name) for name in names), Path(f"{job.name}_corrected.json"))
    return Success(Outcome(outputs, 12.3, 0.97, (), (), (), False), 1.0)


TASKS: tuple[Callable[..., Figures], ...] = (
    make_cohort,
    make_scans,
    look_again,
    learn_growing,
    keep_books,
    send_empty,
)


def main() -> None:
    """Do one task."""
    name, settings = sys.argv[1:]
    (task,) = (one for one in TASKS if one.__name__ == name)
    print(json.dumps(task(**json.loads(settings))))


if __name__ == "__main__":
    main()
