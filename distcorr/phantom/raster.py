"""Sampling of a raster through a smooth warp, row by row.

The warp from a voxel grid to the raster is an affine map plus a displacement
that a coarse cubic B-spline lattice over the grid's own indices describes, so
that its rows can be collapsed once and evaluated with four products per voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt, spline_filter1d

from distcorr.field.bspline import cubic_weights
from distcorr.space import Grid

Array = NDArray[np.float64]
Image = NDArray[np.float32]

EDGE_NODES = 4
"""Nodes beyond the sampled grid: the spline prefilter's error at the lattice's
boundary (pole 0.268) falls to 0.5 % of itself before it reaches the grid."""


@dataclass(frozen=True, eq=False)
class IndexLattice:
    """Four smooth functions on a grid, as cubic B-splines of its indices.

    Attributes
    ----------
    step : ndarray, shape (3,)
        Distance of nodes in units of the grid's indices i, j, k.
    coefficients : ndarray, shape (4, k, j, i)
        Displacement x, y, z in mm and a factor of brightness; node
        ``EDGE_NODES`` lies at index 0.
    """

    step: Array
    coefficients: Array

    @staticmethod
    def node_indices(size: tuple[int, int, int], step: Array) -> Array:
        """Places of the nodes in the grid's indices, shape (k, j, i, 3)."""
        counts = [
            int(np.ceil((n - 1) / s)) + 2 * EDGE_NODES + 1 for n, s in zip(size, step, strict=True)
        ]
        axes = [s * (np.arange(n) - EDGE_NODES) for n, s in zip(counts, step, strict=True)]
        k, j, i = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
        return np.stack([i, j, k], axis=-1)

    @classmethod
    def through(cls, samples: Array, step: Array) -> IndexLattice:
        """Interpolate samples at the nodes, shape (k, j, i, 4).

        Nodes that are NaN take the displacement of the nearest sound one and
        the brightness 0.
        """
        lost = ~np.isfinite(samples).all(axis=-1)
        if lost.any():
            nearest = distance_transform_edt(lost, return_distances=False, return_indices=True)
            samples = samples[tuple(nearest)]
            samples[lost, 3] = 0.0
        filtered = np.moveaxis(samples, -1, 0)
        for axis in (1, 2, 3):
            filtered = spline_filter1d(filtered, order=3, axis=axis, mode="mirror")
        return cls(step, np.ascontiguousarray(filtered))


def sample(
    raster: Image,
    T_raster_grid: ArrayLike,
    raster_per_mm: ArrayLike,
    lattice: IndexLattice,
    grid: Grid,
    offsets: tuple[Array, Array, Array],
) -> Image:
    """Average a raster over each voxel of a grid, through a warp.

    Parameters
    ----------
    raster : ndarray, shape (k, j, i)
        Zero is what lies outside of it.
    T_raster_grid : array_like, shape (4, 4)
        Affine part: from the grid's indices to the raster's.
    raster_per_mm : array_like, shape (3, 3)
        Takes the lattice's displacement to the raster's indices.
    lattice : IndexLattice
    grid : Grid
        Only its size matters here.
    offsets : tuple of ndarray
        Sub-samples of a voxel along i, j, k, in units of the indices.

    Returns
    -------
    ndarray, shape (k, j, i)
        Mean over the sub-samples, times the brightness.
    """
    out = np.empty(grid.shape, dtype=np.float32)
    _sample(
        raster,
        np.ascontiguousarray(np.asarray(T_raster_grid, dtype=np.float64)),
        np.ascontiguousarray(np.asarray(raster_per_mm, dtype=np.float64)),
        lattice.coefficients,
        lattice.step,
        *offsets,
        out,
    )
    return out


