"""Sample a volume at continuous indices, as ITK's interpolators do.

A point counts as inside up to half a voxel beyond the outermost centres. There
the cubic B-spline mirrors the image at the centres; linear, sinc and nearest
repeat the outermost voxel.

The windowed sinc is Lanczos's with five lobes on each side, as SimpleITK's
``sitkLanczosWindowedSinc``, w(t) = sinc(t) sinc(t / 5), but its ten weights are
divided by their sum, so that a constant image stays constant.
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

Array = NDArray[np.float64]

_LOBES = 5
SINC_TAPS = 2 * _LOBES

_AWAY = _LOBES - 1 - np.arange(SINC_TAPS)
_SIGNS = (-1.0) ** _AWAY
_SINES, _COSINES = np.sin(np.pi * _AWAY / _LOBES), np.cos(np.pi * _AWAY / _LOBES)
"""Of a tap's whole distance, for the sine of a sum."""


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
    narrow = array.dtype.itemsize <= 2 or array.dtype == np.float32
    real = np.float32 if narrow else np.float64
    values = native(array)
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
    flat, shape, taps = voxels.flat, voxels.shape, voxels.taps
    w = np.empty(3 * SINC_TAPS, voxels.real.dtype)
    for p in range(start, stop):
        x, y, z = index[p, 0], index[p, 1], index[p, 2]
        inside[p] = within(x, y, z, shape)
        if not inside[p]:
            continue
        if taps == 1:
            values[p] = flat[nearest(x, y, z, shape)]
            continue
        first = prepare_sum(x, y, z, shape, taps, w, 0)
        if first >= 0:
            values[p] = inner_sum(flat, shape, taps, first, w, 0)
        else:
            values[p] = edge_sum(flat, shape, taps, x, y, z, w, 0)


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
def prepare_sum(x, y, z, shape, taps, w, at):  # type: ignore[no-untyped-def]
    """Write the weights of a point that is within into ``w``, from ``at`` on.

    Returns the place of the first voxel that they act on; -1 if some lie beyond
    the image.
    """
    xf, yf, zf = np.floor(x), np.floor(y), np.floor(z)
    before = taps // 2 - 1
    i, j, k = int(xf) - before, int(yf) - before, int(zf) - before
    fx, fy, fz = x - xf, y - yf, z - zf
    if taps == 2:
        w[at], w[at + 1] = 1.0 - fx, fx
        w[at + 2], w[at + 3] = 1.0 - fy, fy
        w[at + 4], w[at + 5] = 1.0 - fz, fz
    elif taps == 4:
        _cubic_weights(fx, w, at)
        _cubic_weights(fy, w, at + 4)
        _cubic_weights(fz, w, at + 8)
    else:
        _sinc_weights(fx, w, at)
        _sinc_weights(fy, w, at + SINC_TAPS)
        _sinc_weights(fz, w, at + 2 * SINC_TAPS)
    last = taps - 1
    if (
        i < 0
        or j < 0
        or k < 0
        or i + last >= shape[2]
        or j + last >= shape[1]
        or k + last >= shape[0]
    ):
        return -1
    return (k * shape[1] + j) * shape[2] + i


@njit(cache=True, inline="always")
def inner_sum(flat, shape, taps, first, w, at):  # type: ignore[no-untyped-def]
    """Sum the voxels around a point, all of which exist."""
    row = shape[2]
    plane = row * shape[1]
    if taps == 2:
        return weighted_sum(flat, first, row, plane, w, at, 2)
    if taps == 4:
        return weighted_sum(flat, first, row, plane, w, at, 4)
    return weighted_sum(flat, first, row, plane, w, at, 10)


@njit(cache=True)
def edge_sum(flat, shape, taps, x, y, z, w, at):  # type: ignore[no-untyped-def]
    """Do as :func:`inner_sum` where some voxels lie beyond the image."""
    depth, height, width = shape
    before = taps // 2 - 1
    i, j, k = int(np.floor(x)) - before, int(np.floor(y)) - before, int(np.floor(z)) - before
    total = 0.0
    for c in range(taps):
        plane = _beyond(k + c, depth, taps) * height
        for b in range(taps):
            row = (plane + _beyond(j + b, height, taps)) * width
            weight = w[at + 2 * taps + c] * w[at + taps + b]
            for a in range(taps):
                total += weight * w[at + a] * flat[row + _beyond(i + a, width, taps)]
    return total


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


@njit(cache=True, inline="always")
def _cubic_weights(t, w, at):  # type: ignore[no-untyped-def]
    o = 1.0 - t
    w[at] = o * o * o / 6.0
    w[at + 1] = 2.0 / 3.0 - 0.5 * t * t * (2.0 - t)
    w[at + 2] = 2.0 / 3.0 - 0.5 * o * o * (2.0 - o)
    w[at + 3] = t * t * t / 6.0


@njit(cache=True)
def _sinc_weights(t, w, at):  # type: ignore[no-untyped-def]
    """Write Lanczos's weights at fraction ``t``, normalised to a sum of one.

    A tap lies at distance t + q with whole q: its sines follow from those of t.
    """
    if t == 0.0:
        for tap in range(SINC_TAPS):
            w[at + tap] = 1.0 if tap == _LOBES - 1 else 0.0
        return
    wave = np.sin(np.pi * t)
    sine, cosine = np.sin(np.pi * t / _LOBES), np.cos(np.pi * t / _LOBES)
    total = 0.0
    for tap in range(SINC_TAPS):
        d = t + (_LOBES - 1 - tap)
        window = sine * _COSINES[tap] + cosine * _SINES[tap]
        weight = wave * _SIGNS[tap] * window / (d * d)
        w[at + tap] = weight
        total += weight
    for tap in range(SINC_TAPS):
        w[at + tap] /= total
