"""Damage to correction files: cut, flipped, forged and crafted."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from distcorr.apply import apply_correction
from distcorr.batch.load import Statement, load_scan
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError
from distcorr.facts import Scanner
from tests.correction.examples import example_correction
from tests.robustness.outcomes import RIGHT, Allowed, Observed, refused, undetectable
from tests.robustness.subjects import Subject

INVALID = refused(Code.CORRECTION_INVALID)
SCHEMA = refused(Code.SCHEMA_UNKNOWN)
DESCRIPTION = "correction.json"
BOMB_BYTES = 1 << 30

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


def _members(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(members: Members, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _on_members(change: Callable[[Members, random.Random], object]):
    def apply(content: bytes, rng: random.Random) -> bytes:
        members = _members(content)
        change(members, rng)
        return _packed(members)

    return apply


def _repacked(method: int) -> Callable[[bytes, random.Random], bytes]:
    return lambda content, rng: _packed(_members(content), method)


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
    """Let a small member unpack to a gigabyte while its size says otherwise."""
    members = _members(content)
    members["support.npy"] = bytes(BOMB_BYTES >> 6)
    packed = bytearray(_packed(members, zipfile.ZIP_DEFLATED))
    size = struct.pack("<I", BOMB_BYTES >> 6)
    small = struct.pack("<I", len(_members(content)["support.npy"]))
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
           _on_members(_renamed("../../escape.npy")), INVALID),
    Damage("path-absolute", "a member named /tmp/x", _on_members(_renamed("/tmp/escape.npy")),
           INVALID),
    Damage("extra-member", "a member too many",
           _on_members(lambda m, rng: m.update({"run.py": b"import os"})), INVALID),
    Damage("member-lost", "a member too few",
           _on_members(lambda m, rng: m.pop(rng.choice(sorted(m)))), INVALID),
    Damage("archive-empty", "an archive of nothing", _on_members(lambda m, rng: m.clear()),
           INVALID),
]  # fmt: skip


# The description -------------------------------------------------------------------


def _described(change: Callable[[dict[str, Any], random.Random], object]):
    def apply(members: Members, rng: random.Random) -> None:
        raw = json.loads(members[DESCRIPTION])
        change(raw, rng)
        members[DESCRIPTION] = json.dumps(raw).encode()

    return _on_members(apply)


def _rewritten(change: Callable[[bytes], bytes]):
    return _on_members(lambda m, rng: m.update({DESCRIPTION: change(m[DESCRIPTION])}))


def _anywhere(value: object) -> Callable[[dict[str, Any], random.Random], None]:
    """Put a value in place of any other, wherever it stands."""

    def change(raw: dict[str, Any], rng: random.Random) -> None:
        places: list[tuple[Any, Any]] = []

        def walk(node: Any) -> None:
            keys = node if isinstance(node, dict) else range(len(node))
            for key in keys:
                places.append((node, key))
                if isinstance(node[key], dict | list):
                    walk(node[key])

        walk(raw)
        node, key = rng.choice(places)
        node[key] = value

    return change


def _lose_key(raw: dict[str, Any], rng: random.Random) -> None:
    raw.pop(rng.choice(sorted(raw)))


def _version(value: object) -> Callable[[dict[str, Any], random.Random], None]:
    return lambda raw, rng: raw.update(schema_version=value)


def _doubled_key(content: bytes) -> bytes:
    """Say the origin twice: the first would be read by some, the last by others."""
    return content.replace(b'"lattice": {', b'"lattice": {"origin_mm": [1, 2, 3],', 1)


_TEXT = [
    Damage("schema-future", "a later schema", _described(_version(2)), SCHEMA),
    Damage("schema-text", "a schema in words", _described(_version("1")), SCHEMA),
    Damage("schema-true", "true for a schema", _described(_version(True)), SCHEMA),
    Damage("schema-absent", "no schema", _described(lambda d, rng: d.pop("schema_version")),
           SCHEMA),
    Damage("schema-huge", "a schema of 4000 digits", _described(_version(10**4000)), SCHEMA),
    Damage("format-other", "another format", _described(lambda d, rng: d.update(format="x")),
           INVALID),
    Damage("key-lost", "a key lost", _described(_lose_key), INVALID | SCHEMA),
    Damage("key-unknown", "an unknown key", _described(lambda d, rng: d.update(patient="Doe")),
           INVALID),
    Damage("json-cut", "cut JSON", _rewritten(lambda c: c[: len(c) // 2]), INVALID),
    Damage("json-deep", "100,000 nested lists", _rewritten(lambda c: b"[" * 100_000), INVALID),
    Damage("json-deep-inside", "nested lists inside", _rewritten(
        lambda c: c.replace(b"{", b'{"x": ' + b"[" * 50_000 + b"]" * 50_000 + b",", 1)), INVALID),
    Damage("json-long", "20 MB of blanks", _rewritten(lambda c: c + b" " * (20 << 20)), INVALID),
    Damage("json-digits", "a number of 100,000 digits", _rewritten(
        lambda c: c.replace(b"{", b'{"x": ' + b"9" * 100_000 + b",", 1)), INVALID),
    Damage("json-utf16", "JSON in UTF-16", _rewritten(lambda c: c.decode().encode("utf-16")),
           INVALID),
    Damage("json-not-utf8", "JSON that is no text", _rewritten(lambda c: b"\xff" + c), INVALID),
    Damage("json-nan", "NaN where a number stands", _described(
        lambda d, rng: d["lattice"].update(origin_mm=[float("nan"), 0, 0])), INVALID),
    Damage("json-key-twice", "the origin stated twice", _rewritten(_doubled_key),
           INVALID | RIGHT),
    Damage("value-none", "nothing in place of any value", _described(_anywhere(None)),
           INVALID | SCHEMA | FORGED),
    Damage("value-text", "words in place of any value", _described(_anywhere("../../x")),
           INVALID | SCHEMA | FORGED),
    Damage("value-list", "a list in place of any value", _described(_anywhere([[[]]])),
           INVALID | SCHEMA),
    Damage("value-number", "a number in place of any value", _described(_anywhere(-7)),
           INVALID | SCHEMA | FORGED),
    Damage("value-huge", "1e300 in place of any value", _described(_anywhere(1e300)),
           INVALID | SCHEMA | FORGED),
]  # fmt: skip


# The arrays ------------------------------------------------------------------------


def _npy(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def _array(name: str, change: Callable[[Any, random.Random], Any]):
    """Replace an array and mend its checksum: only what it holds is wrong."""

    def apply(members: Members, rng: random.Random) -> None:
        array = change(np.load(io.BytesIO(members[name])), rng)
        members[name] = _npy(array)
        raw = json.loads(members[DESCRIPTION])
        raw["arrays"][name] = {
            "dtype": array.dtype.str,
            "shape": list(array.shape),
            "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
        }
        members[DESCRIPTION] = json.dumps(raw).encode()

    return _on_members(apply)


def _with(value: float) -> Callable[[Any, random.Random], Any]:
    def change(array: Any, rng: random.Random) -> Any:
        array = array.copy()
        array.flat[rng.randrange(array.size)] = value
        return array

    return change


def _npy_header(text: bytes) -> Callable[[Members, random.Random], None]:
    """Write a header of one's own before the numbers."""

    def change(members: Members, rng: random.Random) -> None:
        body = members["support.npy"][128:]
        head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
        members["support.npy"] = head + body

    return change


