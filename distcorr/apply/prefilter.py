"""Coefficients of the cubic B-spline that passes through an image.

The recursive filter of Unser, Aldroubi & Eden (1993, IEEE Transactions on Signal
Processing 41(2):821), one axis after the other, with the image mirrored at its
outermost voxels. Rows and columns are filtered plane by plane while a plane is in
the cache; the third axis then in slabs of rows. The coefficients are the only
array as large as the image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

_POLE = np.sqrt(3.0) - 2.0
_GAIN = 6.0
"""(1 - pole)(1 - 1 / pole), the filter's factor for each axis."""

_HORIZON = 40
"""Voxels after which the pole's power, below 1e-22, no longer tells."""

_COLUMNS = 256
"""Columns filtered together along j or k: 210 slices of them fit a core's cache."""

_ROWS = 8
"""Rows filtered together along i: independent sums hide the latency of each."""


def spline_coefficients(array: NDArray[Any], kind: type[np.floating]) -> NDArray[Any]:
    """Filter an image.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
        In C order and native bytes.
    kind : numpy.float32 or numpy.float64
        Type of the result; sums are made in it.

    Returns
    -------
    ndarray of ``kind``, shape (k, j, i)
        Equal to ``scipy.ndimage.spline_filter(array, 3, mode="mirror")`` but for rounding.
    """
    coefficients = np.empty(array.shape, dtype=kind)
    pole = kind(_POLE)
    gain = kind(_GAIN ** sum(n > 1 for n in array.shape))
    _filter_planes(array, coefficients, pole, gain)
    _filter_across(coefficients.reshape(len(array), -1), pole)
    return coefficients


@njit(cache=True, parallel=True)
def _filter_planes(array, coefficients, pole, gain):  # type: ignore[no-untyped-def]
    """Filter along i and j."""
    height, width = array.shape[1:]
    for k in prange(array.shape[0]):
        plane = coefficients[k]
        for j in range(height):
            for i in range(width):
                plane[j, i] = gain * array[k, j, i]
        for first in range(0, height, _ROWS):
            _filter_down(plane.T, first, min(first + _ROWS, height), pole)
        for first in range(0, width, _COLUMNS):
            _filter_down(plane, first, min(first + _COLUMNS, width), pole)


@njit(cache=True, parallel=True)
def _filter_across(planes, pole):  # type: ignore[no-untyped-def]
    """Filter along k; ``planes`` has one row for each."""
    columns = planes.shape[1]
    for tile in prange((columns + _COLUMNS - 1) // _COLUMNS):
        first = tile * _COLUMNS
        _filter_down(planes, first, min(first + _COLUMNS, columns), pole)


@njit(cache=True)
def _filter_down(c, first, stop, pole):  # type: ignore[no-untyped-def]
    """Filter columns first to stop - 1 along the first axis."""
    n = c.shape[0]
    if n == 1:
        return
    for m in range(1, min(n, _HORIZON)):
        share = _share_of_start(m, n, pole)
        for i in range(first, stop):
            c[0, i] += share * c[m, i]
    scale = 1 / (1 - pole ** (2 * n - 2))
    for i in range(first, stop):
        c[0, i] *= scale
    for m in range(1, n):
        for i in range(first, stop):
            c[m, i] += pole * c[m - 1, i]
    end = pole / (pole * pole - 1)
    for i in range(first, stop):
        c[n - 1, i] = end * (c[n - 1, i] + pole * c[n - 2, i])
    for m in range(n - 2, -1, -1):
        for i in range(first, stop):
            c[m, i] = pole * (c[m + 1, i] - c[m, i])


@njit(cache=True)
def _share_of_start(m, n, pole):  # type: ignore[no-untyped-def]
    """Share of voxel m in the sum that the first pass starts from, mirror images included."""
    if m == n - 1:
        return pole**m
    return pole**m + pole ** (2 * n - 2 - m)
