"""``distcorr roundness`` on labels and meshes of known shape."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from distcorr.facts import VendorState
from distcorr.images import write_volume
from distcorr.space import Grid, Volume
from tests.cli.running import run
from tests.correction.examples import correction_of, example_field
from tests.roundness.examples import label_of, mesh_of

CENTRE = np.array([30.0, -10.0, 20.0])


def obj(path: Path, points: np.ndarray, triangles: np.ndarray) -> Path:
    lines = ["# SPACE=LPS", *(f"v {x} {y} {z}" for x, y, z in points)]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in triangles]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_labels_and_meshes_are_measured(tmp_path: Path) -> None:
    label = label_of((24.0, 20.6, 24.0), (2.0, 2.0, 2.0), CENTRE)
    write_volume(label, tmp_path / "head.nrrd")
    mesh = obj(tmp_path / "head.obj", *mesh_of((24.0, 24.0, 24.0), CENTRE))
    done = run("roundness", tmp_path / "head.nrrd", mesh)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.startswith("head.nrrd label 1: axis ratio 0.85")
    assert "squeezed front-back" in first
    assert second.startswith("head.obj: axis ratio 1.000")
    data = json.loads(run("roundness", mesh, "--json").stdout)
    assert data[0]["as_drawn"]["axis_ratio"] == pytest.approx(1.0, abs=1e-3)
    assert data[0]["corrected"] is None


def test_a_correction_makes_a_drawn_ball_round(tmp_path: Path) -> None:
    """The ball is drawn where the scan shows it; moved back, it is a ball again."""
    field = example_field()
    correction_of(field).save(tmp_path / "c.distcorr")
    grid = Grid((40, 40, 40), np.full(3, -78.0), np.full(3, 4.0), np.eye(3))
    write_volume(Volume(np.ones(grid.shape, np.int16), grid), tmp_path / "scan.nrrd")
    points, triangles = mesh_of((24.0, 24.0, 24.0), CENTRE)
    shown = points + correction_of(field).field.displacement(points)
    mesh = obj(tmp_path / "head.obj", shown, triangles)
    options = (
        "--correction", tmp_path / "c.distcorr", "--of", tmp_path / "scan.nrrd",
        "--state", VendorState.ND, "--position", "HFS", "--isocentre", "0,0,0", "--json",
    )  # fmt: skip
    done = run("roundness", mesh, *options)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["as_drawn"]["axis_ratio"] < 0.999
    assert row["corrected"]["axis_ratio"] > row["as_drawn"]["axis_ratio"]
    assert row["corrected"]["axis_ratio"] == pytest.approx(1.0, abs=1e-3)


def test_half_of_the_options_is_wrong_usage(tmp_path: Path) -> None:
    done = run("roundness", tmp_path / "x.obj", "--of", tmp_path)
    assert done.returncode == 2
    assert "belong together" in done.stderr


def test_what_is_absent_is_refused(tmp_path: Path) -> None:
    write_volume(label_of((9.0, 9.0, 9.0), (1.0, 1.0, 1.0), CENTRE), tmp_path / "head.nrrd")
    assert "error[no-contrast]" in run("roundness", tmp_path / "head.nrrd", "--label", "7").stderr
    assert "error[not-found]" in run("roundness", tmp_path / "none.nrrd").stderr
