"""A study's files by content: which they are, how they are written down, what differs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distcorr.batch import read_cohort
from distcorr.batch.record_parts import file_sha256
from distcorr.data import (
    Change,
    Checksums,
    Inputs,
    compare_files,
    hash_files,
    input_files,
    record_path,
)
from distcorr.errors import Code, DistcorrError
from tests.data.examples import STUDY, STUDY_FILES, write_scan, write_study

NAMES = st.text(
    st.characters(exclude_characters="\0/", exclude_categories=["Cs"])
    | st.sampled_from("\\\n\r *"),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in (".", ".."))


def changes(manifest: Path) -> dict[str, Change]:
    """Compare with the record, and return what differs."""
    recorded = Checksums.read(record_path(manifest))
    found = compare_files(recorded, input_files(read_cohort(manifest)), manifest.parent)
    return {name: one for name, one in found.items() if one is not Change.UNCHANGED}


def recorded(manifest: Path) -> Path:
    hash_files(input_files(read_cohort(manifest))).write(record_path(manifest))
    return manifest


def test_all_files_that_a_manifest_names(tmp_path: Path) -> None:
    manifest = write_study(tmp_path / "study")
    steps: list[tuple[int, int]] = []
    inputs = input_files(read_cohort(manifest), lambda *step: steps.append(step))
    assert sorted(inputs.files) == sorted(STUDY_FILES)
    assert inputs.refused == {}
    assert steps[-1] == (9, 9)
    assert hash_files(inputs).digests == {
        name: file_sha256(tmp_path / "study" / name) for name in STUDY_FILES
    }


def test_of_folders_the_images_alone(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "study" / "axial"
    shutil.copytree(data / "acr_ge_3plane" / "05_3_Plane_Localizer_HF", folder)
    images = sorted(f"axial/{path.name}" for path in folder.iterdir())
    folder.chmod(0o755)
    (folder / "Thumbs.db").write_text("no image")
    (folder / ".hidden").write_bytes((tmp_path / "study" / images[0]).read_bytes())
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder)
    manifest = tmp_path / "study" / "cohort.toml"
    manifest.write_text('[[scan]]\nid = "a"\npath = "axial"\npart = "axial"\n')
    assert sorted(input_files(read_cohort(manifest)).files) == [*images, "cohort.toml"]
    recorded(manifest)
    assert changes(manifest) == {}
    (folder / "Thumbs.db").write_text("other")
    shutil.copy(tmp_path / "study" / images[0], folder / "copy.dcm")
    (tmp_path / "study" / images[1]).unlink()
    (tmp_path / "study" / images[2]).write_bytes(b"")
    assert changes(manifest) == {
        "axial": Change.UNREADABLE,  # as the empty file makes the reader refuse
        "axial/copy.dcm": Change.NEW,
        images[1]: Change.MISSING,
        images[2]: Change.CHANGED,
    }
    with pytest.raises(DistcorrError, match="a file is empty"):
        hash_files(input_files(read_cohort(manifest)))


def test_every_difference_is_told(tmp_path: Path) -> None:
    manifest = recorded(write_study(tmp_path / "study"))
    assert changes(manifest) == {}
    folder = manifest.parent
    write_scan(folder / "ref01" / "axial.nrrd", 99)
    (folder / "ref01" / "mask.nrrd").unlink()
    (folder / "ref01" / "axial.json").write_text("{}")
    (folder / "sub01" / "bone.stl").unlink()
    (folder / "sub01" / "bone.stl").mkdir()
    text = STUDY.replace('head = "ref01/head.stl"\n', "")
    manifest.write_text(text + '\n[[scan]]\nid = "sub02"\npath = "sub02/scan"\n')
    assert changes(manifest) == {
        "cohort.toml": Change.CHANGED,
        "ref01/axial.json": Change.NEW,
        "ref01/axial.nrrd": Change.CHANGED,
        "ref01/head.stl": Change.UNNAMED,
        "ref01/mask.nrrd": Change.MISSING,
        "sub01/bone.stl": Change.MISSING,
        "sub02/scan": Change.MISSING,
    }


def test_pipes_are_never_opened(tmp_path: Path) -> None:
    manifest = recorded(write_study(tmp_path / "study"))
    for name in ("ref01/mask.nrrd", "ref01/axial.nrrd", "phantom/pairs.csv", "ref01/coronal.json"):
        (manifest.parent / name).unlink()
        os.mkfifo(manifest.parent / name)
    gone = {"ref01/mask.nrrd", "ref01/axial.nrrd", "phantom/pairs.csv", "ref01/coronal.json"}
    assert changes(manifest) == dict.fromkeys(sorted(gone), Change.MISSING)
    with pytest.raises(DistcorrError) as refusal:
        hash_files(input_files(read_cohort(manifest)))
    assert refusal.value.code is Code.NOT_FOUND


def test_links_count_as_what_they_lead_to(tmp_path: Path) -> None:
    manifest = recorded(write_study(tmp_path / "study"))
    scan = manifest.parent / "sub01" / "scan.nrrd"
    scan.rename(tmp_path / "elsewhere.nrrd")
    scan.symlink_to(tmp_path / "elsewhere.nrrd")
    assert changes(manifest) == {}
    (tmp_path / "elsewhere.nrrd").unlink()
    assert changes(manifest) == {"sub01/scan.nrrd": Change.MISSING}


def test_names_do_not_depend_on_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scan(tmp_path / "shared" / "a.nrrd", 1)
    folder = tmp_path / "study"
    folder.mkdir()
    write_scan(folder / "b.nrrd", 2)
    (folder / "cohort.toml").write_text(
        '[[scan]]\nid = "a"\npath = "../shared/a.nrrd"\n'
        f'[[scan]]\nid = "b"\npath = "{folder / "b.nrrd"}"\n'
    )
    names = ["cohort.toml", "../shared/a.nrrd", str(folder / "b.nrrd")]
    assert list(input_files(read_cohort(folder / "cohort.toml")).files) == names
    monkeypatch.chdir(folder)
    assert list(input_files(read_cohort(Path("cohort.toml"))).files) == names
    recorded(Path("cohort.toml"))
    monkeypatch.chdir(tmp_path)
    assert changes(folder / "cohort.toml") == {}


@given(st.dictionaries(NAMES, st.binary(max_size=8), min_size=1, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_is_written_and_read(tmp_path: Path, contents: dict[str, bytes]) -> None:
    record = tmp_path / "cohort.sha256"
    digests = {name: body.hex().rjust(64, "0") for name, body in contents.items()}
    Checksums(digests).write(record, overwrite=True)
    assert Checksums.read(record).digests == digests


def test_sha256sum_reads_the_record(tmp_path: Path) -> None:
    names = [
        "plain",
        "with space ",
        "*star",
        "back\\slash",
        "line\nbreak",
        "Grüße",
        "-dash",
        "#hash",
    ]
    files = {name: tmp_path / name for name in names}
    files[os.fsdecode(b"no text \xff")] = tmp_path / os.fsdecode(b"no text \xff")
    for name, path in files.items():
        path.write_bytes(os.fsencode(name))
    record = tmp_path / "cohort.sha256"
    hash_files(Inputs(files, {})).write(record)
    check = ["sha256sum", "--strict", "-c", "cohort.sha256"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert Checksums.read(record).digests.keys() == files.keys()
    made = subprocess.run(["sha256sum", "back\\slash"], cwd=tmp_path, capture_output=True)
    assert made.stdout in record.read_bytes()


@pytest.mark.parametrize(
    "line",
    [
        b"no checksum",
        b"0" * 63 + b"  short",
        b"0" * 64 + b" ",
        b"\\" + b"0" * 64 + b"  bad\\escape",
        b"0" * 64 + b"  twice\n" + b"0" * 64 + b"  twice",
    ],
)
def test_damaged_records_are_refused(tmp_path: Path, line: bytes) -> None:
    record = tmp_path / "cohort.sha256"
    record.write_bytes(line + b"\n")
    with pytest.raises(DistcorrError, match="line ") as refusal:
        Checksums.read(record)
    assert refusal.value.code is Code.BAD_FORMAT


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = recorded(write_study(tmp_path / "study"))

    def denied(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("distcorr.data.checksums.file_sha256", denied)
    assert set(changes(manifest).values()) == {Change.UNREADABLE}
    with pytest.raises(DistcorrError, match="Permission denied") as refusal:
        hash_files(input_files(read_cohort(manifest)))
    assert refusal.value.code is Code.UNREADABLE
