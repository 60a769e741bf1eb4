"""How well two scans of a pair agree, in intensity and in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.learn.shifts import BLOCK_MM, blocks_of, is_full
from distcorr.learn.similarity import Comparison

Array = NDArray[np.float64]

MAD_TO_SD = 1.4826
"""Ratio of standard deviation to median absolute deviation of a normal variable."""

_TINY = 1e-12


@dataclass(frozen=True)
class Agreement:
    """Agreement of a pair.

    Attributes
    ----------
    points : int
        Points that were compared.
    residual : float
        Robust standard deviation of what the local regression leaves, as a share
        of the local contrast of the coronal image; 0 perfect, 1 unrelated.
    correlation : float
        Root mean square of the local correlation.
    """

    points: int
    residual: float
    correlation: float


def agreement(found: Comparison) -> Agreement:
    """Measure the agreement of a pair from its comparison."""
    used = found.weight > 0
    if not used.any():
        return Agreement(0, 1.0, 0.0)
    # Where the structure is no stronger than noise, agreement says nothing.
    strong = used & (found.contrast > np.median(found.contrast[used]))
    ratio = np.abs(found.residual[strong]) / found.contrast[strong]
    residual = float(min(1.0, MAD_TO_SD * np.median(ratio)))
    rms = float(np.sqrt(np.mean(found.correlation[strong] ** 2)))
    return Agreement(int(used.sum()), residual, rms)


@dataclass(frozen=True, eq=False)
class BlockMatch:
    """How well a pair matches, block by block.

    Attributes
    ----------
    block : ndarray of int, shape (b, 3)
        Place of each block in a lattice of cubes, as in
        :class:`distcorr.learn.shifts.Shifts`.
    position : ndarray, shape (b, 3)
        Centre of the block's tissue, scanner frame at the time of the axial scan, mm.
    unexplained : ndarray, shape (b,)
        Share of the coronal image's local variance that the axial one does not explain.
    misplaced_mm : ndarray, shape (b,)
        Displacement by which what is left would have come about, root mean square, mm;
        structure as of a median block is taken for granted.
    """

    block: NDArray[np.intp]
    position: Array
    unexplained: Array
    misplaced_mm: Array

    def common_with(self, other: BlockMatch) -> tuple[BlockMatch, BlockMatch]:
        """Return the blocks that both measured, of either, in equal order."""
        places = [{tuple(b): n for n, b in enumerate(m.block.tolist())} for m in (self, other)]
        common = sorted(places[0].keys() & places[1].keys())
        mine, its = (np.array([numbers[b] for b in common], np.intp) for numbers in places)
        return self.part(mine), other.part(its)

    def part(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> BlockMatch:
        """Return some of the blocks."""
        return BlockMatch(
            self.block[index],
            self.position[index],
            self.unexplained[index],
            self.misplaced_mm[index],
        )


def match_of_blocks(
    found: Comparison, points: Array, step_mm: float, edge_mm: float = BLOCK_MM
) -> BlockMatch:
    """Measure the match of each block that holds enough tissue.

    Parameters
    ----------
    found : Comparison
    points : ndarray, shape (m, 3)
        Sample points, scanner frame, mm.
    step_mm : float
        Their distance.
    edge_mm : float
        Of the blocks.
    """
    used = np.flatnonzero(found.weight)
    cell, member, count = blocks_of(points[used], edge_mm)
    # Weighted by their variance, points without structure do not count.
    power = found.contrast[used].astype(np.float64) ** 2
    left = power * (1 - found.correlation[used].astype(np.float64) ** 2)
    size = len(count)
    unexplained = np.bincount(member, left, size) / np.maximum(
        np.bincount(member, power, size), _TINY
    )
    sums = [np.bincount(member, points[used, axis], size) for axis in range(3)]
    position = np.stack(sums, axis=1) / count[:, None]
    full = is_full(count, step_mm, edge_mm)
    square = np.bincount(member, found.residual[used].astype(np.float64) ** 2, size) / count
    steepness = (found.gradient[used].astype(np.float64) ** 2).sum(axis=1)
    slope = np.bincount(member, steepness, size) / count
    usual = float(np.median(slope[full])) if full.any() else 0.0
    misplaced = np.sqrt(square / (slope + usual + _TINY))
    return BlockMatch(cell[full], position[full], unexplained[full], misplaced[full])
