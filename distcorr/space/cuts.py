"""How a volume shows itself: its middle cuts in three planes, and its facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distcorr.display import (
    EdgeLetters,
    Picture,
    card,
    framed,
    grey_pixels,
    pixel_image,
    robust_window,
)
from distcorr.space.grid import Grid

if TYPE_CHECKING:
    from distcorr.space.volume import Volume

Array = NDArray[np.float64]
Image = NDArray[np.float32]

LONGEST_PIXELS = 200
"""Of the longest side of the field of view; three pictures fit beside each other."""

TILT_SHOWN_DEG = 0.5
"""Below it a grid is told as straight: its edges leave the named axes by less than a
voxel in a hundred."""

SECOND_LETTER = 0.2
"""Component of an oblique edge's direction from which a second letter names it."""

_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))
"""Ends of the LPS axes: where they come from and where they go."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Anatomical axes (0 left, 1 posterior, 2 superior) of a plane on the page."""

    name: str
    normal: int
    right: int
    down: int
    down_sign: int


# As radiologists hang them: the patient's left on the right, head or nose up.
_LAYOUTS = (
    _Layout("axial", 2, 0, 1, 1),
    _Layout("coronal", 1, 0, 2, -1),
    _Layout("sagittal", 0, 1, 2, -1),
)


@dataclass(frozen=True, eq=False)
class Cut:
    """The middle cut of a volume along one plane of its own grid.

    Attributes
    ----------
    name : str
        Of the anatomical plane that it is nearest to.
    image : ndarray of float32, shape (rows, columns)
        Nearest voxels on square pixels; NaN where nothing is measured.
    letters : EdgeLetters
    centre_lps : ndarray, shape (3,)
        Middle of the cut, patient LPS, mm.
    axis : int
        Of patient LPS, nearest to the cut's normal.
    """

    name: str
    image: Image
    letters: EdgeLetters
    centre_lps: Array
    axis: int


def volume_card(volume: Volume) -> str:
    """Show a volume as HTML; see :func:`distcorr.display.card`."""
    cuts = middle_cuts(volume)
    window = robust_window([cut.image for cut in cuts])
    pictures = [_picture(cut, window) for cut in cuts]
    return card("Volume", pictures, list(_facts(volume, window)))


def middle_cuts(volume: Volume) -> tuple[Cut, ...]:
    """Cut a volume axially, coronally and sagittally through its middle.

    An oblique grid is cut along its own planes. Nothing but the voxels that are
    shown is copied, and a grid with other order or signs of the same axes gives
    the same pictures.

    Returns
    -------
    tuple of Cut
        Axial, coronal, sagittal.
    """
    oriented = _Oriented.of(volume.grid)
    array = oriented.view(volume.array)
    valid = None if volume.valid is None else oriented.view(volume.valid)
    pixel_mm = float(oriented.extent_mm.max()) / LONGEST_PIXELS
    return tuple(_cut(layout, oriented, array, valid, pixel_mm) for layout in _LAYOUTS)


def value_range(array: NDArray[Any]) -> tuple[float, float, int]:
    """Least and largest value and the number of voxels that are not a number.

    Slice by slice, so that no copy of a large volume is made. NaN and NaN if
    there is no number.
    """
    low, high, missing = np.nan, np.nan, 0
    for part in array:
        low = np.fmin(low, float(np.fmin.reduce(part, axis=None)))
        high = np.fmax(high, float(np.fmax.reduce(part, axis=None)))
        if np.issubdtype(array.dtype, np.inexact):
            missing += int(np.isnan(part).sum())
    return float(low), float(high), missing


@dataclass(frozen=True, eq=False)
class _Oriented:
    """A grid with its axes in the order and sense of L, P, S.

    Attributes
    ----------
    axes : tuple of int
        Axis of the grid (0 for i) that is nearest to L, P and S.
    signs : tuple of int
        -1 where it runs the other way.
    directions_lps : ndarray, shape (3, 3)
        Rows are the unit vectors of the axes after that.
    extent_mm : ndarray, shape (3,)
    grid : Grid
    """

    axes: tuple[int, ...]
    signs: tuple[int, ...]
    directions_lps: Array
    extent_mm: Array
    grid: Grid

    @classmethod
    def of(cls, grid: Grid) -> _Oriented:
        along = np.abs(grid.direction)
        axes = max(permutations(range(3)), key=lambda p: along[np.arange(3), list(p)].sum())
        signs = tuple(-1 if grid.direction[a, axes[a]] < 0 else 1 for a in range(3))
        directions = grid.direction[:, axes].T * np.array(signs)[:, None]
        return cls(axes, signs, directions, grid.extent[list(axes)], grid)

    def view(self, array: NDArray[Any]) -> NDArray[Any]:
        """Turn an array (k, j, i) to (L, P, S) without copying it."""
        turned = array.transpose([2 - axis for axis in self.axes])
        return turned[tuple(slice(None, None, sign) for sign in self.signs)]

    def centre_lps(self, normal: int, index: int) -> Array:
        """Middle of the slice with a number along one of the turned axes."""
        place = (np.array(self.grid.size) - 1) / 2
        axis = self.axes[normal]
        place[axis] = index if self.signs[normal] > 0 else self.grid.size[axis] - 1 - index
        return self.grid.origin_lps + self.grid.direction @ (self.grid.spacing * place)

    @property
    def tilt_deg(self) -> float:
        """Largest angle between an axis and the anatomical one that it is nearest to."""
        return float(np.degrees(np.arccos(np.clip(np.diag(self.directions_lps), -1, 1)).max()))


