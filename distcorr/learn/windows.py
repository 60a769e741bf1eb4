"""Window means on a dense grid of which only some points are measured.

A window is much wider than the distance of samples, so its sums are formed in
cells of a few samples and interpolated between their centres.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

CELLS_PER_WINDOW = 4.5
"""Cells across a window, about: a cell's box widens the window by a fiftieth."""

_BATCH = 4096

_EMPTY = 1e-9


class Windows:
    """Window means on a dense grid of which only some points are measured.

    Parameters
    ----------
    shape : tuple of int
        Shape (z, y, x) of the dense grid.
    where : ndarray of int, shape (m,)
        Flat indices of the sample points.
    valid : ndarray of bool, shape (m,)
        Which samples are measured in both images.
    half_width : int
        Half the window's width in grid steps; the window is the twofold box of
        that half width, close to a Gaussian.

    Attributes
    ----------
    share : ndarray of float32, shape (m,)
        Part of each point's window that was measured, 0 to 1.
    """

    share: Float32

    def __init__(
        self,
        shape: tuple[int, int, int],
        where: NDArray[np.intp],
        valid: NDArray[np.bool_],
        half_width: int,
    ) -> None:
        width = 2 * half_width + 1
        self._edge = max(1, round(width / CELLS_PER_WINDOW))
        self._width = 2 * round((width / self._edge - 1) / 2) + 1  # the nearest odd number
        self._shape = shape
        self._where = where
        self._valid = valid
        self._cells = tuple((n + self._edge - 1) // self._edge for n in shape)
        (self._measured,) = self._smoothed(np.ones((1, len(where)), np.float32))
        full = float(self._edge**3)
        (self.share,) = self._at_points(self._measured[None], np.full(self._cells, full))

    def means(self, *values: Float32) -> list[Float32]:
        """Window means over the measured samples, each of shape (m,)."""
        return list(self._at_points(self._smoothed(np.stack(values)), self._measured))

    def _smoothed(self, values: Float32) -> Array:
        """Sum values (n, m) in cells and filter over the window, shape (n, z, y, x)."""
        sums = np.zeros((len(values), *self._cells))
        _sum_in_cells(self._where, self._shape, self._edge, self._valid, values, sums)
        with ThreadPoolExecutor() as pool:
            return np.stack(list(pool.map(self._filtered, sums)))

    def _filtered(self, sums: Array) -> Array:
        for axis in range(3):
            for _ in range(2):
                sums = uniform_filter1d(sums, self._width, axis=axis, mode="constant")
        return sums

    def _at_points(self, sums: Array, measured: Array) -> Float32:
        """Interpolate the ratio of sums (n, z, y, x) to what was measured, shape (n, m)."""
        out = np.empty((len(sums), len(self._where)), np.float32)
        _interpolate(self._where, self._shape, self._edge, sums, measured, out)
        return out


@njit(cache=True, parallel=True)
def _sum_in_cells(where, shape, edge, valid, values, sums):  # type: ignore[no-untyped-def]
    for n in prange(values.shape[0]):
        for p in range(where.shape[0]):
            if valid[p]:
                line = where[p] // shape[2]
                x, y, z = where[p] % shape[2], line % shape[1], line // shape[1]
                sums[n, z // edge, y // edge, x // edge] += values[n, p]


@njit(cache=True, parallel=True)
def _interpolate(where, shape, edge, sums, measured, out):  # type: ignore[no-untyped-def]
    fields, nz, ny, nx = sums.shape
    count = where.shape[0]
    for batch in prange((count + _BATCH - 1) // _BATCH):
        total = np.empty(fields)
        for p in range(batch * _BATCH, min(count, (batch + 1) * _BATCH)):
            line = where[p] // shape[2]
            u = (where[p] % shape[2] + 0.5) / edge - 0.5
            v = (line % shape[1] + 0.5) / edge - 0.5
            w = (line // shape[1] + 0.5) / edge - 0.5
            i, j, k = int(np.floor(u)), int(np.floor(v)), int(np.floor(w))
            total[:] = 0.0
            weight = 0.0
            for corner in range(8):
                ii, jj, kk = i + corner % 2, j + corner // 2 % 2, k + corner // 4
                share = abs(u - (2 * i + 1 - ii)) * abs(v - (2 * j + 1 - jj))
                share *= abs(w - (2 * k + 1 - kk))
                ii, jj, kk = (
                    min(max(ii, 0), nx - 1),
                    min(max(jj, 0), ny - 1),
                    min(max(kk, 0), nz - 1),
                )
                weight += share * measured[kk, jj, ii]
                for n in range(fields):
                    total[n] += share * sums[n, kk, jj, ii]
            for n in range(fields):
                out[n, p] = total[n] / weight if weight > _EMPTY else 0.0
