"""Files that hold the voxels of an NRRD file whose header stands alone.

The header's ``data file`` names one file, several by a pattern with their first, last
and step of numbers, or, as ``LIST``, those of all lines that follow (Teem, "Definition
of NRRD File Format", 5. Detached headers).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MAX_LINE_BYTES = 1 << 16
"""Longer lines are no header; what is read of one stays small whatever the file holds."""

MAX_FILES = 100_000
"""A file for each slice of any scan; a pattern of more is a mistake."""

_KEYS = (b"data file", b"datafile")


def detached_files(path: Path) -> tuple[Path, ...]:
    """List the files that an NRRD file takes its voxels from; none if it holds them.

    Parameters
    ----------
    path : Path
        Any file; of other formats there are none.

    Raises
    ------
    OSError
        If it can't be read.
    """
    if path.suffix.lower() != ".nrrd":
        return ()
    with path.open("rb") as stream:
        named = list(_names(stream))
    return tuple(path.parent / os.fsdecode(name) for name in named)


def _names(stream: BinaryIO) -> Iterator[bytes]:
    if not stream.readline(MAX_LINE_BYTES).startswith(b"NRRD"):
        return
    while line := _line(stream):
        key, _, value = line.partition(b":")
        if key.strip().lower() not in _KEYS:
            continue
        words = value.split()
        if words[:1] == [b"LIST"]:
            while name := _line(stream):
                yield name.strip()
        elif len(words) > 3 and b"%" in words[0]:
            yield from _numbered(*words[:4])
        else:
            yield value.strip()


def _line(stream: BinaryIO) -> bytes:
    """Return the next line; empty where the header ends."""
    return stream.readline(MAX_LINE_BYTES).rstrip(b"\r\n")


def _numbered(pattern: bytes, first: bytes, last: bytes, step: bytes) -> Iterator[bytes]:
    """Count as Teem does, up or down, the last one included; nothing if it is no pattern."""
    try:
        start, end, by = int(first), int(last), int(step)
        numbers = range(start, end + (1 if by > 0 else -1), by)
        if len(numbers) <= MAX_FILES:
            yield from [pattern % number for number in numbers]
    except (TypeError, ValueError):
        return
