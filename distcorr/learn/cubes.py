"""Partition of points into the cubes of a regular grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

BLOCK_MM = 40.0
"""Edge of the blocks whose gradients are compared to see how much the data scatter."""


@dataclass(frozen=True, eq=False)
class Cubes:
    """Cubes that hold at least one point.

    Attributes
    ----------
    edge_mm : float
    of_point : ndarray of int, shape (m,)
        Which cube holds each point, 0 to ``count`` - 1.
    centres : ndarray, shape (count, 3)
        Means of the points in them, mm.
    """

    edge_mm: float
    of_point: Ints
    centres: Array

    @classmethod
    def of(cls, points: Array, edge_mm: float) -> Cubes:
        """Sort points (m, 3) into cubes whose corners are multiples of the edge."""
        if not len(points):
            return cls(edge_mm, np.empty(0, np.intp), np.empty((0, 3)))
        cell = np.floor(points / edge_mm).astype(np.intp)
        cell -= cell.min(axis=0)
        size = cell.max(axis=0) + 1
        flat = (cell[:, 2] * size[1] + cell[:, 1]) * size[0] + cell[:, 0]
        # Few cells: numbering by a table is many times faster than by sorting.
        used = np.zeros(int(np.prod(size)), bool)
        used[flat] = True
        number = np.cumsum(used) - 1
        of_point = number[flat]
        count = int(number[-1]) + 1
        sums = [np.bincount(of_point, points[:, axis], count) for axis in range(3)]
        centres = np.stack(sums, axis=1) / np.bincount(of_point, minlength=count)[:, None]
        return cls(edge_mm, of_point, centres)

    @property
    def count(self) -> int:
        """Number of cubes."""
        return len(self.centres)

    def members(self) -> list[Ints]:
        """List the indices of the points of each cube."""
        # Small integers are sorted by radix, in a tenth of the time.
        small = self.of_point.astype(np.uint16) if self.count < 1 << 16 else self.of_point
        order = np.argsort(small, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.of_point[order])) + 1)
