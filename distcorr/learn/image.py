"""Images as smooth functions of a point in the scanner frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.ndimage import spline_filter1d

from distcorr.acquisition import Scan
from distcorr.field.bspline import cell_of, cubic_bend, cubic_slopes, cubic_weights
from distcorr.learn.blur import blur
from distcorr.learn.body import index_of_kept, index_of_scanner
from distcorr.space import Grid

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

BOX_TO_SIGMA = 1 / np.sqrt(12)
"""Standard deviation of a box of width 1: the blur of a voxel of width 1 mm."""


@dataclass(frozen=True, eq=False)
class Image:
    """Cubic B-spline coefficients of an image placed in the scanner frame.

    Parameters
    ----------
    coefficients : ndarray of float32, shape (k, j, i)
    T_index_scanner : ndarray, shape (4, 4)
        From scanner frame (mm) to index coordinates (i, j, k).
    spread : ndarray, shape (3, 3)
        Covariance of the point spread: that of the voxels and what was added to
        it, scanner frame, mm^2.
    """

    coefficients: Float32
    T_index_scanner: Array
    spread: Array

    def sample(
        self, points_scanner: Array, more_spread: Array, region: NDArray[np.intp]
    ) -> tuple[Float32, Float32, NDArray[np.bool_]]:
        """Evaluate values and gradients, values with a little more blur.

        Parameters
        ----------
        points_scanner : ndarray, shape (m, 3)
            mm.
        more_spread : ndarray, shape (regions, 3, 3)
            Covariance by which the point spread shall grow (or shrink, where it
            is negative) in each region, scanner frame, mm^2. To first order: half
            its product with the second derivatives.
        region : ndarray of int, shape (m,)
            Region of each point.

        Returns
        -------
        values : ndarray of float32, shape (m,)
            Zero outside of the image.
        gradients : ndarray of float32, shape (m, 3)
            By scanner x, y, z; 1/mm.
        inside : ndarray of bool, shape (m,)
        """
        m = len(points_scanner)
        values = np.empty(m, np.float32)
        gradients = np.empty((m, 3), np.float32)
        inside = np.empty(m, np.bool_)
        points = np.ascontiguousarray(points_scanner, dtype=np.float64)
        turn = self.T_index_scanner[:3, :3]
        half = np.ascontiguousarray(0.5 * turn @ more_spread @ turn.T)
        _sample(
            points, self.T_index_scanner, self.coefficients, half, region, values, gradients, inside
        )
        return values, gradients, inside


@njit(cache=True, parallel=True)
def _sample(points, T, c, half_spread, region, values, gradients, inside):  # type: ignore[no-untyped-def]
    nk, nj, ni = c.shape
    for p in prange(points.shape[0]):
        w = np.empty((3, 4))
        d = np.empty((3, 4))
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        u = T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3]
        v = T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3]
        t = T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3]
        i, j, k = cell_of(u, ni), cell_of(v, nj), cell_of(t, nk)
        inside[p] = i >= 0 and j >= 0 and k >= 0
        values[p] = 0.0
        gradients[p, :] = 0.0
        if not inside[p]:
            continue
        for axis, f in enumerate((u - i - 1, v - j - 1, t - k - 1)):
            cubic_weights(f, w[axis])
            cubic_slopes(f, d[axis])
        fi, fj, fk = u - i - 1, v - j - 1, t - k - 1
        total, gi, gj, gk = 0.0, 0.0, 0.0, 0.0
        ii_, jj_, kk_, ij_, ik_, jk_ = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for kk in range(4):
            plane, by_i, by_j, by_ii, by_jj, by_ij = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for jj in range(4):
                line = c[k + kk, j + jj]
                c0, c1, c2, c3 = line[i], line[i + 1], line[i + 2], line[i + 3]
                row = w[0, 0] * c0 + w[0, 1] * c1 + w[0, 2] * c2 + w[0, 3] * c3
                slope = d[0, 0] * c0 + d[0, 1] * c1 + d[0, 2] * c2 + d[0, 3] * c3
                bend = (1 - fi) * (c0 - 2 * c1 + c2) + fi * (c1 - 2 * c2 + c3)
                plane += w[1, jj] * row
                by_i += w[1, jj] * slope
                by_ii += w[1, jj] * bend
                by_j += d[1, jj] * row
                by_ij += d[1, jj] * slope
                by_jj += cubic_bend(fj, jj) * row
            total += w[2, kk] * plane
            gi += w[2, kk] * by_i
            gj += w[2, kk] * by_j
            gk += d[2, kk] * plane
            ii_ += w[2, kk] * by_ii
            jj_ += w[2, kk] * by_jj
            ij_ += w[2, kk] * by_ij
            ik_ += d[2, kk] * by_i
            jk_ += d[2, kk] * by_j
            kk_ += cubic_bend(fk, kk) * plane
        S = half_spread[region[p]]
        total += S[0, 0] * ii_ + S[1, 1] * jj_ + S[2, 2] * kk_
        total += 2 * (S[0, 1] * ij_ + S[0, 2] * ik_ + S[1, 2] * jk_)
        values[p] = total
        for a in range(3):
            gradients[p, a] = T[0, a] * gi + T[1, a] * gj + T[2, a] * gk


def widths_along(grid: Grid, direction_scanner: Array) -> Array:
    """Widths of the voxel's blur along given directions.

    Parameters
    ----------
    grid : Grid
        The grid whose voxels blur.
    direction_scanner : ndarray, shape (3, 3)
        Columns are unit vectors, in the frame of ``grid.direction``.

    Returns
    -------
    ndarray, shape (3,)
        Standard deviations, mm.
    """
    along = (grid.direction.T @ direction_scanner) * (grid.spacing * BOX_TO_SIGMA)[:, None]
    return np.asarray(np.sqrt((along**2).sum(axis=0)))


DIRECT_VARIANCE = 0.63
"""Variance in squared samples from which blurred values serve as spline coefficients
themselves: the cubic B-spline blurs by 1/3, and 0.3 is left for a Gaussian that
its samples still describe."""

_SPLINE_VARIANCE = 1 / 3

_SAMPLES_PER_SIGMA = 1.1
"""Samples that are kept per standard deviation of the blur: what lies beyond their
Nyquist frequency has been damped to 2 %."""


def prepare(scan: Scan, partner: Scan, sigma_mm: float, array: NDArray[Any] | None = None) -> Image:
    """Blur a scan as its partner is blurred and by a Gaussian, and place it.

    The partner's voxel size along each axis is applied to this scan (and, in
    the partner's own preparation, the reverse), so that both end with the same
    point spread however thick the slices of one of them are. ``sigma_mm`` is the
    width of the common Gaussian.

    Parameters
    ----------
    scan, partner : Scan
        The two scans of a pair.
    sigma_mm : float
        Standard deviation of the common Gaussian.
    array : ndarray, shape (k, j, i), optional
        Voxels to use in place of the scan's own.
    """
    grid = scan.volume.grid
    data = scan.volume.array if array is None else array
    blur_of_partner = widths_along(partner.volume.grid, grid.direction)
    sigma = np.sqrt(blur_of_partner**2 + sigma_mm**2) / grid.spacing
    stride = np.maximum(1, np.floor(sigma / _SAMPLES_PER_SIGMA)).astype(int)
    direct = (sigma / stride) ** 2 >= DIRECT_VARIANCE
    gaussian = np.sqrt(sigma**2 - np.where(direct, _SPLINE_VARIANCE * stride**2, 0.0))
    coefficients, kept = blur(
        data, tuple(map(float, gaussian[::-1])), tuple(map(int, stride[::-1]))
    )
    for axis in np.flatnonzero(~direct):
        coefficients = spline_filter1d(
            coefficients, order=3, axis=2 - int(axis), output=np.float32, mode="mirror"
        )
    voxel = widths_along(grid, grid.direction)
    to_scanner = scan.acquisition.T_scanner_patient[:3, :3] @ grid.direction
    spread = to_scanner @ np.diag(voxel**2 + blur_of_partner**2 + sigma_mm**2) @ to_scanner.T
    return Image(coefficients, index_of_kept(kept) @ index_of_scanner(scan), spread)
