"""Sample a volume at continuous indices, as ITK's interpolators do.

A point counts as inside up to half a voxel beyond the outermost centres. There
the cubic B-spline mirrors the image at the centres, linear and nearest repeat
the outermost voxel.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.ndimage import spline_filter

from distcorr.field.bspline import cubic_weights

Array = NDArray[np.float64]


class Interpolation(StrEnum):
    """How a value between voxels is found."""

    BSPLINE = "bspline"
    LINEAR = "linear"
    NEAREST = "nearest"


class Sampler:
    """A volume prepared for sampling.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
    interpolation : Interpolation
    """

    def __init__(self, array: NDArray[Any], interpolation: Interpolation) -> None:
        self.interpolation = interpolation
        # float32 carries 24 bits: enough for 16-bit images, at half the memory.
        narrow = array.dtype.itemsize <= 2 or array.dtype == np.float32
        kind = np.float32 if narrow else np.float64
        if interpolation is Interpolation.BSPLINE:
            self._values = spline_filter(array, order=3, output=kind, mode="mirror")
        else:
            self._values = np.ascontiguousarray(array, dtype=kind)

    def __call__(self, index: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Sample at continuous indices.

        Parameters
        ----------
        index : ndarray, shape (n, 3)
            (i, j, k); NaN counts as outside.

        Returns
        -------
        values : ndarray, shape (n,)
            Zero outside.
        inside : ndarray of bool, shape (n,)
        """
        values = np.zeros(len(index))
        inside = np.zeros(len(index), dtype=np.bool_)
        kernel = {
            Interpolation.BSPLINE: _bspline,
            Interpolation.LINEAR: _linear,
            Interpolation.NEAREST: _nearest,
        }[self.interpolation]
        kernel(self._values, np.ascontiguousarray(index), values, inside)
        return values, inside


@njit(cache=True, inline="always")
def _within(x, y, z, shape):  # type: ignore[no-untyped-def]
    """Whether an index lies within half a voxel of the centres; false for NaN."""
    return -0.5 <= x < shape[2] - 0.5 and -0.5 <= y < shape[1] - 0.5 and -0.5 <= z < shape[0] - 0.5


@njit(cache=True, inline="always")
def _clamp(index, n):  # type: ignore[no-untyped-def]
    return min(max(index, 0), n - 1)


@njit(cache=True, inline="always")
def _mirror(index, n):  # type: ignore[no-untyped-def]
    """Reflect an index at the outermost centres, again and again in thin volumes."""
    if n == 1:
        return 0
    period = 2 * (n - 1)
    index = index % period
    return period - index if index >= n else index


@njit(cache=True, parallel=True)
def _bspline(c, index, values, inside):  # type: ignore[no-untyped-def]
    for p in prange(index.shape[0]):
        x, y, z = index[p, 0], index[p, 1], index[p, 2]
        if not _within(x, y, z, c.shape):
            continue
        wx, wy, wz = np.empty(4), np.empty(4), np.empty(4)
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        cubic_weights(x - i, wx)
        cubic_weights(y - j, wy)
        cubic_weights(z - k, wz)
        total = 0.0
        for a in range(4):
            plane = _mirror(k + a - 1, c.shape[0])
            for b in range(4):
                row = _mirror(j + b - 1, c.shape[1])
                w = wz[a] * wy[b]
                for d in range(4):
                    total += w * wx[d] * c[plane, row, _mirror(i + d - 1, c.shape[2])]
        values[p] = total
        inside[p] = True


@njit(cache=True, parallel=True)
def _linear(array, index, values, inside):  # type: ignore[no-untyped-def]
    for p in prange(index.shape[0]):
        x, y, z = index[p, 0], index[p, 1], index[p, 2]
        if not _within(x, y, z, array.shape):
            continue
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        fx, fy, fz = x - i, y - j, z - k
        total = 0.0
        for a in range(2):
            plane = _clamp(k + a, array.shape[0])
            wz = fz if a else 1.0 - fz
            for b in range(2):
                row = _clamp(j + b, array.shape[1])
                w = wz * (fy if b else 1.0 - fy)
                left = array[plane, row, _clamp(i, array.shape[2])]
                right = array[plane, row, _clamp(i + 1, array.shape[2])]
                total += w * ((1.0 - fx) * left + fx * right)
        values[p] = total
        inside[p] = True


@njit(cache=True, parallel=True)
def _nearest(array, index, values, inside):  # type: ignore[no-untyped-def]
    for p in prange(index.shape[0]):
        x, y, z = index[p, 0], index[p, 1], index[p, 2]
        if not _within(x, y, z, array.shape):
            continue
        i, j, k = int(np.floor(x + 0.5)), int(np.floor(y + 0.5)), int(np.floor(z + 0.5))
        values[p] = array[k, j, i]
        inside[p] = True
