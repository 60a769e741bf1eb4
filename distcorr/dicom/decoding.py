"""Decode the pixels of one file, and refuse pixels that contradict their header."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from distcorr.dicom import tags
from distcorr.dicom.files import PIXEL_TAGS, read_file
from distcorr.errors import Code, DistcorrError

MAXIMUM_VOXELS = 2**31
"""Largest volume that is loaded: 2 giga voxels, 8 GB as float32."""

LARGE_FILE_BYTES = 256 << 20
"""Files beyond this are looked at before they are read as a whole."""

MAXIMUM_RATIO = 1000
"""Largest compression of an image that is believed; real ones reach 2 to 10, empty ones 100."""

_RUN_LENGTHS = re.compile(r"RLE segment .* (\d+) vs\. (\d+) bytes expected")

_ITEM = b"\xfe\xff\x00\xe0"
"""Begins the fragments of compressed pixels."""


def decode(path: Path) -> NDArray[Any]:
    """Decode all frames of a file.

    Returns
    -------
    ndarray, shape (frames, rows, columns)
        As stored, before rescaling.

    Raises
    ------
    DistcorrError
        ``pixels-unreadable`` if the pixel data is truncated, can't be decoded or
        contradicts its header, ``no-pixels``, ``bad-format`` for colour images,
        ``too-large``, ``unreadable``.
    """
    with tags.quiet():
        return _decode(path)


def _decode(path: Path) -> NDArray[Any]:
    if path.stat().st_size > LARGE_FILE_BYTES:
        _require_believable(_parsed(path, pixels=False), path)
    ds = _read_whole(path)
    if tags.number(ds, "SamplesPerPixel") not in (None, 1.0):
        raise DistcorrError(
            Code.BAD_FORMAT,
            "colour images are not supported",
            f"{tags.name_of('SamplesPerPixel')} is {tags.text(ds, 'SamplesPerPixel')} in {path}",
            "give a grey-scale series",
        )
    if not PIXEL_TAGS.intersection(ds.keys()):
        raise DistcorrError(Code.NO_PIXELS, "a file holds no pixel data", str(path))
    _require_believable(ds, path)
    _require_length(ds, path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            stored = pixel_array(ds, raw=True)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as failure:  # decoders raise anything; a panic in Rust is no Exception
            reason = (str(failure).splitlines() or [""])[0].strip() or type(failure).__name__
            raise _unreadable(f"the pixel data can't be decoded ({reason})", str(path)) from failure
    _require_run_lengths(ds, [str(one.message) for one in said], path)
    frames = stored[None] if stored.ndim == 2 else stored
    if frames.shape[0] != _frames(ds):
        raise _unreadable(
            "there are more images in the pixel data than its header says",
            f"decoded {frames.shape[0]} for {_frames(ds)} in {path}",
        )
    return np.asarray(frames)


def _parsed(path: Path, *, pixels: bool) -> FileDataset:
    try:
        return read_file(path, pixels=pixels)
    except DistcorrError:
        raise
    except Exception as failure:  # a damaged file makes pydicom raise almost anything
        raise DistcorrError(
            Code.UNREADABLE, f"the file can't be parsed ({failure})", str(path)
        ) from failure


def _read_whole(path: Path) -> FileDataset:
    """Read a file with its pixels; some decoders make up the end of a file that was cut."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ds = _parsed(path, pixels=True)
    if any("end of file" in str(warning.message).lower() for warning in said):
        raise _unreadable("the file ends before its pixel data does", str(path))
    if "TransferSyntaxUID" not in ds.file_meta:
        implicit, little = ds.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return ds


def _frames(ds: FileDataset) -> int:
    return max(1, int(tags.number(ds, "NumberOfFrames") or 1))


def _declared_bytes(ds: FileDataset) -> int | None:
    """Size of the decoded pixels as the header has it; None if the header does not say."""
    sides = [tags.number(ds, keyword) for keyword in ("Rows", "Columns", "BitsAllocated")]
    if None in sides:
        return None
    return math.ceil(math.prod(int(side or 0) for side in sides) * _frames(ds) / 8)


