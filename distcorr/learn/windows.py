"""Window means on a dense grid of which only some points are measured.

A window is much wider than the distance of samples, so its sums are formed in
cells of a few samples and interpolated between their centres.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

CELLS_PER_WINDOW = 4.5
"""Cells across a window, about: a cell's box widens the window by a fiftieth."""

BATCH = 4096

_EMPTY = 1e-9
"""Least sum of measured samples; counts are whole numbers, exact through the filter."""


class Places(NamedTuple):
    """Where sample points lie among the cells; arrays that kernels take as they are.

    Attributes
    ----------
    zyx : ndarray of int16, shape (m, 3)
        z, y, x of each point in the dense grid, planes in ascending order.
    cell, low, high : ndarray of int16, shape (3, longest side)
        For z, y and x: by index, the cell that holds it and those to interpolate between.
    share : ndarray of float32, shape (longest side,)
        Weight of the latter.
    first : ndarray of int, shape (cells along z + 1,)
        First point of each plane of cells, then m.
    """

    zyx: NDArray[np.int16]
    cell: NDArray[np.int16]
    low: NDArray[np.int16]
    high: NDArray[np.int16]
    share: Float32
    first: NDArray[np.intp]

    @classmethod
    def of(cls, shape: tuple[int, int, int], where: NDArray[np.intp], edge: int) -> Places:
        """Find the points at ascending flat indices in cells of a given edge."""
        zyx = np.empty((len(where), 3), np.int16)
        _split(where, shape, zyx)
        along = np.arange(max(shape))
        at = (along + 0.5) / edge - 0.5
        low = np.floor(at)
        cells = np.array([(n + edge - 1) // edge for n in shape])
        last = (cells - 1)[:, None]
        planes = np.arange(cells[0] + 1) * (edge * shape[1] * shape[2])
        return cls(
            zyx,
            np.minimum(along // edge, last).astype(np.int16),
            np.clip(low, 0, last).astype(np.int16),
            np.clip(low + 1, 0, last).astype(np.int16),
            (at - low).astype(np.float32),
            np.searchsorted(where, planes),
        )


class Windows:
    """Window means on a dense grid of which only some points are measured.

    Parameters
    ----------
    shape : tuple of int
        Shape (z, y, x) of the dense grid.
    where : ndarray of int, shape (m,)
        Flat indices of the sample points, ascending.
    valid : ndarray of bool, shape (m,)
        Which samples are measured in both images.
    half_width : int
        Half the window's width in grid steps; the window is the twofold box of
        that half width, close to a Gaussian.

    Attributes
    ----------
    places : Places
    cells : tuple of int
        Number of cells along z, y and x.
    valid : ndarray of bool, shape (m,)
    share : ndarray of float32, shape (m,)
        Part of each point's window that was measured, 0 to 1.
    per_measured : ndarray of float32, shape (m,)
        What turns sums at the points into means; 0 where nothing was measured.
    """

    places: Places
    cells: tuple[int, int, int]
    valid: Bools
    share: Float32
    per_measured: Float32

    def __init__(
        self,
        shape: tuple[int, int, int],
        where: NDArray[np.intp],
        valid: Bools,
        half_width: int,
    ) -> None:
        width = 2 * half_width + 1
        edge = max(1, round(width / CELLS_PER_WINDOW))
        self._width = 2 * round((width / edge - 1) / 2) + 1  # the nearest odd number
        z, y, x = ((n + edge - 1) // edge for n in shape)
        self.cells = (z, y, x)
        self.places = Places.of(shape, where, edge)
        self.valid = valid
        ones = np.ones((len(where), 1), np.float32)
        measured = self._interpolated(self._summed(ones), ones[:, 0])[:, 0]
        self.share = measured / np.float32(edge**3)
        some = measured > _EMPTY
        self.per_measured = np.where(some, 1 / np.where(some, measured, 1), 0).astype(np.float32)

    def means(self, *values: Float32) -> list[Float32]:
        """Window means over the measured samples, each of shape (m,)."""
        found = self._interpolated(self._summed(np.stack(values, axis=1)), self.per_measured)
        return [np.ascontiguousarray(found[:, n]) for n in range(len(values))]

    def smoothed(self, sums: Array) -> Float32:
        """Filter sums in cells (z, y, x, n) over the window; they are overwritten."""
        nz, ny, nx, n = sums.shape
        spare = np.empty_like(sums)
        for lines in ((1, nz, ny * nx * n), (nz, ny, nx * n), (nz * ny, nx, n)):
            _sum_along(sums.reshape(lines), self._width // 2, spare.reshape(lines))
            _sum_along(spare.reshape(lines), self._width // 2, sums.reshape(lines))
        return (sums / float(self._width**6)).astype(np.float32)

    def _summed(self, values: Float32) -> Float32:
        """Sum values (m, n) over the windows around cells, shape (z, y, x, n)."""
        sums = np.zeros((*self.cells, values.shape[1]))
        _sum_in_cells(self.places, self.valid, values, sums)
        return self.smoothed(sums)

    def _interpolated(self, sums: Float32, factor: Float32) -> Float32:
        """Interpolate sums (z, y, x, n) at the points, times a factor (m,); shape (m, n)."""
        out = np.empty((len(factor), sums.shape[-1]), np.float32)
        _interpolate(self.places, sums, factor, out)
        return out


_STRIP = 1024


@njit(cache=True, parallel=True)
def _sum_along(values, half, out):  # type: ignore[no-untyped-def]
    """Sum over ``2 half + 1`` along the middle axis; nothing lies beyond its ends."""
    lines, length, width = values.shape
    strips = (width + _STRIP - 1) // _STRIP
    for part in prange(lines * strips):
        line, begin = part // strips, part % strips * _STRIP
        end = min(begin + _STRIP, width)
        total = np.zeros(end - begin)
        for at in range(-half, length):
            if at + half < length:
                total += values[line, at + half, begin:end]
            if at - half > 0:
                total -= values[line, at - half - 1, begin:end]
            if at >= 0:
                out[line, at, begin:end] = total


@njit(cache=True, parallel=True)
def _split(where, shape, zyx):  # type: ignore[no-untyped-def]
    for p in prange(where.shape[0]):
        line = where[p] // shape[2]
        zyx[p, 0] = line // shape[1]
        zyx[p, 1] = line % shape[1]
        zyx[p, 2] = where[p] % shape[2]


@njit(cache=True, parallel=True)
def _sum_in_cells(places, valid, values, sums):  # type: ignore[no-untyped-def]
    # A plane of cells has points of its own: no two threads add to one cell.
    for plane in prange(sums.shape[0]):
        for p in range(places.first[plane], places.first[plane + 1]):
            if valid[p]:
                j, i = places.cell[1, places.zyx[p, 1]], places.cell[2, places.zyx[p, 2]]
                for n in range(values.shape[1]):
                    sums[plane, j, i, n] += values[p, n]


@njit(cache=True, parallel=True)
def _interpolate(places, sums, factor, out):  # type: ignore[no-untyped-def]
    count = out.shape[0]
    for batch in prange((count + BATCH - 1) // BATCH):
        total = np.empty(sums.shape[3], np.float32)
        for p in range(batch * BATCH, min(count, (batch + 1) * BATCH)):
            sums_at(places, p, sums, total)
            for n in range(total.shape[0]):
                out[p, n] = total[n] * factor[p]


@njit(cache=True)
def sums_at(places, p, sums, total):  # type: ignore[no-untyped-def]
    """Interpolate sums (z, y, x, n) at point ``p`` into ``total``, shape (n,)."""
    z, y, x = places.zyx[p, 0], places.zyx[p, 1], places.zyx[p, 2]
    w, v, u = places.share[z], places.share[y], places.share[x]
    i0, i1 = places.low[2, x], places.high[2, x]
    total[:] = 0.0
    one = np.float32(1.0)
    for upper in range(2):
        k = places.high[0, z] if upper else places.low[0, z]
        by_z = w if upper else one - w
        for right in range(2):
            j = places.high[1, y] if right else places.low[1, y]
            by_y = by_z * (v if right else one - v)
            first, second = sums[k, j, i0], sums[k, j, i1]
            f, s = by_y * (one - u), by_y * u
            for n in range(total.shape[0]):
                total[n] += f * first[n] + s * second[n]
