"""From a simulated cohort to corrected scans, as a user does it."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from distcorr import __version__
from distcorr.cli import learn as module
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError
from tests.cli.conftest import DEGREE, Learned, Validated
from tests.cli.running import run


def test_learning_writes_the_correction_and_its_report(learned: Learned) -> None:
    made = Correction.load(learned.correction)
    page = learned.correction.with_name(learned.correction.name + ".html")
    assert "<html" in page.read_text(encoding="utf-8")
    assert [one.id for one in made.figures.references] == ["ref01", "ref02"]
    assert all(row.revealed for row in made.figures.revealed)
    assert made.provenance.settings["max_degree"] == 5
    assert len(made.provenance.inputs) == 4
    assert made.provenance.distcorr == __version__
    for words in ("D_x", "D_y", "D_z", "ref01", "ref02", "smallest Jacobian", str(page)):
        assert words in learned.stdout


def test_what_is_left_is_separated_without_leaving_anybody_out(learned: Learned) -> None:
    figures = Correction.load(learned.correction).figures
    assert [row.component for row in figures.left] == ["x", "y", "z"]
    assert figures.leave_one_out == ()
    for row in figures.left:
        assert row.text in learned.stdout


def test_validating_fills_the_figures_and_the_report(
    learned: Learned, validated: Validated
) -> None:
    figures = Correction.load(validated.correction).figures
    assert [row.left_out for row in figures.leave_one_out] == ["ref01", "ref02"]
    for row in figures.leave_one_out:
        assert sum(shell.blocks for shell in row.shells) > 30
        assert all(shell.after_mm < shell.before_mm for shell in row.shells[1:])
    # All else is as without leaving anybody out.
    plain = Correction.load(learned.correction).figures
    assert figures.model_copy(update={"leave_one_out": ()}) == plain
    page = validated.correction.with_name("v.dcorr.html").read_text(encoding="utf-8")
    assert "What is left in subjects who were left out" in page


def test_a_refusal_while_validating_keeps_the_fit(
    learned: Learned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise DistcorrError(Code.NOTHING_TO_LEARN, "without ref01, the pairs show nothing")

    monkeypatch.setattr(module, "learn_from", learned.again)
    monkeypatch.setattr(module, "validate_fit", refuse)
    out = tmp_path / "v.dcorr"
    done = run("learn", learned.cohort, "-o", out, *DEGREE, "--validate", "--quiet")
    assert done.returncode == 0
    assert "validation: refusal" in done.stderr or "validation: serious" in done.stderr
    assert any("without ref01" in note for note in Correction.load(out).figures.notes)


def test_nothing_is_overwritten(learned: Learned) -> None:
    before = learned.correction.read_bytes()
    done = run("learn", learned.cohort, "-o", learned.correction)
    assert done.returncode == 1
    assert done.stderr.startswith("error[output-exists]")
    assert learned.correction.read_bytes() == before


def test_a_new_scan_is_corrected(learned: Learned, tmp_path: Path) -> None:
    """The file on disk takes tissue of somebody never seen to its place."""
    series = learned.cohort.parent / "new01" / "coronal"
    done = run("apply", learned.correction, series, "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "coronal_corrected.nrrd").is_file()
    assert (tmp_path / "coronal_supported.nrrd").is_file()
    record = json.loads((tmp_path / "coronal_corrected.json").read_text(encoding="utf-8"))
    assert 3 < record["largest_displacement_mm"] < 40
    assert record["correction_sha256"] == Correction.load(learned.correction).identifier
    truth = np.load(learned.cohort.parent / "truth" / "new01_coronal_points.npz")
    shown, true = truth["shown_lps"], truth["true_lps"]
    transform = tmp_path / "field.nrrd"
    done = run("field", learned.correction, series, transform)
    assert done.returncode == 0, done.stderr
    assert transform.is_file()
    left, raw = _errors(transform, shown, true)
    assert raw.mean() > 2
    assert left.mean() < 0.8


def _errors(transform: Path, shown: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far from ``shown`` the file takes ``true``, and how far it was; mm."""
    import SimpleITK as sitk  # noqa: N813

    field = sitk.DisplacementFieldTransform(sitk.ReadImage(str(transform), sitk.sitkVectorFloat64))
    near = np.linalg.norm(true, axis=1) < 150
    moved = np.array([field.TransformPoint(p) for p in true[near].tolist()])
    raw = np.linalg.norm(shown[near] - true[near], axis=1)
    return np.linalg.norm(moved - shown[near], axis=1), raw


def test_a_report_can_be_written_again(learned: Learned, tmp_path: Path) -> None:
    page = tmp_path / "again.html"
    done = run("report", learned.correction, page, "--cohort", learned.cohort)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "ref02" in page.read_text(encoding="utf-8")


def one_line(stderr: str, code: str) -> None:
    assert stderr.startswith(f"error[{code}]: ")
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr


def test_two_uncorrected_scans_are_refused(cohort: Path, tmp_path: Path) -> None:
    """The manifest states for the axial scans what makes them as wrong as the coronal ones."""
    text = cohort.read_text(encoding="utf-8").replace('"trusted"', '"ND"')
    assert '"ND"' in text
    both = cohort.with_name("both-nd.toml")
    both.write_text(text, encoding="utf-8")
    done = run("learn", both, "-o", tmp_path / "x.dcorr", "--quiet")
    assert done.returncode == 1
    one_line(done.stderr, "nothing-to-learn")
    assert list(tmp_path.iterdir()) == []


def test_swapped_scans_are_refused(cohort: Path, tmp_path: Path) -> None:
    swapped = cohort.with_name("swapped.toml")
    text = cohort.read_text(encoding="utf-8")
    text = text.replace("/axial", "/other").replace("/coronal", "/axial")
    swapped.write_text(text.replace("/other", "/coronal"), encoding="utf-8")
    done = run("learn", swapped, "-o", tmp_path / "x.dcorr", "--quiet")
    assert done.returncode == 1
    one_line(done.stderr, "axial-coronal-swapped")


def test_too_little_memory_is_told_before_pixels_are_read(cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "never.dcorr"
    with mock.patch("distcorr.dicom.series.load_stack", side_effect=AssertionError):
        for command in ("learn", "validate"):
            done = run(command, cohort, "-o", out, "--max-memory", "300MB")
            assert done.returncode == 1
            told = "error[memory-limit]: learning would take more memory than is allowed; about "
            assert done.stderr.startswith(told)
            assert "4 scans, the largest of " in done.stderr
            assert "300 MB allowed (--max-memory)" in done.stderr
    assert not out.exists()
