"""Weights of the interpolations, all as polynomials of the place between two voxels.

A value at fraction t beyond voxel n is a sum over the voxels n + q. The weight of
each is a polynomial of u = t - 1/2: linear weights and those of the cubic B-spline
are ones already; Lanczos's windowed sinc, sinc(d) sinc(d / 5) divided by the sum
over its ten taps, is smooth between two voxels and fitted to rounding. So one
kernel serves all, and no sine is taken for any voxel.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray

Array = NDArray[np.float64]

SINC_LOBES = 5
"""On each side, as SimpleITK's windowed sincs have."""

SINC_TAPS = 2 * SINC_LOBES

_SINC_DEGREE = 12
"""Of the fit to the windowed sinc, which misses it by less than 1e-9."""


def lanczos_weights(t: Array) -> Array:
    """Weights of the windowed sinc at fractions t (n,), shape (n, taps); their sum is one."""
    d = np.asarray(t)[:, None] + np.arange(SINC_LOBES - 1, -SINC_LOBES - 1, -1)
    weights = np.sinc(d) * np.sinc(d / SINC_LOBES)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _fitted_sinc() -> Array:
    nodes = 0.5 + 0.5 * np.cos(np.pi * (np.arange(_SINC_DEGREE + 1) + 0.5) / (_SINC_DEGREE + 1))
    weights = lanczos_weights(nodes)
    fits = [Chebyshev.fit(nodes, tap, _SINC_DEGREE, domain=[0, 1]) for tap in weights.T]
    shifted = [fit.convert(kind=Polynomial)(Polynomial([0.5, 1.0])) for fit in fits]
    return np.stack([fit.coef for fit in shifted], axis=1)


LINEAR = np.array([[0.5, 0.5], [-1.0, 1.0]])
"""Coefficients by power of u, shape (degree + 1, taps)."""

BSPLINE = np.array([
    [1 / 48, 23 / 48, 23 / 48, 1 / 48],
    [-1 / 8, -5 / 8, 5 / 8, 1 / 8],
    [1 / 4, -1 / 4, -1 / 4, 1 / 4],
    [-1 / 6, 1 / 2, -1 / 2, 1 / 6],
])  # fmt: skip
SINC = _fitted_sinc()

BY_TAPS = {len(table[0]): table for table in (LINEAR, BSPLINE, SINC)}
