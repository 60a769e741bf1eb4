"""A fit in doubt is stored for a stated reason only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from distcorr.batch.learning import Material
from distcorr.cli import learn as module
from distcorr.correction import Correction
from distcorr.errors import Code, Finding
from distcorr.learn import FitResult, FitSettings
from distcorr.learn.fit import Progress
from tests.cli.conftest import DEGREE, Learned
from tests.cli.running import run

DOUBT = Finding(Code.WORSE_THAN_NOTHING, "ref02 matches worse", "9 % against 4 %")


@pytest.fixture
def doubtful(learned: Learned, monkeypatch: pytest.MonkeyPatch) -> Learned:
    """The same fit, were it in doubt."""

    def fit(material: Material, settings: FitSettings, progress: Progress) -> FitResult:
        return replace(learned.again(material, settings, progress), doubts=(DOUBT,))

    monkeypatch.setattr(module, "learn_from", fit)
    return learned


def test_a_doubtful_fit_is_refused(doubtful: Learned, tmp_path: Path) -> None:
    done = run("learn", doubtful.cohort, "-o", tmp_path / "x.dcorr", *DEGREE, "--quiet")
    assert done.returncode == 1
    assert done.stderr == f"error{DOUBT}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_reason_stores_it_and_is_recorded(doubtful: Learned, tmp_path: Path) -> None:
    out = tmp_path / "x.dcorr"
    done = run("learn", doubtful.cohort, "-o", out, *DEGREE, "--quiet", "--force", "only a try")
    assert done.returncode == 0, done.stderr
    assert "[worse-than-nothing]: ref02 matches worse" in done.stderr
    made = Correction.load(out)
    assert made.provenance.force_reason == "only a try"
    note = "Stored although ref02 matches worse (9 % against 4 %); reason given: only a try"
    assert made.figures.notes[0] == note
    assert "only a try" in out.with_name("x.dcorr.html").read_text(encoding="utf-8")


def test_a_sound_fit_records_no_reason(
    learned: Learned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "learn_from", learned.again)
    out = tmp_path / "x.dcorr"
    done = run("learn", learned.cohort, "-o", out, *DEGREE, "--quiet", "--force", "to be safe")
    assert done.returncode == 0, done.stderr
    assert Correction.load(out).identifier == Correction.load(learned.correction).identifier


def test_an_empty_reason_is_none(learned: Learned, tmp_path: Path) -> None:
    done = run("learn", learned.cohort, "-o", tmp_path / "x.dcorr", "--force", " ")
    assert done.returncode == 2
    assert "state the reason" in done.stderr
