"""Claims of output folders: one run at a time, complete outputs, nothing left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from distcorr.batch import folder as folder_module
from distcorr.batch.folder import STATE, Claim, claimed
from distcorr.errors import Code, DistcorrError

NAMES = ("a.bin", "series", "a.json")


def fill(staged: Path, text: str) -> None:
    (staged / "a.bin").write_text(text)
    (staged / "series").mkdir()
    (staged / "series" / "1.dcm").write_text(text)
    (staged / "a.json").write_text(text)


def shown(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and STATE not in path.parts
    }


def whole(text: str) -> dict[str, str]:
    return {"a.bin": text, "a.json": text, "series/1.dcm": text}


def staged_folders(directory: Path) -> list[Path]:
    return list((directory / STATE / "staged").iterdir())


def commit(claim: Claim, text: str) -> None:
    with claim.staged() as staged:
        fill(staged, text)
        claim.commit(staged, NAMES)


def test_outputs_appear_and_are_replaced(tmp_path: Path) -> None:
    with claimed(tmp_path / "out") as claim:
        for text in ("one", "two"):
            commit(claim, text)
            assert shown(claim.directory) == whole(text)
        assert staged_folders(claim.directory) == []


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    with claimed(tmp_path) as claim:
        with pytest.raises(FileNotFoundError), claim.staged() as staged:
            fill(staged / "absent", "one")
        assert shown(tmp_path) == {}
        assert staged_folders(tmp_path) == []


class Killed(BaseException):
    """Stands for the end of a process."""


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Kill the process before the move of this number."""
    left: list[int] = []
    replace, rename = Path.replace, Path.rename

    def counting(move):
        def call(self: Path, target: Path) -> Path:
            # Names with a random part are those of whole_output, not moves of outputs.
            if left and not self.name.startswith("."):
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
            return move(self, target)

        return call

    monkeypatch.setattr(Path, "replace", counting(replace))
    monkeypatch.setattr(Path, "rename", counting(rename))
    # A killed process cleans nothing up.
    monkeypatch.setattr(folder_module.shutil, "rmtree", lambda *_, **__: None)
    yield left
    monkeypatch.undo()


@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize("killed_at", range(5))
def test_a_commit_that_was_killed_is_completed(
    tmp_path: Path,
    moves: list[int],
    monkeypatch: pytest.MonkeyPatch,
    before: str | None,
    killed_at: int,
) -> None:
    with claimed(tmp_path) as claim:
        if before is not None:
            commit(claim, before)
        moves.append(killed_at)
        try:
            commit(claim, "new")
        except Killed:
            # The record is there only with what it describes.
            assert (tmp_path / "a.json").exists() is False
        else:
            assert killed_at >= (3 if before is None else 4)
        moves.clear()
        # Its run is dead: it does not put the folder in order.
        monkeypatch.undo()
        monkeypatch.setattr(folder_module, "_put_in_order", lambda _: None)
    monkeypatch.undo()
    with claimed(tmp_path):
        assert shown(tmp_path) == whole("new")
        assert staged_folders(tmp_path) == []


def test_leftovers_are_removed_when_the_next_run_begins(tmp_path: Path) -> None:
    with claimed(tmp_path):
        pass
    left = tmp_path / STATE / "staged" / "left"
    left.mkdir()
    (left / "half.nrrd").write_text("half")
    with claimed(tmp_path):
        assert staged_folders(tmp_path) == []
        assert shown(tmp_path) == {}


def test_a_second_run_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with claimed(tmp_path) as claim:
        with pytest.raises(DistcorrError) as refusal, claimed(tmp_path):
            pass
        assert refusal.value.code is Code.OUTPUT_IN_USE
        commit(claim, "one")
    with claimed(tmp_path):
        assert shown(tmp_path) == whole("one")


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom pathlib import Path\n"
        "from distcorr.batch.folder import claimed\n"
        f"with claimed(Path({str(tmp_path)!r})):\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode < 0
    assert (tmp_path / STATE / "run").exists()
    with claimed(tmp_path) as claim:
        commit(claim, "one")


def test_workers_of_a_run_that_ended_commit_nothing(tmp_path: Path) -> None:
    with claimed(tmp_path) as old:
        pass
    with claimed(tmp_path) as new:
        for claim in (old, Claim(tmp_path, "0" * 32)):
            with pytest.raises(DistcorrError) as refusal:
                commit(claim, "old")
            assert refusal.value.code is Code.OUTPUT_IN_USE
        commit(new, "new")
        assert shown(tmp_path) == whole("new")
    with pytest.raises(DistcorrError):
        commit(new, "late")
    assert shown(tmp_path) == whole("new")


def test_state_is_plain(tmp_path: Path) -> None:
    with claimed(tmp_path) as claim, claim.staged() as staged:
        fill(staged, "one")
        claim.commit(staged, NAMES)
        assert json.loads((staged / "commit.json").read_text()) == list(NAMES)


def test_a_folder_that_can_not_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DistcorrError) as refusal, claimed(tmp_path / "file" / "out"):
        pass
    assert refusal.value.code is Code.OUTPUT_UNWRITABLE
