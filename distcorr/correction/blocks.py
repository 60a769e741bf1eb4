"""Walk over the voxels of a grid in blocks, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from distcorr.space import Grid, transform_points

BLOCK_VOXELS = 1 << 19
"""Voxels mapped together: points, maps and Jacobians of a block take about 150 MB."""


def blocks(grid: Grid) -> Iterator[slice]:
    """Cut the voxels of a grid, in C order of its arrays, into consecutive slices."""
    total = int(np.prod(grid.size, dtype=np.int64))
    for start in range(0, total, BLOCK_VOXELS):
        yield slice(start, min(start + BLOCK_VOXELS, total))


def points_of_block(T_a_lps: NDArray[np.float64], grid: Grid, block: slice) -> NDArray[np.float64]:
    """Centres of a block's voxels in frame a.

    Parameters
    ----------
    T_a_lps : ndarray, shape (4, 4)
        From patient LPS to frame a.
    grid : Grid
    block : slice
        From :func:`blocks`.

    Returns
    -------
    ndarray, shape (n, 3)
        mm.
    """
    k, j, i = np.unravel_index(np.arange(block.start, block.stop), grid.shape)
    return transform_points(T_a_lps @ grid.T_lps_index, np.stack([i, j, k], axis=-1))
