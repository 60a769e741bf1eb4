"""Validation as a user runs it, and the words in which it is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from distcorr.cli import validate as module
from distcorr.cli.validated import with_separation, with_validation
from distcorr.cli.validation import verdict_of
from distcorr.correction import Axis, Figures, Owner
from distcorr.learn import FitSettings, Reference
from distcorr.learn.fit import Progress
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.separation import Part, Parts, Separation
from distcorr.learn.shifts import Shifts
from distcorr.learn.spatial_cv import LeftOutFold
from distcorr.learn.validate import LeaveOneOut, SpatialCrossValidation
from tests.cli.conftest import DEGREE, Learned, Validated
from tests.cli.running import run


def test_each_subject_is_left_out(
    learned: Learned, validated: Validated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command leaves out as learning with ``--validate`` did, which is not done twice."""

    def leave_out(
        pairs: list[Reference], settings: FitSettings, _: Progress, points: list[PointPairs]
    ) -> LeaveOneOut:
        assert [one.id for one in pairs] == ["ref01", "ref02"]
        assert (settings, list(points)) == (learned.fit.settings, [])
        return validated.found

    monkeypatch.setattr(module, "run", leave_out)
    done = run("validate", learned.cohort, "-o", tmp_path, *DEGREE, "--quiet")
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "validation.json").read_text(encoding="utf-8"))
    assert written["method"] == "leave-one-subject-out"
    assert "distcorr-phantom" in written["scanner"]
    assert [row["left_out"] for row in written["left_out"]] == ["ref01", "ref02"]
    for row in written["left_out"]:
        assert row["residual_after"] < row["residual_before"]
        assert row["shift_after_mm"] < row["shift_before_mm"]
        assert 0 < row["field_change_mean_mm"] < 1.5
        assert sum(shell["blocks"] for shell in row["shells"]) == row["blocks"]
    stages = written["separation"]
    assert list(stages) == ["as_scanned", "left_out", "learned"]
    raw, learned = (
        [one for one in stages[name]["parts"] if one["shell_mm"] is None]
        for name in ("as_scanned", "learned")
    )
    # Simulated subjects have nothing of their own: what is seen repeats.
    assert [one["axis"] for one in raw] == ["x", "y", "z"]
    assert [one["verdict"] for one in raw] == ["scanner"] * 3
    assert min(one["repeating_share"] for one in raw) > 0.6
    assert not {"subject", "both"} & {one["verdict"] for one in learned}
    assert len(written["sentences"]) == 7
    words = " ".join(done.stdout.split())
    assert "Leave one subject out" in words
    for sentence in written["sentences"]:
        assert sentence in words


def test_parts_of_a_single_subject_are_left_out(cohort: Path, tmp_path: Path) -> None:
    parts = cohort.read_text(encoding="utf-8").split("[[reference]]")
    single = cohort.with_name("single.toml")
    single.write_text("[[reference]]" + parts[1].split("[[scan]]")[0], encoding="utf-8")
    done = run("validate", single, "-o", tmp_path, *DEGREE, "--quiet")
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "validation.json").read_text(encoding="utf-8"))
    assert written["method"] == "spatial-cross-validation"
    assert written["reference"] == "ref01"
    assert [one["fold"] for one in written["folds"]] == [1, 2, 3, 4]
    for one in written["folds"]:
        assert one["shift_after_mm"] < 0.7 * one["shift_before_mm"]
        assert one["blocks"] > 0.2 * written["blocks"]
    assert "separation" not in written
    words = " ".join(done.stdout.split())
    assert "Spatial cross-validation within ref01" in words
    assert "can't tell the scanner's part from the subject's" in words


def test_nothing_is_overwritten(cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "validation.json").write_text("mine", encoding="utf-8")
    done = run("validate", cohort, "-o", tmp_path, *DEGREE, "--quiet")
    assert done.returncode == 1
    assert done.stderr.startswith("error[output-exists]")
    assert (tmp_path / "validation.json").read_text(encoding="utf-8") == "mine"


