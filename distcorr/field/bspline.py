"""A vector field as a cubic B-spline lattice.

    D(r) = sum_k  c_k  b(u_x - k_x) b(u_y - k_y) b(u_z - k_z),   u = (r - origin) / spacing

with the cubic B-spline b (Unser 1999, IEEE Signal Processing Magazine 16(6):22).
Node k sits at origin + k * spacing. The field is defined where all 4 x 4 x 4
coefficients exist, 1 <= u <= n - 2 on each axis, and zero elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import spline_filter1d

Array = NDArray[np.float64]

_PADDING_NODES = 16
"""Nodes sampled beyond the lattice before the spline prefilter: its pole 0.268
makes the boundary's influence 0.268^16 < 1e-9 of the value."""

BATCH = 256
"""Points that one thread takes at a time, sharing its room to work in."""

JACOBIAN_REFINEMENT = 3
"""Samples per node distance in the search for the smallest Jacobian; a cubic
spline's slope has no room for a deeper extremum between them that matters."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """Coefficients of a cubic B-spline vector field in the scanner frame.

    Parameters
    ----------
    origin : array_like, shape (3,)
        Place of node (0, 0, 0), mm, scanner frame (x, y, z).
    spacing : array_like, shape (3,)
        Distance of nodes along x, y, z, mm.
    coefficients : ndarray, shape (3, z, y, x)
        Millimetres; the first axis is the component.
    """

    origin: Array
    spacing: Array
    coefficients: Array

    def __post_init__(self) -> None:
        for name in ("origin", "spacing"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape != (3,) or not np.isfinite(array).all():
                raise ValueError(f"{name} must be three finite numbers, got {array}")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if not (self.spacing > 0).all():
            raise ValueError(f"spacing must be positive, got {self.spacing}")
        c = np.array(self.coefficients, dtype=np.float64)
        if c.ndim != 4 or c.shape[0] != 3 or min(c.shape[1:]) < 4:
            raise ValueError(f"coefficients must have shape (3, >=4, >=4, >=4), got {c.shape}")
        if not np.isfinite(c).all():
            raise ValueError("coefficients must be finite")
        c.setflags(write=False)
        object.__setattr__(self, "coefficients", c)

    @classmethod
    def covering(cls, low: ArrayLike, high: ArrayLike, spacing_mm: float) -> Lattice:
        """Build a zero lattice whose domain contains the box from low to high.

        Parameters
        ----------
        low, high : array_like, shape (3,)
            Corners, mm, scanner frame.
        spacing_mm : float
            Node distance. A node falls on the isocentre.
        """
        first = np.floor(np.asarray(low, dtype=np.float64) / spacing_mm) - 1
        last = np.ceil(np.asarray(high, dtype=np.float64) / spacing_mm) + 1
        nodes = (last - first).astype(int) + 1
        zeros = np.zeros((3, nodes[2], nodes[1], nodes[0]))
        return cls(first * spacing_mm, np.full(3, spacing_mm), zeros)

    @property
    def nodes(self) -> tuple[int, int, int]:
        """Number of nodes along x, y, z."""
        return self.coefficients.shape[3], self.coefficients.shape[2], self.coefficients.shape[1]

    @property
    def domain(self) -> tuple[Array, Array]:
        """Corners of the box in which the field is defined, mm."""
        n = np.array(self.nodes)
        return self.origin + self.spacing, self.origin + (n - 2) * self.spacing

    def node_points(self, padding: int = 0) -> Array:
        """Places of the nodes, shape (z, y, x, 3), with ``padding`` more on each side."""
        axes = [
            o + s * np.arange(-padding, n + padding)
            for o, s, n in zip(self.origin, self.spacing, self.nodes, strict=True)
        ]
        z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
        return np.stack([x, y, z], axis=-1)

    def interpolating(self, displacement: Callable[[Array], Array]) -> Lattice:
        """Return a lattice of this layout that equals a smooth field at the nodes.

        Parameters
        ----------
        displacement : callable
            Takes points (..., 3) in mm, also somewhat outside of the domain,
            and returns displacements (..., 3).
        """
        samples = np.moveaxis(displacement(self.node_points(_PADDING_NODES)), -1, 0)
        filtered = np.asarray(samples, dtype=np.float64)
        for axis in (1, 2, 3):
            filtered = spline_filter1d(filtered, order=3, axis=axis, mode="mirror")
        inner = slice(_PADDING_NODES, -_PADDING_NODES)
        return Lattice(self.origin, self.spacing, filtered[:, inner, inner, inner])

    def inside(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Whether points (..., 3) lie in the domain."""
        low, high = self.domain
        p = np.asarray(points, dtype=np.float64)
        return np.asarray(((p >= low) & (p <= high)).all(axis=-1))

    def displacement(self, points: ArrayLike) -> Array:
        """Evaluate the field at points (..., 3); zero outside of the domain."""
        p = np.asarray(points, dtype=np.float64)
        flat = np.ascontiguousarray(p.reshape(-1, 3))
        out = np.empty_like(flat)
        _evaluate(flat, self.origin, self.spacing, self.coefficients, out)
        return out.reshape(p.shape)

    def jacobian(self, points: ArrayLike) -> Array:
        """Evaluate dD_a/dr_b at points (..., 3), shape (..., 3, 3) as [a, b]."""
        p = np.asarray(points, dtype=np.float64)
        flat = np.ascontiguousarray(p.reshape(-1, 3))
        out = np.empty((len(flat), 3, 3))
        _differentiate(flat, self.origin, self.spacing, self.coefficients, out)
        return out.reshape(*p.shape, 3)

    def min_jacobian(self) -> float:
        """Find the least determinant of I + dD/dr at the nodes and at thirds between."""
        low, high = self.domain
        steps = JACOBIAN_REFINEMENT * (np.array(self.nodes) - 3) + 1
        x, y, z = (np.linspace(a, b, n) for a, b, n in zip(low, high, steps, strict=True))
        plane = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
        smallest = np.inf
        for height in z:  # plane by plane: bounds the memory of the Jacobians
            points = np.concatenate([plane, np.full((*plane.shape[:2], 1), height)], axis=-1)
            determinant = np.linalg.det(np.eye(3) + self.jacobian(points))
            smallest = min(smallest, float(determinant.min()))
        return smallest


