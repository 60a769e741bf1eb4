"""Gaussian blur that keeps no more samples than the result needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

TRUNCATION_SIGMAS = 3.5
"""Beyond it a Gaussian holds 0.05 % of its sum."""


@dataclass(frozen=True)
class Thinning:
    """Which samples of an axis are kept.

    Attributes
    ----------
    first, stride, count : int
        Kept are ``first + stride * arange(count)``.
    """

    first: int
    stride: int
    count: int

    @classmethod
    def of(cls, length: int, stride: int) -> Thinning:
        """Keep every ``stride``-th of ``length`` samples, as many at either end."""
        count = (length - 1) // stride + 1
        return cls((length - 1 - (count - 1) * stride) // 2, stride, count)


def blur(
    array: NDArray[Any], sigma: tuple[float, ...], strides: tuple[int, ...]
) -> tuple[Float32, tuple[Thinning, ...]]:
    """Convolve with a Gaussian and thin.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
        Continued beyond its faces by their own values.
    sigma : tuple of float
        Standard deviations along k, j, i, in voxels; 0 leaves an axis sharp.
    strides : tuple of int
        Of the samples that are kept along k, j, i.

    Returns
    -------
    blurred : ndarray of float32
    kept : tuple of Thinning
        Along k, j, i.
    """
    kept = tuple(Thinning.of(n, s) for n, s in zip(array.shape, strides, strict=True))
    # The slowest axis first: its sums run over whole planes, and it thins what follows.
    for axis, (width, thin) in enumerate(zip(sigma, kept, strict=True)):
        shape = array.shape
        lines = np.ascontiguousarray(array).reshape(
            int(np.prod(shape[:axis])), shape[axis], int(np.prod(shape[axis + 1 :]))
        )
        out = np.empty((lines.shape[0], thin.count, lines.shape[2]), np.float32)
        _convolve(lines, _kernel(width), thin.first, thin.stride, out)
        array = out.reshape(*shape[:axis], thin.count, *shape[axis + 1 :])
    return np.asarray(array, dtype=np.float32), kept


def _kernel(sigma: float) -> Float32:
    if sigma <= 0:
        return np.ones(1, np.float32)
    reach = max(1, int(np.ceil(TRUNCATION_SIGMAS * sigma)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


@njit(cache=True, parallel=True)
def _convolve(lines, kernel, first, stride, out):  # type: ignore[no-untyped-def]
    outer, length, inner = lines.shape
    count, taps = out.shape[1], kernel.shape[0]
    for at in prange(outer * count):
        a, m = at // count, at % count
        centre = first + m * stride
        row = out[a, m]
        row[:] = 0.0
        for t in range(taps):
            source = lines[a, min(max(centre + t - taps // 2, 0), length - 1)]
            weight = kernel[t]
            for b in range(inner):
                row[b] += weight * source[b]
