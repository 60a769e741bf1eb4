"""No output holds what identifies a person, whatever the headers and the names of files say.

Two kinds of output have to hold some of it, and are judged apart:

- derived DICOM (a corrected series, a registration object) belongs to the patient's
  study and carries its identity, as PS3.3 demands; private elements do not pass;
- what lists files to find them again holds their paths: the tables of a batch, records
  of checksums, a proposed manifest. They hold nothing of a header.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest

from distcorr.cli import learn as learn_module
from distcorr.cli import validate as validate_module
from distcorr.images import read_volume, write_volume
from distcorr.space import Grid, Volume
from tests.cli.conftest import DEGREE, Learned, Validated
from tests.cli.running import run
from tests.privacy.attributes import PRIVATE, plant
from tests.privacy.searching import found_in

NAME = "Kowalczykowna-Xq"
"""In every folder's and file's name."""

PATH_LISTS = ("results.csv", "results.json", "cohort.sha256", "proposed.toml")


@dataclass(frozen=True)
class Marked:
    """A cohort full of values of which no output may hold one.

    Attributes
    ----------
    manifest : Path
    values : dict of str to str
        Attribute by value.
    """

    manifest: Path
    values: dict[str, str]

    @property
    def scan(self) -> Path:
        """The new subject's coronal series."""
        return self.manifest.parent / f"new01-{NAME}" / f"coronal-{NAME}"


@pytest.fixture(scope="module")
def marked(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Marked:
    """Return the simulated cohort with every identifying attribute filled, and names."""
    folder = tmp_path_factory.mktemp("marked")
    values: dict[str, str] = {}
    text = cohort.read_text(encoding="utf-8")
    for series in sorted(path for path in cohort.parent.glob("*/*") if path.is_dir()):
        subject, plane = series.relative_to(cohort.parent).parts
        target = folder / f"{subject}-{NAME}" / f"{plane}-{NAME}"
        target.mkdir(parents=True)
        for file in series.iterdir():
            ds = pydicom.dcmread(file)
            values |= plant(ds).values
            ds.save_as(target / f"{file.name}-{NAME}.dcm")
        text = text.replace(f'"{subject}/{plane}"', f'"{subject}-{NAME}/{plane}-{NAME}"')
    manifest = folder / "cohort.toml"
    manifest.write_text(text, encoding="utf-8")
    return Marked(manifest, values)


def done(*arguments: object) -> str:
    """Run; returns what was told, which is an output too."""
    ended = run(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr


def files_below(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_markers_are_found_however_they_are_packed(tmp_path: Path, marked: Marked) -> None:
    """The search would see them: what is planted is found in the scans, and in packed files."""
    found = found_in(files_below(marked.scan), marked.values)
    assert len(found) > 300
    assert len(marked.values) - len(found) < 600  # the files of other series have UIDs of their own
    grid = Grid((2, 2, 2), np.zeros(3), np.ones(3), np.eye(3))
    volume = Volume(np.zeros(grid.shape, np.uint8), grid)
    write_volume(volume, tmp_path / "a.nii.gz", correction="MARK00100010")
    write_volume(volume, tmp_path / "a.nrrd", correction="MARK00100020")
    np.savez_compressed(tmp_path / "a.npz", names=np.array(["MARK00081030"]))
    texts = ["MARK00100010", "MARK00100020", "MARK00081030"]
    assert set(found_in(files_below(tmp_path), texts)) == set(texts)


def test_outputs_hold_nobody(
    marked: Marked,
    learned: Learned,
    validated: Validated,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    # The scans are those of ``learned`` to the last voxel: so is the fit.
    monkeypatch.setattr(learn_module, "learn_from", learned.again)
    monkeypatch.setattr(validate_module, "run", lambda *_: validated.found)
    correction, cohort, scan = out / "scanner.distcorr", marked.manifest, marked.scan
    told = [
        done("learn", cohort, "-o", correction, *DEGREE),
        done("validate", cohort, "-o", out / "validation", *DEGREE),
        done("report", correction, out / "report.html"),
    ]
    told += [
        done("apply", correction, cohort, "-o", out / name, "--format", name)
        for name in ("nrrd", "nifti", "dicom")
    ]
    told += [
        done("field", correction, scan, out / name)
        for name in ("f.nrrd", "f.nii.gz", "f.h5", "f.tfm", "f.x5", "registration.dcm")
    ]
    drawn = tmp_path / "heads.nrrd"
    volume = read_volume(out / "nrrd" / "new01_supported.nrrd")
    write_volume(_ball(volume), drawn)
    told += [
        done("apply", correction, drawn, "--of", scan, "-o", out / "drawn"),
        done("roundness", drawn, "--json"),
        done("plan", cohort.parent, "-o", out / "proposed.toml"),
        done("convert", scan, out / "new01.nrrd"),
        done("data", "verify", cohort, "--record"),
    ]
    shutil.move(cohort.with_name("cohort.sha256"), out)
    files = files_below(out)
    plain = [path for path in files if not carries_identity(path.relative_to(out))]
    assert {".distcorr", ".html", ".csv", ".json", ".nrrd", ".gz", ".h5", ".tfm", ".x5"} <= {
        path.suffix for path in plain
    }
    found = found_in(plain, marked.values)
    assert {marked.values[value]: where for value, where in found.items()} == {}
    said = "\n".join(told)
    assert [tag for value, tag in marked.values.items() if value in said] == []
    lists = [path for path in plain if path.name in PATH_LISTS]
    assert len(lists) == 8
    assert found_in([path for path in plain if path not in lists], [NAME]) == {}
    assert not [path for path in files if NAME in path.name]
    carriers = [path for path in files if path not in plain]
    assert found_in(carriers, [NAME, *PRIVATE]) == {}
    assert "MARK00100010" in found_in(carriers, ["MARK00100010"])


def carries_identity(path: Path) -> bool:
    """Whether an output is derived DICOM."""
    return path.name == "registration.dcm" or path.parent.name == "new01_corrected"


def _ball(volume: Volume) -> Volume:
    centre = volume.grid.corners_lps.mean(axis=0)
    inside = np.linalg.norm(volume.grid.points_lps() - centre, axis=-1) < 24.0
    return Volume(inside.astype(np.uint8), volume.grid)
