"""Time and memory of learning from two references at full size.

Simulates, once, a cohort of digital legs as DICOM in a folder (axial 400 x 400 x
400 voxels of 1 mm, coronal 480 x 210 x 540 of 0.92 x 0.9 x 0.92 mm), then learns
from it in a process of its own and prints where the time goes. Usage:

    python benchmarks/full_size.py FOLDER [--coarsen 1]

``--coarsen 4`` makes every voxel four times as wide, to try the road. A line of
the table lasts from the moment ``learn`` reports its text to the next report.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from distcorr.batch.cohort import read_cohort
from distcorr.batch.learning import load_material
from distcorr.facts import Plane, VendorState
from distcorr.learn import FitSettings, learn
from distcorr.phantom.cohort import CohortSettings, simulate_cohort
from distcorr.phantom.pairs import PairSettings
from distcorr.phantom.settings import ScanSettings

TARGET_S = 120.0
TARGET_GB = 6.0
"""Asked for on two cores, without reading the files."""

LOADING = "loading"


def full_size_pair(coarsen: float) -> PairSettings:
    """Protocol of the two scans, with voxels ``coarsen`` times as wide."""
    axial = ScanSettings(
        Plane.AXIAL,
        VendorState.TRUSTED,
        fov_mm=(400.0, 400.0, 400.0),
        pixel_mm=coarsen,
        slice_spacing_mm=coarsen,
        slice_thickness_mm=coarsen,
    )
    coronal = ScanSettings(
        Plane.CORONAL,
        VendorState.ND,
        fov_mm=(480 * 0.92, 210 * 0.9, 540 * 0.92),
        pixel_mm=0.92 * coarsen,
        slice_spacing_mm=0.9 * coarsen,
        slice_thickness_mm=0.9 * coarsen,
    )
    return PairSettings(axial, coronal)


def made_once(folder: Path, coarsen: float) -> Path:
    """Return the manifest of the cohort, which is simulated if it is not there."""
    directory = folder / f"full-size-{coarsen:g}"
    manifest = directory / "cohort.toml"
    if not manifest.is_file():
        start = time.perf_counter()
        settings = CohortSettings(subjects=2, new=0, pair=full_size_pair(coarsen))
        simulate_cohort(settings, directory, progress=lambda done, of: _note(f"scan {done}/{of}"))
        _note(f"simulated in {time.perf_counter() - start:.0f} s")
    return manifest


@dataclass(slots=True)
class Phases:
    """Clocks, read whenever the work names another phase."""

    rows: list[tuple[str, float, float]]

    @classmethod
    def begun(cls, text: str) -> Phases:
        """Start the first phase."""
        return cls([(text, time.perf_counter(), time.process_time())])

    def enter(self, text: str) -> None:
        """Note that a phase begins, unless it goes on."""
        if text != self.rows[-1][0]:
            self.rows.append((text, time.perf_counter(), time.process_time()))

    def durations(self) -> list[tuple[str, float, float]]:
        """Text, wall and processor seconds of each phase so far."""
        ends = [*self.rows[1:], ("", time.perf_counter(), time.process_time())]
        return [
            (text, wall_end - wall, cpu_end - cpu)
            for (text, wall, cpu), (_, wall_end, cpu_end) in zip(self.rows, ends, strict=True)
        ]


def learn_here(manifest: Path) -> None:
    """Load and learn in this process; print the figures as JSON."""
    phases = Phases.begun(LOADING)
    references = load_material(read_cohort(manifest)).pairs
    loaded_gb = _peak_gb()
    phases.enter("starting")
    learn(references, FitSettings(), lambda text, _share: phases.enter(text))
    figures = {"phases": phases.durations(), "loaded_gb": loaded_gb, "peak_gb": _peak_gb()}
    print(json.dumps(figures))


def learn_apart(manifest: Path) -> None:
    """Learn in a process of its own and print where the time went."""
    command = [sys.executable, __file__, "--learn", str(manifest)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(done.stdout)
    print(f"{'reported':24s} {'wall s':>8s} {'CPU s':>8s}")
    for text, wall, cpu in figures["phases"]:
        print(f"{text.partition(':')[0]:24s} {wall:8.1f} {cpu:8.1f}")
    learning = [row for row in figures["phases"] if row[0] != LOADING]
    wall, cpu = (sum(row[n] for row in learning) for n in (1, 2))
    peak = figures["peak_gb"]
    fast_enough = _verdict(wall <= TARGET_S)
    print(f"{'learning':24s} {wall:8.1f} {cpu:8.1f}   target {TARGET_S:.0f} s: {fast_enough}")
    print(
        f"peak memory {peak:.2f} GB, {figures['loaded_gb']:.2f} when loaded; "
        f"target {TARGET_GB:.0f} GB: {_verdict(peak <= TARGET_GB)}; {os.cpu_count()} processors"
    )


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Simulate if needed, learn, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the cohort is kept, or is to be made")
    parser.add_argument("--coarsen", type=float, default=1.0, help="factor on all voxel sizes")
    parser.add_argument("--learn", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.learn:
        learn_here(chosen.folder)
    else:
        learn_apart(made_once(chosen.folder, chosen.coarsen))


if __name__ == "__main__":
    main()