NOTHING = Part(0.0, 0.01)
SMALL = Part(0.04, 0.01)
LARGE = Part(1.0, 0.1)


def parts(scanner: Part, subject: Part) -> Parts:
    return Parts(Axis.Y, None, 100, 20, scanner, subject, noise_mm=0.3)


@pytest.mark.parametrize(
    ("scanner", "subject", "sentence"),
    [
        (
            NOTHING,
            LARGE,
            "What is left front-back is the subject's (1.00 ± 0.05 mm) rather than the scanner's "
            "(0.00 ± 0.10 mm).",
        ),
        (
            LARGE,
            SMALL,
            "What is left front-back is the scanner's (1.00 ± 0.05 mm) rather than the subject's "
            "(0.20 ± 0.02 mm).",
        ),
        (
            LARGE,
            LARGE,
            "What is left front-back is in part the subject's (1.00 ± 0.05 mm) and in part the "
            "scanner's (1.00 ± 0.05 mm).",
        ),
        (
            NOTHING,
            NOTHING,
            "What is left front-back is no more than the measurement's noise (0.30 mm).",
        ),
        (
            SMALL,
            Part(0.0, 0.05),
            "What is left front-back: can't tell whose it is; 0.20 ± 0.02 mm repeats and "
            "0.00 ± 0.22 mm differs, beside noise of 0.30 mm.",
        ),
    ],
)
def test_verdicts_in_words(scanner: Part, subject: Part, sentence: str) -> None:
    assert verdict_of(parts(scanner, subject)) == sentence


def test_too_few_places_in_words() -> None:
    assert verdict_of(Parts(Axis.Z, None, 3, 2)) == (
        "What is left head-foot: can't tell whose it is; 3 places of 30 mm in 2 regions were "
        "measured in two subjects, 12 in 6 needed."
    )


def shifts(*lengths_mm: float) -> Shifts:
    """Blocks along x, 30 mm apart from 15 mm on, shifted along y."""
    n = len(lengths_mm)
    block = np.stack([np.arange(n), np.zeros(n, int), np.zeros(n, int)], axis=1)
    vector = np.zeros((n, 3))
    vector[:, 1] = lengths_mm
    return Shifts(block, 30.0 * block + [15.0, 0.0, 0.0], vector, np.tile(np.eye(3), (n, 1, 1)))


def test_spatial_cross_validation_is_named_as_such_in_the_figures() -> None:
    folds = (LeftOutFold(0, shifts(1, 2), shifts(0, 1)), LeftOutFold(1, shifts(3), shifts(1)))
    figures = with_validation(Figures(min_jacobian=1.0), SpatialCrossValidation("ref01", folds))
    assert figures.leave_one_out == ()
    assert figures.spatial is not None
    assert (figures.spatial.reference, figures.spatial.folds) == ("ref01", 2)
    (near,) = figures.validated_shells()  # blocks at 15, 45 and 15 mm
    assert (near.inner_mm, near.outer_mm, near.blocks) == (0.0, 50.0, 3)
    assert near.before_mm == pytest.approx(2.0)
    assert near.after_mm == pytest.approx(2 / 3)


def test_verdicts_become_figures() -> None:
    whole = tuple(Parts(axis, None, 100, 20, LARGE, SMALL, noise_mm=0.3) for axis in Axis)
    figures = with_separation(Figures(min_jacobian=1.0), Separation(whole, (), 0.4))
    assert [row.component for row in figures.left] == list(Axis)
    for row, parts in zip(figures.left, whole, strict=True):
        assert row.owner is Owner.SCANNER
        assert (row.scanner_mm, row.subject_mm, row.noise_mm) == pytest.approx((1.0, 0.2, 0.3))
        assert row.text == verdict_of(parts)