@njit(cache=True, inline="always")
def _trilinear(raster, x, y, z):  # type: ignore[no-untyped-def]
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    if (
        i < 0
        or j < 0
        or k < 0
        or i + 1 >= raster.shape[2]
        or j + 1 >= raster.shape[1]
        or k + 1 >= raster.shape[0]
    ):
        return 0.0
    a, b, c = x - i, y - j, z - k
    near = (raster[k, j, i] * (1 - a) + raster[k, j, i + 1] * a) * (1 - b) + (
        raster[k, j + 1, i] * (1 - a) + raster[k, j + 1, i + 1] * a
    ) * b
    far = (raster[k + 1, j, i] * (1 - a) + raster[k + 1, j, i + 1] * a) * (1 - b) + (
        raster[k + 1, j + 1, i] * (1 - a) + raster[k + 1, j + 1, i + 1] * a
    ) * b
    return near * (1 - c) + far * c


@njit(cache=True, inline="always")
def _cell(index, step, w):  # type: ignore[no-untyped-def]
    """First acting node for a grid index; its four weights go into ``w``."""
    u = index / step + EDGE_NODES
    cell = int(np.floor(u))
    cubic_weights(u - cell, w)
    return cell - 1


@njit(cache=True, parallel=True)
def _sample(raster, A, B, c, step, off_i, off_j, off_k, out):  # type: ignore[no-untyped-def]
    nk, nj, ni = out.shape
    share = 1.0 / (len(off_i) * len(off_j) * len(off_k))
    for k in prange(nk):
        w = np.empty(4)
        row = np.empty((4, c.shape[3]))
        plane = np.empty((4, c.shape[2], c.shape[3]))
        for j in range(nj):
            for i in range(ni):
                out[k, j, i] = 0.0
        for dk in off_k:
            first = _cell(k + dk, step[2], w)
            for a in range(4):
                for y in range(c.shape[2]):
                    for x in range(c.shape[3]):
                        plane[a, y, x] = (
                            w[0] * c[a, first, y, x]
                            + w[1] * c[a, first + 1, y, x]
                            + w[2] * c[a, first + 2, y, x]
                            + w[3] * c[a, first + 3, y, x]
                        )
            for j in range(nj):
                for dj in off_j:
                    first = _cell(j + dj, step[1], w)
                    for a in range(4):
                        for x in range(c.shape[3]):
                            row[a, x] = (
                                w[0] * plane[a, first, x]
                                + w[1] * plane[a, first + 1, x]
                                + w[2] * plane[a, first + 2, x]
                                + w[3] * plane[a, first + 3, x]
                            )
                    for i in range(ni):
                        for di in off_i:
                            x = _cell(i + di, step[0], w)
                            d0 = w[0] * row[0, x] + w[1] * row[0, x + 1]
                            d0 += w[2] * row[0, x + 2] + w[3] * row[0, x + 3]
                            d1 = w[0] * row[1, x] + w[1] * row[1, x + 1]
                            d1 += w[2] * row[1, x + 2] + w[3] * row[1, x + 3]
                            d2 = w[0] * row[2, x] + w[1] * row[2, x + 1]
                            d2 += w[2] * row[2, x + 2] + w[3] * row[2, x + 3]
                            s = w[0] * row[3, x] + w[1] * row[3, x + 1]
                            s += w[2] * row[3, x + 2] + w[3] * row[3, x + 3]
                            g0, g1, g2 = i + di, j + dj, k + dk
                            px = A[0, 0] * g0 + A[0, 1] * g1 + A[0, 2] * g2 + A[0, 3]
                            py = A[1, 0] * g0 + A[1, 1] * g1 + A[1, 2] * g2 + A[1, 3]
                            pz = A[2, 0] * g0 + A[2, 1] * g1 + A[2, 2] * g2 + A[2, 3]
                            px += B[0, 0] * d0 + B[0, 1] * d1 + B[0, 2] * d2
                            py += B[1, 0] * d0 + B[1, 1] * d1 + B[1, 2] * d2
                            pz += B[2, 0] * d0 + B[2, 1] * d1 + B[2, 2] * d2
                            value = _trilinear(raster, px, py, pz)
                            if s > 0.0:  # beyond a lost node the spline may swing below
                                out[k, j, i] += share * s * value
