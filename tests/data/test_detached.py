"""NRRD headers that stand alone lead to the files with their voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distcorr.batch import read_cohort
from distcorr.data import input_files
from distcorr.data.detached import detached_files
from distcorr.images import read_volume
from tests.data.examples import write_scan

HEADER = """NRRD0005
type: short
dimension: 3
space: left-posterior-superior
sizes: 4 3 2
space directions: (1,0,0) (0,1,0) (0,0,1)
space origin: (0,0,0)
kinds: domain domain domain
endian: little
encoding: raw
"""
VOXELS = np.arange(24, dtype="<i2").reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("data file: all.raw\n", ["all.raw"]),
        ("datafile: with space.raw\n", ["with space.raw"]),
        ("data file: LIST\nb.raw\na.raw\n", ["b.raw", "a.raw"]),
        ("data file: slice%02d.raw 3 4 1\n", ["slice03.raw", "slice04.raw"]),
        ("data file: slice%d.raw 4 3 -1\n", ["slice4.raw", "slice3.raw"]),
    ],
)
def test_files_are_those_that_itk_reads(tmp_path: Path, field: str, names: list[str]) -> None:
    volume = tmp_path / "scan.nrrd"
    volume.write_text(HEADER + field, encoding="utf-8")
    for name, part in zip(names, np.split(VOXELS, len(names)), strict=True):
        part.tofile(tmp_path / name)
    assert (read_volume(volume).array == VOXELS).all()
    assert detached_files(volume) == tuple(tmp_path / name for name in names)
    manifest = tmp_path / "cohort.toml"
    manifest.write_text('[[scan]]\nid = "a"\npath = "scan.nrrd"\n')
    found = input_files(read_cohort(manifest))
    assert (sorted(found.files), found.refused) == (
        sorted(["cohort.toml", "scan.nrrd", *names]),
        {},
    )
    (tmp_path / names[0]).unlink()
    found = input_files(read_cohort(manifest))
    assert names[0] not in found.files
    assert names[0] in str(found.refused["scan.nrrd"])


def test_files_named_by_their_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tmp_path / "study"
    study.mkdir()
    for name, voxels in (("a", study / "a.raw"), ("b", tmp_path / "b.raw")):
        VOXELS.tofile(voxels)
        (study / f"{name}.nrrd").write_text(f"{HEADER}data file: {voxels}\n", encoding="utf-8")
    manifest = study / "cohort.toml"
    manifest.write_text("".join(f'[[scan]]\nid = "{n}"\npath = "{n}.nrrd"\n' for n in "ab"))
    names = {"cohort.toml", "a.nrrd", "a.raw", "b.nrrd", str(tmp_path / "b.raw")}
    assert set(input_files(read_cohort(manifest)).files) == names
    monkeypatch.chdir(study)
    assert set(input_files(read_cohort(Path("cohort.toml"))).files) == names


def test_files_that_hold_their_voxels(tmp_path: Path) -> None:
    for name in ("scan.nrrd", "scan.nii.gz"):
        write_scan(tmp_path / name, 1)
        assert detached_files(tmp_path / name) == ()
    other = tmp_path / "other.nrrd"
    for content in (b"", b"no header\ndata file: a.raw\n", b"NRRD0004\n\ndata file: a.raw\n"):
        other.write_bytes(content)
        assert detached_files(other) == ()


@pytest.mark.parametrize(
    "field", ["%d.raw 1 2 0", "%d.raw a b c", "%d.raw 1 999999 1", "%s%s 1 2 1"]
)
def test_impossible_patterns_name_nothing(tmp_path: Path, field: str) -> None:
    volume = tmp_path / "scan.nrrd"
    volume.write_text(f"{HEADER}data file: {field}\n", encoding="utf-8")
    assert detached_files(volume) == ()