def _require_believable(ds: FileDataset, path: Path) -> None:
    """Refuse sizes that nothing in the file stands behind, before memory is taken for them."""
    voxels = (tags.number(ds, "Rows") or 0) * (tags.number(ds, "Columns") or 0) * _frames(ds)
    if voxels > MAXIMUM_VOXELS:
        raise DistcorrError(
            Code.TOO_LARGE,
            "an image is too large to load",
            f"{tags.text(ds, 'Rows')} x {tags.text(ds, 'Columns')} pixels in {_frames(ds)} frames "
            f"in {path}, the limit is {MAXIMUM_VOXELS} voxels",
        )
    declared, size = _declared_bytes(ds), path.stat().st_size
    if declared is None:
        return
    if declared > LARGE_FILE_BYTES and declared > MAXIMUM_RATIO * size:
        raise _unreadable(
            "the header promises more pixels than the file can hold",
            f"{declared} bytes in a file of {size}, {path}",
        )
    if size > LARGE_FILE_BYTES and size > 2 * declared + LARGE_FILE_BYTES:
        raise _unreadable(
            "the file is far larger than the image that its header describes",
            f"{size} bytes for {declared} of pixels in {path}",
        )


def _require_length(ds: FileDataset, path: Path) -> None:
    """Refuse plain pixels that are longer or shorter than rows, columns and bits make them.

    A wrong number of columns scrambles the image without any other sign.
    """
    syntax = UID(str(ds.file_meta.TransferSyntaxUID))
    declared = _declared_bytes(ds)
    if "PixelData" not in ds or declared is None:
        return
    if not syntax.is_transfer_syntax or syntax.is_encapsulated:
        return
    if ds["PixelData"].is_undefined_length:
        raise _unreadable(
            "compressed pixels stand where the transfer syntax promises plain ones",
            f"{tags.name_of('TransferSyntaxUID')} is {syntax.name} in {path}",
        )
    excess = len(ds.PixelData or b"") - declared
    if excess > 0 and not _is_padding(bytes(ds.PixelData), excess, ds):
        raise _unreadable(
            "the pixel data does not fit its header",
            f"{excess} bytes more than {tags.text(ds, 'Rows')} rows of "
            f"{tags.text(ds, 'Columns')} columns take in {path}",
        )


def _require_run_lengths(ds: FileDataset, said: Iterable[str], path: Path) -> None:
    """Refuse run-length encoded pixels that are longer than rows and columns make them.

    pydicom's decoder warns of them and leaves the rest out; others raise.
    """
    side = min(tags.number(ds, "Rows") or 0, tags.number(ds, "Columns") or 0)
    for found in filter(None, map(_RUN_LENGTHS.search, said)):
        decoded, declared = (int(number) for number in found.groups())
        if decoded - declared >= side:  # less is filling
            raise _unreadable(
                "the pixel data does not fit its header",
                f"{decoded - declared} bytes more than {tags.text(ds, 'Rows')} rows of "
                f"{tags.text(ds, 'Columns')} columns take in {path}",
            )


def _is_padding(content: bytes, excess: int, ds: FileDataset) -> bool:
    """Whether bytes behind an image are filling, and not a part of it.

    Filling is zeros. Less than a row and than a column can't come from a wrong number
    of them; more has to follow a last row that is not empty itself.
    """
    if any(content[-excess:]) or content.startswith(_ITEM):
        return False
    rows, columns = tags.number(ds, "Rows") or 0, tags.number(ds, "Columns") or 0
    pixel = (tags.number(ds, "BitsAllocated") or 0) / 8
    if excess < min(rows, columns) * pixel:
        return True
    last_row = content[-excess - int(columns * pixel) : -excess]
    return any(last_row)


def _unreadable(what: str, evidence: str) -> DistcorrError:
    return DistcorrError(Code.PIXELS_UNREADABLE, what, evidence)
