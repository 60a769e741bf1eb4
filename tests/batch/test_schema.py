"""The schema and the examples beside it say what the reader accepts."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from distcorr.batch import read_cohort
from distcorr.batch.cohort import (
    CohortPoints,
    CohortReference,
    CohortScan,
    CohortScanner,
    manifest_schema,
)

FOLDER = Path(__file__).resolve().parents[2] / "data_manifest"
SCHEMA = FOLDER / "cohort.schema.json"
EXAMPLES = sorted(set(FOLDER.glob("*.toml")) - {FOLDER / "public_data.toml"})
SCHEMA_LINE = "#:schema ./cohort.schema.json"


def validator() -> Any:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def schema_text() -> str:
    return json.dumps(manifest_schema(), indent=1) + "\n"


def test_the_schema_is_not_stale() -> None:
    stored = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert stored == json.loads(schema_text()), "write it: python -m tests.batch.test_schema"


def test_the_schema_refuses_unknown_keys_and_explains_the_known() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema["additionalProperties"] is False
    assert all(table["description"] for table in schema["properties"].values())
    for model in (CohortReference, CohortScan, CohortPoints, CohortScanner):
        table = schema["$defs"][model.__name__]
        assert table["additionalProperties"] is False
        assert set(table["properties"]) == set(model.model_fields)
        assert all(key["description"] for key in table["properties"].values())


def test_there_are_examples() -> None:
    assert [path.name for path in EXAMPLES] == [
        "both_dis2d.toml",
        "markers_and_references.toml",
        "phantom_points.toml",
        "several_stations.toml",
        "two_references.toml",
    ]


def test_readers_of_the_folder_find_every_example() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in page for path in FOLDER.iterdir() if path.suffix != ".md")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("axial_state", "axial_stat"),
        ('"DIS3D"', '"DIS4D"'),
        ("[0.0, 0.0, 0.0]", "[0.0, 0.0]"),
        ('patient_position = "HFS"', 'patient_position = "supine"'),
    ],
)
def test_the_schema_marks_errors(was: str, becomes: str) -> None:
    text = (FOLDER / "two_references.toml").read_text(encoding="utf-8")
    validator().validate(tomllib.loads(text))
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(tomllib.loads(text.replace(was, becomes)))


def test_examples_show_stations_and_markers_beside_references() -> None:
    stations = read_cohort(FOLDER / "several_stations.toml")
    assert all(len(reference.axials) > 1 for reference in stations.references)
    both = read_cohort(FOLDER / "markers_and_references.toml")
    assert both.references
    assert both.points


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_read(path: Path) -> None:
    cohort = read_cohort(path)
    assert cohort.references or cohort.scans or cohort.points
    validator().validate(tomllib.loads(path.read_text(encoding="utf-8")))
    assert path.read_text(encoding="utf-8").splitlines()[0] == SCHEMA_LINE


def test_one_example_shows_every_key(tmp_path: Path) -> None:
    """Those commented out included: somebody will uncomment them."""
    lines = (FOLDER / "two_references.toml").read_text(encoding="utf-8").splitlines()
    loud = tmp_path / "cohort.toml"
    loud.write_text("\n".join(_uncommented(line) for line in lines), encoding="utf-8")
    cohort = read_cohort(loud)
    for model, entries in (
        (CohortReference, cohort.references),
        (CohortScan, cohort.scans),
    ):
        shown = set().union(*(entry.model_fields_set for entry in entries))
        assert shown == set(model.model_fields)


def test_one_example_shows_every_key_of_points() -> None:
    cohort = read_cohort(FOLDER / "phantom_points.toml")
    shown = set().union(*(entry.model_fields_set for entry in cohort.points))
    assert shown == set(CohortPoints.model_fields)
    assert cohort.scanner is not None
    assert cohort.scanner.model_fields_set == set(CohortScanner.model_fields)


def _uncommented(line: str) -> str:
    """Turn ``# key = value`` into ``key = value``; leave prose alone."""
    bare = line.removeprefix("# ")
    return bare if line.startswith("# ") and " = " in bare else line


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), encoding="utf-8")
