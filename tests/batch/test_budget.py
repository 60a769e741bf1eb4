"""Memory of a run: planned from headers, enforced before pixels are read, and true."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from distcorr.apply import Interpolation
from distcorr.batch.budget import Budget, Correcting, budget_of
from distcorr.batch.footprint import STARTED_BYTES, Export, converting
from distcorr.batch.formats import ImageFormat
from distcorr.batch.load import measure_scan
from distcorr.dicom import probe, series
from distcorr.errors import Code, DistcorrError
from distcorr.images import measure_volume, read_volume, write_volume
from distcorr.memory import Allowance
from distcorr.space import Grid, Volume
from tests.batch.batches import STATED, jobs_of, write_scans
from tests.batch.examples import CORONAL, write_dicom, write_image

Run = Callable[..., tuple[int, str, str]]
KIND = Correcting(Interpolation.BSPLINE, ImageFormat.NRRD)


def zeros(path: Path, voxels: tuple[int, int, int], dtype: type = np.int16) -> Path:
    write_volume(volume_of(voxels, dtype), path)
    return path


def volume_of(voxels: tuple[int, int, int], dtype: type = np.int16) -> Volume:
    grid = Grid(voxels, np.full(3, -80.0), np.full(3, 1.0), np.eye(3))
    return Volume(np.zeros(grid.shape, dtype), grid)


def planned(scans: list[Path], megabytes: float, wanted: int) -> Budget:
    allowance = Allowance(STARTED_BYTES + int(megabytes * 1e6), "test")
    return budget_of(jobs_of(scans), KIND, allowance, wanted)


def test_headers_tell_what_is_loaded(tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "scan", CORONAL)
    measured, loaded = measure_scan(folder), series.load_series(folder).volume
    assert (measured.size, measured.itemsize) == (loaded.grid.size, loaded.array.itemsize)
    assert measured.bytes == loaded.array.nbytes
    guessed = probe(folder)
    assert guessed is not None
    assert guessed.bytes == measured.bytes
    for name in ("a.nrrd", "a.nii", "a.nii.gz"):
        path = zeros(tmp_path / name, (5, 6, 7), np.float32)
        extent, volume = measure_volume(path), read_volume(path)
        assert (extent.size, extent.bytes) == (volume.grid.size, volume.array.nbytes)
        assert extent.spacing_mm == pytest.approx(tuple(volume.grid.spacing))


def test_as_many_at_once_as_fit(tmp_path: Path) -> None:
    scans = write_scans(tmp_path, 4)
    one = STARTED_BYTES / 1e6  # of a process, which is all that small scans take
    for megabytes, expected in ((0.0, 1), (1.01 * one, 1), (2.01 * one, 2), (9 * one, 4)):
        budget = planned(scans, megabytes, wanted=4)
        assert budget.at_once == expected
        assert expected == 1 or budget.needed(expected) <= STARTED_BYTES + megabytes * 1e6


def test_only_the_largest_at_once_count_and_none_that_is_refused_anyway(tmp_path: Path) -> None:
    small = write_scans(tmp_path, 3)
    large = zeros(tmp_path / "large.nrrd", (320, 320, 320))  # 890 MB
    one = STARTED_BYTES / 1e6
    assert planned([*small, large], 2.3 * one, 4).at_once == 1
    assert planned([*small, large], 3.3 * one, 4).at_once == 2
    assert planned([*small, large], 4.3 * one, 4).at_once == 3
    assert planned([*small, large], 1.1 * one, 4).at_once == 1
    absent = [*small, tmp_path / "absent.nrrd", tmp_path / "gone"]
    assert planned(absent, 3.2 * one, 3).at_once == 3


def test_a_scan_that_takes_more_than_foreseen_gets_no_more_than_its_share(tmp_path: Path) -> None:
    (job,) = jobs_of([zeros(tmp_path / "a.nrrd", (100, 100, 100))])
    extent = measure_volume(job.path)
    needed = KIND.bytes(extent, job.path)
    whole = Allowance(2 * needed - 2, "test")
    Budget(KIND, whole, {}, 1).admit(job)(extent)
    Budget(KIND, whole, {job.name: needed}, 2).admit(job)(extent)
    Budget(KIND, None, {}).admit(job)(extent)
    with pytest.raises(DistcorrError, match="run again with --jobs 1") as refusal:
        Budget(KIND, whole, {job.name: 10}, 2).admit(job)(extent)
    assert refusal.value.code is Code.MEMORY_LIMIT


@pytest.mark.parametrize("kind", ["nrrd", "dicom"])
def test_refused_before_pixels_are_read(
    run: Run, correction: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "dicom":
        scan = write_dicom(tmp_path / "in", CORONAL)
    else:
        scan = write_image(tmp_path / "in.nrrd", CORONAL)
    limit = ("--max-memory", "100MB")
    with (
        mock.patch("distcorr.dicom.series.load_stack", side_effect=AssertionError),
        mock.patch("distcorr.images.read_image", side_effect=AssertionError),
    ):
        status, _, told = run("apply", correction, scan, *STATED, "-o", tmp_path / "out", *limit)
        assert status == 1
        assert "in: error[memory-limit]: correcting the scan would take more memory" in told
        assert "10 x 12 x 8 voxels of 2 bytes, 100 MB allowed (--max-memory)" in told
        status, _, told = run("field", correction, scan, tmp_path / "f.h5", *STATED, *limit)
        assert (status, told.count("error[memory-limit]")) == (1, 1)
        if kind == "dicom":
            status, _, told = run("convert", scan, tmp_path / "v.nrrd", *limit)
            assert (status, told.count("error[memory-limit]")) == (1, 1)
    rows = (tmp_path / "out" / "results.csv").read_text()
    assert "memory-limit" in rows
    assert not list(tmp_path.glob("*.h5"))
    usage = run("apply", correction, scan, "-o", tmp_path / "out", "--max-memory", "12")
    assert usage[0] == 2


def test_fewer_at_once_is_said(run: Run, correction: Path, tmp_path: Path) -> None:
    scans = write_scans(tmp_path, 2)
    limit = ("--max-memory", "600MB", "--jobs", "2", "--no-report")
    status, _, told = run("apply", correction, *scans, *STATED, "-o", tmp_path / "out", *limit)
    assert status == 0
    assert "memory: 1 of 2 scans at once, 2 would take about 1.2 GB; 600 MB allowed" in told


MEASURED = """
import re, sys
from pathlib import Path
from distcorr.cli.main import main
sys.argv[0] = "distcorr"
try:
    main()