def _pickled(members: Members, rng: random.Random) -> None:
    members["support.npy"] = _npy(np.array([Canary()], dtype=object), allow_pickle=True)


def _pickled_whole(content: bytes, rng: random.Random) -> bytes:
    return pickle.dumps(Canary())


def _of_another(members: Members, rng: random.Random) -> None:
    """Take the field of another correction, whose checksum is another."""
    array = np.load(io.BytesIO(members["coefficients.npy"]))
    members["coefficients.npy"] = _npy(array * 1.01)


def _shape(*shape: int) -> Callable[[dict[str, Any], random.Random], None]:
    return lambda d, rng: d["arrays"]["support.npy"].update(shape=list(shape))


_ARRAYS = [
    Damage("array-of-another", "the field of another correction", _on_members(_of_another),
           INVALID),
    Damage("array-nan", "NaN in the field", _array("coefficients.npy", _with(np.nan)), INVALID),
    Damage("array-absurd", "a field of 1e200 mm", _array("coefficients.npy", _with(1e200)),
           INVALID),
    Damage("lattice-far", "a lattice 1e300 mm away", _described(
        lambda d, rng: d["lattice"].update(origin_mm=[1e300, 0, 0])), INVALID),
    Damage("lattice-wide", "nodes 1e200 mm apart", _described(
        lambda d, rng: d["lattice"].update(spacing_mm=[1e200, 1e200, 1e200])), INVALID),
    Damage("array-infinite", "infinity in the field", _array("coefficients.npy", _with(np.inf)),
           INVALID),
    Damage("sd-negative", "a negative standard deviation",
           _array("standard_deviation.npy", _with(-1.0)), INVALID),
    Damage("support-large", "a support of 7", _array("support.npy", _with(7.0)), INVALID),
    Damage("shape-other", "a support of another shape", _array("support.npy", lambda a, r: a[1:]),
           INVALID),
    Damage("type-other", "a support of another type",
           _array("support.npy", lambda a, r: a.astype(">f8")), INVALID),
    Damage("shape-huge", "a shape of a giga node", _described(_shape(1024, 1024, 1024)), INVALID),
    Damage("shape-overflowing", "a shape of four times 1024",
           _described(_shape(1024, 1024, 1024, 1024)), INVALID),
    Damage("shape-negative", "a negative shape", _described(_shape(-1, 3, 3)), INVALID),
    Damage("pickle-member", "a pickle in place of an array", _on_members(_pickled), INVALID),
    Damage("pickle-file", "a pickle in place of the file", _pickled_whole, INVALID),
    Damage("npy-expression", "code in the head of an array", _on_members(_npy_header(
        b"{'descr': __import__('os').system('touch canary'), 'fortran_order': False, "
        b"'shape': (1,), }\n")), INVALID),
    Damage("npy-nested", "brackets without end in the head of an array",
           _on_members(_npy_header(b"(" * 9000)), INVALID),
    Damage("npy-open", "an open bracket in the head of an array",
           _on_members(_npy_header(b"{'descr': '<f4', 'shape': (1L,\n")), INVALID),
    Damage("npy-long", "a head of 60 kB", _on_members(_npy_header(b" " * 60_000)), INVALID),
    Damage("npy-descr", "an impossible type", _on_members(_npy_header(
        b"{'descr': 'f99', 'fortran_order': False, 'shape': (1,), }\n")), INVALID),
    Damage("npy-noise", "noise in the head of an array",
           _on_members(_npy_header(bytes(range(1, 255)))), INVALID),
]  # fmt: skip

DAMAGES: tuple[Damage, ...] = (*_BYTES, *_ARCHIVE, *_TEXT, *_ARRAYS)
