"""Periodic noise of a chosen scale, to be laid over tissue.

A tile is a small periodic volume of unit variance; sampled with a shift per
muscle it never shows its period within one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Tile = NDArray[np.float32]

TILE_VOXELS = 96
TILE_MM = 1.5
"""Spacing of a tile's voxels; its period is 144 mm."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """The noise of one subject.

    Attributes
    ----------
    streaks : ndarray
        Muscle: 3 to 8 mm across the fibres, some 40 mm along them.
    grain : ndarray
        All tissues: 3 to 20 mm, without direction.
    waves : ndarray, shape (3, ...)
        Slow: bends the borders of muscles and the skin, some 35 mm.
    """

    streaks: Tile
    grain: Tile
    waves: Tile


def make_tiles(seed: int) -> Tiles:
    """Draw the tiles of one subject."""
    rng = np.random.default_rng([seed, 0x7E87])
    streaks = _mixture(rng, (((2.0, 2.0, 14.0), 1.0), ((4.0, 4.0, 25.0), 1.0)))
    grain = _mixture(rng, (((1.5, 1.5, 2.5), 0.8), ((3.5, 3.5, 5.0), 1.0), ((8.0, 8.0, 10.0), 1.0)))
    waves = np.stack([_mixture(rng, (((13.0, 13.0, 22.0), 1.0),)) for _ in range(3)])
    return Tiles(streaks, grain, waves)


def _mixture(
    rng: np.random.Generator, parts: tuple[tuple[tuple[float, float, float], float], ...]
) -> Tile:
    """Add Gaussian-filtered noises of given widths (L, P, S; mm) and weights."""
    total = np.zeros((TILE_VOXELS,) * 3)
    frequency = 2 * np.pi * np.fft.fftfreq(TILE_VOXELS, TILE_MM)
    half = 2 * np.pi * np.fft.rfftfreq(TILE_VOXELS, TILE_MM)
    for (wx, wy, wz), weight in parts:
        noise = np.fft.rfftn(rng.standard_normal(total.shape))
        exponent = (
            (wz * frequency[:, None, None]) ** 2
            + (wy * frequency[None, :, None]) ** 2
            + (wx * half[None, None, :]) ** 2
        )
        part = np.fft.irfftn(noise * np.exp(-exponent / 2))
        total += weight * (part - part.mean()) / part.std()
    return np.asarray(total / total.std(), dtype=np.float32)


@njit(cache=True, fastmath=True)
def at(tile, x, y, z):  # type: ignore[no-untyped-def]
    """Value of a tile at a place in mm, by trilinear interpolation, periodic."""
    n = TILE_VOXELS
    u, v, w = x / TILE_MM, y / TILE_MM, z / TILE_MM
    i, j, k = int(np.floor(u)), int(np.floor(v)), int(np.floor(w))
    a, b, c = u - i, v - j, w - k
    i0, j0, k0 = i % n, j % n, k % n
    i1, j1, k1 = (i0 + 1) % n, (j0 + 1) % n, (k0 + 1) % n
    near = (tile[k0, j0, i0] * (1 - a) + tile[k0, j0, i1] * a) * (1 - b)
    near += (tile[k0, j1, i0] * (1 - a) + tile[k0, j1, i1] * a) * b
    far = (tile[k1, j0, i0] * (1 - a) + tile[k1, j0, i1] * a) * (1 - b)
    far += (tile[k1, j1, i0] * (1 - a) + tile[k1, j1, i1] * a) * b
    return near * (1 - c) + far * c
