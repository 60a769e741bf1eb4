"""The page that a run leaves beside its results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distcorr.facts import VendorState
from distcorr.report import is_batch_page
from tests.batch.batches import contents
from tests.batch.examples import CORONAL, write_dicom

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    return [write_dicom(tmp_path / name, CORONAL, seed) for seed, name in enumerate(("s1", "s2"))]


def page_of(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


def test_a_run_leaves_a_page(run: Run, correction: Path, scans: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, told, complaints = run("apply", correction, scans[0], "-o", out)
    assert (status, complaints) == (0, "")
    assert told.splitlines()[-1] == str(out / "report.html")
    assert is_batch_page(out / "report.html")
    assert page_of(out).count("data:image/png") == 2  # before and after
    assert str(tmp_path) not in page_of(out)
    before = contents(out)
    assert run("apply", correction, *scans, "-o", out, "--quiet") == (0, "", "")
    assert "2 corrected, 0 failed" in page_of(out)
    assert page_of(out).count("data:image/png") == 4
    assert {name: contents(out)[name] for name in before} == before


def test_the_page_tells_failed_scans_and_those_that_need_nothing(
    run: Run, correction: Path, scans: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    true = write_dicom(tmp_path / "true", CORONAL, state=VendorState.DIS3D)
    status, _, complaints = run("apply", correction, true, tmp_path / "no", scans[0], "-o", out)
    assert status == 1
    assert "page-not-written" not in complaints
    assert "1 corrected, 1 failed, 0 unfinished, 1 needed no correction" in page_of(out)
    # The series' description holds a name, and evidence quotes it.
    assert "SURNAME" in (out / "results.json").read_text(encoding="utf-8")
    assert "SURNAME" not in page_of(out)
    again = tmp_path / "again.html"
    assert run("report", out, again)[0] == 0
    assert again.read_text(encoding="utf-8") == page_of(out)


def test_no_page_on_demand(run: Run, correction: Path, scans: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("apply", correction, scans[0], "-o", out, "--no-report")[0] == 0
    assert not (out / "report.html").exists()
    status, _, complaints = run(
        "apply", correction, tmp_path / "a.stl", "--of", scans[0], "-o", out, "--no-report"
    )
    assert status == 2
    assert "--report" in complaints


@pytest.mark.parametrize("failure", [RuntimeError("no ink"), MemoryError(), KeyboardInterrupt()])
def test_a_page_that_fails_is_a_warning(
    run: Run,
    correction: Path,
    scans: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr("distcorr.report.write_batch_report", fail)
    out = tmp_path / "out"
    status, told, complaints = run("apply", correction, scans[0], "-o", out)
    assert status == 0
    assert "s1  corrected" in told
    assert "report.html: warning[page-not-written]" in complaints
    assert f"{type(failure).__name__}" in complaints
    assert "distcorr report FOLDER OUT.html" in complaints
    assert complaints.count("\n") == 1
    assert list(out.glob("*.html")) == []


def test_somebody_elses_page_stays_unless_told(
    run: Run, correction: Path, scans: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("<p>mine</p>")
    arguments = ("apply", correction, scans[0], "-o", out)
    status, _, complaints = run(*arguments)
    assert status == 0
    assert "warning[page-not-written]" in complaints
    assert "exists already" in complaints
    assert page_of(out) == "<p>mine</p>"
    assert run(*arguments, "--overwrite")[::2] == (0, "")
    assert is_batch_page(out / "report.html")
