"""Follow a page of the manual from top to bottom, as a reader does."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from tests.cli.running import Done
from tests.manual.blocks import Block, Kind, UnaccountedError, blocks_of
from tests.manual.commands import ROOT, Shell
from tests.manual.shared import Shared, steps_named
from tests.manual.transcript import Shown, missing, transcript


class DiffersError(Exception):
    """A page shows something else than what happens."""


README = ROOT / "README.md"


def manual() -> list[Path]:
    """Find all pages of the manual, and the README."""
    return [README, *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    """Name a page within the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks_on(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page; of the README what follows on its commands to install.

    Those two are what ``.ci/run`` installs and tests with.
    """
    for block in blocks_of(page.read_text(encoding="utf-8"), name_of(page)):
        if page != README or block.language != "sh":
            yield block


class Reader:
    """Somebody who follows a page in an empty folder.

    Parameters
    ----------
    folder : Path
        The current folder, empty.
    shared : Shared
        Where the study and the correction are to be had.
    shell : Shell
    """

    def __init__(self, folder: Path, shared: Shared, shell: Shell) -> None:
        self._folder = folder
        self._shared = shared
        self._shell = shell
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._printed = ""
        self.wanting: list[str] = []
        """What is not installed here, so that blocks were left out."""

    def follow(self, blocks: Iterable[Block]) -> None:
        """Do what all blocks say.

        Raises
        ------
        DiffersError
            If a command ends or prints otherwise than shown.
        UnaccountedError
            If a block is neither run nor excused.
        """
        for block in blocks:
            self._follow(block)

    def _follow(self, block: Block) -> None:
        kind = block.kind
        if not self._has(block):
            return
        if "uses" in block.notes:
            self._shared.put_all_until(block.notes["uses"], self._folder)
        if kind is Kind.CONSOLE:
            self._console(block)
        elif kind is Kind.PYTHON:
            self._python(block)
        elif kind is Kind.FILE:
            path = self._folder / block.notes["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif kind is Kind.OUTPUT:
            _compare(block.where, block.text.splitlines(), self._printed)

    def _has(self, block: Block) -> bool:
        name = block.notes.get("needs")
        if name is None:
            return True
        try:
            distribution(name)
        except PackageNotFoundError:
            self.wanting.append(f"{block.where}: {name} is not installed")
            return False
        return True

    def _console(self, block: Block) -> None:
        commands = transcript(block.text)
        if "shared" not in block.notes:
            for shown in commands:
                _judge(block.where, shown, self._shell.run(shown.command))
            return
        steps = steps_named(block.notes["shared"])
        if [step.command for step in steps] != [shown.command for shown in commands]:
            expected = "; ".join(step.command for step in steps)
            raise UnaccountedError(f"{block.where}: the commands that are shared are: {expected}")
        for step, shown in zip(steps, commands, strict=True):
            _judge(block.where, shown, self._shared.put(step, self._folder))

    def _python(self, block: Block) -> None:
        printed = io.StringIO()
        line = int(block.where.rpartition(":")[2])
        code = compile("\n" * line + block.text, block.where.rpartition(":")[0], "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, self._names)
        self._printed = printed.getvalue()


def _judge(where: str, shown: Shown, done: Done) -> None:
    printed = f"{done.stdout}{done.stderr}"
    if done.returncode != shown.status:
        raise DiffersError(
            f"{where}: {shown.command}: ended with {done.returncode}, not {shown.status}\n{printed}"
        )
    _compare(f"{where}: {shown.command}", shown.lines, done.stdout, done.stderr)


def _compare(where: str, lines: Iterable[str], *streams: str) -> None:
    line = missing(lines, *streams)
    if line is not None:
        raise DiffersError(
            f"{where}: not printed, or not in this order:\n{line}\n\n{''.join(streams)}"
        )
