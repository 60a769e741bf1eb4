"""Whether a correction was learned from what the manifest names now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from distcorr.batch import read_cohort
from distcorr.batch.learning import load_material
from distcorr.correction import Correction
from distcorr.data import Change, compare_with_correction
from distcorr.images import read_volume, write_volume
from tests.correction.examples import correction_of, example_field
from tests.data.examples import STUDY, write_scan, write_study

STATIONS = (
    STUDY.replace('head = "ref01/head.stl"\n', "")
    .replace('axial = "ref01/axial.nrrd"', 'axial = ["ref01/axial.nrrd", "ref01/second.nrrd"]')
    .replace("isocentre_lps = [0.0, 0.0, 0.0]\nmask", "mask")
)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    written = write_study(tmp_path / "study")
    text = STUDY.replace('head = "ref01/head.stl"\n', "")
    written.write_text(text, encoding="utf-8")
    return written


def learned_from(manifest: Path) -> Correction:
    """A correction that says what learning would say of its inputs."""
    inputs = load_material(read_cohort(manifest)).inputs
    made = correction_of(example_field())
    return replace(made, provenance=made.provenance.model_copy(update={"inputs": tuple(inputs)}))


def told(manifest: Path, correction: Correction) -> dict[str, Change]:
    found = compare_with_correction(read_cohort(manifest), correction)
    return {one.name: one.change for one in found}


def test_exactly_these(manifest: Path) -> None:
    correction = learned_from(manifest)
    steps: list[tuple[int, int]] = []
    cohort = read_cohort(manifest)
    found = compare_with_correction(cohort, correction, lambda *step: steps.append(step))
    assert [(one.name, one.change) for one in found] == [
        ("ref01 axial", Change.UNCHANGED),
        ("ref01 coronal", Change.UNCHANGED),
        ("phantom points", Change.UNCHANGED),
    ]
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_the_same_content_in_another_file(manifest: Path) -> None:
    correction = learned_from(manifest)
    folder = manifest.parent / "ref01"
    write_volume(read_volume(folder / "axial.nrrd"), folder / "axial.nii.gz")
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("axial.nrrd", "axial.nii.gz"), encoding="utf-8")
    assert told(manifest, correction)["ref01 axial"] is Change.UNCHANGED


def test_what_differs(manifest: Path) -> None:
    correction = learned_from(manifest)
    write_scan(manifest.parent / "ref01" / "axial.nrrd", 99)
    (manifest.parent / "ref01" / "coronal.nrrd").unlink()
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"phantom"', '"other"'), encoding="utf-8")
    assert told(manifest, correction) == {
        "ref01 axial": Change.CHANGED,
        "ref01 coronal": Change.MISSING,
        "other points": Change.NEW,
        "phantom points": Change.UNNAMED,
    }
    (manifest.parent / "ref01" / "coronal.nrrd").write_bytes(b"no volume")
    assert told(manifest, correction)["ref01 coronal"] is Change.UNREADABLE


def test_another_state_is_another_input(manifest: Path) -> None:
    correction = learned_from(manifest)
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"DIS3D"', '"trusted"'), encoding="utf-8")
    found = compare_with_correction(read_cohort(manifest), correction)
    assert found[0].change is Change.CHANGED
    assert found[0].evidence == "equal content, but learned as DIS3D and trusted now"


def test_stations_are_told_apart_by_content(manifest: Path) -> None:
    folder = manifest.parent / "ref01"
    write_scan(folder / "second.nrrd", 50)
    (folder / "coronal.json").write_text('{"distcorr": {"isocentre_lps": [0, 0, 0]}}')
    for name, z in (("axial", 0), ("second", 10)):
        text = f'{{"distcorr": {{"isocentre_lps": [0, 0, {z}]}}}}'
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    manifest.write_text(STATIONS, encoding="utf-8")
    correction = learned_from(manifest)
    swapped = STATIONS.replace("axial.nrrd", "x").replace("second.nrrd", "axial.nrrd")
    manifest.write_text(swapped.replace('"ref01/x"', '"ref01/second.nrrd"'), encoding="utf-8")
    assert set(told(manifest, correction).values()) == {Change.UNCHANGED}
    write_scan(folder / "axial.nrrd", 51)
    found = compare_with_correction(read_cohort(manifest), correction)
    assert [one.change for one in found[:2]] == [Change.UNCHANGED, Change.CHANGED]
