"""Real solid harmonics, the functions a gradient coil can produce.

Each Cartesian component of the field of a coil in free space is harmonic. The
basis here is Schmidt semi-normalised without the Condon-Shortley phase, as in
the vendors' coefficient files, and scaled to 1 at the reference radius:

    h_nm(r) = (|r| / R)^n S_nm(direction),   max |S_n0| = 1

with cosines for m >= 0 and sines for m < 0; the polar axis is the bore (z).
Recurrences: Press et al., Numerical Recipes, 3rd ed., section 6.7, written for
solid functions so that nothing is singular at the poles or at the origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

REFERENCE_RADIUS_MM = 200.0
"""Radius at which a coefficient reads as millimetres of displacement; the usual
edge of a clinical field of view."""

MAX_DEGREE = 24
"""Beyond this the powers of r/R and the factorials lose digits in double precision."""


class Term(NamedTuple):
    """One basis function: degree n and order m; m < 0 is ``sin(|m| azimuth)``."""

    n: int
    m: int


@dataclass(frozen=True)
class HarmonicBasis:
    """All solid harmonics of degree ``min_degree`` to ``max_degree``.

    Parameters
    ----------
    max_degree : int
        Largest degree n, at most ``MAX_DEGREE``.
    min_degree : int
        Smallest degree. The default leaves out the constant and the linear
        part, which a calibrated gradient coil doesn't have.
    radius_mm : float
        Reference radius R.
    """

    max_degree: int
    min_degree: int = 2
    radius_mm: float = REFERENCE_RADIUS_MM

    def __post_init__(self) -> None:
        if not 0 <= self.min_degree <= self.max_degree <= MAX_DEGREE:
            raise ValueError(
                f"degrees must satisfy 0 <= {self.min_degree} <= {self.max_degree} <= {MAX_DEGREE}"
            )
        if not self.radius_mm > 0:
            raise ValueError(f"reference radius must be positive, got {self.radius_mm}")

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Terms in the order of the basis's last axis."""
        degrees = range(self.min_degree, self.max_degree + 1)
        return tuple(Term(n, m) for n in degrees for m in range(-n, n + 1))

    @property
    def size(self) -> int:
        """Number of terms."""
        return (self.max_degree + 1) ** 2 - self.min_degree**2

    def values(self, points: ArrayLike) -> Array:
        """Evaluate every term.

        Parameters
        ----------
        points : array_like, shape (..., 3)
            Scanner frame, mm.

        Returns
        -------
        ndarray, shape (..., size)
        """
        flat, shape = _flat(points)
        out = np.empty((len(flat), self.size))
        _values(flat, self.radius_mm, self.min_degree, self.max_degree, self._norms, out)
        return out.reshape(*shape, self.size)

    def gradients(self, points: ArrayLike) -> Array:
        """Evaluate the gradient of every term.

        Parameters
        ----------
        points : array_like, shape (..., 3)
            Scanner frame, mm.

        Returns
        -------
        ndarray, shape (..., 3, size)
            Derivatives by x, y, z; 1/mm.
        """
        flat, shape = _flat(points)
        out = np.empty((len(flat), 3, self.size))
        _gradients(flat, self.radius_mm, self.min_degree, self.max_degree, self._norms, out)
        return out.reshape(*shape, 3, self.size)

    def add_rows(self, points: Array, vectors: Array, rows: NDArray[np.float32]) -> None:
        """Add the derivatives of ``vectors . D(points)`` by the coefficients to ``rows``.

        Parameters
        ----------
        points, vectors : ndarray, shape (m, 3)
            Scanner frame, mm; and any unit.
        rows : ndarray of float32, shape (m, >= 3 * size)
            Changed in place: component slowest, then terms.
        """
        _add_rows(
            np.ascontiguousarray(points, dtype=np.float64),
            np.ascontiguousarray(vectors, dtype=np.float64),
            self.radius_mm,
            self.min_degree,
            self.max_degree,
            self._norms,
            self.size,
            rows,
        )

    def displacement(self, coefficients: Array, points: ArrayLike) -> Array:
        """Sum the terms of a vector field, block by block in parallel.

        Parameters
        ----------
        coefficients : ndarray, shape (3, size)
            Millimetres at the reference radius, for x, y, z.
        points : array_like, shape (..., 3)
            Scanner frame, mm.

        Returns
        -------
        ndarray, shape (..., 3)
        """
        flat, shape = _flat(points)
        out = np.empty((len(flat), 3))
        c = np.ascontiguousarray(coefficients, dtype=np.float64)
        _sum(flat, self.radius_mm, self.min_degree, self.max_degree, self._norms, c, out)
        return out.reshape(*shape, 3)

    @cached_property
    def _norms(self) -> Array:
        """Schmidt factors sqrt((2 - delta_m0) (n - m)! / (n + m)!), shape (n, m)."""
        norms = np.zeros((self.max_degree + 1, self.max_degree + 1))
        for n in range(self.max_degree + 1):
            for m in range(n + 1):
                ratio = factorial(n - m) / factorial(n + m)
                norms[n, m] = np.sqrt((1 if m == 0 else 2) * ratio)
        return norms


