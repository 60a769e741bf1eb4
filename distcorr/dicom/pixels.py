"""Decode pixels and put them on a grid."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from distcorr.dicom.decoding import MAXIMUM_VOXELS, decode
from distcorr.dicom.header import Frame
from distcorr.dicom.stack import MISSING_FRACTION, Stack
from distcorr.errors import Code, DistcorrError
from distcorr.space import Volume

_VALID_WEIGHT = 1 - 1e-6
"""Share of a resampled voxel that must come from measured pixels to count as valid."""


class PixelReader:
    """Decodes frames; the file decoded last is kept, as frames come file by file."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._stored: NDArray[Any] = np.empty(0)

    def stored(self, frame: Frame) -> NDArray[Any]:
        """Return the stored values of one slice, before rescaling, shape (rows, columns).

        Raises
        ------
        DistcorrError
            ``pixels-unreadable`` if the pixel data is truncated or can't be
            decoded, ``bad-format`` for colour images.
        """
        if frame.path != self._path:
            self._stored = decode(frame.path)
            self._path = frame.path
        frames = self._stored
        if frames.shape[0] == 1 and frames.shape[1:] != (frame.rows, frame.columns):
            return _tile(frames[0], frame)
        if frame.index >= frames.shape[0] or frames.shape[1:] != (frame.rows, frame.columns):
            raise DistcorrError(
                Code.PIXELS_UNREADABLE,
                "the pixel data does not fit its header",
                f"decoded {frames.shape} for frame {frame.index + 1} of "
                f"{frame.rows} x {frame.columns} in {frame.path}",
            )
        return np.asarray(frames[frame.index])

    def digest(self, frame: Frame) -> str:
        """Hash of the pixels and how they are scaled."""
        stored = self.stored(frame)
        text = f"{stored.shape} {frame.slope} {frame.intercept} {frame.padding}"
        content = np.ascontiguousarray(
            stored.astype(np.int64 if stored.dtype.kind in "iu" else float)
        )
        return hashlib.sha256(text.encode() + content.tobytes()).hexdigest()


