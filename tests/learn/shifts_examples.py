"""Shifts with known parts, for the tests of their separation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from distcorr.learn.shifts import BLOCK_MM, SHIFT_SD_MM, Shifts

NOISE_MM = 0.2
Displacement = Callable[[np.ndarray], np.ndarray]


def lattice(low: int = -5, high: int = 5) -> np.ndarray:
    """Blocks of a cube around the isocentre, 300 mm wide."""
    axis = np.arange(low, high)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def centres(block: np.ndarray) -> np.ndarray:
    return (block + 0.5) * BLOCK_MM


def measured(
    true: np.ndarray, block: np.ndarray, seed: int, noise_mm: np.ndarray | float = NOISE_MM
) -> Shifts:
    """Shifts as an unbiased measurement of ``true`` (b, 3) and the prior make them."""
    noise = np.broadcast_to(np.asarray(noise_mm, dtype=float), true.shape)
    seen = true + np.random.default_rng(seed).normal(size=true.shape) * noise
    variance = 1 / (noise**-2.0 + SHIFT_SD_MM**-2.0)
    covariance = variance[:, :, None] * np.eye(3)
    return Shifts(block, centres(block), variance * seen / noise**2, covariance)


def nothing(position: np.ndarray) -> np.ndarray:
    return np.zeros(position.shape)


def bump(axis: int, size_mm: float, centre=(70.0, 20.0, -30.0), width_mm: float = 40.0):
    """A smooth local displacement along one axis."""

    def displacement(position: np.ndarray) -> np.ndarray:
        out = np.zeros(position.shape)
        square = ((position - np.array(centre)) ** 2).sum(axis=-1)
        out[..., axis] = size_mm * np.exp(-square / (2 * width_mm**2))
        return out

    return displacement


def wave(axis: int, size_mm: float, length_mm: float = 130.0):
    """A smooth displacement along one axis everywhere, of another sign here and there."""

    def displacement(position: np.ndarray) -> np.ndarray:
        out = np.zeros(position.shape)
        phase = 2 * np.pi * position / length_mm
        out[..., axis] = size_mm * np.sin(phase[..., 0] + 0.3) * np.sin(phase[..., 2] + 1.0)
        return out

    return displacement
