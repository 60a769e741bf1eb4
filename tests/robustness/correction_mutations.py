"""Damage to correction files: cut, flipped, forged and crafted."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from distcorr.apply import apply_correction
from distcorr.batch.load import Statement, load_scan
from distcorr.correction import Correction
from distcorr.errors import DistcorrError
from distcorr.facts import Scanner
from tests.correction.examples import example_correction
from tests.robustness.correction_contents import ARRAYS, TEXT
from tests.robustness.correction_damage import (
    INVALID,
    SCHEMA,
    Canary,
    Damage,
    Members,
    archive_of,
    members_of,
    on_members,
)
from tests.robustness.outcomes import RIGHT, Observed
from tests.robustness.subjects import Subject

BOMB_BYTES = 1 << 24


def carry_out(damage: Damage, folder: Path, rng: random.Random) -> Observed:
    """Damage a correction and load it."""
    folder.mkdir(parents=True, exist_ok=True)
    path, Canary.path = folder / "c.distcorr", str(folder / "canary")
    sound = example_correction(seed=rng.randrange(4))
    sound.save(path)
    content = damage.apply(path.read_bytes(), rng)
    path.write_bytes(content)
    before = {entry.name for entry in folder.iterdir()}
    try:
        loaded = Correction.load(path)
    except DistcorrError as refusal:
        seen = Observed(refusal.code, message=str(refusal))
    else:
        wrong = "" if loaded.identifier == sound.identifier else "another correction was read"
        seen = Observed(wrong=wrong)
    if path.read_bytes() != content:
        return Observed(trouble="the file was changed")
    if {entry.name for entry in folder.iterdir()} != before:
        return Observed(trouble="the file was obeyed: something was written")
    return seen


def swapped_between_scanners(subject: Subject, rng: random.Random) -> Observed:
    """Apply a correction that was learned on another machine."""
    scan = load_scan(subject.folder, Statement("the harness")).scan
    scanner = scan.facts.scanner
    other = rng.choice([
        replace(scanner, serial="77777"),
        replace(scanner, model="another model"),
        replace(scanner, manufacturer="GE MEDICAL SYSTEMS"),
        Scanner("Philips", "Ingenia", "1", 1.5, "R5"),
    ])  # fmt: skip
    learned = replace(Correction.load(subject.correction), scanner=other)
    try:
        apply_correction(scan, learned)
    except DistcorrError as refusal:
        return Observed(refusal.code, message=str(refusal))
    return Observed(wrong="the correction of another scanner was applied")


# The file as bytes -----------------------------------------------------------------


def _flip(count: int) -> Callable[[bytes, random.Random], bytes]:
    def flip(content: bytes, rng: random.Random) -> bytes:
        changed = bytearray(content)
        for _ in range(count):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)

    return flip


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _directory_noise(content: bytes, rng: random.Random) -> bytes:
    """Overwrite bytes of the archive's directory, which no checksum covers."""
    start = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x05\x06"))
    start = content.index(b"PK\x01\x02") if rng.random() < 0.5 else start
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 5)):
        changed[rng.randrange(start, len(changed))] = rng.randrange(256)
    return bytes(changed)


