"""How cost grows with voxels, subjects, scans and workers, and what 100,000 scans would take.

    python benchmarks/scaling.py [--data FOLDER] [--parts voxels subjects scans workers]
        [--log FILE] [--markdown FILE]

Simulated cohorts are made in the folder, once: 1.1 GB, half an hour. Every measurement
is a process of its own with one thread; measure on a machine that does nothing else, or
trust the processor time alone. With ``--log``, what the same software has measured is
not measured again. ``--quick`` tries the road on coarse voxels and few scans.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pages import Section, write_page
from scaling_page import (
    HEAD,
    extrapolation_section,
    scans_section,
    subjects_section,
    voxels_section,
    workers_section,
)
from timed import Figures, MeasurementLog, timed_command, with_threads

HERE = Path(__file__).parent
STATED = ("--state", "ND", "--position", "HFS", "--isocentre", "0,0,0")
QUIETLY = ("--jobs", "1", "--no-report", "--quiet")
LOOKS = 50
"""A look at a receipt takes milliseconds; so many are timed together."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How far each cause is measured.

    Attributes
    ----------
    coarsen : tuple of float
        Factors on the voxels of the full-size protocol, the coarsest first.
    subjects : tuple of int
        Numbers of references, ascending.
    seeds : tuple of int
        Of cohorts and of their random fields.
    batch_voxel_mm : float
        Of the scans of batches and of the subjects.
    scans : tuple of int
        Sizes of batches that come at once.
    arriving, chunk : int
        Size of the batch that grows, and by how many scans each time.
    books, empty : tuple of int
        Numbers of scans that are only kept book of, and of jobs that do nothing.
    shared : int
        Scans that workers share.
    """

    coarsen: tuple[float, ...] = (4.0, 3.0, 2.0, 1.0)
    subjects: tuple[int, ...] = (1, 2, 4, 8, 16)
    seeds: tuple[int, ...] = (0, 1)
    batch_voxel_mm: float = 6.0
    scans: tuple[int, ...] = (1, 10, 100)
    arriving: int = 1000
    chunk: int = 100
    books: tuple[int, ...] = (1_000, 10_000, 100_000)
    empty: tuple[int, ...] = (300, 1_000, 3_000)
    shared: int = 100


FULL = Extent()
QUICK = Extent(
    coarsen=(8.0, 6.0, 5.0, 4.0),
    subjects=(1, 2, 4),
    seeds=(0,),
    scans=(1, 10),
    arriving=300,
    chunk=100,
    books=(1_000, 100_000),
    empty=(300, 1_000),
    shared=30,
)
"""Enough to try every step, and the shape of the curves at a tenth of the cost."""


def task(name: str, **settings: object) -> Figures:
    """Have something done in a process of its own, see ``scaling_tasks.py``."""
    command = [sys.executable, str(HERE / "scaling_tasks.py"), name, json.dumps(settings)]
    return _last_line(command)


def _last_line(command: Sequence[str]) -> Figures:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env=with_threads(1)
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how far to measure.

    Attributes
    ----------
    data : Path
    log : MeasurementLog
    extent : Extent
    """

    data: Path
    log: MeasurementLog
    extent: Extent

    def voxels(self) -> list[Figures]:
        """Learn from two references, and correct one scan and two, in finer and finer voxels."""
        folder = str(self.data / "voxels")
        cohorts = {
            coarsen: task("make_cohort", folder=folder, coarsen=coarsen)
            for coarsen in self.extent.coarsen
        }
        return [
            {"coarsen": coarsen, **cohort, **self._voxels_of(coarsen, Path(cohort["manifest"]))}
            for coarsen, cohort in cohorts.items()
        ]

    def _voxels_of(self, coarsen: float, manifest: Path) -> Figures:
        settings = {"coarsen": coarsen}
        learn = [sys.executable, str(HERE / "full_size.py"), str(manifest), "--learn"]
        warm = coarsen == self.extent.coarsen[0]
        return {
            "learn": self.log.once("learn", settings, _warmed(partial(_last_line, learn), warm)),
            "apply": self.log.once("apply", settings, _warmed(partial(_apply, manifest), warm)),
        }

    def subjects(self) -> list[Figures]:
        """Learn from more and more subjects, seed by seed."""
        extent = self.extent
        rows = []
        for seed in extent.seeds:
            settings = {
                "counts": extent.subjects, "voxel_mm": extent.batch_voxel_mm,
                "anatomy": "legs", "case": "dis2d-both", "seed": seed,
            }  # fmt: skip
            found = self.log.once("subjects", settings, partial(task, "learn_growing", **settings))
            rows += [{"seed": seed, **row} for row in found["rows"]]
        return rows

    def scans(self) -> Figures:
        """Correct batches that come at once and one that grows; keep books without images."""
        extent = self.extent
        folder = self._small_scans(max(extent.arriving, *extent.scans))
        settings = {
            "voxel_mm": extent.batch_voxel_mm, "scans": extent.scans,
            "arriving": extent.arriving, "chunk": extent.chunk,
        }  # fmt: skip
        books = [
            {"scans": scans, **self.log.once("books", {"scans": scans}, self._books(scans))}
            for scans in extent.books
        ]
        batch = self.log.once("batches", settings, partial(_batches, folder, extent))
        return {**batch, "books": books}

    def _books(self, scans: int) -> Callable[[], Figures]:
        folder = self.data / "books"
        shutil.rmtree(folder, ignore_errors=True)
        return partial(task, "keep_books", folder=str(folder), scans=scans)

    def workers(self) -> Figures:
        """Correct the same scans by one and two workers of each kind; send empty jobs."""
        folder, shared = self._small_scans(self.extent.shared), self.extent.shared
        rows = []
        for way, workers in (
            ("ALONE", 1), ("POOL", 1), ("POOL", 2), ("CLUSTER", 1), ("CLUSTER", 2),
        ):  # fmt: skip
            command = [
                sys.executable, str(HERE / "batch.py"), str(folder), "--scans", str(shared),
                "--way", way, "--workers", str(workers),
            ]  # fmt: skip
            settings = {"way": way, "workers": workers, "scans": shared}
            speed = self.log.once("workers", settings, partial(_last_line, command))
            rows.append({**settings, **speed})
        empty = [
            {
                "scans": scans,
                **self.log.once(
                    "empty", {"scans": scans}, partial(task, "send_empty", scans=scans)
                ),
            }
            for scans in self.extent.empty
        ]
        return {"ways": rows, "empty": empty}

    def _small_scans(self, scans: int) -> Path:
        voxel_mm = self.extent.batch_voxel_mm
        folder = self.data / f"scans-{voxel_mm:g}"
        task("make_scans", folder=str(folder), scans=scans, voxel_mm=voxel_mm)
        return folder


