"""Finished scans are read in full once more, then only where something differs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from distcorr.apply import ApplyOptions, Interpolation
from distcorr.batch import drawings, records
from distcorr.batch.correct import Destination, Outcome, correct
from distcorr.batch.folder import STATE, claimed
from distcorr.batch.formats import ImageFormat
from distcorr.batch.jobs import Job, plan
from distcorr.batch.receipts import Receipt, read_receipts, stamp_of, write_receipts
from distcorr.batch.recipe import Recipe
from distcorr.errors import Code, DistcorrError
from distcorr.images import write_volume
from tests.batch.batches import STATED, STATEMENT, contents, jobs_of, write_scans
from tests.batch.examples import AXIAL, CORONAL, volume, write_dicom
from tests.correction.examples import correction_of, example_field

RECIPE = Recipe(correction_of(example_field()))
Run = Callable[..., tuple[int, str, str]]


class Reading:
    """Names the files that are hashed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[str] = []
        for module in (records, drawings):
            monkeypatch.setattr(module, "file_sha256", self._note(module.file_sha256))

    def _note(self, read: Callable[[Path], str]) -> Callable[[Path], str]:
        def call(path: Path) -> str:
            self.files.append(path.name)
            return read(path)

        return call

    def taken(self) -> list[str]:
        files, self.files = self.files, []
        return sorted(files)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    return Reading(monkeypatch)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return jobs_of(write_scans(tmp_path / "in", 1))[0]


@pytest.fixture
def look(tmp_path: Path) -> Callable[..., Outcome]:
    """Correct in a claim of its own."""

    def call(job: Job, recipe: Recipe = RECIPE, **settings: object) -> Outcome:
        with claimed(tmp_path / "out") as claim:
            return correct(job, recipe, replace(Destination(claim), **settings))

    return call


def test_only_what_a_later_run_has_read_has_a_receipt(
    look: Callable[..., Outcome], job: Job, reading: Reading
) -> None:
    assert look(job).receipt is None
    reading.taken()
    found = look(job)
    assert found.receipt is not None
    assert reading.taken() == ["s00.nrrd", "s00_corrected.nrrd", "s00_supported.nrrd"]
    again = look(replace(job, receipt=found.receipt))
    assert again == found
    assert reading.taken() == []


@pytest.mark.parametrize("which", [0, 1])
def test_an_output_of_equal_size_and_time_is_read_again(
    look: Callable[..., Outcome], job: Job, tmp_path: Path, which: int
) -> None:
    first = look(job)
    good = contents(tmp_path / "out")
    receipt = look(job).receipt
    status = first.outputs[which].stat()
    content = bytearray(first.outputs[which].read_bytes())
    content[-5] ^= 1
    first.outputs[which].write_bytes(content)
    os.utime(first.outputs[which], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not look(replace(job, receipt=receipt)).done_before
    assert contents(tmp_path / "out") == good


def test_another_input_is_seen_in_spite_of_a_receipt(
    look: Callable[..., Outcome], job: Job
) -> None:
    look(job)
    receipt = look(job).receipt
    write_volume(volume(CORONAL, seed=9), job.path, overwrite=True)
    with pytest.raises(DistcorrError) as refusal:
        look(replace(job, receipt=receipt))
    assert refusal.value.code is Code.OUTPUT_EXISTS


def test_a_receipt_says_nothing_about_other_options(look: Callable[..., Outcome], job: Job) -> None:
    look(job)
    known = replace(job, receipt=look(job).receipt)
    linear = Recipe(RECIPE.correction, ApplyOptions(Interpolation.LINEAR))
    with pytest.raises(DistcorrError) as refusal:
        look(known, linear)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    assert not look(known, linear, overwrite=True).done_before


def test_folders_have_receipts_and_strangers_in_them_are_seen(
    look: Callable[..., Outcome], tmp_path: Path, reading: Reading
) -> None:
    (job,) = plan([write_dicom(tmp_path / "cor", CORONAL)], STATEMENT)
    first = look(job, image_format=ImageFormat.DICOM)
    known = replace(job, receipt=look(job, image_format=ImageFormat.DICOM).receipt)
    reading.taken()
    assert look(known, image_format=ImageFormat.DICOM).done_before
    assert reading.taken() == []
    (first.outputs[0] / "stranger").touch()
    with pytest.raises(DistcorrError) as refusal:
        look(known, image_format=ImageFormat.DICOM)
    assert refusal.value.code is Code.OUTPUT_EXISTS


def test_runs_hand_receipts_on(
    run: Run, correction: Path, tmp_path: Path, reading: Reading
) -> None:
    scans, out = write_scans(tmp_path / "in", 3), tmp_path / "out"
    command = ("apply", correction, *scans, "-o", out, *STATED, "--jobs", "1", "--no-report")
    first = ("apply", correction, *scans[:2], "-o", out, *STATED, "--jobs", "1", "--no-report")
    assert run(*first)[0] == 0
    assert sorted(read_receipts(out)) == []
    assert run(*command)[0] == 0
    assert sorted(read_receipts(out)) == ["s00", "s01"]
    reading.taken()
    assert run(*command)[0] == 0
    assert {name[:3] for name in reading.taken()} == {"s02"}
    status, told, _ = run(*command)
    assert status == 0
    assert "3 corrected (3 already done)" in told
    assert reading.taken() == []
    assert run(*command, "--reread")[0] == 0
    assert len(reading.taken()) == 3 * 3
    assert str(tmp_path) not in (out / STATE / "receipts.json").read_text(encoding="utf-8")


def test_lost_and_damaged_receipts_are_none(tmp_path: Path) -> None:
    receipts = {"a": Receipt(stamp="1", contents=("2", "3"))}
    write_receipts(tmp_path / "no" / "such" / "file.txt", receipts)
    (tmp_path / STATE).mkdir()
    write_receipts(tmp_path, receipts)
    assert read_receipts(tmp_path) == receipts
    path = tmp_path / STATE / "receipts.json"
    for content in (b"", b"[]", path.read_bytes()[:-3], b'{"a": {"stamp": 1}}'):
        path.write_bytes(content)
        assert read_receipts(tmp_path) == {}
    path.unlink()
    assert read_receipts(tmp_path) == {}
    path.mkdir()
    write_receipts(tmp_path, receipts)
    assert read_receipts(tmp_path) == {}


def test_a_stamp_tells_size_time_and_name(tmp_path: Path) -> None:
    scan = write_scans(tmp_path, 1)[0]
    stamp = stamp_of([scan])
    assert stamp == stamp_of([scan]) != stamp_of([])
    os.utime(scan, ns=(0, 0))
    assert stamp_of([scan]) != stamp
    assert stamp_of([scan, tmp_path / "no"]) is None
    write_volume(volume(AXIAL), scan, overwrite=True)
    later = stamp_of([scan])
    assert stamp_of([scan.rename(tmp_path / "other.nrrd")]) != later
