"""Time of applying a correction in memory, against SimpleITK in the same process.

One correction as ``learn`` makes them (25 mm lattice, fading out beyond 200 mm) is
applied to a volume of int16 noise, the hardest content. SimpleITK resamples the
same volume through the equivalent transform (``bspline_transform``), through the
displacement field on the same grid, and by the identity, the floor that users know.
Rounds are interleaved and the best of each is printed, as wall time and as processor
time, which other work on the machine disturbs less. Memory is what one more round
takes at most, and what it needs to be held. Differences are in grey levels of 1000,
over voxels whose neighbours at four voxels' distance are inside too. Usage:

    python benchmarks/apply.py [--size 480 540 210] [--state ND] [--markdown FILE]
"""

from __future__ import annotations

import argparse
import ctypes
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numba
import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from pages import Section, Table, publish
from scipy.ndimage import minimum_filter

from distcorr import __version__
from distcorr.acquisition import Scan
from distcorr.apply import ApplyOptions, Interpolation, apply_correction
from distcorr.correction import Correction, Figures, Provenance
from distcorr.facts import AcquisitionFacts, Fact, Scanner, VendorState
from distcorr.field import Lattice
from distcorr.phantom.fields import default_field
from distcorr.space import Grid, PatientPosition, Volume
from distcorr.transforms import ScanMap, bspline_transform
from distcorr.transforms.displacement import displacement_field

SPACING_MM = (0.92, 0.92, 0.9)
GREY_LEVELS = 1000
MARGIN = 4
"""Voxels from the edge of the shown image, within which its handling there tells."""

ITK = {Interpolation.LINEAR: sitk.sitkLinear, Interpolation.BSPLINE: sitk.sitkBSpline}
BYTES = {Interpolation.LINEAR: 2 + 2 + 2, Interpolation.BSPLINE: 2 + 4 * 5 + 2 + 2}
"""Least traffic for a voxel: the image is read, the result and two masks written;
the coefficients are written, read and written along the third axis, read, and
brought in before they are first written."""

FIELD_BYTES = 3 * 8
"""What SimpleITK's displacement field transform holds for each voxel."""

IDENTITY_RATIO = 1.5
TRANSFORM_RATIO = {Interpolation.LINEAR: 30.0, Interpolation.BSPLINE: 15.0}
"""Targets: at most so long as the identity, at least so much faster than the transform."""


def example_correction() -> Correction:
    """Build a correction as ``learn`` stores it: supported to 200 mm, then fading out."""
    lattice = Lattice.covering([-300.0] * 3, [300.0] * 3, 25.0)
    full = lattice.interpolating(default_field().displacement)
    radius = np.linalg.norm(lattice.node_points(), axis=-1)
    support = np.clip((290.0 - radius) / 90.0, 0.0, 1.0)
    faded = Lattice(full.origin, full.spacing, full.coefficients * support)
    return Correction(
        faded,
        np.full((3, *radius.shape), 0.1, np.float32),
        support.astype(np.float32),
        None,
        Scanner(),
        Provenance(created=date(2026, 1, 1), distcorr=__version__),
        Figures(references=(), revealed=(), min_jacobian=faded.min_jacobian(), shells=()),
    )


def example_scan(size: tuple[int, int, int], state: VendorState) -> Scan:
    """Make a coronal scan of noise, centred on the isocentre."""
    direction = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    spacing = np.array(SPACING_MM)
    origin = -direction @ (spacing * (np.array(size) - 1) / 2)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, GREY_LEVELS + 1, size[::-1], dtype=np.int16)
    facts = AcquisitionFacts(
        state=Fact(state, "benchmark"),
        patient_position=Fact(PatientPosition.HFS, "benchmark"),
        isocentre_lps=Fact((0.0, 0.0, 0.0), "benchmark"),
    )
    return Scan(Volume(noise, Grid(size, origin, spacing, direction)), facts)


def itk_image(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.array)
    image.SetOrigin(volume.grid.origin_lps.tolist())
    image.SetSpacing(volume.grid.spacing.tolist())
    image.SetDirection(volume.grid.direction.ravel().tolist())
    return image