def _cut(
    layout: _Layout,
    oriented: _Oriented,
    array: NDArray[Any],
    valid: NDArray[np.bool_] | None,
    pixel_mm: float,
) -> Cut:
    middle = array.shape[layout.normal] // 2
    rows = _sampled(array.shape[layout.down], oriented.extent_mm[layout.down], pixel_mm)
    columns = _sampled(array.shape[layout.right], oriented.extent_mm[layout.right], pixel_mm)
    picked: list[Any] = [0, 0, 0]
    picked[layout.normal] = middle
    picked[layout.down] = rows[:: layout.down_sign, None]
    picked[layout.right] = columns[None, :]
    image = array[tuple(picked)].astype(np.float32)
    if valid is not None:
        image[~valid[tuple(picked)]] = np.nan
    right = oriented.directions_lps[layout.right]
    down = layout.down_sign * oriented.directions_lps[layout.down]
    centre = oriented.centre_lps(layout.normal, middle)
    letters = EdgeLetters(
        _end_letters(-right), _end_letters(right), _end_letters(-down), _end_letters(down)
    )
    name = layout.name if oriented.tilt_deg < TILT_SHOWN_DEG else f"near {layout.name}"
    return Cut(name, image, letters, centre, layout.normal)


def _sampled(voxels: int, extent_mm: float, pixel_mm: float) -> NDArray[np.intp]:
    """Numbers of the voxels that lie under the pixels of one side."""
    count = max(1, round(float(extent_mm) / pixel_mm))
    return ((np.arange(count) + 0.5) / count * voxels).astype(np.intp)


def _end_letters(direction_lps: Array) -> str:
    """Name where a direction leads: by one letter, or two if it is oblique."""
    order = np.argsort(-np.abs(direction_lps), kind="stable")[:2]
    return "".join(
        _LETTERS[axis][int(direction_lps[axis] > 0)]
        for number, axis in enumerate(order)
        if number == 0 or abs(direction_lps[axis]) > SECOND_LETTER
    )


def _picture(cut: Cut, window: tuple[float, float]) -> Picture:
    edges = cut.letters
    where = f"{cut.name}, {'xyz'[cut.axis]} = {cut.centre_lps[cut.axis]:.1f} mm"
    where += " in its middle" if cut.name.startswith("near") else ""
    return Picture(
        pixel_image(framed(grey_pixels(cut.image, window), edges)),
        where,
        f"{where}; edges: left {edges.left}, right {edges.right}, top {edges.top}, "
        f"bottom {edges.bottom}",
    )


def _facts(volume: Volume, window: tuple[float, float]) -> Iterator[tuple[str, str]]:
    grid = volume.grid
    low, high, missing = value_range(volume.array)
    origin = ", ".join(f"{x:.2f}" for x in grid.origin_lps)
    yield "size", f"{_by(grid.size, 'd')} voxels along i, j, k"
    yield "spacing", f"{_by(grid.spacing)} mm"
    yield "field of view", f"{_by(grid.extent, '.1f')} mm"
    yield "orientation", _orientation(grid)
    yield "frame", f"patient LPS, mm; centre of the first voxel at ({origin})"
    if missing == volume.array.size:
        yield "values", "none is a number"
    else:
        yield (
            "values",
            f"{low:.6g} to {high:.6g}"
            + (
                f"; {missing / volume.array.size:.1%} of voxels are not a number" if missing else ""
            ),
        )
        yield "shown", f"black at {window[0]:.4g}, white at {window[1]:.4g}"
    if volume.valid is not None:
        yield "valid", f"{volume.valid.mean():.1%} of voxels; blue where nothing is measured"
    yield "stored as", f"{volume.array.dtype}, {_bytes(volume.array.nbytes)}"


def _orientation(grid: Grid) -> str:
    ends = (_end_letters(grid.direction[:, axis])[0] for axis in range(3))
    runs = ", ".join(f"{name} to {end}" for name, end in zip("ijk", ends, strict=True))
    tilt = _Oriented.of(grid).tilt_deg
    return f"{runs}; {'straight' if tilt < TILT_SHOWN_DEG else f'tilted by up to {tilt:.1f} deg'}"


def _by(values: Iterable[float], form: str = ".4g") -> str:
    return " x ".join(format(value, form) for value in values)


def _bytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1_000_000 else f"{count / 1e3:.1f} kB"
