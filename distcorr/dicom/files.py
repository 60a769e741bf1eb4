"""Read a DICOM file without being led into endless or boundless work.

pydicom believes what a file says. Files are found with megabytes of zeros behind their
image, or in its place where a copy broke off, which parse as elements without end; a
deflated data set can unpack to a thousand times its size.
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path

from pydicom.dataset import FileDataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from distcorr.errors import Code, DistcorrError

PIXEL_TAGS = frozenset(
    Tag(name) for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
)

MAX_INFLATED_BYTES = 256 << 20
"""Largest data set that is unpacked from a deflated file: 500 slices of 512 x 512."""

MAX_ZERO_ELEMENTS = 100
"""Elements in a row that are nothing but zeros after which a file has ended; eight
zero bytes are the element (0000,0000) without value, which no file has twice."""

_ZEROS = bytes(8)
_CHUNK = 1 << 20
_PREAMBLE = 132
_META_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_META_REACH = 4096
"""Bytes at the beginning of a file in which its transfer syntax is stated."""


def read_file(path: Path, *, pixels: bool, only: list[BaseTag] | None = None) -> FileDataset:
    """Read a file; pydicom's own exceptions go through.

    Parameters
    ----------
    path : Path
    pixels : bool
        Whether to go on to the pixels.
    only : list of BaseTag, optional
        Tags to read; all by default.

    Raises
    ------
    DistcorrError
        ``too-large`` if the file unpacks to more than :data:`MAX_INFLATED_BYTES`.
    """
    with _Stream(path) as stream:
        _require_bounded(stream.peek(_META_REACH)[:_META_REACH], path)
        stop = None if pixels else _at_pixels
        return read_partial(stream, stop, force=True, specific_tags=list(only) if only else None)


class _Stream(io.BufferedReader):
    """A file that ends where nothing but elements of zeros follows."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(str(path)), _META_REACH)
        self._zeros = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if self._zeros > MAX_ZERO_ELEMENTS:
            return b""
        found = super().read(size)
        if size == len(_ZEROS):
            self._zeros = self._zeros + 1 if found == _ZEROS else 0
        return found


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:  # noqa: ARG001
    return tag in PIXEL_TAGS


def _require_bounded(start: bytes, path: Path) -> None:
    """Unpack a deflated data set piece by piece, only to see how large it is."""
    if DeflatedExplicitVRLittleEndian.encode() not in start:
        return
    meta = _PREAMBLE if start[128:_PREAMBLE] == b"DICM" else 0
    if start[meta : meta + len(_META_LENGTH)] != _META_LENGTH:
        return  # pydicom tells where the meta header ends by other means, or not at all
    body = meta + len(_META_LENGTH) + 4
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    with path.open("rb") as stream:
        stream.seek(body + int.from_bytes(start[body - 4 : body], "little"))
        while size <= MAX_INFLATED_BYTES and not unpacker.eof:
            packed = unpacker.unconsumed_tail or stream.read(_CHUNK)
            unpacked = unpacker.decompress(packed, _CHUNK)
            if not packed and not unpacked:
                return
            size += len(unpacked)
    if size > MAX_INFLATED_BYTES:
        raise DistcorrError(
            Code.TOO_LARGE,
            "a deflated file unpacks to more than any image",
            f"{path} holds more than {MAX_INFLATED_BYTES >> 20} MiB",
            "export the series again, uncompressed",
        )
