"""Full disks and kills while single commands write; batches have theirs in tests/batch."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from vtkmodules.vtkFiltersSources import vtkSphereSource

from distcorr.cli import learn as learn_module
from distcorr.cli import validate as validate_module
from distcorr.images import write_volume
from distcorr.space import Grid, Volume
from tests.batch.batches import write_correction
from tests.batch.examples import CORONAL, volume, write_dicom
from tests.cli.conftest import DEGREE, Learned, Validated
from tests.cli.running import run
from tests.meshes import examples as meshes

FIELDS = ("f.nrrd", "f.mha", "f.nii.gz", "f.h5", "f.tfm", "f.x5", "f.dcm")
VOLUMES = ("v.nrrd", "v.nii", "v.nii.gz")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    write_dicom(folder / "scan", CORONAL)
    write_correction(folder)
    return folder


def command(folder: Path, out: Path) -> tuple[object, ...]:
    """Return the command that writes an output of that name."""
    if out.name in VOLUMES:
        return "convert", folder / "scan", out
    if out.name in FIELDS:
        return "field", folder / "scanner.distcorr", folder / "scan", out
    return "report", folder / "scanner.distcorr", out


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """Let writing fail beyond a size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def require_one_clear_error(complaints: str) -> None:
    told = [line for line in complaints.splitlines() if "warning[" not in line]
    assert len(told) == 1
    assert told[0].startswith(("error[output-unwritable]: ", "error[disk-full]: "))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", [*VOLUMES, *FIELDS, "report.html"])
def test_no_room_leaves_nothing_and_keeps_what_was_there(
    folder: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    done = run(*command(folder, out))
    assert done.returncode == 0, done.stderr
    whole = contents(tmp_path)
    # Drawing a page takes long, and it is written in one go.
    for share in (0.5,) if name == "report.html" else (0.0, 0.5, 0.95):
        with files_no_larger_than(int(share * len(whole[name]))):
            failed = run(*command(folder, out), "--overwrite")
        assert failed.returncode == 1
        require_one_clear_error(failed.stderr)
        assert contents(tmp_path) == whole


def test_a_conversion_without_room_leaves_no_sidecar(folder: Path, tmp_path: Path) -> None:
    with files_no_larger_than(1500):
        assert run("convert", folder / "scan", tmp_path / "v.nii").returncode == 1
    assert contents(tmp_path) == {}
    assert run("convert", folder / "scan", tmp_path / "v.nii").returncode == 0


@pytest.mark.parametrize("image_format", ["dicom", "nrrd", "nifti"])
def test_a_batch_without_room_tells_the_truth_and_resumes(
    folder: Path, tmp_path: Path, image_format: str
) -> None:
    """As on a full disk, without the right to mount one; tests/batch has the real one."""
    out = tmp_path / "out"
    given = ("apply", folder / "scanner.distcorr", folder / "scan", "-o", out, "--no-report")
    given = (*given, "--format", image_format)
    with files_no_larger_than(1000):
        failed = run(*given)
    assert failed.returncode == 1
    assert failed.stderr.count("error[output-unwritable]") == 1
    (row,) = json.loads((out / "results.json").read_text())["scans"]
    assert (row["status"], row["error_code"]) == ("failed", "output-unwritable")
    assert {path.name for path in out.iterdir()} == {".distcorr", "results.csv", "results.json"}
    assert list((out / ".distcorr" / "staged").iterdir()) == []
    assert run(*given).returncode == 0
    (row,) = json.loads((out / "results.json").read_text())["scans"]
    assert row["status"] == "corrected"


def write_drawn(folder: Path, name: str) -> Path:
    path = folder / name
    if name.startswith("labels"):
        grid = volume(CORONAL).grid
        fine = Grid((40, 48, 32), grid.origin_lps, grid.spacing / 4, grid.direction)
        labels = np.random.default_rng(0).integers(0, 9, fine.shape, np.uint8)
        write_volume(Volume(labels, fine), path)
        return path
    if name.startswith("marks"):
        if name.endswith(".json"):
            points = [{"label": f"F-{n}", "position": [n / 9, 0, 0]} for n in range(200)]
            markup = {"type": "Fiducial", "coordinateSystem": "LPS", "controlPoints": points}
            path.write_text(json.dumps({"markups": [markup]}))
        else:
            path.write_text("x,y,z\n" + "\n".join(f"{n / 9},0,0" for n in range(200)) + "\n")
        return path
    ball = vtkSphereSource()
    ball.SetThetaResolution(16)
    ball.SetPhiResolution(16)
    ball.SetRadius(20.0)
    ball.Update()
    return meshes.write(path, ball.GetOutput(), "LPS")


@pytest.mark.parametrize(
    "name",
    ["labels.nrrd", "labels.seg.nrrd", "labels.nii", "labels.nii.gz", "marks.mrk.json",
     "marks.csv", "mesh.stl", "mesh.ply", "mesh.vtk", "mesh.vtp", "mesh.obj"],
)  # fmt: skip
def test_what_was_drawn_is_written_whole_or_not_at_all(
    folder: Path, tmp_path: Path, name: str
) -> None:
    drawn = write_drawn(tmp_path, name)
    out = tmp_path / "out"
    given = ("apply", folder / "scanner.distcorr", drawn, "--of", folder / "scan", "-o", out)
    done = run(*given)
    assert done.returncode == 0, done.stderr
    whole = contents(out)
    size, record = sorted((len(content) for content in whole.values()), reverse=True)
    assert 0.5 * size > record  # it is the drawing for which room lacks
    for share in (0.0, 0.5, 0.95):
        with files_no_larger_than(int(share * size)):
            failed = run(*given, "--overwrite")
        assert failed.returncode == 1
        assert failed.stderr.count("error[") == 1
        assert "error[output-unwritable]: " in failed.stderr
        assert contents(out) == whole


def test_learning_without_room_for_its_page_says_that_the_correction_is_complete(
    learned: Learned, validated: Validated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn_module, "learn_from", learned.again)
    monkeypatch.setattr(validate_module, "run", lambda *_: validated.found)
    monkeypatch.setattr(learn_module, "see_references", lambda *_: ((), ()))
    out = tmp_path / "scanner.dcorr"
    size = learned.correction.stat().st_size
    given = ("learn", learned.cohort, "-o", out, *DEGREE)
    with files_no_larger_than(size // 2):
        failed = run(*given)
    assert failed.returncode == 1
    require_one_clear_error(failed.stderr)
    assert contents(tmp_path) == {}
    with files_no_larger_than(size + 1):
        failed = run(*given)
    assert failed.returncode == 1
    assert f"{out} is complete; write its page with distcorr report" in failed.stderr
    assert list(contents(tmp_path)) == [out.name]
    assert out.read_bytes() == learned.correction.read_bytes()
    with files_no_larger_than(10):
        failed = run("validate", learned.cohort, "-o", tmp_path / "v", *DEGREE)
    require_one_clear_error(failed.stderr)
    assert contents(tmp_path / "v") == {}


KILLED = """
import os, pathlib, signal, sys
from distcorr.cli.main import main
pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.argv[0] = "distcorr"
main()
"""
"""Runs a command that is killed when all is written and nothing has its name yet."""


@pytest.mark.parametrize("name", ["v.nii.gz", "f.h5"])
def test_a_kill_leaves_no_final_name_and_the_same_command_works(
    folder: Path, tmp_path: Path, name: str
) -> None:
    given = command(folder, tmp_path / name)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, given)], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert all(path.name.startswith(".") for path in tmp_path.iterdir())
    done = run(*given)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name).is_file()
