"""Look for texts in files of every kind that distcorr writes, packed or not."""

from __future__ import annotations

import base64
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import h5py

_NUMBER = re.compile(rb"(?<![\d.])\d+(?![\d.])")
"""Numbers count where they stand alone: among a million digits any eight occur."""

_BEGINNING = 4
"""Bytes; of two or three, pixels hold too many by chance."""

_DATA_URI = re.compile(rb"base64,\s*([A-Za-z0-9+/=\s]+)")
_PNG = b"\x89PNG\r\n\x1a\n"
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NRRD = b"NRRD"


def found_in(files: Iterable[Path], texts: Iterable[str]) -> dict[str, list[str]]:
    """Name the files that hold each text, in their content whichever way it is packed."""
    sought = {text.encode() for text in texts}
    words = _any_of(text for text in sought if not text.isdigit())
    found: dict[str, list[str]] = {}
    for path in files:
        for part in parts_of(path.read_bytes()):
            # UTF-16 is what some formats write names in.
            for plain in (part, part.replace(b"\0", b"")):
                numbers = sought.intersection(_NUMBER.findall(plain))
                for hit in numbers.union(words.findall(plain)):
                    found.setdefault(hit.decode(), []).append(path.name)
    return found


def _any_of(texts: Iterable[bytes]) -> re.Pattern[bytes]:
    """Match any of the texts, the longest where several begin.

    Thousands of alternatives would be tried at every byte; those that begin alike are
    tried where their beginning stands.
    """
    alike = groupby(sorted(texts), key=lambda text: text[:_BEGINNING])
    groups = (
        re.escape(beginning)
        + b"(?:"
        + b"|".join(re.escape(text[_BEGINNING:]) for text in sorted(group, key=len, reverse=True))
        + b")"
        for beginning, group in alike
    )
    return re.compile(b"|".join(groups) or b"(?!)")


def parts_of(content: bytes) -> Iterator[bytes]:
    """Give the content itself and everything that is packed in it."""
    yield content
    if content.startswith(_ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                yield entry.filename.encode() + entry.comment + entry.extra
                yield from parts_of(archive.read(entry))
    elif content.startswith(_GZIP):
        yield from parts_of(gzip.decompress(content))
    elif content.startswith(_NRRD):
        header, _, data = content.partition(b"\n\n")
        if b"gzip" in header:
            yield gzip.decompress(data)
    elif content.startswith(_PNG):
        yield from _chunks(content)
    elif content.startswith(_HDF5):
        yield from _datasets(content)
    for uri in _DATA_URI.findall(content):
        yield from parts_of(base64.b64decode(uri))


def _chunks(png: bytes) -> Iterator[bytes]:
    """Texts of a picture, which may be packed."""
    at = len(_PNG)
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length
        if kind in (b"zTXt", b"iTXt") and b"\0\0" in data:
            packed = data[data.index(b"\0\0") + 2 :]
            yield zlib.decompress(packed) if kind == b"zTXt" else packed
        elif kind in (b"tEXt", b"eXIf", b"iTXt"):
            yield data


def _datasets(content: bytes) -> Iterator[bytes]:
    with h5py.File(io.BytesIO(content)) as file:
        found: list[bytes] = []

        def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
            found.append(name.encode())
            found.extend(str(value).encode() for value in node.attrs.values())
            if isinstance(node, h5py.Dataset):
                found.append(str(node[()]).encode() if node.shape == () else node[()].tobytes())

        file.visititems(visit)
        yield from found