_BYTES = [
    Damage("cut", "cut short", _cut, INVALID),
    Damage("bit-flipped", "one bit flipped", _flip(1), INVALID | SCHEMA | RIGHT),
    Damage("bits-flipped", "many bits flipped", _flip(40), INVALID | SCHEMA | RIGHT),
    Damage("directory-noise", "bytes of the archive's directory overwritten", _directory_noise,
           INVALID | RIGHT),
    Damage("start-lost", "first bytes lost", lambda c, rng: c[rng.randrange(1, 200):],
           INVALID | RIGHT),
    Damage("zero-filled", "second half is zeros", lambda c, rng: c[: len(c) // 2]
           + bytes(len(c) - len(c) // 2), INVALID),
    Damage("empty", "of no length", lambda c, rng: b"", INVALID),
    Damage("text", "some text instead", lambda c, rng: b"not a correction\n" * 9, INVALID),
    Damage("noise", "noise instead", lambda c, rng: rng.randbytes(5000), INVALID),
    Damage("prefixed", "a program in front of it", lambda c, rng: b"#!/bin/sh\ntouch x\n" + c,
           RIGHT | INVALID),
    Damage("trailing", "bytes behind it", lambda c, rng: c + rng.randbytes(300), RIGHT | INVALID),
    Damage("byte-lost", "one byte lost", lambda c, rng: c[: (n := rng.randrange(len(c)))]
           + c[n + 1 :], INVALID | RIGHT),
    Damage("byte-added", "one byte added", lambda c, rng: c[: (n := rng.randrange(len(c)))]
           + b"?" + c[n:], INVALID | RIGHT),
]  # fmt: skip


# The archive -----------------------------------------------------------------------


def _repacked(method: int) -> Callable[[bytes, random.Random], bytes]:
    return lambda content, rng: archive_of(members_of(content), method)


def _twice(content: bytes, rng: random.Random) -> bytes:
    buffer = io.BytesIO(content)
    import warnings

    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(rng.choice(archive.namelist()), b"second")
    return buffer.getvalue()


def _in_directory(offset: int, value: bytes) -> Callable[[bytes, random.Random], bytes]:
    """Overwrite a field of every entry of the archive's directory."""

    def change(content: bytes, rng: random.Random) -> bytes:
        changed, at = bytearray(content), content.find(b"PK\x01\x02")
        while at >= 0:
            changed[at + offset : at + offset + len(value)] = value
            at = content.find(b"PK\x01\x02", at + 1)
        return bytes(changed)

    return change


def _bomb(content: bytes, rng: random.Random) -> bytes:
    """Let a small member unpack to 16 MB while its size says otherwise."""
    members = members_of(content)
    members["support.npy"] = bytes(BOMB_BYTES)
    packed = bytearray(archive_of(members, zipfile.ZIP_DEFLATED))
    size = struct.pack("<I", BOMB_BYTES)
    small = struct.pack("<I", len(members_of(content)["support.npy"]))
    return bytes(packed).replace(size, small)


def _renamed(name: str) -> Callable[[Members, random.Random], None]:
    def change(members: Members, rng: random.Random) -> None:
        members[name] = members.pop("support.npy")

    return change


_ARCHIVE = [
    Damage("repacked-deflate", "compressed again", _repacked(zipfile.ZIP_DEFLATED), RIGHT),
    Damage("repacked-bzip2", "compressed by bzip2", _repacked(zipfile.ZIP_BZIP2), RIGHT | INVALID),
    Damage("repacked-lzma", "compressed by LZMA", _repacked(zipfile.ZIP_LZMA), RIGHT | INVALID),
    Damage("member-twice", "a member occurs twice", _twice, INVALID),
    Damage("method-unknown", "unknown compression", _in_directory(10, b"\x63\x00"), INVALID),
    Damage("method-deflate", "plain members said to be deflated",
           _in_directory(10, b"\x08\x00"), INVALID),
    Damage("method-bzip2", "plain members said to be bzip2", _in_directory(10, b"\x0c\x00"),
           INVALID),
    Damage("method-lzma", "plain members said to be LZMA", _in_directory(10, b"\x0e\x00"),
           INVALID),
    Damage("encrypted", "members said to be encrypted", _in_directory(8, b"\x01\x00"), INVALID),
    Damage("size-huge", "members said to hold 4 GB", _in_directory(24, b"\xf0\xff\xff\xff"),
           INVALID),
    Damage("size-zero", "members said to hold nothing", _in_directory(24, bytes(4)), INVALID),
    Damage("offset-wrong", "members said to be elsewhere", _in_directory(42, b"\xff\x00\x00\x00"),
           INVALID),
    Damage("bomb", "a member unpacks to more than it says", _bomb, INVALID),
    Damage("path-traversal", "a member named ../../x",
           on_members(_renamed("../../escape.npy")), INVALID),
    Damage("path-absolute", "a member named /tmp/x", on_members(_renamed("/tmp/escape.npy")),
           INVALID),
    Damage("extra-member", "a member too many",
           on_members(lambda m, rng: m.update({"run.py": b"import os"})), INVALID),
    Damage("member-lost", "a member too few",
           on_members(lambda m, rng: m.pop(rng.choice(sorted(m)))), INVALID),
    Damage("archive-empty", "an archive of nothing", on_members(lambda m, rng: m.clear()),
           INVALID),
]  # fmt: skip


DAMAGES: tuple[Damage, ...] = (*_BYTES, *_ARCHIVE, *TEXT, *ARRAYS)
