"""The list of public data is strict, installed, and true of the copies we have."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from distcorr.data import Dataset, FolderOrigin, choose, fetch, public_datasets
from distcorr.data.public import LIST, parse_datasets
from distcorr.errors import DistcorrError
from tests.cli.running import run

SHOWN = {
    "siemens-scout-dis3d": {("DIS3D", "HFS", True)},
    "siemens-scout-reformats": {("DIS3D", "HFS", False)},
    "ge-localizer-table": {(None, "FFS", True), (None, "HFS", True)},
    "siemens-enhanced-xa30": {("DIS2D", "HFS", True)},
    "siemens-decubitus": {("DIS2D", "HFDR", True)},
}
"""State, patient position, and whether it is a volume, as the list says in words."""


def test_there_is_one_copy_of_the_list() -> None:
    beside = Path(__file__).resolve().parents[2] / "data_manifest" / "public_data.toml"
    assert beside.is_symlink()
    assert beside.resolve() == Path(str(LIST)).resolve()


def test_each_dataset_has_its_check_here() -> None:
    assert {one.name for one in public_datasets()} == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_unmodified_copies_match_and_show_what_the_list_says(
    name: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [dataset] = choose(public_datasets(), [name])
    folder = fetch(dataset, tmp_path, FolderOrigin.holding(data, (dataset,)))
    monkeypatch.chdir(folder)
    program, *arguments = shlex.split(dataset.command)
    assert program == "distcorr"
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    seen = {
        (
            one["facts"]["state"]["value"],
            one["facts"]["patient_position"]["value"],
            one["refusal"] is None,
        )
        for one in json.loads(done.stdout)["series"]
    }
    assert seen == SHOWN[name]
    images = {file for one in json.loads(done.stdout)["series"] for file in one["files"]}
    named = {folder.name for folder in dataset.folder} & set(arguments)
    assert len(images) == sum(one.name in named for one, _ in dataset.members)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('licence = "BSD-2-Clause"', 'licence = "GPL-3.0-only"', "licence"),
        ("bytes = ", 'bytes = "1", x = ', "bytes"),
        ("https://github.com/neurolabusc", "http://github.com/neurolabusc", "repository"),
        ('path = "In/1001', 'path = "../1001', "path"),
        ('commit = "c7830698', 'commit = "master', "commit"),
        ('shows = "', 'show = "', "show"),
        ('packing = "gzip"', 'packing = "zip"', "packing"),
        ('name = "siemens-scout-reformats"', 'name = "siemens-scout-dis3d"', "one name"),
        ("[[dataset]]", "[[dataset]", "no TOML"),
    ],
)
def test_the_list_is_read_strictly(was: str, becomes: str, told: str) -> None:
    text = LIST.read_text(encoding="utf-8")
    assert was in text
    with pytest.raises(DistcorrError, match=told) as refusal:
        parse_datasets(text.replace(was, becomes, 1))
    assert refusal.value.code == "manifest-invalid"


def test_two_files_of_one_name_are_refused() -> None:
    row = public_datasets()[0].model_dump(mode="json")
    row["folder"] = [*row["folder"], row["folder"][0]]
    with pytest.raises(ValueError, match="under one name"):
        Dataset.model_validate(row)


def test_packed_files_have_the_names_of_packed_files() -> None:
    row = public_datasets()[2].model_dump(mode="json") | {"packing": "gzip"}
    with pytest.raises(ValueError, match=r"end in \.gz"):
        Dataset.model_validate(row)


def test_unknown_names_are_refused_with_a_guess() -> None:
    assert choose(public_datasets(), []) == public_datasets()
    with pytest.raises(DistcorrError, match="did you mean ge-localizer-table"):
        choose(public_datasets(), ["ge-localiser-table"])
