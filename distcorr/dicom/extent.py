"""Sizes of volumes, from headers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from distcorr.dicom import tags
from distcorr.dicom.header import Frame
from distcorr.dicom.read import read_dataset
from distcorr.dicom.stack import Stack
from distcorr.errors import DistcorrError
from distcorr.memory import Extent

_DEFAULT_BITS = 16
"""BitsAllocated of MR images that do not say; decoding refuses them later."""

_BITS = [Tag("BitsAllocated")]
_PROBED = [
    *(Tag(name) for name in ("BitsAllocated", "NumberOfFrames", "Rows", "Columns")),
    *(Tag(name) for name in ("RescaleSlope", "RescaleIntercept")),
]

_TRIES = 8
"""Files of a folder that are looked at until one is an image."""

_STORED_AND_DECODED = 2
"""A file is held as it was read and as it was decoded."""


def extent_of(stack: Stack) -> Extent:
    """Tell how large the volume of a stack is once loaded.

    Parameters
    ----------
    stack : Stack

    Returns
    -------
    Extent
        Rescaled and resampled stacks are loaded as float32; of a resampled one the
        slices are held beside the volume.

    Raises
    ------
    DistcorrError
        ``unreadable``.
    """
    frames = stack.frames
    stored = _stored_itemsize(frames[0].path)
    scaled = any(frame.slope != 1 or frame.intercept != 0 for frame in frames)
    loaded = np.dtype(np.float32).itemsize if scaled else stored
    decoding = _STORED_AND_DECODED * stored * _largest_file(frames)
    in_place = stack.slots == tuple(range(stack.grid.size[2]))
    if not in_place:
        decoding += sum(frame.rows * frame.columns for frame in frames) * (loaded + 1)
    if stack.slots is None:
        loaded = np.dtype(np.float32).itemsize
    x, y, z = (float(mm) for mm in stack.grid.spacing)
    return Extent(stack.grid.size, (x, y, z), loaded, decoding)


def _largest_file(frames: Sequence[Frame]) -> int:
    """Pixels of the file that holds most."""
    pixels: Counter[Path] = Counter()
    for frame in frames:
        pixels[frame.path] += frame.rows * frame.columns
    return max(pixels.values())


def _stored_itemsize(path: Path) -> int:
    return _itemsize(tags.number(read_dataset(path, only=_BITS), "BitsAllocated"))


def _itemsize(bits: float | None) -> int:
    return max(1, int(bits or _DEFAULT_BITS) // 8)


def probe(path: Path) -> Extent | None:
    """Guess how large a scan is from one of its images and the number of its files.

    Thousands of scans are planned with this, for which reading every header would
    take as long as the work. A folder with several series counts as one.

    Parameters
    ----------
    path : Path
        Folder or file.

    Returns
    -------
    Extent or None
        With all slices of a folder on top of each other, 1 mm apart; None if none
        of the first files is an image.
    """
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
    for file in islice((one for one in files if not one.name.startswith(".")), _TRIES):
        try:
            ds = read_dataset(file, only=_PROBED)
        except DistcorrError:
            continue
        rows, columns = tags.number(ds, "Rows"), tags.number(ds, "Columns")
        if rows and columns:
            return _probed(ds, int(rows), int(columns), len(files))
    return None


def _probed(ds: Dataset, rows: int, columns: int, files: int) -> Extent:
    frames = int(tags.number(ds, "NumberOfFrames") or 1)
    stored = _itemsize(tags.number(ds, "BitsAllocated"))
    # Multi-frame images keep the scaling of their frames where a probe does not look.
    slope, intercept = tags.number(ds, "RescaleSlope"), tags.number(ds, "RescaleIntercept")
    scaled = frames > 1 or slope not in (None, 1.0) or intercept not in (None, 0.0)
    itemsize = max(stored, np.dtype(np.float32).itemsize) if scaled else stored
    decoding = _STORED_AND_DECODED * stored * rows * columns * frames
    return Extent((columns, rows, frames * files), (1.0, 1.0, 1.0), itemsize, decoding)