except SystemExit as end:
    peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())
    print("peak", 1024 * int(peak[1]), end.code, file=sys.stderr)
"""
"""Runs a command and tells its peak; ru_maxrss of a child begins with that of its parent."""

SILLY = 1.5
"""Factor beyond which a bound would refuse what fits."""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
@pytest.mark.parametrize("command", ["apply", "field", "convert"])
def test_estimates_bound_the_peak_and_are_not_silly(
    run: Run, correction: Path, tmp_path: Path, command: str
) -> None:
    """On a larger scan; a small one compiles the kernels before."""

    def arguments(scan: Path, name: str) -> tuple[object, ...]:
        out = tmp_path / name
        return {
            "apply": ("apply", correction, scan, *STATED, "-o", out, "--no-report"),
            "field": ("field", correction, scan, f"{out}.nrrd", *STATED),
            "convert": ("convert", scan, f"{out}.nrrd"),
        }[command]

    if command == "convert":
        small, scan = tmp_path / "small", tmp_path / "scan"
        write_dicom(small, CORONAL)
        write_dicom(scan, np.eye(3), content=volume_of((300, 300, 60)))
    else:
        small = zeros(tmp_path / "small.nrrd", (9, 9, 9))
        scan = zeros(tmp_path / "scan.nrrd", (200, 200, 200))
    assert run(*arguments(small, "first"))[0] == 0
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments(scan, "second"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    peak, status = re.findall(r"^peak (\d+) (\w+)$", done.stderr, re.MULTILINE)[0]
    assert status == "0", done.stderr
    extent = measure_scan(scan)
    estimated = {
        "apply": KIND.bytes(extent, scan),
        "field": Export("second.nrrd").bytes_with(extent),
        "convert": converting(extent),
    }[command]
    assert int(peak) <= estimated <= SILLY * int(peak), f"{int(peak) / 1e6:.0f} MB"
