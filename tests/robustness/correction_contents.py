"""Damage to what a correction file holds: its description and its arrays."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.robustness.correction_damage import (
    DESCRIPTION,
    FORGED,
    INVALID,
    SCHEMA,
    Canary,
    Damage,
    Members,
    on_members,
)
from tests.robustness.outcomes import RIGHT

# The description -------------------------------------------------------------------


def _described(change: Callable[[dict[str, Any], random.Random], object]):
    def apply(members: Members, rng: random.Random) -> None:
        raw = json.loads(members[DESCRIPTION])
        change(raw, rng)
        members[DESCRIPTION] = json.dumps(raw).encode()

    return on_members(apply)


def _rewritten(change: Callable[[bytes], bytes]):
    return on_members(lambda m, rng: m.update({DESCRIPTION: change(m[DESCRIPTION])}))


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


TEXT = [
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

    return on_members(apply)


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


ARRAYS = [
    Damage("array-of-another", "the field of another correction", on_members(_of_another),
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
    Damage("pickle-member", "a pickle in place of an array", on_members(_pickled), INVALID),
    Damage("pickle-file", "a pickle in place of the file", _pickled_whole, INVALID),
    Damage("npy-expression", "code in the head of an array", on_members(_npy_header(
        b"{'descr': __import__('os').system('touch canary'), 'fortran_order': False, "
        b"'shape': (1,), }\n")), INVALID),
    Damage("npy-nested", "brackets without end in the head of an array",
           on_members(_npy_header(b"(" * 9000)), INVALID),
    Damage("npy-open", "an open bracket in the head of an array",
           on_members(_npy_header(b"{'descr': '<f4', 'shape': (1L,\n")), INVALID),
    Damage("npy-long", "a head of 60 kB", on_members(_npy_header(b" " * 60_000)), INVALID),
    Damage("npy-descr", "an impossible type", on_members(_npy_header(
        b"{'descr': 'f99', 'fortran_order': False, 'shape': (1,), }\n")), INVALID),
    Damage("npy-noise", "noise in the head of an array",
           on_members(_npy_header(bytes(range(1, 255)))), INVALID),
]  # fmt: skip
