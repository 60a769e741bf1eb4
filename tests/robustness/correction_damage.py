"""What the tables of damage to correction files are made of."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distcorr.errors import Code
from tests.robustness.outcomes import Allowed, refused, undetectable

INVALID = refused(Code.CORRECTION_INVALID)
SCHEMA = refused(Code.SCHEMA_UNKNOWN)
DESCRIPTION = "correction.json"
FORGED = undetectable("its checksums were mended, so that it is a sound correction of its own")

Members = dict[str, bytes]


@dataclass(frozen=True)
class Damage:
    """One named way of damaging a correction file.

    Attributes
    ----------
    name, damages : str
    apply : callable
        Turns the content of a sound file into that of a damaged one.
    allowed : Allowed
    """

    name: str
    damages: str
    apply: Callable[[bytes, random.Random], bytes]
    allowed: Allowed


class Canary:
    """Writes a file when unpickled."""

    path = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path(self.path),)


def members_of(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive_of(members: Members, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def on_members(change: Callable[[Members, random.Random], object]):
    def apply(content: bytes, rng: random.Random) -> bytes:
        members = members_of(content)
        change(members, rng)
        return archive_of(members)

    return apply
