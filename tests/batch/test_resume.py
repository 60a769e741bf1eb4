"""What counts as done, what is redone, and what is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distcorr.apply import ApplyOptions, Corrected, Interpolation
from distcorr.batch import correct as correct_module
from distcorr.batch.correct import Destination, Outcome, correct
from distcorr.batch.folder import claimed
from distcorr.batch.formats import WRITERS, ImageFormat, Product
from distcorr.batch.jobs import Job, plan, refuse_outputs_in_inputs
from distcorr.batch.load import LoadedScan
from distcorr.batch.recipe import SCHEMA, Recipe, load_grid
from distcorr.batch.records import InputFiles
from distcorr.errors import Code, DistcorrError
from distcorr.images import read_volume, write_volume
from distcorr.space import Grid
from tests.batch.batches import STATEMENT, contents, jobs_of, write_scans
from tests.batch.examples import CORONAL, volume, write_dicom
from tests.correction.examples import correction_of, example_field

RECIPE = Recipe(correction_of(example_field()))
LINEAR = ApplyOptions(Interpolation.LINEAR)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return jobs_of(write_scans(tmp_path / "in", 1))[0]


@pytest.fixture
def once(tmp_path: Path) -> Callable[..., Outcome]:
    """Correct in a claim of its own."""

    def call(job: Job, recipe: Recipe = RECIPE, **settings: object) -> Outcome:
        with claimed(tmp_path / "out") as claim:
            return correct(job, recipe, replace(Destination(claim), **settings))

    return call


def test_what_is_done_is_not_done_again(
    once: Callable[..., Outcome], job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = once(job)
    monkeypatch.setattr(correct_module, "load_scan", None)
    found = once(job)
    assert replace(found, receipt=None) == replace(first, findings=(), done_before=True)


@pytest.mark.parametrize("damage", ["lost", "cut", "edited", "record lost", "record cut"])
def test_what_is_damaged_is_done_again(
    once: Callable[..., Outcome], job: Job, tmp_path: Path, damage: str
) -> None:
    first = once(job)
    good = contents(tmp_path / "out")
    path = first.outputs[-1] if "record" in damage else first.outputs[1]
    if "lost" in damage:
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content[:-9] if "cut" in damage else content)
    if "record" in damage:
        # Nothing tells any more what these outputs were made from.
        with pytest.raises(DistcorrError) as refusal:
            once(job)
        assert refusal.value.code is Code.OUTPUT_EXISTS
    again = once(job, overwrite="record" in damage)
    assert not again.done_before
    assert contents(tmp_path / "out") == good


def test_same_content_under_another_path_is_the_same(
    once: Callable[..., Outcome], job: Job, tmp_path: Path
) -> None:
    once(job)
    moved = tmp_path / "elsewhere.nrrd"
    job.path.rename(moved)
    assert once(replace(job, path=moved)).done_before


@pytest.mark.parametrize(
    ("recipe", "changes", "settings"),
    [
        (Recipe(RECIPE.correction, LINEAR), {}, {}),
        (Recipe(RECIPE.correction, ApplyOptions(outside_value=-1.0)), {}, {}),
        (Recipe(correction_of(example_field(), spacing_mm=20.0)), {}, {}),
        (Recipe(RECIPE.correction, like=Grid((5, 5, 5), [0.0] * 3, [9.0] * 3, np.eye(3))), {}, {}),
        (RECIPE, {"statement": replace(STATEMENT, isocentre_lps=(0.0, 0.0, 1.0))}, {}),
        (RECIPE, {"part": "1"}, {}),
    ],
)
def test_outputs_of_another_key_stay_unless_told(
    once: Callable[..., Outcome],
    job: Job,
    tmp_path: Path,
    recipe: Recipe,
    changes: dict[str, object],
    settings: dict[str, object],
) -> None:
    once(job)
    before = contents(tmp_path / "out")
    other = replace(job, **changes)
    with pytest.raises(DistcorrError) as refusal:
        once(other, recipe)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    assert "another input, correction or options" in str(refusal.value)
    assert contents(tmp_path / "out") == before
    assert not once(other, recipe, overwrite=True).done_before
    assert once(other, recipe).done_before
    assert not once(job, overwrite=True).done_before
    assert contents(tmp_path / "out") == before


def test_another_input_is_another_key(once: Callable[..., Outcome], job: Job) -> None:
    once(job)
    write_volume(volume(CORONAL, seed=9), job.path, overwrite=True)
    with pytest.raises(DistcorrError) as refusal:
        once(job)
    assert refusal.value.code is Code.OUTPUT_EXISTS


def test_another_format_stands_beside(once: Callable[..., Outcome], job: Job) -> None:
    first = once(job)
    with pytest.raises(DistcorrError):
        once(job, image_format=ImageFormat.NIFTI)
    assert first.outputs[0].is_file()


def test_dicom_is_known_by_its_files(once: Callable[..., Outcome], tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "cor", CORONAL)
    (job,) = plan([folder], STATEMENT)
    once(job)
    for file in sorted(folder.iterdir()):
        file.rename(folder / f"renamed-{file.name}")
    (folder / ".DS_Store").touch()
    assert once(job).done_before
    max(folder.iterdir()).unlink()
    with pytest.raises(DistcorrError) as refusal:
        once(job)
    assert refusal.value.code is Code.OUTPUT_EXISTS


def test_a_foreign_folder_is_never_replaced(
    once: Callable[..., Outcome], job: Job, tmp_path: Path
) -> None:
    foreign = tmp_path / "out" / WRITERS[ImageFormat.NRRD].outputs(job.name)[0]
    foreign.mkdir(parents=True)
    (foreign / "precious").touch()
    with pytest.raises(DistcorrError) as refusal:
        once(job, overwrite=True)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    assert (foreign / "precious").exists()


class FolderWriter:
    """Writes a folder, as a DICOM series is one."""

    def outputs(self, name: str) -> tuple[str, ...]:
        return (f"{name}_series",)

    def require_writable(self, loaded: LoadedScan) -> None:
        pass

    def write(self, product: Product, folder: Path, name: str) -> None:
        (folder / f"{name}_series").mkdir()
        for index, slice_ in enumerate(product.corrected.volume.array):
            (folder / f"{name}_series" / str(index)).write_bytes(slice_.tobytes())


def test_folders_are_outputs_too(
    once: Callable[..., Outcome], job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WRITERS, ImageFormat.NRRD, FolderWriter())
    series = once(job).outputs[0]
    assert once(job).done_before
    first = {path.name: path.read_bytes() for path in series.iterdir()}
    assert len(first) == 8
    (series / "3").unlink()
    assert not once(job).done_before
    assert {path.name: path.read_bytes() for path in series.iterdir()} == first
    assert not once(job, Recipe(RECIPE.correction, LINEAR), overwrite=True).done_before


@pytest.mark.parametrize("change", ["vanishes", "grows"])
def test_an_input_that_changes_meanwhile_is_refused(
    once: Callable[..., Outcome],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    (job,) = plan([write_dicom(tmp_path / "cor", CORONAL)], STATEMENT)
    load = correct_module.load_scan

    def meanwhile(*arguments: object) -> LoadedScan:
        loaded = load(*arguments)
        last = max(job.path.iterdir())
        if change == "vanishes":
            last.unlink()
        else:
            (job.path / "late.dcm").write_bytes(last.read_bytes())
        return loaded

    monkeypatch.setattr(correct_module, "load_scan", meanwhile)
    with pytest.raises(DistcorrError) as refusal:
        once(job)
    assert refusal.value.code is Code.INPUT_CHANGED
    assert contents(tmp_path / "out") == {}


def test_a_file_that_vanishes_between_two_looks(job: Job) -> None:
    files = InputFiles.below(job.path)
    job.path.unlink()
    with pytest.raises(DistcorrError) as refusal:
        files.sha256()
    assert refusal.value.code is Code.INPUT_CHANGED
    with pytest.raises(DistcorrError) as refusal:
        InputFiles.below(job.path)
    assert refusal.value.code is Code.NOT_FOUND


def test_a_file_that_can_not_be_read_is_a_refusal(
    once: Callable[..., Outcome], job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> Corrected:
        raise FileNotFoundError(2, "No such file or directory", "/scans/1.dcm")

    monkeypatch.setattr(correct_module, "load_scan", gone)
    with pytest.raises(DistcorrError, match=r"unreadable.*/scans/1\.dcm"):
        once(job)


def test_the_record_holds_no_path_and_no_time(
    once: Callable[..., Outcome], job: Job, tmp_path: Path
) -> None:
    text = once(job).outputs[-1].read_text()
    assert str(tmp_path) not in text
    record = json.loads(text)
    assert [output["name"] for output in record["outputs"]] == [
        "s00_corrected.nrrd",
        "s00_supported.nrrd",
    ]
    assert record["schema_version"] == SCHEMA


def test_like_gives_the_grid(once: Callable[..., Outcome], job: Job, tmp_path: Path) -> None:
    wanted = write_dicom(tmp_path / "like", CORONAL)
    image = tmp_path / "like.nrrd"
    write_volume(volume(np.eye(3)), image)
    for path in (wanted, image):
        grid = load_grid(path)
        outcome = once(job, Recipe(RECIPE.correction, like=grid), overwrite=True)
        found = read_volume(outcome.outputs[0]).grid
        assert found.size == grid.size
        np.testing.assert_allclose(found.T_lps_index, grid.T_lps_index)


def test_outputs_do_not_belong_into_inputs(tmp_path: Path) -> None:
    jobs = plan([write_dicom(tmp_path / "cor", CORONAL)], STATEMENT)
    refuse_outputs_in_inputs(jobs, tmp_path)
    refuse_outputs_in_inputs(jobs, tmp_path / "coronal")
    with pytest.raises(DistcorrError) as refusal:
        refuse_outputs_in_inputs(jobs, tmp_path / "cor" / "out")
    assert refusal.value.code is Code.OUTPUT_IN_INPUT


def test_names_do_not_hold_dots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    jobs = plan([Path("a/../b"), Path("c/.")], STATEMENT)
    assert [(job.name, job.path) for job in jobs] == [
        ("b", tmp_path / "b"),
        ("c", tmp_path / "c"),
    ]
