"""Where the headers say that each slice lies: the truth that readers are judged by.

Each frame is read on its own with pydicom, and its pixels are placed by its own
position, orientation and pixel spacing (PS3.3 C.7.6.2.1.1); no order, no spacing
between slices and no grid is assumed. Siemens mosaics say it in a private header,
which nibabel reads. Nothing of distcorr is used.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

Array = NDArray[np.float64]

PARALLEL = 1e-3
"""Largest difference of direction cosines within a stack: 0.5 mm over 500 mm."""


@dataclass(frozen=True, eq=False)
class Slice:
    """One frame.

    Attributes
    ----------
    source : str
        File, and the number of the frame where there are several.
    pixels : ndarray, shape (rows, columns)
        As stored.
    P_lps_pixel : ndarray, shape (3, 3)
        Takes (column, row, 1) to patient LPS, mm.
    """

    source: str
    pixels: NDArray[Any]
    P_lps_pixel: Array

    @cached_property
    def values(self) -> Array:
        """The pixels as they are interpolated."""
        return self.pixels.astype(np.float64)

    @property
    def normal_lps(self) -> Array:
        """Unit normal, rows cross columns."""
        normal = np.cross(self.P_lps_pixel[:, 0], self.P_lps_pixel[:, 1])
        return np.asarray(normal / np.linalg.norm(normal))

    @property
    def corner_pixels(self) -> NDArray[np.intp]:
        """(column, row) of the four corner pixels, shape (4, 2)."""
        rows, columns = self.pixels.shape
        return np.array([(c, r) for c in (0, columns - 1) for r in (0, rows - 1)])

    def lps(self, pixels: NDArray[Any]) -> Array:
        """Places (m, 3) of pixels (m, 2), column before row."""
        return np.column_stack([pixels, np.ones(len(pixels))]) @ self.P_lps_pixel.T


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of one series that have one orientation and size.

    Attributes
    ----------
    folder, name : str
        The name tells the stacks of a folder apart.
    slices : tuple of Slice
        Empty where the headers do not say where the pixels are.
    unplaced, unreadable : int
        Frames without a place, and frames that can't be decoded.
    """

    folder: str
    name: str
    slices: tuple[Slice, ...]
    unplaced: int = 0
    unreadable: int = 0

    @property
    def decidable(self) -> bool:
        """Whether the headers say where the slices are."""
        return bool(self.slices)


def read_stacks(folder: str, files: Sequence[Path]) -> list[Stack]:
    """Read what some files of one folder hold, sorted into stacks."""
    by_series: dict[str, list[Path]] = {}
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the data are odd on purpose
            header = dcmread(path, stop_before_pixels=True)
        if "Rows" in header:
            by_series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append(path)
    found = [stack for paths in by_series.values() for stack in _stacks_of(folder, paths)]
    return [_renamed(stack, n, len(found)) for n, stack in enumerate(found, start=1)]


def _renamed(stack: Stack, number: int, count: int) -> Stack:
    if count == 1:
        return stack
    return Stack(stack.folder, f"{stack.name} {number}", stack.slices, stack.unplaced,
                 stack.unreadable)  # fmt: skip


def _stacks_of(folder: str, paths: Sequence[Path]) -> list[Stack]:
    groups: list[list[Slice]] = []
    unplaced = unreadable = 0
    for path in paths:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                frames = list(_slices(dcmread(path)))
        except _UnplacedError:
            unplaced += 1
            continue
        except Exception:  # decoders raise what they like
            unreadable += 1
            continue
        for n, (pixels, P) in enumerate(frames):
            source = path.name if len(frames) == 1 else f"{path.name} frame {n + 1}"
            _add(groups, Slice(source, pixels, P))
    if not groups:
        return [Stack(folder, "all", (), unplaced, unreadable)]
    stacks = [Stack(folder, _plane(group[0]), tuple(group)) for group in groups]
    first = stacks[0]
    return [Stack(folder, first.name, first.slices, unplaced, unreadable), *stacks[1:]]


def _add(groups: list[list[Slice]], one: Slice) -> None:
    """Put a slice to those of its orientation and size."""
    axes = _axes(one)
    for group in groups:
        same = np.abs(_axes(group[0]) - axes).max() <= PARALLEL
        if same and group[0].pixels.shape == one.pixels.shape:
            group.append(one)
            return
    groups.append([one])


def _axes(one: Slice) -> Array:
    steps = one.P_lps_pixel[:, :2]
    return np.asarray(steps / np.linalg.norm(steps, axis=0))


def _plane(one: Slice) -> str:
    return ("sagittal", "coronal", "axial")[int(np.abs(one.normal_lps).argmax())]


class _UnplacedError(Exception):
    """The header does not say where the pixels are."""


def _slices(header: Dataset) -> Iterator[tuple[NDArray[Any], Array]]:
    """Pixels and places of the frames of one file."""
    if "MOSAIC" in header.get("ImageType", ()):
        yield from _tiles(header)
        return
    frames = int(header.get("NumberOfFrames", 1))
    groups = header.get("PerFrameFunctionalGroupsSequence")
    if groups is None and frames > 1:
        raise _UnplacedError
    places = [_place(header, group) for group in (groups or [None])]
    pixels = header.pixel_array.reshape(len(places), header.Rows, header.Columns)
    yield from zip(pixels, places, strict=True)


def _place(header: Dataset, group: Dataset | None) -> Array:
    """Matrix from (column, row, 1) to LPS of one frame."""
    shared = header.get("SharedFunctionalGroupsSequence", [None])[0]
    sources = [one for one in (group, shared) if one is not None]

    def find(sequence: str, keyword: str, count: int) -> Array:
        if group is None:
            value = header.get(keyword)
        else:
            items = [one[sequence][0] for one in sources if sequence in one]
            value = items[0].get(keyword) if items else None
        if value is None or len(value) != count:
            raise _UnplacedError
        return np.array(value, dtype=np.float64)

    position = find("PlanePositionSequence", "ImagePositionPatient", 3)
    cosines = find("PlaneOrientationSequence", "ImageOrientationPatient", 6)
    # The first is the distance between rows, so the step down a column.
    between_rows, between_columns = find("PixelMeasuresSequence", "PixelSpacing", 2)
    return np.column_stack([cosines[:3] * between_columns, cosines[3:] * between_rows, position])


def _tiles(header: Dataset) -> Iterator[tuple[NDArray[Any], Array]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nibabel calls its own readers experimental
        from nibabel.nicom.dicomwrappers import wrapper_from_data
    wrapper = wrapper_from_data(header)
    volume, affine = wrapper.get_data(), np.asarray(wrapper.affine, dtype=np.float64)
    for k in range(volume.shape[2]):
        # nibabel counts rows first.
        origin = affine[:3, 3] + k * affine[:3, 2]
        yield volume[:, :, k], np.column_stack([affine[:3, 1], affine[:3, 0], origin])
