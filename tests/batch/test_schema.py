"""The schema and the examples beside it say what the reader accepts."""

from __future__ import annotations

import json
from pathlib import Path

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
EXAMPLES = sorted(p for p in FOLDER.glob("*.toml") if p.name != "public_data.toml")
SCHEMA_LINE = "#:schema ./cohort.schema.json"


def schema_text() -> str:
    return json.dumps(manifest_schema(), indent=1) + "\n"


def test_the_schema_is_not_stale() -> None:
    stored = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert stored == json.loads(schema_text()), "write it: python -m tests.batch.test_schema"


def test_the_schema_refuses_unknown_keys_and_explains_the_known() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema["additionalProperties"] is False
    for model in (CohortReference, CohortScan, CohortPoints, CohortScanner):
        table = schema["$defs"][model.__name__]
        assert table["additionalProperties"] is False
        assert set(table["properties"]) == set(model.model_fields)
        assert all(key["description"] for key in table["properties"].values())


def test_there_are_examples() -> None:
    assert "two_references.toml" in [path.name for path in EXAMPLES]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_read(path: Path) -> None:
    cohort = read_cohort(path)
    assert cohort.references or cohort.scans or cohort.points
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
