"""Neither the order of files nor that of the manifest reaches the fit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from distcorr.batch import read_cohort
from distcorr.batch.learning import load_material


def shuffled(cohort: Path, folder: Path) -> Path:
    """Copy a cohort: its files under other names, its references in reverse."""
    generator = np.random.default_rng(0)
    for series in sorted(cohort.parent.glob("ref*/*")):
        files = sorted(series.iterdir())
        target = folder / series.relative_to(cohort.parent)
        target.mkdir(parents=True)
        for file, number in zip(files, generator.permutation(len(files)), strict=True):
            shutil.copy(file, target / f"{number:04d}.dcm")
    references, *_ = cohort.read_text(encoding="utf-8").split("[[scan]]")
    head, first, second = references.split("[[reference]]")
    text = f"{head}[[reference]]{second}\n[[reference]]{first}"
    manifest = folder / "cohort.toml"
    manifest.write_text(text, encoding="utf-8")
    return manifest


def test_any_order_gives_the_same_material(cohort: Path, tmp_path: Path) -> None:
    """With equal arrays in equal order the fit is the same to the last bit."""
    plain = load_material(read_cohort(cohort))
    other = load_material(read_cohort(shuffled(cohort, tmp_path)))
    assert [one.id for one in other.references] == ["ref01", "ref02"]
    assert other.inputs == plain.inputs
    assert other.scanner == plain.scanner
    for mine, its in zip(plain.pairs, other.pairs, strict=True):
        assert mine.id == its.id
        for first, second in ((mine.axial, its.axial), (mine.coronal, its.coronal)):
            np.testing.assert_array_equal(first.volume.array, second.volume.array)
            assert first.volume.grid.same_as(second.volume.grid, 0.0)
            assert first.facts.isocentre_lps == second.facts.isocentre_lps
