"""Records as JSON lines, and the sources that they depend on.

This module imports little on purpose: who measures memory in a process starts with its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Records:
    """What was found out, by what it was found out about, as JSON lines."""

    path: Path

    def find(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """Outcome under a key, as JSON returns it."""
        plain = json.loads(json.dumps(key))  # tuples come back as lists
        return next((one["outcome"] for one in self._all() if one["run"] == plain), None)

    def append(self, key: dict[str, Any], outcome: dict[str, Any]) -> None:
        """Add an outcome."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"run": key, "outcome": outcome}) + "\n")

    def _all(self) -> Iterator[dict[str, Any]]:
        if self.path.is_file():
            with self.path.open(encoding="utf-8") as stream:
                yield from (json.loads(line) for line in stream if line.strip())


def sources_digest(folder: Path, rooms: Iterable[str] = (".",)) -> str:
    """Digest of the sources in files and folders of a folder; of all of it by default."""
    digest = hashlib.sha256()
    for room in rooms:
        path = folder / room
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{source.relative_to(folder).as_posix()}\0".encode())
            digest.update(source.read_bytes())
    return digest.hexdigest()[:12]
