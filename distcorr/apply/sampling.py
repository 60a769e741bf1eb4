"""Sample a volume at continuous indices, as ITK's interpolators do.

A point counts as inside up to half a voxel beyond the outermost centres. There
the cubic B-spline mirrors the image at the centres; linear, sinc and nearest
repeat the outermost voxel.

The windowed sinc is Lanczos's with five lobes on each side, SimpleITK's
``sitkLanczosWindowedSinc`` but for weights that sum to one, so that a constant image
stays constant; see :mod:`distcorr.apply.weights`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from distcorr.apply.prefilter import spline_coefficients
from distcorr.apply.taps import weighted_sum
from distcorr.apply.threads import share_out
from distcorr.apply.weights import BSPLINE, LINEAR, SINC, SINC_TAPS

Array = NDArray[np.float64]


class Interpolation(StrEnum):
    """How a value between voxels is found."""

    BSPLINE = "bspline"
    LINEAR = "linear"
    SINC = "sinc"
    NEAREST = "nearest"

    @property
    def taps(self) -> int:
        """Voxels along each axis that a value is made of."""
        return {"bspline": 4, "linear": 2, "sinc": SINC_TAPS, "nearest": 1}[self.value]


class Voxels(NamedTuple):
    """A volume as the kernels take it.

    Attributes
    ----------
    flat : ndarray, shape (n,)
        Voxels in C order: of the volume's own type, or the coefficients of the
        B-spline, float32 or float64.
    shape : tuple of int
        (k, j, i).
    taps : int
        Which interpolation: :attr:`Interpolation.taps`.
    real : ndarray, empty
        Of the type in which sums are made: float32 carries 24 bits, enough for
        16-bit images, float64 all others.
    """

    flat: NDArray[Any]
    shape: tuple[int, int, int]
    taps: int
    real: NDArray[Any]


def prepare(array: NDArray[Any], interpolation: Interpolation) -> Voxels:
    """Make a volume ready for the kernels; it is copied only if it has to be.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
        Of any real type.
    interpolation : Interpolation

    Returns
    -------
    Voxels
    """
    values = native(array)
    narrow = values.dtype.itemsize <= 2 or values.dtype == np.float32
    real = np.float32 if narrow else np.float64
    if interpolation is Interpolation.BSPLINE:
        values = spline_coefficients(values, real)
    return Voxels(values.reshape(-1), values.shape, interpolation.taps, np.empty(0, real))


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array in C order, in a type that the kernels know."""
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


class Sampler:
    """A volume prepared for sampling.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
    interpolation : Interpolation
    """

    def __init__(self, array: NDArray[Any], interpolation: Interpolation) -> None:
        self.voxels = prepare(array, interpolation)

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
        index = np.ascontiguousarray(index, dtype=np.float64)
        share_out(lambda a, b: _sample(a, b, self.voxels, index, values, inside), len(index))
        return values, inside


@njit(cache=True, nogil=True)
def _sample(start, stop, voxels, index, values, inside):  # type: ignore[no-untyped-def]
    flat, shape, taps, real = voxels.flat, voxels.shape, voxels.taps, voxels.real
    w, u = np.empty((3, SINC_TAPS)), np.empty(3, real.dtype)
    for p in range(start, stop):
        x, y, z = index[p, 0], index[p, 1], index[p, 2]
        inside[p] = within(x, y, z, shape)
        if not inside[p]:
            continue
        if taps == 1:
            values[p] = flat[nearest(x, y, z, shape)]
            continue
        before = taps // 2 - 1
        i, j, k = int(np.floor(x)) - before, int(np.floor(y)) - before, int(np.floor(z)) - before
        if min(i, j, k) < 0 or (i + taps > shape[2] or j + taps > shape[1] or k + taps > shape[0]):
            values[p] = edge_sum(flat, shape, taps, x, y, z, w)
        else:
            u[0], u[1], u[2] = x - np.floor(x) - 0.5, y - np.floor(y) - 0.5, z - np.floor(z) - 0.5
            first = (k * shape[1] + j) * shape[2] + i
            values[p] = inner_sum(flat, shape, taps, first, u[0], u[1], u[2])


@njit(cache=True, inline="always")
def within(x, y, z, shape):  # type: ignore[no-untyped-def]
    """Whether an index lies within half a voxel of the centres; false for NaN."""
    return -0.5 <= x < shape[2] - 0.5 and -0.5 <= y < shape[1] - 0.5 and -0.5 <= z < shape[0] - 0.5


@njit(cache=True, inline="always")
def nearest(x, y, z, shape):  # type: ignore[no-untyped-def]
    """Place of the voxel nearest to a point that is within."""
    i, j, k = int(np.floor(x + 0.5)), int(np.floor(y + 0.5)), int(np.floor(z + 0.5))
    return (k * shape[1] + j) * shape[2] + i


@njit(cache=True, inline="always")
def inner_sum(flat, shape, taps, first, ux, uy, uz):  # type: ignore[no-untyped-def]
    """Interpolate where all voxels that act exist; see :func:`weighted_sum`."""
    row = shape[2]
    plane = row * shape[1]
    if taps == 2:
        return weighted_sum(flat, first, row, plane, ux, uy, uz, 2)  # type: ignore[call-arg]
    if taps == 4:
        return weighted_sum(flat, first, row, plane, ux, uy, uz, 4)  # type: ignore[call-arg]
    return weighted_sum(flat, first, row, plane, ux, uy, uz, 10)  # type: ignore[call-arg]


@njit(cache=True)
def edge_sum(flat, shape, taps, x, y, z, w):  # type: ignore[no-untyped-def]
    """Interpolate where some voxels lie beyond the image; ``w`` is room for weights."""
    depth, height, width = shape
    before = taps // 2 - 1
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    _write_weights(taps, x - i, w[0])
    _write_weights(taps, y - j, w[1])
    _write_weights(taps, z - k, w[2])
    total = 0.0
    for c in range(taps):
        plane = _beyond(k + c - before, depth, taps) * height
        for b in range(taps):
            row = (plane + _beyond(j + b - before, height, taps)) * width
            weight = w[2, c] * w[1, b]
            for a in range(taps):
                total += weight * w[0, a] * flat[row + _beyond(i + a - before, width, taps)]
    return total


@njit(cache=True)
def _write_weights(taps, t, w):  # type: ignore[no-untyped-def]
    table = LINEAR if taps == 2 else (BSPLINE if taps == 4 else SINC)
    for tap in range(taps):
        weight = 0.0
        for power in range(len(table) - 1, -1, -1):
            weight = weight * (t - 0.5) + table[power, tap]
        w[tap] = weight


@njit(cache=True, inline="always")
def _beyond(index, n, taps):  # type: ignore[no-untyped-def]
    """Which voxel stands for one beyond the image: the spline mirrors, others repeat."""
    if 0 <= index < n:
        return index
    if taps != 4:
        return min(max(index, 0), n - 1)
    if n == 1:
        return 0
    period = 2 * (n - 1)
    index = index % period
    return period - index if index >= n else index