@njit(cache=True, inline="always")
def cubic_weights(t, w):  # type: ignore[no-untyped-def]
    """Write the four cubic B-spline weights at fraction ``t`` in [0, 1] into ``w``."""
    o = 1.0 - t
    w[0] = o * o * o / 6.0
    w[1] = 2.0 / 3.0 - 0.5 * t * t * (2.0 - t)
    w[2] = 2.0 / 3.0 - 0.5 * o * o * (2.0 - o)
    w[3] = t * t * t / 6.0


@njit(cache=True, inline="always")
def cubic_slopes(t, w):  # type: ignore[no-untyped-def]
    """Write the derivatives of the four weights by ``t`` into ``w``."""
    o = 1.0 - t
    w[0] = -0.5 * o * o
    w[1] = t * (1.5 * t - 2.0)
    w[2] = o * (2.0 - 1.5 * o)
    w[3] = 0.5 * t * t


@njit(cache=True, inline="always")
def cubic_bend(t, which):  # type: ignore[no-untyped-def]
    """Return the second derivative of one of the four weights by ``t``."""
    o = 1.0 - t
    if which == 0:
        return o
    if which == 1:
        return t - 2.0 * o
    if which == 2:
        return o - 2.0 * t
    return t


@njit(cache=True)
def cell_of(u, n):  # type: ignore[no-untyped-def]
    """First of the four nodes that act at lattice coordinate ``u``; -1 if outside."""
    if not (u >= 1.0 and u <= n - 2.0):
        return -1
    cell = int(np.floor(u))
    if cell == n - 2:
        cell = n - 3
    return cell - 1


@njit(cache=True, inline="always")
def lattice_weights(x, y, z, origin, spacing, c, w):  # type: ignore[no-untyped-def]
    """Find the first nodes that act at a point and write their weights into ``w`` (3, 4).

    Returns (i, j, k); i is -1 outside of the domain.
    """
    ux = (x - origin[0]) / spacing[0]
    uy = (y - origin[1]) / spacing[1]
    uz = (z - origin[2]) / spacing[2]
    i, j, k = cell_of(ux, c.shape[3]), cell_of(uy, c.shape[2]), cell_of(uz, c.shape[1])
    if i < 0 or j < 0 or k < 0:
        return -1, -1, -1
    cubic_weights(ux - i - 1, w[0])
    cubic_weights(uy - j - 1, w[1])
    cubic_weights(uz - k - 1, w[2])
    return i, j, k