def _warmed(measure: Callable[[], Figures], warm: bool) -> Callable[[], Figures]:
    """Measure twice where kernels may have to be compiled first."""

    def call() -> Figures:
        if warm:
            measure()
        return measure()

    return call


def _apply(manifest: Path) -> Figures:
    """Correct one scan and two, look at what is done, draw the page."""
    folder = manifest.parent
    out, correction = folder / "out", str(folder / "scanner.distcorr")
    scans = [str(folder / name / "coronal") for name in ("ref01", "ref02")]
    runs = []
    for number in (1, 2):
        shutil.rmtree(out, ignore_errors=True)
        command = ["apply", correction, *scans[:number], "-o", str(out), *QUIETLY]
        runs.append({"scans": number, **timed_command(command, 1).figures})
    sizes = _sizes(out, 2)
    sizes["input_bytes"] = _bytes(Path(scans[0]).rglob("*"))
    sizes["input_files"] = sum(1 for _ in Path(scans[0]).iterdir())
    page = timed_command(["report", str(out), str(folder / "page.html"), "--overwrite"], 1).figures
    shutil.rmtree(out)
    looks = task("look_again", correction=correction, scan=scans[0], out=str(out), looks=LOOKS)
    shutil.rmtree(out)
    return {"runs": runs, **sizes, "page": {"pictures": 2, **page}, "looks": looks}


