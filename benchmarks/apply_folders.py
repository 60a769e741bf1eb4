"""Time and memory of ``distcorr apply`` from a DICOM folder to a DICOM folder.

A coronal scan of int16 noise, 210 files, is written once; then the command runs in
a process of its own. The first run compiles; the second is judged. Usage:

    python benchmarks/apply_folders.py [--size 480 540 210] [--format dicom]
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from apply import SPACING_MM, example_correction, example_scan
from timed import Used, timed_command

from distcorr.dicom.export import MRSeriesHeader, write_classic_series
from distcorr.facts import AcquisitionDimension, Scanner, VendorState
from distcorr.space import PatientPosition

TARGET_S = 10.0
TARGET_VOLUMES = 4.0
"""Peak memory at most, in volumes of float32."""


def write_example(size: tuple[int, int, int], folder: Path) -> None:
    """Write the scan as ``scan`` and the correction as ``scanner.distcorr``."""
    header = MRSeriesHeader(
        patient_id="benchmark",
        study_uid_seed="benchmark",
        series_uid_seed="benchmark",
        series_number=1,
        description="coronal noise",
        state=VendorState.ND,
        patient_position=PatientPosition.HFS,
        table_position_mm=(0.0, 0.0, 0.0),
        scanner=Scanner("SIEMENS", "Prisma", "1", 3.0, "syngo MR E11"),
        slice_thickness_mm=SPACING_MM[2],
        dimension=AcquisitionDimension.D3,
        frame_of_reference_uid_seed="benchmark",
    )
    write_classic_series(
        example_scan(size, VendorState.ND).volume, header, folder / "scan", shuffle_seed=0
    )
    example_correction().save(folder / "scanner.distcorr")


def run(folder: Path, image_format: str, interpolation: str, threads: int) -> Used:
    """Apply the correction once."""
    arguments = ["apply", str(folder / "scanner.distcorr"), str(folder / "scan")]
    arguments += ["-o", str(folder / "out"), "--overwrite", "--quiet"]
    arguments += ["--format", image_format, "--interpolation", interpolation]
    return timed_command(arguments, threads)


def verdict(used: Used, voxels: int) -> list[str]:
    """Lines that say what was taken and whether the targets are met."""
    volumes = used.peak_bytes / (voxels * np.dtype(np.float32).itemsize)
    return [
        f"{used.seconds:.1f} s, {used.cpu_s:.1f} s of CPU (target {TARGET_S:.0f} s): "
        f"{_met(used.seconds <= TARGET_S)}",
        f"peak memory {used.peak_bytes / 1e6:.0f} MB, {volumes:.2f} volumes in float32 "
        f"(target {TARGET_VOLUMES:.0f}): {_met(volumes <= TARGET_VOLUMES)}",
    ]


def _met(holds: bool) -> str:
    return "met" if holds else "MISSED"


def main() -> None:
    """Print time and memory."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs=3, default=(480, 540, 210), metavar="N")
    parser.add_argument("--format", default="dicom", choices=("dicom", "nrrd", "nifti"))
    parser.add_argument("--interpolation", default="bspline")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=2)
    chosen = parser.parse_args()
    i, j, k = chosen.size
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A child's peak starts at its parent's, so the scan is made in a process that ends.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(write_example, (i, j, k), folder).result()
        for _ in range(chosen.repeat):
            used = run(folder, chosen.format, chosen.interpolation, chosen.threads)
            print(f"{chosen.interpolation}, {chosen.format}:", flush=True)
            print("\n".join(verdict(used, i * j * k)), flush=True)


if __name__ == "__main__":
    main()
