"""The fenced blocks of a page, and what becomes of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<language>[^`\s]*)\s*$")
_NOTE = re.compile(r"^ *<!--\s*(?P<key>[a-z ]+?)\s*(?::\s*(?P<value>.*?))?\s*-->\s*$")


class UnaccountedError(Exception):
    """A block that is neither run nor says why not."""


class Kind(Enum):
    """What becomes of a block."""

    CONSOLE = auto()
    PYTHON = auto()
    FILE = auto()
    OUTPUT = auto()
    NOT_RUN = auto()
    TEXT = auto()
    MARKUP = auto()


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes
    ----------
    where : str
        Page and line, for messages.
    language : str
    text : str
        Its lines, without the fences and their indentation.
    notes : dict of str to str
        The comments ``<!-- key: value -->`` directly above it.
    """

    where: str
    language: str
    text: str
    notes: dict[str, str]

    @property
    def kind(self) -> Kind:
        """What becomes of it.

        Raises
        ------
        UnaccountedError
            If nothing does.
        """
        for note, kind in (
            ("not run", Kind.NOT_RUN),
            ("file", Kind.FILE),
            ("output", Kind.OUTPUT),
        ):
            if note in self.notes:
                if note != "output" and not self.notes[note]:
                    raise UnaccountedError(f"{self.where}: <!-- {note}: --> says nothing")
                return kind
        if self.language.startswith("{"):
            return Kind.MARKUP
        try:
            return _BY_LANGUAGE[self.language]
        except KeyError:
            raise UnaccountedError(
                f"{self.where}: a block of {self.language or 'no language'} is neither run nor "
                "written (<!-- file: NAME -->) nor excused (<!-- not run: REASON -->)"
            ) from None


_BY_LANGUAGE = {"console": Kind.CONSOLE, "python": Kind.PYTHON, "text": Kind.TEXT}


def blocks_of(page: str, name: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order.

    Parameters
    ----------
    page : str
        Markdown.
    name : str
        Of the page, for messages.

    Raises
    ------
    UnaccountedError
        If a fence is not closed.
    """
    lines = iter(enumerate(page.splitlines(), start=1))
    notes: dict[str, str] = {}
    for number, line in lines:
        if note := _NOTE.match(line):
            notes[note["key"]] = note["value"] or ""
        elif fence := _FENCE.match(line):
            where = f"{name}:{number}"
            text = list(_inside(lines, fence, where))
            yield Block(where, fence["language"], "".join(f"{row}\n" for row in text), notes)
            notes = {}
        else:
            notes = {}


def _inside(lines: Iterator[tuple[int, str]], fence: re.Match[str], where: str) -> Iterator[str]:
    for _, line in lines:
        if line.strip() == fence["ticks"]:
            return
        yield line.removeprefix(fence["indent"])
    raise UnaccountedError(f"{where}: the block is not closed")
