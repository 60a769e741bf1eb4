"""From a tree of DICOM files to corrected scans, without an editor."""

from __future__ import annotations

import json
from pathlib import Path

from distcorr.batch import read_cohort
from tests.cli.conftest import COARSE, DEGREE
from tests.cli.running import run


def test_plan_learn_apply_without_editing(tmp_path: Path) -> None:
    study = tmp_path / "study"
    options = ("--axial-state", "DIS3D", "--subjects", 1, "--stations", 2)
    assert run("simulate", study, *COARSE, *options).returncode == 0
    manifest = tmp_path / "planned" / "cohort.toml"
    planned = run("plan", study, "-o", manifest)
    assert planned.returncode == 0, planned.stderr
    assert planned.stderr == ""
    assert "ref01      DIS3D axial, ND coronal, shows D_x, D_y, D_z" in planned.stdout
    cohort = read_cohort(manifest)
    assert len(cohort.references[0].axials) == 2
    assert len(cohort.scans) == 2
    out = tmp_path / "scanner.distcorr"
    learned = run("learn", manifest, "-o", out, *DEGREE, "--quiet")
    assert learned.returncode == 0, learned.stderr
    applied = run("apply", out, manifest, "-o", tmp_path / "corrected")
    assert applied.returncode == 0, applied.stderr
    assert len(list((tmp_path / "corrected").glob("*_corrected.nrrd"))) == 2


def test_options_and_refusals(tmp_path: Path, cohort: Path) -> None:
    out = tmp_path / "cohort.toml"
    done = run("plan", cohort.parent, "-o", out, "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert [one["id"] for one in told["references"]] == ["ref01", "ref02"]
    assert told["references"][0]["shows"] is None
    assert told["to_fill_in"] == ["ref01: axial_state", "ref02: axial_state"]
    assert "warning: 2 facts are not in the headers" in done.stderr
    first = out.read_bytes()
    assert "error[output-exists]" in run("plan", cohort.parent, "-o", out).stderr
    again = run("plan", cohort.parent, "-o", out, "--overwrite", "--quiet")
    assert (again.returncode, again.stdout) == (0, "")
    assert out.read_bytes() == first
    assert run("plan", cohort.parent, "-o", tmp_path / "cohort.txt").returncode == 2
    assert "not-dicom" in run("plan", tmp_path, "-o", tmp_path / "b.toml").stderr
    assert "not-found" in run("plan", tmp_path / "absent", "-o", tmp_path / "b.toml").stderr


def test_nothing_to_learn_is_said_loudly_and_is_no_failure(tmp_path: Path, cohort: Path) -> None:
    out = tmp_path / "cohort.toml"
    done = run("plan", cohort.parent / "new01", "-o", out)
    assert done.returncode == 0
    assert "warning: NOTHING can be learned" in done.stderr
    assert [one.id for one in read_cohort(out).scans] == ["sub001"]