def _flat(points: ArrayLike) -> tuple[Array, tuple[int, ...]]:
    array = np.asarray(points, dtype=np.float64)
    return np.ascontiguousarray(array.reshape(-1, 3)), array.shape[:-1]


@njit(cache=True)
def _fill(x: float, y: float, z: float, low: int, high: int, norms: Array, row: Array) -> None:
    """Write all terms at one point (already divided by R) into ``row``."""
    s = x * x + y * y + z * z
    cos_m, sin_m, diagonal = 1.0, 0.0, 1.0
    for m in range(high + 1):
        if m > 0:
            cos_m, sin_m = cos_m * x - sin_m * y, cos_m * y + sin_m * x
            diagonal *= 2.0 * m - 1.0
        before, q = 0.0, diagonal
        for n in range(m, high + 1):
            if n > m:
                before, q = q, ((2 * n - 1) * z * q - (n + m - 1) * s * before) / (n - m)
            if n >= low:
                at = n * n + n - low * low
                scaled = q * norms[n, m]
                row[at + m] = scaled * cos_m
                if m > 0:
                    row[at - m] = scaled * sin_m


@njit(cache=True, parallel=True)
def _values(points, radius, low, high, norms, out):  # type: ignore[no-untyped-def]
    for p in prange(points.shape[0]):
        _fill(
            points[p, 0] / radius,
            points[p, 1] / radius,
            points[p, 2] / radius,
            low,
            high,
            norms,
            out[p],
        )


@njit(cache=True, parallel=True)
def _add_rows(points, vectors, radius, low, high, norms, terms, rows):  # type: ignore[no-untyped-def]
    for p in prange(points.shape[0]):
        row = np.empty(terms)
        _fill(
            points[p, 0] / radius,
            points[p, 1] / radius,
            points[p, 2] / radius,
            low,
            high,
            norms,
            row,
        )
        for a in range(3):
            for t in range(terms):
                rows[p, a * terms + t] += vectors[p, a] * row[t]


@njit(cache=True, parallel=True)
def _sum(points, radius, low, high, norms, coefficients, out):  # type: ignore[no-untyped-def]
    terms = coefficients.shape[1]
    for p in prange(points.shape[0]):
        row = np.empty(terms)
        _fill(
            points[p, 0] / radius,
            points[p, 1] / radius,
            points[p, 2] / radius,
            low,
            high,
            norms,
            row,
        )
        for a in range(3):
            total = 0.0
            for t in range(terms):
                total += coefficients[a, t] * row[t]
            out[p, a] = total


@njit(cache=True, parallel=True)
def _gradients(points, radius, low, high, norms, out):  # type: ignore[no-untyped-def]
    for p in prange(points.shape[0]):
        x, y, z = points[p, 0] / radius, points[p, 1] / radius, points[p, 2] / radius
        s = x * x + y * y + z * z
        cos_m, sin_m, cos_l, sin_l, diagonal = 1.0, 0.0, 0.0, 0.0, 1.0
        for m in range(high + 1):
            if m > 0:
                cos_l, sin_l = cos_m, sin_m
                cos_m, sin_m = cos_l * x - sin_l * y, cos_l * y + sin_l * x
                diagonal *= 2.0 * m - 1.0
            # q(z, s): the part without azimuth; qs its derivative by s = |r|^2.
            before, q, before_s, qs = 0.0, diagonal, 0.0, 0.0
            for n in range(m, high + 1):
                if n > m:
                    next_s = ((2 * n - 1) * z * qs - (n + m - 1) * (before + s * before_s)) / (
                        n - m
                    )
                    before_s, qs = qs, next_s
                    before, q = q, ((2 * n - 1) * z * q - (n + m - 1) * s * before) / (n - m)
                if n < low:
                    continue
                at = n * n + n - low * low
                f = norms[n, m] / radius
                # d/dz of a solid harmonic is (n + m) times the one of degree n - 1.
                dz = (n + m) * before if n > m else 0.0
                out[p, 0, at + m] = f * (2 * x * qs * cos_m + q * m * cos_l)
                out[p, 1, at + m] = f * (2 * y * qs * cos_m - q * m * sin_l)
                out[p, 2, at + m] = f * dz * cos_m
                if m > 0:
                    out[p, 0, at - m] = f * (2 * x * qs * sin_m + q * m * sin_l)
                    out[p, 1, at - m] = f * (2 * y * qs * sin_m + q * m * cos_l)
                    out[p, 2, at - m] = f * dz * sin_m
