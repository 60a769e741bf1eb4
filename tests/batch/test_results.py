"""The table of a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from distcorr.batch.correct import Outcome
from distcorr.batch.jobs import Job
from distcorr.batch.results import Status, Table
from distcorr.batch.workers import Failure, Success
from distcorr.errors import Code, DistcorrError
from tests.batch.batches import STATEMENT

JOBS = [Job(name, Path("/scans") / name, STATEMENT) for name in ("a", "b", "c")]
REFUSAL = DistcorrError(Code.UNREADABLE, 'said "no", twice', "file 7\nslice 3")


def success(name: str, *, done_before: bool = False, seconds: float = 1.25) -> Success:
    outputs = (Path(f"{name}.nrrd"), Path(f"{name}.json"))
    return Success(Outcome(outputs, 3.2101, 0.987654, (), (), (), done_before), seconds)


def in_json(folder: Path) -> dict[str, object]:
    return json.loads((folder / "results.json").read_text())


def in_csv(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_scan_is_there_from_the_beginning(tmp_path: Path) -> None:
    Table(tmp_path, JOBS, overwrite=False)
    table = in_json(tmp_path)
    assert table["finished"] is False
    assert [(row["scan"], row["status"]) for row in table["scans"]] == [
        (name, "unfinished") for name in "abc"
    ]
    assert [row["scan"] for row in in_csv(tmp_path)] == ["a", "b", "c"]


def test_both_files_say_the_same(tmp_path: Path) -> None:
    table = Table(tmp_path, JOBS, overwrite=False)
    table.note(JOBS[1], Failure(REFUSAL, 0.5))
    table.note(JOBS[0], success("a"))
    table.finish()
    stored = in_json(tmp_path)
    assert stored["finished"] is False
    a, b, c = stored["scans"]
    assert a == {
        "scan": "a", "status": "corrected", "error_code": "", "what": "", "seconds": 1.25,
        "supported_fraction": 0.987654, "largest_displacement_mm": 3.2101,
        "outputs": ["a.nrrd", "a.json"], "input": "/scans/a",
    }  # fmt: skip
    assert (b["status"], b["error_code"]) == ("failed", "unreadable")
    assert b["what"] == 'said "no", twice; file 7\nslice 3'
    assert (b["outputs"], b["supported_fraction"]) == ([], None)
    assert c["status"] == "unfinished"
    for row, line in zip(stored["scans"], in_csv(tmp_path), strict=True):
        expected = row | {"outputs": ";".join(row["outputs"])}
        assert line == {key: "" if value is None else str(value) for key, value in expected.items()}
    table.note(JOBS[2], success("c"))
    table.finish()
    assert in_json(tmp_path)["finished"] is True


def test_the_order_of_the_ends_does_not_matter(tmp_path: Path) -> None:
    for name, order in (("one", (0, 1, 2)), ("two", (2, 0, 1))):
        (tmp_path / name).mkdir()
        table = Table(tmp_path / name, JOBS, overwrite=False)
        for index in order:
            table.note(JOBS[index], success(JOBS[index].name))
        table.finish()
    for file in ("results.csv", "results.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_seconds_are_those_of_the_work_whichever_run_did_it(tmp_path: Path) -> None:
    table = Table(tmp_path, JOBS, overwrite=False)
    for job in JOBS[:2]:
        table.note(job, success(job.name))
    table.finish()
    again = Table(tmp_path, JOBS, overwrite=False)
    again.note(JOBS[0], success("a", done_before=True, seconds=0.001))
    again.note(JOBS[2], success("c", done_before=True, seconds=0.001))
    assert [row.seconds for row in again.rows] == [1.25, None, None]
    assert [row.status for row in again.rows] == [
        Status.CORRECTED, Status.UNFINISHED, Status.CORRECTED,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["results.csv", "results.json"])
def test_files_of_other_people_stay_unless_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(DistcorrError) as refusal:
        Table(tmp_path, JOBS, overwrite=False)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    assert (tmp_path / name).read_text() == "{}"
    Table(tmp_path, JOBS, overwrite=True)
    assert len(in_csv(tmp_path)) == 3


def test_temporaries_of_killed_runs_are_removed(tmp_path: Path) -> None:
    left = tmp_path / ".0123456789ab-results.json"
    other = tmp_path / ".my-results.json"
    for path in (left, other):
        path.touch()
    Table(tmp_path, JOBS, overwrite=False)
    assert not left.exists()
    assert other.exists()
