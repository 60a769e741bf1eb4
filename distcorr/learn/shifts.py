"""What is left between two scans, in millimetres: local shifts block by block.

Each block of the body is moved, on its own, to where the remaining difference
wants it (Lucas and Kanade 1981, IJCAI 674, with a prior), which is as far from
the fitted field as a registration tool could find it to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.learn.similarity import Comparison

Array = NDArray[np.float64]

BLOCK_MM = 30.0
SHIFT_SD_MM = 3.0
"""Prior width of a block's shift; keeps blocks without structure at zero."""

MIN_SHARE = 0.3
"""Least part of a block that must hold tissue."""


@dataclass(frozen=True, eq=False)
class Shifts:
    """Shifts of blocks.

    Attributes
    ----------
    radius : ndarray, shape (b,)
        Distance of the blocks from the isocentre, mm.
    length : ndarray, shape (b,)
        Length of their shifts, mm.
    """

    radius: Array
    length: Array

    @property
    def mean(self) -> float | None:
        """Mean length, mm; None if there are no blocks."""
        return float(self.length.mean()) if len(self.length) else None


def local_shifts(found: Comparison, points: Array, step_mm: float, correlated: float) -> Shifts:
    """Estimate the shift of each block of a pair.

    Parameters
    ----------
    found : Comparison
    points : ndarray, shape (m, 3)
        Sample points, scanner frame, mm.
    step_mm : float
        Their distance.
    correlated : float
        Number of neighbouring residuals that count as one.
    """
    used = np.flatnonzero(found.weight)
    cell = np.floor(points[used] / BLOCK_MM).astype(np.intp)
    _, block, count = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    block = block.reshape(-1)
    g, w, e = found.gradient[used], found.weight[used] / correlated, found.residual[used]
    size = len(count)
    A = np.empty((size, 3, 3))
    b = np.empty((size, 3))
    for p in range(3):
        b[:, p] = -np.bincount(block, w * g[:, p] * e, size)
        for q in range(3):
            A[:, p, q] = np.bincount(block, w * g[:, p] * g[:, q], size)
    A += np.eye(3) / SHIFT_SD_MM**2
    shift = np.linalg.solve(A, b[..., None])[..., 0]
    r = np.linalg.norm(points[used], axis=1)
    radius = np.bincount(block, r, size) / count
    full = count * step_mm**3 >= MIN_SHARE * BLOCK_MM**3
    return Shifts(radius[full], np.linalg.norm(shift[full], axis=1))