def _batches(folder: Path, extent: Extent) -> Figures:
    """Correct batches at once and twice again; then let one grow and run it at each arrival."""
    scans = [str(path) for path in sorted((folder / "scans").glob("scan*.nrrd"))]
    out = folder / "out-growth"
    shutil.rmtree(out, ignore_errors=True)
    _batch_run(folder, scans[:1], out, 1, 0, 0)  # compiles what no earlier run has
    rows = []
    for number in extent.scans:
        shutil.rmtree(out, ignore_errors=True)
        for new, reread, known in ((number, 0, 0), (0, number, 0), (0, 0, number)):
            rows.append(_batch_run(folder, scans[:number], out, new, reread, known))
    shutil.rmtree(out, ignore_errors=True)
    for there in range(extent.chunk, extent.arriving + 1, extent.chunk):
        reread = extent.chunk if there > extent.chunk else 0
        known = there - extent.chunk - reread
        rows.append(_batch_run(folder, scans[:there], out, extent.chunk, reread, known))
    there = scans[: extent.arriving]
    known = extent.arriving - extent.chunk
    rows.append(_batch_run(folder, there, out, 0, extent.chunk, known))
    rows.append(_batch_run(folder, there, out, 0, 0, extent.arriving))
    rows.append(_batch_run(folder, there, out, 0, extent.arriving, 0, "--reread"))
    page = timed_command(["report", str(out), str(folder / "page.html"), "--overwrite"], 1)
    sizes = _sizes(out, extent.arriving)
    sizes["input_bytes"] = _bytes(map(Path, there)) / len(there)
    sizes["receipts_bytes"] = (out / ".distcorr" / "receipts.json").stat().st_size / len(there)
    shutil.rmtree(out)
    return {"runs": rows, **sizes, "page": page.figures}


def _batch_run(
    folder: Path, scans: Sequence[str], out: Path, new: int, reread: int, known: int, *more: str
) -> Figures:
    correction = str(folder / "scanner.distcorr")
    command = ["apply", correction, *scans, "-o", str(out), *STATED, *QUIETLY, *more]
    used = timed_command(command, 1)
    return {"new": new, "reread": reread, "known": known, **used.figures}


def _sizes(out: Path, scans: int) -> Figures:
    """Bytes for each scan of what a run has written."""
    return {
        "volume_bytes": _bytes(out.glob("*_corrected.nrrd")) / scans,
        "mask_bytes": _bytes(out.glob("*_supported.nrrd")) / scans,
        "record_bytes": _bytes(out.glob("*_corrected.json")) / scans,
        "table_bytes": _bytes(out.glob("results.*")) / scans,
    }


def _bytes(paths: Iterator[Path] | map[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file())


def main() -> None:
    """Measure the parts that are asked for; print or write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("voxels", "subjects", "scans", "workers")
    parser.add_argument("--data", type=Path, default=Path("scaling-data"))
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    chosen.data.mkdir(parents=True, exist_ok=True)
    bench = Bench(
        chosen.data.resolve(), MeasurementLog(chosen.log), QUICK if chosen.quick else FULL
    )
    measure = {
        "voxels": bench.voxels, "subjects": bench.subjects,
        "scans": bench.scans, "workers": bench.workers,
    }  # fmt: skip
    figures = {part: measure[part]() for part in parts if part in chosen.parts}
    sections = sections_of(figures, bench.extent)
    if chosen.markdown is None:
        print("\n".join(section.markdown() for section in sections))
    else:
        write_page(chosen.markdown, HEAD, sections)


def sections_of(figures: Figures, extent: Extent) -> list[Section]:
    """Make the sections of what was measured; the extrapolation needs all but the subjects."""
    voxel_mm, options = extent.batch_voxel_mm, "" if extent == FULL else " --quick"
    sections = []
    if "voxels" in figures:
        sections.append(voxels_section(figures["voxels"], options))
    if "subjects" in figures:
        sections.append(subjects_section(figures["subjects"], voxel_mm, options))
    if "scans" in figures:
        sections.append(scans_section(figures["scans"], voxel_mm, options))
    if "workers" in figures:
        sections.append(workers_section(figures["workers"], voxel_mm, options))
    needed = ("voxels", "scans", "workers")
    if set(needed) <= set(figures):
        sections.append(extrapolation_section(*(figures[one] for one in needed), options))
    return sections


if __name__ == "__main__":
    main()
