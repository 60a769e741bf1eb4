"""A correction from markers alone, as a user makes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from distcorr.correction import Correction, InputRole
from distcorr.phantom.fields import default_field
from tests.cli.running import run

MANIFEST = """
[scanner]
manufacturer = "SIEMENS"
serial = "7"

[[points]]
id = "phantom"
pairs = "markers.csv"
shown_state = "ND"
patient_position = "HFS"
isocentre_lps = [0, 0, 0]
"""

REFERENCE = '[[reference]]\nid = "ref01"\naxial = "a"\ncoronal = "c"\n'


def manifest(folder: Path) -> Path:
    """Write 200 markers, one of them mislabelled, seen through the default field."""
    generator = np.random.default_rng(0)
    true = generator.uniform(-130, 130, (200, 3))
    shown = true + default_field().displacement(true) + generator.normal(0, 0.1, true.shape)
    shown[17] = shown[18] + 1.0
    header = "true_x,true_y,true_z,shown_x,shown_y,shown_z"
    rows = [",".join(f"{v:.6f}" for v in row) for row in np.c_[true, shown]]
    (folder / "markers.csv").write_text("\n".join([header, *rows]) + "\n")
    (folder / "cohort.toml").write_text(MANIFEST)
    return folder / "cohort.toml"


def test_markers_make_a_correction_and_its_report(tmp_path: Path) -> None:
    out = tmp_path / "scanner.dcorr"
    done = run("learn", manifest(tmp_path), "-o", out)
    assert done.returncode == 0, done.stderr
    assert "D_y (front-back) is shown" in done.stdout
    assert "points-disagree" in done.stderr
    assert "pair 18: " in done.stderr
    made = Correction.load(out)
    assert str(made.scanner) == "SIEMENS serial 7"
    (source,) = made.provenance.inputs
    assert (source.reference, source.role) == ("phantom", InputRole.POINTS)
    points = np.random.default_rng(1).uniform(-100, 100, (500, 3))
    error = made.field.displacement(points) - default_field().displacement(points)
    assert np.linalg.norm(error, axis=1).mean() < 0.15
    page = out.with_name("scanner.dcorr.html").read_text(encoding="utf-8")
    assert "From 1 set of points whose true places are known (shown ND)" in page
    assert "scanned twice" not in page


def test_references_beside_markers_are_not_ignored(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    path.write_text(MANIFEST + REFERENCE)
    done = run("learn", path, "-o", tmp_path / "out.dcorr")
    assert done.returncode == 1
    assert "not-found" in done.stderr


def test_leave_one_out_needs_references(tmp_path: Path) -> None:
    done = run("validate", manifest(tmp_path))
    assert done.returncode == 1
    assert "too-few-references" in done.stderr