def _tile(mosaic: NDArray[Any], frame: Frame) -> NDArray[Any]:
    per_row = mosaic.shape[1] // frame.columns if frame.columns else 0
    if per_row == 0 or frame.index >= per_row * (mosaic.shape[0] // frame.rows):
        raise DistcorrError(
            Code.PIXELS_UNREADABLE,
            "the pixel data does not fit its header",
            f"decoded {mosaic.shape} for tile {frame.index + 1} in {frame.path}",
        )
    row, column = divmod(frame.index, per_row)
    top, left = row * frame.rows, column * frame.columns
    return mosaic[top : top + frame.rows, left : left + frame.columns]


def load_stack(stack: Stack) -> Volume:
    """Load the pixels of a stack onto its grid.

    Parameters
    ----------
    stack : Stack

    Returns
    -------
    Volume
        Stored integers if no slice is rescaled, else float32. A stack that is
        not regular is interpolated linearly; ``valid`` is False where slices
        are missing and where pixels are padding.

    Raises
    ------
    DistcorrError
        ``pixels-unreadable``, ``no-pixels``, ``bad-format``, ``too-large``.
    """
    if math.prod(stack.grid.size) > MAXIMUM_VOXELS:
        raise DistcorrError(
            Code.TOO_LARGE,
            "the volume is too large to load",
            f"{stack.grid.size} voxels, the limit is {MAXIMUM_VOXELS}",
        )
    images, measured = _read_slices(stack.frames)
    if stack.slots is None:
        return _resample(stack, images, measured)
    slots = list(stack.slots)
    if slots == list(range(stack.grid.size[2])):
        return Volume(images, stack.grid, None if measured.all() else measured)
    array = np.zeros(stack.grid.shape, dtype=images.dtype)
    valid = np.zeros(stack.grid.shape, dtype=np.bool_)
    array[slots], valid[slots] = images, measured
    return Volume(array, stack.grid, None if valid.all() else valid)


def _read_slices(frames: Sequence[Frame]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read slices in order: rescaled values and where they are measurements."""
    reader = PixelReader()
    scaled = any(frame.slope != 1 or frame.intercept != 0 for frame in frames)
    first = frames[0]
    shape = (len(frames), first.rows, first.columns)
    images: NDArray[Any] | None = None
    measured = np.ones(shape, dtype=np.bool_)
    # File by file, so that a multi-frame file is decoded once whatever its order.
    for k in sorted(range(len(frames)), key=lambda k: (str(frames[k].path), frames[k].index)):
        frame, stored = frames[k], reader.stored(frames[k])
        if images is None:
            images = np.zeros(shape, dtype=np.float32 if scaled else stored.dtype)
        if not scaled:
            images = _widened(images, stored.dtype)
        images[k] = stored * frame.slope + frame.intercept if scaled else stored
        if frame.padding is not None:
            measured[k] = ~_is_padding(stored, frame.padding)
    assert images is not None  # a stack has at least two slices
    return images, measured


def _widened(images: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Make room for slices of another integer type in one series."""
    return images.astype(np.result_type(images.dtype, dtype), copy=False)


def _is_padding(stored: NDArray[Any], padding: tuple[int, int]) -> NDArray[np.bool_]:
    """Find padding; headers give a signed value for unsigned pixels and vice versa."""
    low, high = padding
    bits = 8 * stored.dtype.itemsize
    found = (stored >= low) & (stored <= high)
    if stored.dtype.kind in "iu" and low == high:
        found |= stored.astype(np.int64) % 2**bits == low % 2**bits
    return np.asarray(found, dtype=np.bool_)


def _resample(stack: Stack, images: NDArray[Any], measured: NDArray[np.bool_]) -> Volume:
    """Interpolate linearly between the two neighbouring slices of each grid slice.

    Each slice is first moved sideways to where it belongs in the plane. Where the
    neighbours are further apart than a hole allows, only what lies within half a
    spacing of a slice is valid, and that from this slice alone.
    """
    spacing = float(stack.grid.spacing[2])
    columns, rows, count = stack.grid.size
    low = np.rint(
        (stack.grid.direction[:, :2].T @ (stack.grid.origin_lps - stack.frames[0].position_lps))
        / stack.grid.spacing[:2]
    )
    array = np.zeros((count, rows, columns), dtype=np.float32)
    valid = np.zeros((count, rows, columns), dtype=np.bool_)
    for k in range(count):
        for index, weight in _neighbours(stack.along, k * spacing, spacing):
            shift = stack.sideways[index] / stack.grid.spacing[:2] - low
            values, weights = _shifted(images[index], measured[index], shift, (rows, columns))
            array[k] += weight * values
            valid[k] = weights if not valid[k].any() else valid[k] & weights
    array[~valid] = 0
    return Volume(array, stack.grid, None if valid.all() else valid)


def _neighbours(
    along: NDArray[np.float64], position: float, spacing: float
) -> list[tuple[int, float]]:
    """Slices and weights that make up the place ``position`` (mm along the normal)."""
    after = int(np.clip(np.searchsorted(along, position), 1, along.size - 1))
    before = after - 1
    gap = float(along[after] - along[before])
    share = float(np.clip((position - along[before]) / gap, 0, 1))
    if gap > MISSING_FRACTION * spacing:
        nearest = before if share < 0.5 else after
        near = abs(float(along[nearest]) - position) <= spacing / 2
        return [(nearest, 1.0)] if near else []
    pairs = [(before, 1 - share), (after, share)]
    return [(index, weight) for index, weight in pairs if weight > 1 - _VALID_WEIGHT]


def _shifted(
    image: NDArray[Any],
    measured: NDArray[np.bool_],
    shift: NDArray[np.float64],
    shape: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Move a slice by (columns, rows) pixels into a larger plane, bilinearly."""
    unscaled = np.eye(2)  # older SciPy warns of its diagonal alone
    offset = (-shift[1], -shift[0])
    values = ndimage.affine_transform(
        image.astype(np.float32), unscaled, offset, shape, order=1, mode="constant"
    )
    weights = ndimage.affine_transform(
        measured.astype(np.float32), unscaled, offset, shape, order=1, mode="constant"
    )
    return values, weights > _VALID_WEIGHT