@njit(cache=True)
def displacement_and_jacobian_at(x, y, z, origin, spacing, c, w, d, D, J):  # type: ignore[no-untyped-def]
    """Write D and dD_a/dr_b at one point into ``D`` (3,) and ``J`` (3, 3).

    ``w`` and ``d``, both (3, 4), are room to work in. Sums run over x first,
    then y, then z, so that each weight is used once per line and once per plane.
    """
    i, j, k = lattice_weights(x, y, z, origin, spacing, c, w)
    if i < 0:
        D[:] = 0.0
        J[:, :] = 0.0
        return
    cubic_slopes((x - origin[0]) / spacing[0] - i - 1, d[0])
    cubic_slopes((y - origin[1]) / spacing[1] - j - 1, d[1])
    cubic_slopes((z - origin[2]) / spacing[2] - k - 1, d[2])
    for a in range(3):
        value, by_x, by_y, by_z = 0.0, 0.0, 0.0, 0.0
        for kk in range(4):
            plane, plane_x, plane_y = 0.0, 0.0, 0.0
            for jj in range(4):
                line = c[a, k + kk, j + jj]
                c0, c1, c2, c3 = line[i], line[i + 1], line[i + 2], line[i + 3]
                row = w[0, 0] * c0 + w[0, 1] * c1 + w[0, 2] * c2 + w[0, 3] * c3
                row_x = d[0, 0] * c0 + d[0, 1] * c1 + d[0, 2] * c2 + d[0, 3] * c3
                plane += w[1, jj] * row
                plane_x += w[1, jj] * row_x
                plane_y += d[1, jj] * row
            value += w[2, kk] * plane
            by_x += w[2, kk] * plane_x
            by_y += w[2, kk] * plane_y
            by_z += d[2, kk] * plane
        D[a] = value
        J[a, 0] = by_x / spacing[0]
        J[a, 1] = by_y / spacing[1]
        J[a, 2] = by_z / spacing[2]


@njit(cache=True)
def displacement_at(x, y, z, origin, spacing, c, w, D):  # type: ignore[no-untyped-def]
    """Write D at one point into ``D`` (3,); ``w`` (3, 4) is room to work in."""
    i, j, k = lattice_weights(x, y, z, origin, spacing, c, w)
    if i < 0:
        D[:] = 0.0
        return
    for a in range(3):
        total = 0.0
        for kk in range(4):
            plane = 0.0
            for jj in range(4):
                line = c[a, k + kk, j + jj]
                plane += w[1, jj] * (
                    w[0, 0] * line[i]
                    + w[0, 1] * line[i + 1]
                    + w[0, 2] * line[i + 2]
                    + w[0, 3] * line[i + 3]
                )
            total += w[2, kk] * plane
        D[a] = total


@njit(cache=True, parallel=True)
def _evaluate(points, origin, spacing, c, out):  # type: ignore[no-untyped-def]
    count = points.shape[0]
    for batch in prange((count + BATCH - 1) // BATCH):
        w = np.empty((3, 4))
        for p in range(batch * BATCH, min(count, (batch + 1) * BATCH)):
            x, y, z = points[p, 0], points[p, 1], points[p, 2]
            displacement_at(x, y, z, origin, spacing, c, w, out[p])


@njit(cache=True, parallel=True)
def _differentiate(points, origin, spacing, c, out):  # type: ignore[no-untyped-def]
    count = points.shape[0]
    for batch in prange((count + BATCH - 1) // BATCH):
        w, d, D = np.empty((3, 4)), np.empty((3, 4)), np.empty(3)
        for p in range(batch * BATCH, min(count, (batch + 1) * BATCH)):
            x, y, z = points[p, 0], points[p, 1], points[p, 2]
            displacement_and_jacobian_at(x, y, z, origin, spacing, c, w, d, D, out[p])
