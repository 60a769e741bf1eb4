"""Public data and the files of a study, as a user asks for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from distcorr.data import public_datasets
from tests.cli.running import run, run_process
from tests.cli.test_learn_points import manifest as points_manifest
from tests.correction.examples import correction_of, example_field
from tests.data.examples import STUDY_FILES, write_study

GE = "ge-localizer-table"


def test_list() -> None:
    done = run("data", "list")
    assert done.returncode == 0
    for one in public_datasets():
        assert one.name in done.stdout
    assert "BSD-2-Clause" in done.stdout
    listed = json.loads(run("data", "list", "--json").stdout)
    assert [one["name"] for one in listed] == [one.name for one in public_datasets()]
    assert len(listed[0]["folder"][0]["files"][0]["sha256"]) == 64


def test_fetch_from_a_folder(tmp_path: Path, data: Path) -> None:
    into = tmp_path / "into"
    done = run("data", "fetch", GE, "--from", data, "--into", into)
    assert done.returncode == 0, done.stderr
    assert f"{into / GE}: 42 files verified, BSD-2-Clause" in done.stdout
    quiet = run("data", "fetch", GE, "--from", tmp_path, "--into", into, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_fetch_into_the_cache(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.os_cache", lambda project: str(tmp_path / project))
    done = run("data", "fetch", GE, "--from", data, "--quiet")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "distcorr" / GE).rglob("*.MRDC.*"))) == 42


def test_fetch_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did you mean ge-localizer-table" in run("data", "fetch", "ge-localizer").stderr
    empty = run("data", "fetch", GE, "--from", tmp_path, "--into", tmp_path / "into")
    assert (empty.returncode, empty.stdout) == (1, "")
    assert empty.stderr.startswith("error[not-found]: ")
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nobody listens
    offline = run("data", "fetch", GE, "--into", tmp_path / "into")
    assert offline.returncode == 1
    assert offline.stderr.startswith("error[download-failed]: https://raw.githubusercontent.com/")


def test_record_and_verify(tmp_path: Path) -> None:
    manifest = write_study(tmp_path / "study")
    record = manifest.with_name("cohort.sha256")
    absent = run("data", "verify", manifest)
    assert absent.returncode == 1
    assert absent.stderr.startswith("error[not-found]: ")
    assert "--record" in absent.stderr
    made = run("data", "verify", manifest, "--record")
    assert made.returncode == 0, made.stderr
    assert made.stdout.strip() == f"{record}: {len(STUDY_FILES)} files recorded"
    done = run("data", "verify", manifest)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == f"files of {record}: {len(STUDY_FILES)} unchanged"
    checked = subprocess.run(["sha256sum", "--strict", "-c", record.name], cwd=record.parent)
    assert checked.returncode == 0


def test_differences_end_with_an_error(tmp_path: Path) -> None:
    manifest = write_study(tmp_path / "study")
    run("data", "verify", manifest, "--record")
    record = manifest.with_name("cohort.sha256")
    before = record.read_bytes()
    odd = manifest.parent / "sub01" / "bone.stl"
    odd.write_text("other")
    (manifest.parent / "ref01" / "mask.nrrd").unlink()
    done = run("data", "verify", manifest)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "missing  ref01/mask.nrrd",
        "changed  sub01/bone.stl",
        f"[not-found]: no such file; {manifest.parent / 'ref01' / 'mask.nrrd'}; check the path",
        f"files of {record}: 9 unchanged, 1 changed, 1 missing",
    ]
    assert done.stderr.startswith("error[inputs-differ]: 2 inputs are not as in ")
    assert "ref01/mask.nrrd, sub01/bone.stl; " in done.stderr
    quiet = run("data", "verify", manifest, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, "", done.stderr)
    assert "error[not-found]" in run("data", "verify", manifest, "--record", "--overwrite").stderr
    assert record.read_bytes() == before
    (manifest.parent / "ref01" / "mask.nrrd").write_text("again")
    again = run("data", "verify", manifest, "--record")
    assert "error[output-exists]" in again.stderr
    assert record.read_bytes() == before
    assert run("data", "verify", manifest, "--record", "--overwrite").returncode == 0
    assert run("data", "verify", manifest, "--quiet").returncode == 0
    assert run("data", "verify", manifest, "--overwrite").returncode == 2


def test_odd_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    name = os.fsdecode(b"\x1b[31mred\xff.nrrd")
    manifest = tmp_path / "cohort.toml"
    manifest.write_text('[[scan]]\nid = "a"\npath = "\\u001b[31mred.nrrd"\n')
    (tmp_path / "cohort.sha256").write_bytes(b"0" * 64 + b"  " + os.fsencode(name) + b"\n")
    done = run_process("data", "verify", manifest)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert r"missing  \x1b[31mred\udcff.nrrd" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_correction_is_traced_to_its_files(tmp_path: Path) -> None:
    manifest = points_manifest(tmp_path)
    correction = tmp_path / "scanner.distcorr"
    assert run("learn", manifest, "-o", correction, "--quiet").returncode == 0
    done = run("data", "verify", manifest, "--correction", correction)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == f"inputs of {correction}: 1 unchanged"
    made = run("data", "verify", manifest, "--record", "--correction", correction)
    assert made.stdout.splitlines()[-1].endswith("cohort.sha256: 2 files recorded")
    markers = tmp_path / "markers.csv"
    markers.write_text(markers.read_text().replace("0", "1", 1))
    changed = run("data", "verify", manifest, "--correction", correction)
    assert changed.returncode == 1
    assert "changed  phantom points  content " in changed.stdout
    assert "changed  markers.csv" in changed.stdout
    assert "2 inputs are not as in" in changed.stderr
    refused = run("data", "verify", manifest, "--record", "--overwrite", "--correction", correction)
    assert "error[inputs-differ]" in refused.stderr
    assert "changed  markers.csv" in run("data", "verify", manifest).stdout


def test_masks_are_said_not_to_be_in_a_correction(tmp_path: Path) -> None:
    manifest = write_study(tmp_path / "study")
    correction = tmp_path / "scanner.distcorr"
    correction_of(example_field()).save(correction)
    done = run("data", "verify", manifest, "--correction", correction)
    assert "a correction does not record masks: not compared for ref01" in done.stdout
    assert "changed  ref01 axial  content 000000000000 then" in done.stdout
    assert "not named any more  ref02 coronal" in done.stdout
    assert "error[inputs-differ]" in done.stderr
    assert not manifest.with_name("cohort.sha256").exists()


def test_the_downloader_is_imported_when_it_is_needed() -> None:
    code = "import sys, distcorr.cli.main; sys.exit('pooch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