@dataclass(slots=True)
class Clock:
    """Wall and processor seconds of each round of one contestant.

    ``held`` is the memory, in bytes, of what it needs beside the image.
    """

    work: Callable[[], object]
    held: int = 0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def round(self) -> None:
        """Run once."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.work()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


def peak_bytes(work: Callable[[], object]) -> int | None:
    """Most memory that one round takes beyond what is held before; None where unknown.

    Linux alone resets and tells the peak of a running process; the C library first has to
    give back what it keeps of earlier rounds.
    """
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _status_bytes("VmRSS")
        work()
        return max(0, _status_bytes("VmHWM") - before)
    except (OSError, AttributeError):
        return None


def _status_bytes(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(rf"^{name}:\s*(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise OSError(f"no {name} in /proc/self/status")
    return 1024 * int(found.group(1))


def field_transform(scan: Scan, correction: Correction) -> sitk.Transform:
    """Sample the map at every voxel of the scan, as SimpleITK takes it."""
    vectors = displacement_field(correction, scan.acquisition, scan.volume.grid)
    image = sitk.GetImageFromArray(vectors, isVector=True)
    image.CopyInformation(itk_image(scan.volume))
    return sitk.DisplacementFieldTransform(image)


def contestants(scan: Scan, correction: Correction) -> dict[str, Clock]:
    """Everything that is timed, by its name in the table."""
    image = itk_image(scan.volume)
    transform, _ = bspline_transform(ScanMap(correction, scan.acquisition), scan.volume.grid)
    clocks = {
        "copy": Clock(scan.volume.array.copy),
        "SimpleITK identity, linear": Clock(
            lambda: sitk.Resample(image, image, sitk.Transform(), sitk.sitkLinear)
        ),
    }
    for interpolation in Interpolation:
        options = ApplyOptions(interpolation)
        clocks[f"distcorr {interpolation}"] = Clock(
            lambda options=options: apply_correction(scan, correction, options)
        )
    for interpolation, kind in ITK.items():
        clocks[f"SimpleITK {interpolation}"] = Clock(
            lambda kind=kind: sitk.Resample(image, image, transform, kind)
        )
    sampled = field_transform(scan, correction)
    for interpolation, kind in ITK.items():
        clocks[f"SimpleITK {interpolation} by field"] = Clock(
            lambda kind=kind: sitk.Resample(image, image, sampled, kind),
            held=FIELD_BYTES * scan.volume.array.size,
        )
    return clocks


def differences(scan: Scan, correction: Correction, slices: int) -> dict[Interpolation, float]:
    """Largest differences from SimpleITK over a slab in the middle, as float32."""
    volume = Volume(scan.volume.array.astype(np.float32), scan.volume.grid)
    like = _middle(volume.grid, slices)
    reference = itk_image(Volume(np.zeros(like.shape, np.float32), like))
    transform, _ = bspline_transform(ScanMap(correction, scan.acquisition), like)
    found = {}
    for interpolation, kind in ITK.items():
        ours = apply_correction(
            Scan(volume, scan.facts), correction, ApplyOptions(interpolation), like
        ).volume
        theirs = sitk.GetArrayFromImage(
            sitk.Resample(itk_image(volume), reference, transform, kind)
        )
        inner = _inner(ours)
        found[interpolation] = float(np.abs(ours.array - theirs)[inner].max())
    return found


def _middle(grid: Grid, slices: int) -> Grid:
    slices = min(slices, grid.size[2])
    first = (grid.size[2] - slices) // 2
    origin = grid.origin_lps + grid.direction[:, 2] * grid.spacing[2] * first
    return Grid((*grid.size[:2], slices), origin, grid.spacing, grid.direction)


def _inner(volume: Volume) -> NDArray[np.bool_]:
    """Voxels not within ``MARGIN`` of one outside."""
    valid = np.ones(volume.grid.shape, np.bool_) if volume.valid is None else volume.valid
    width = 2 * MARGIN + 1
    return np.asarray(minimum_filter(valid, width, mode="constant", cval=False))


def table(clocks: dict[str, Clock], voxels: int) -> list[str]:
    """Lines of the table, and whether the targets are met."""
    best = {name: (min(c.wall), min(c.cpu)) for name, c in clocks.items() if c.wall}
    lines = [f"{'':30s} {'wall s':>8s} {'CPU s':>8s} {'CPU ns/voxel':>13s}"]
    lines += [
        f"{name:30s} {wall:8.3f} {cpu:8.3f} {1e9 * cpu / voxels:13.1f}"
        for name, (wall, cpu) in best.items()
    ]
    identity = best["SimpleITK identity, linear"]
    ours = best["distcorr linear"]
    ratios = [a / b for a, b in zip(ours, identity, strict=True)]
    lines.append(
        f"linear takes {ratios[0]:.2f} times the identity's wall time, {ratios[1]:.2f} times its "
        f"CPU time (target {IDENTITY_RATIO}): {_verdict(ratios[0] <= IDENTITY_RATIO)}"
    )
    for interpolation, target in TRANSFORM_RATIO.items():
        theirs, ours = best[f"SimpleITK {interpolation}"], best[f"distcorr {interpolation}"]
        ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
        lines.append(
            f"{interpolation} is {ratios[0]:.1f} times as fast as SimpleITK through the transform, "
            f"{ratios[1]:.1f} times by CPU (target {target:.0f}): {_verdict(ratios[0] >= target)}"
        )
    # An array's copy reads and writes two bytes for each voxel.
    rate = 4 * voxels / best["copy"][0]
    for interpolation, count in BYTES.items():
        floor = count * voxels / rate
        took = best[f"distcorr {interpolation}"][0]
        lines.append(
            f"{interpolation}: {count} bytes/voxel of traffic take {floor:.3f} s at the copy's "
            f"{rate / 1e9:.1f} GB/s on one thread; {took / floor:.1f} times that"
        )
    return lines


def section(
    clocks: dict[str, Clock], peaks: dict[str, int | None], what: str, voxels: int, command: str
) -> Section:
    """Put distcorr and SimpleITK side by side.

    Parameters
    ----------
    clocks : dict of str to Clock
        After their rounds.
    peaks : dict of str to (int or None)
        By ``peak_bytes``.
    what : str
        Volume, state and threads.
    voxels : int
    command : str
    """
    rows = []
    for interpolation in ITK:
        ours = clocks[f"distcorr {interpolation}"]
        for name, text in (
            (f"distcorr {interpolation}", f"distcorr, {interpolation}"),
            (f"SimpleITK {interpolation}", f"SimpleITK through B-spline, {interpolation}"),
            (f"SimpleITK {interpolation} by field", f"SimpleITK through field, {interpolation}"),
        ):
            clock, peak = clocks[name], peaks[name]
            rows.append(
                (
                    text,
                    f"{1e9 * min(clock.wall) / voxels:.1f}",
                    f"{1e9 * min(clock.cpu) / voxels:.1f}",
                    f"{min(clock.wall) / min(ours.wall):.1f}",
                    f"{min(clock.cpu) / min(ours.cpu):.1f}",
                    "unknown" if peak is None else f"{(peak + clock.held) / voxels:.0f}",
                )
            )
    header = (
        "", "wall ns/voxel", "CPU ns/voxel", "wall, times distcorr", "CPU, times distcorr",
        "bytes/voxel",
    )  # fmt: skip
    rounds = len(clocks["copy"].wall)
    return Section(
        "Applying a correction",
        command,
        ("SimpleITK", "numba"),
        (
            f"{what}. Noise is resampled once through the same map, in memory, without "
            f"reading or writing; best of {rounds} interleaved rounds. Memory is the peak of one "
            "round beyond the image itself, with the displacement field where there is one; "
            "making the B-spline or the field, which SimpleITK needs first, is not counted.",
            Table(header, tuple(rows)),
        ),
    )


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs=3, default=(480, 540, 210), metavar="N")
    parser.add_argument("--state", type=VendorState, default=VendorState.ND)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slices", type=int, default=24, help="in which differences are sought")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the section there")
    chosen = parser.parse_args()
    numba.set_num_threads(min(chosen.threads, numba.config.NUMBA_NUM_THREADS))
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(chosen.threads)
    i, j, k = chosen.size
    scan, correction = example_scan((i, j, k), chosen.state), example_correction()
    what = f"{i} x {j} x {k} int16, {chosen.state}, {chosen.threads} threads"
    print(what, flush=True)
    for interpolation, worst in differences(scan, correction, chosen.slices).items():
        print(
            f"{interpolation}: differs from SimpleITK by up to {worst:.3f} of {GREY_LEVELS} "
            f"grey levels: {_verdict(worst < 1.0)}",
            flush=True,
        )
    clocks = contestants(scan, correction)
    for name in (f"distcorr {interpolation}" for interpolation in Interpolation):
        clocks[name].work()  # compiles
    for _ in range(chosen.repeat):
        for clock in clocks.values():
            clock.round()
    print("\n".join(table(clocks, i * j * k)))
    if chosen.markdown is not None:
        peaks = {name: peak_bytes(clock.work) for name, clock in clocks.items()}
        command = (
            f"python benchmarks/apply.py --size {i} {j} {k} --state {chosen.state} "
            f"--repeat {chosen.repeat} --threads {chosen.threads}"
        )
        publish(section(clocks, peaks, what, i * j * k, command), chosen.markdown)


if __name__ == "__main__":
    main()
