"""What a console block shows: commands, lines of their output, exit status."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_STATUS = re.compile(r"^\[exit (\d+)\]$")
ELISION = "..."


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it.

    Attributes
    ----------
    command : str
        One line; lines that ended in a backslash are joined.
    lines : tuple of str
        Of its output, in order; ``...`` stands for anything.
    status : int
        0, or what a line ``[exit N]`` says.
    """

    command: str
    lines: tuple[str, ...]
    status: int


def transcript(text: str) -> list[Shown]:
    """Read a console block.

    Raises
    ------
    ValueError
        If it does not start with a command.
    """
    found: list[tuple[str, list[str]]] = []
    continued = False
    for line in text.splitlines():
        if continued:
            command, rows = found[-1]
            found[-1] = (f"{command.removesuffix(chr(92))}{line.strip()}", rows)
        elif line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif not found:
            raise ValueError(f"output before a command: {line}")
        else:
            found[-1][1].append(line)
        continued = (continued or line.startswith("$ ")) and line.endswith("\\")
    return [_shown(command, rows) for command, rows in found]


def _shown(command: str, rows: list[str]) -> Shown:
    statuses = [match for row in rows if (match := _STATUS.match(row))]
    lines = tuple(row for row in rows if not _STATUS.match(row))
    return Shown(command, lines, int(statuses[-1][1]) if statuses else 0)


def missing(shown: Iterable[str], *streams: str) -> str | None:
    """Find the first line that is shown but was not printed, or not in this order.

    Spaces count as one, as the width of tables follows the terminal. Output and
    messages come through streams of their own, whose lines a terminal mixes, so order
    holds within each.

    Parameters
    ----------
    shown : iterable of str
        Lines of the page.
    *streams : str
        What was printed.

    Returns
    -------
    str or None
        The line; None if all were printed.
    """
    left = [[_plain(row) for row in stream.splitlines()] for stream in streams]
    for line in shown:
        if not line.strip() or line.strip() == ELISION:
            continue
        parts = (re.escape(part) for part in _plain(line).split(ELISION))
        pattern = re.compile(".*".join(parts))
        for index, rows in enumerate(left):
            place = next((i for i, row in enumerate(rows) if pattern.fullmatch(row)), None)
            if place is not None:
                left[index] = rows[place + 1 :]
                break
        else:
            return line
    return None


def _plain(line: str) -> str:
    return re.sub(r"\s+", " ", line).strip()
