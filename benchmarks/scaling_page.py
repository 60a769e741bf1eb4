"""The sections of scaling.py: tables of what was measured, of what was fitted, and beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from growth import Growth
from pages import Section, Table
from timed import Figures

HEAD = """# How cost grows: figures

`benchmarks/scaling.py` writes this page; [scaling](../explanation/scaling.md) explains it.
Each measurement is a process of its own with one thread. Processor time (CPU) is the main
figure: wall time also holds what else the machine did. Costs are fitted by least squares of
the relative residuals; *residual* is measured over fitted, less one. A part that is missing
here has not been measured yet.
"""

COMMAND = "python benchmarks/scaling.py --parts {}"
PACKAGES = ("numba", "SimpleITK", "scipy")
STUDY = 100_000
WORKERS = (10, 100, 1000)
MAX_PICTURES = 200
"""Of a page, see ``report.batch_page.MAX_THUMBNAILS``."""


def applying_growth(rows: Sequence[Figures]) -> Growth:
    """Fit the processor time of runs over one scan and two, at several voxel sizes."""
    runs = [(row["coronal_voxels"], run) for row in rows for run in row["apply"]["runs"]]
    causes = [(1, run["scans"], run["scans"] * voxels / 1e6) for voxels, run in runs]
    names = ("start of a run", "each scan", "each million voxels")
    return Growth.fitted(names, causes, [run["cpu_s"] for _, run in runs])


def memory_growth(rows: Sequence[Figures]) -> Growth:
    """Fit the peak memory of correcting one scan."""
    runs = [(row["coronal_voxels"], row["apply"]["runs"][0]) for row in rows]
    causes = [(1, voxels / 1e6) for voxels, _ in runs]
    names = ("a process", "each million voxels")
    return Growth.fitted(names, causes, [run["peak_mb"] for _, run in runs])


def learning_growth(rows: Sequence[Figures]) -> Growth:
    """Fit the processor time of learning, with reading, by the voxels of all scans."""
    causes = [(1, 2 * (row["axial_voxels"] + row["coronal_voxels"]) / 1e6) for row in rows]
    names = ("a fit", "each million voxels")
    return Growth.fitted(names, causes, [_learning(row)[1] for row in rows])


def batch_growth(runs: Sequence[Figures]) -> Growth:
    """Fit the processor time of runs by what they found of each scan."""
    causes = [(1, run["new"] > 0, run["new"], run["reread"], run["known"]) for run in runs]
    names = (
        "start of a run", "loading kernels for the first new scan", "each new scan",
        "each scan read again", "each scan by receipt",
    )  # fmt: skip
    return Growth.fitted(names, causes, [run["cpu_s"] for run in runs])


def voxels_section(rows: Sequence[Figures], options: str = "") -> Section:
    """Show learning and applying at several voxel sizes."""
    learning, applying, memory = learning_growth(rows), applying_growth(rows), memory_growth(rows)
    learned = Table(
        ("voxels, mm", "million voxels, 4 scans", "wall, s", "CPU, s", "peak, GB", "residual"),
        tuple(
            (
                f"{row['coarsen']:g}",
                f"{causes[1]:.2f}",
                f"{_learning(row)[0]:.0f}",
                f"{_learning(row)[1]:.1f}",
                f"{row['learn']['peak_gb']:.2f}",
                f"{residual:+.0%}",
            )
            for row, causes, residual in zip(rows, learning.causes, learning.residuals, strict=True)
        ),
    )
    residuals = iter(applying.residuals)
    applied = Table(
        ("voxels, mm", "scans", "million voxels each", "wall, s", "CPU, s", "peak, MB", "residual"),
        tuple(
            (
                f"{row['coarsen']:g}", str(run["scans"]), f"{row['coronal_voxels'] / 1e6:.2f}",
                f"{run['wall_s']:.1f}", f"{run['cpu_s']:.2f}", f"{run['peak_mb']:.0f}",
                f"{next(residuals):+.0%}",
            )
            for row in rows
            for run in row["apply"]["runs"]
        ),
    )  # fmt: skip
    done = Table(
        (
            "voxels, mm", "files in", "MB in", "MB out", "record, kB",
            "CPU to read again, s", "CPU by receipt, ms", "CPU of a picture, s",
        ),
        tuple(
            (
                f"{row['coarsen']:g}", f"{found['input_files']}",
                f"{found['input_bytes'] / 1e6:.1f}", f"{_output_bytes(found) / 1e6:.1f}",
                f"{found['record_bytes'] / 1e3:.1f}", f"{found['looks']['read_cpu_s']:.3f}",
                f"{1e3 * found['looks']['known_cpu_s']:.1f}",
                f"{_picture_cpu_s(found, applying):.2f}",
            )
            for row in rows
            for found in [row["apply"]]
        ),
    )  # fmt: skip
    return Section(
        "Voxels",
        COMMAND.format("voxels") + options,
        PACKAGES,
        (
            "Learning from two references of simulated legs (DICOM; axial 400 x 400 x 400 mm, "
            "coronal 442 x 189 x 497 mm), reading included:",
            learned,
            learning.unit_table(1.0, "CPU, s"),
            "`distcorr apply` on one of their coronal scans and on two, DICOM to NRRD, cubic "
            "interpolation, without the page:",
            applied,
            applying.unit_table(1.0, "CPU, s"),
            memory.unit_table(1.0, "peak memory of one scan, MB"),
            "Files of a scan, and what it takes to find it done. A picture of the page loads "
            "the scan before and after; starting `distcorr report` is taken to cost what "
            "starting `distcorr apply` does:",
            done,
        ),
    )


def subjects_section(rows: Sequence[Figures], voxel_mm: float, options: str = "") -> Section:
    """Show what more references cost and bring, over all seeds."""
    counts = sorted({row["subjects"] for row in rows})
    by_count = {n: [row for row in rows if row["subjects"] == n] for n in counts}
    growth = Growth.fitted(
        ("a fit", "each reference"),
        [(1, row["subjects"]) for row in rows],
        [row["cpu_s"] for row in rows],
    )
    table = Table(
        ("references", "wall, s", "CPU, s", "peak, MB", "as scanned, mm", "left, mm", "95 %, mm"),
        tuple(
            (
                str(count),
                *(_spread([row[name] for row in found], form) for name, form in (
                    ("wall_s", ".1f"), ("cpu_s", ".1f"), ("peak_mb", ".0f"),
                    ("raw_mean_mm", ".2f"), ("left_mean_mm", ".3f"), ("left_p95_mm", ".3f"),
                )),
            )
            for count, found in by_count.items()
        ),
    )  # fmt: skip
    seeds = len({row["seed"] for row in rows})
    return Section(
        "Subjects",
        COMMAND.format("subjects") + options,
        PACKAGES,
        (
            f"Simulated legs in voxels of {voxel_mm:g} mm, both scans DIS2D, a random field for "
            f"each of {seeds} seeds. Errors are those of a new subject within 200 mm of the "
            "isocentre; where seeds differ, the smallest and the largest are given. The fits of "
            "a seed share a process that holds all its scans, so the peak is an upper bound:",
            table,
            growth.unit_table(1.0, "CPU, s"),
            f"Residuals are within {np.abs(growth.residuals).max():.0%}.",
        ),
    )


def scans_section(found: Figures, voxel_mm: float, options: str = "") -> Section:
    """Show batches that come at once, one that grows, and books without images."""
    growth = batch_growth(found["runs"])
    runs = Table(
        ("new", "read again", "by receipt", "wall, s", "CPU, s", "peak, MB", "residual"),
        tuple(
            (
                str(run["new"]), str(run["reread"]), str(run["known"]), f"{run['wall_s']:.1f}",
                f"{run['cpu_s']:.2f}", f"{run['peak_mb']:.0f}", f"{residual:+.0%}",
            )
            for run, residual in zip(found["runs"], growth.residuals, strict=True)
        ),
    )  # fmt: skip
    books = Table(
        ("scans", "plan, s", "table, s", "page, s", "results.json, MB", "page, MB", "peak, MB"),
        tuple(
            (
                f"{row['scans']:,}", f"{row['plan_s']:.2f}", f"{row['table_s']:.2f}",
                f"{row['page_s']:.2f}", f"{row['table_mb']:.1f}", f"{row['page_mb']:.1f}",
                f"{row['peak_mb']:.0f}",
            )
            for row in found["books"]
        ),
    )  # fmt: skip
    return Section(
        "Scans",
        COMMAND.format("scans") + options,
        PACKAGES,
        (
            f"`distcorr apply --jobs 1 --no-report` over scans of {voxel_mm:g} mm (NRRD). Each "
            "line is a run: how many scans were new, how many were found done by reading them, "
            "and how many by their receipts. Batches of one size come first, each run three "
            "times; then scans arrive in groups and the same command runs at each arrival:",
            runs,
            growth.unit_table(1e3, "CPU, ms"),
            f"Bytes for each scan: input {found['input_bytes']:,.0f}, volume "
            f"{found['volume_bytes']:,.0f}, mask {found['mask_bytes']:,.0f}, record "
            f"{found['record_bytes']:,.0f}, both tables {found['table_bytes']:,.0f}, receipt "
            f"{found['receipts_bytes']:,.0f}. The page of the largest batch took "
            f"{found['page']['cpu_s']:.1f} s of CPU ({MAX_PICTURES} pictures at most).",
            "What a batch does beside images, with scans that are only names (CPU; the page "
            "without pictures):",
            books,
        ),
    )


def workers_section(found: Figures, voxel_mm: float, options: str = "") -> Section:
    """Show workers of both kinds, and messages without work."""
    names = {"ALONE": "this process", "POOL": "local workers", "CLUSTER": "Dask workers"}
    ways = Table(
        ("who", "workers", "wall of a scan x workers, s", "CPU of a scan, s", "all, s"),
        tuple(
            (
                names[row["way"]], str(row["workers"]), f"{row['wall_s']:.3f}",
                f"{row['processor_s']:.3f}", f"{row['whole_s']:.1f}",
            )
            for row in found["ways"]
        ),
    )  # fmt: skip
    empty = Table(
        ("jobs", "wall of one, ms", "CPU of one, ms", "memory of one, kB"),
        tuple(
            (
                f"{row['scans']:,}", f"{1e3 * row['wall_s'] / row['scans']:.1f}",
                f"{1e3 * row['cpu_s'] / row['scans']:.1f}",
                f"{1e3 * row['grown_mb'] / row['scans']:.0f}",
            )
            for row in found["empty"]
        ),
    )  # fmt: skip
    return Section(
        "Workers",
        COMMAND.format("workers") + options,
        (*PACKAGES, "distributed"),
        (
            f"{found['ways'][0]['scans']} scans of {voxel_mm:g} mm, timed from the end of the "
            "fourth; one thread a worker. The machine has no more processors than the line "
            "below says, so more workers were not measured:",
            ways,
            "Jobs that do nothing, through a Dask scheduler on this machine to one worker; "
            "time and memory are those of client and scheduler together:",
            empty,
        ),
    )


def extrapolation_section(
    voxels: Sequence[Figures], scans: Figures, workers: Figures, options: str = ""
) -> Section:
    """Carry the finest voxels over to a study of 100,000 scans."""
    finest = min(voxels, key=lambda row: float(row["coarsen"]))
    found, growth = finest["apply"], applying_growth(voxels)
    million = finest["coronal_voxels"] / 1e6
    scan_s, error_s = growth.predicted((0.0, 1.0, million))
    looks = found["looks"]
    moved = found["input_bytes"] + _output_bytes(found)
    empty = workers["empty"][-1]
    message_s = empty["cpu_s"] / empty["scans"]  # client and scheduler wait for each other
    books = scans["books"][-1]
    share = STUDY / books["scans"]
    hour, tera = 3600.0, 1e12
    rows = [
        ("CPU of one scan", f"{scan_s:.1f} ± {error_s:.1f} s"),
        ("CPU of all", f"{STUDY * scan_s / hour:.0f} ± {STUDY * error_s / hour:.0f} h"),
        *(
            (f"wall with {count:,} workers, if they share nothing",
             _duration(max(STUDY * scan_s / count, STUDY * message_s)))
            for count in WORKERS
        ),
        ("wall of messages alone, at least", _duration(STUDY * message_s)),
        ("workers that one scheduler can feed, at most", f"{scan_s / message_s:,.0f}"),
        ("scheduler and client, memory for all jobs",
         f"{STUDY * empty['grown_mb'] / empty['scans'] / 1e3:.1f} GB"),
        # To know the scan, to load it, and to record what was written.
        ("read to correct", f"{STUDY * (found['input_bytes'] + moved) / tera:.1f} TB"),
        ("written", f"{STUDY * _output_bytes(found) / tera:.1f} TB"),
        ("files written into one folder", f"{3 * STUDY:,}"),
        ("records", f"{STUDY * found['record_bytes'] / 1e9:.2f} GB"),
        ("read by the run after, once", f"{STUDY * moved / tera:.1f} TB"),
        ("CPU of the run after", f"{STUDY * looks['read_cpu_s'] / hour:.1f} h"),
        ("CPU of every later run, by receipts", f"{STUDY * looks['known_cpu_s'] / hour:.2f} h"),
        ("files looked at by every later run", f"{STUDY * (found['input_files'] + 3):,}"),
        ("results.json", f"{share * books['table_mb']:.0f} MB"),
        ("page with pictures, CPU",
         _duration(MAX_PICTURES * _picture_cpu_s(found, growth) + share * books["page_s"])),
    ]  # fmt: skip
    return Section(
        f"Extrapolation to {STUDY:,} scans",
        COMMAND.format("voxels scans workers") + options,
        (*PACKAGES, "distributed"),
        (
            f"Nothing in this table was measured at this size, but for the table of "
            f"{books['scans']:,} scans. One scan of {million:.1f} million voxels and its "
            "standard error are from the fit above; all else is proportional. The error says "
            "nothing about other processors, other scans, and network file systems.",
            Table(("quantity", "extrapolated"), tuple(rows)),
        ),
    )


def _learning(row: Figures) -> tuple[float, float]:
    """Wall and processor seconds of loading and learning."""
    phases = row["learn"]["phases"]
    return sum(wall for _, wall, _ in phases), sum(cpu for _, _, cpu in phases)


def _output_bytes(found: Figures) -> float:
    return float(found["volume_bytes"] + found["mask_bytes"] + found["record_bytes"])


def _picture_cpu_s(found: Figures, applying: Growth) -> float:
    """Of one picture; starting ``report`` is taken to cost what starting ``apply`` does."""
    start_s = float(applying.unit_cost[0])
    return max(0.0, found["page"]["cpu_s"] - start_s) / float(found["page"]["pictures"])


def _duration(seconds: float) -> str:
    if seconds >= 2 * 86400:
        return f"{seconds / 86400:.1f} days"
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.0f} min"


def _spread(values: Sequence[float], form: str) -> str:
    low, high = (format(one, form) for one in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
