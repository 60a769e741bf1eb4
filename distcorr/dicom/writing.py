"""Write image files: what simulated and derived series have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.charset import default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import DSfloat

from distcorr.dicom import tags
from distcorr.errors import Code, DistcorrError

MAXIMUM_PIXEL_BYTES = 2**32 - 2
"""Longest native pixel data: its length is an even 32-bit number (PS3.5, 7.1.1)."""

_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_ITEM = b"\xfe\xff\x00\xe0"


def decimal_string(value: float) -> DSfloat:
    """Round to a decimal string of the 16 characters that DICOM allows."""
    return DSfloat(float(value), auto_format=True)


def decimal_strings(values: Iterable[float]) -> list[DSfloat]:
    """Round several numbers to decimal strings."""
    return [decimal_string(value) for value in values]


def uid_of(*seeds: str) -> str:
    """Return a UID that equal seeds always give."""
    return str(generate_uid(entropy_srcs=["distcorr", *seeds]))


def encoded_item(item: Dataset) -> bytes:
    """Encode an item of a sequence as explicit little endian."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_dataset(buffer, item)
    value = buffer.getvalue()
    return _ITEM + len(value).to_bytes(4, "little") + value


def put_encoded_sequence(ds: Dataset, keyword: str, items: Iterable[bytes]) -> None:
    """Set a sequence from encoded items.

    A series repeats the same references in every file; to encode each of them once
    takes a tenth of the time. A data set that was read from another encoding is
    parsed and encoded as a whole, and comes out the same.
    """
    if ds.original_encoding == (None, None):
        # A new data set: nothing in it was read from another encoding.
        ds.set_original_encoding(False, True, default_encoding)
    value = b"".join(items)
    tag = Tag(keyword)
    ds[tag] = RawDataElement(tag, "SQ", len(value), value, 0, False, True)


def write_image(ds: Dataset, frames: Iterable[NDArray[Any]], path: Path) -> None:
    """Write a data set and its pixels, frame by frame, as explicit little endian.

    Parameters
    ----------
    ds : Dataset
        Without pixel data; its file meta information is replaced.
    frames : iterable of ndarray, shape (rows, columns)
        Stored values, NumberOfFrames of them (one where the tag is absent).
    path : Path
        An existing file is replaced.

    Raises
    ------
    DistcorrError
        ``too-large`` if the pixels exceed what one file holds.
    """
    bits = int(ds.BitsAllocated)
    count = int(ds.get("NumberOfFrames") or 1)
    length = count * int(ds.Rows) * int(ds.Columns) * bits // 8
    if length > MAXIMUM_PIXEL_BYTES:
        raise DistcorrError(
            Code.TOO_LARGE,
            "the image does not fit into one DICOM file",
            f"{length} bytes of pixels",
        )
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta = meta
    ds.preamble = b"\0" * 128
    padding = length % 2
    representation = b"OB" if bits == 8 else b"OW"
    with path.open("wb") as stream:
        with tags.quiet():
            pydicom.dcmwrite(stream, ds, enforce_file_format=True)
        stream.write(_PIXEL_DATA + representation + b"\0\0")
        stream.write((length + padding).to_bytes(4, "little"))
        for frame in frames:
            little = frame.dtype.newbyteorder("<")
            stream.write(np.ascontiguousarray(frame, dtype=little).tobytes())
        stream.write(b"\0" * padding)
