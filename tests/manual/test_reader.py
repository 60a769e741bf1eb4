"""A page that is wrong is noticed, whatever is wrong with it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cli.running import Done
from tests.manual.blocks import Kind, UnaccountedError, blocks_of
from tests.manual.commands import Shell
from tests.manual.pages import DiffersError, Reader
from tests.manual.shared import STEPS, Shared
from tests.manual.transcript import missing, transcript


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    (tmp_path / "page").mkdir()
    monkeypatch.chdir(tmp_path / "page")
    return Reader(tmp_path / "page", Shared(tmp_path / "shared"), Shell())


def page(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def console(*lines: str) -> str:
    return page("```console", *lines, "```")


RIGHT = {
    "output": console("$ printf 'a\\nb\\nc\\n'", "a", "c"),
    "elided": console("$ echo 0.41 mm left", "0.4... mm left"),
    "spaces": console("$ echo 'a    b'", "a b"),
    "status": console("$ false", "[exit 1]"),
    "messages": console("$ echo out; echo err >&2", "err", "out"),
    "long": console("$ echo a \\", "    b", "a b"),
    "ours": console("$ distcorr version", "..."),
    "refusal": console("$ distcorr inspect nowhere", "error[not-found]: ...", "[exit 1]"),
    "python": page("```python", "x = 1", "```", "", "```python", "assert x == 1", "```"),
    "printed": page(
        "```python", "print(1.25)", "```", "<!-- output -->", "```text", "1.2...", "```"
    ),
    "file": page("<!-- file: a/b.toml -->", "```toml", "x = 1", "```")
    + console("$ cat a/b.toml", "x = 1"),
    "excused": page("<!-- not run: no such program -->", "```sh", "rm -rf /nowhere", "```"),
    "indented": page("- item", "  ```console", "  $ echo a", "  a", "  ```"),
}  # fmt: skip

WRONG = {
    "output": (DiffersError, console("$ echo a", "b")),
    "order": (DiffersError, console("$ printf 'a\\nb\\n'", "b", "a")),
    "part of a line": (DiffersError, console("$ echo ab", "a")),
    "status": (DiffersError, console("$ false")),
    "no refusal": (DiffersError, console("$ true", "[exit 1]")),
    "python": (AssertionError, page("```python", "assert False", "```")),
    "printed": (
        DiffersError,
        page("```python", "print(1)", "```", "<!-- output -->", "```text", "2", "```"),
    ),
    "no command": (ValueError, console("a")),
    "unmarked": (UnaccountedError, page("```toml", "x = 1", "```")),
    "no language": (UnaccountedError, page("```", "x", "```")),
    "no reason": (UnaccountedError, page("<!-- not run: -->", "```sh", "x", "```")),
    "mark too far": (UnaccountedError, page("<!-- not run: so -->", "", "```sh", "x", "```")),
    "open": (UnaccountedError, page("```text", "x")),
    "not the shared": (
        UnaccountedError,
        page("<!-- shared: study -->") + console("$ distcorr simulate x"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_what_is_right_passes(reader: Reader, text: str) -> None:
    reader.follow(blocks_of(text, "page.md"))


@pytest.mark.parametrize(("error", "text"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_noticed(reader: Reader, error: type[Exception], text: str) -> None:
    with pytest.raises(error):
        reader.follow(blocks_of(text, "page.md"))


def test_what_is_not_installed_is_told(reader: Reader) -> None:
    text = page("<!-- needs: no-such-package -->", "```python", "assert False", "```")
    reader.follow(blocks_of(text, "page.md"))
    assert reader.wanting == ["page.md:2: no-such-package is not installed"]


def test_blocks_have_kinds_and_places() -> None:
    text = page("a", "```{toctree}", "x", "```", "````text", "```", "````")
    first, second = blocks_of(text, "page.md")
    assert (first.kind, first.where) == (Kind.MARKUP, "page.md:2")
    assert (second.kind, second.text) == (Kind.TEXT, "```\n")


def test_a_transcript_has_commands_lines_and_status() -> None:
    first, second = transcript("$ a \\\n  b\nx\n[exit 2]\n$ c\n")
    assert (first.command, first.lines, first.status) == ("a b", ("x",), 2)
    assert (second.command, second.lines, second.status) == ("c", (), 0)


def test_the_first_missing_line_is_named() -> None:
    assert missing(["a", "...", "c"], "a\nb\nc\n") is None
    assert missing(["a", "c", "b"], "a\nb\nc\n") == "b"
    assert missing(["a", "a"], "a\n") == "a"


def appears(path: Path) -> bool:
    """Wait for a file."""
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


def test_the_background_ends_with_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Shell() as shell:
        shell.run("(trap 'touch ended; exit' TERM; touch begun; while true; do sleep 0.05; done) &")
        assert appears(tmp_path / "begun")
        assert not (tmp_path / "ended").exists()
    assert appears(tmp_path / "ended")


def test_shared_outputs_are_made_once_and_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def run(_: Shell, command: str) -> Done:
        made.append(command)
        Path("cohort.toml").write_text("x")
        Path("study").mkdir(exist_ok=True)
        return Done(0, "said", "")

    monkeypatch.setattr(Shell, "run", run)
    shared = Shared(tmp_path / "shared")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assert shared.put(STEPS[1], tmp_path / name).stdout == "said"
    assert made == [STEPS[0].command, STEPS[1].command]
    (tmp_path / "one" / "cohort.toml").write_text("changed")
    assert (tmp_path / "two" / "cohort.toml").read_text() == "x"
