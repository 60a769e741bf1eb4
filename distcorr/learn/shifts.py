"""What is left between two scans, in millimetres: local shifts block by block.

Each block of the body is moved, on its own, to where the remaining difference
wants it (Lucas and Kanade 1981, IJCAI 674, with a prior), which is as far from
the fitted field as a registration tool could find it to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.learn.similarity import Comparison

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

BLOCK_MM = 30.0
SHIFT_SD_MM = 3.0
"""Prior width of a block's shift; keeps blocks without structure at zero."""

MIN_SHARE = 0.3
"""Least part of a block that must hold tissue."""

MIN_INFORMATION = 1e-6
"""Least share of a direction's precision that must come from the data and not
from the prior for the prior to be taken out again; less is rounding."""


@dataclass(frozen=True, eq=False)
class Shifts:
    """Shifts of blocks: where the coronal scan shows tissue, less where it is expected.

    Attributes
    ----------
    block : ndarray of int, shape (b, 3)
        Place of each block in the lattice of cubes of ``BLOCK_MM``, one of whose
        corners is the isocentre. It is fixed to the scanner: equal numbers are
        equal places, whoever was scanned.
    position : ndarray, shape (b, 3)
        Centre of the block's tissue, scanner frame at the time of the axial scan, mm.
    vector : ndarray, shape (b, 3)
        Posterior means of the shifts, same frame, mm.
    covariance : ndarray, shape (b, 3, 3)
        Their posterior covariances, mm2.
    """

    block: Indices
    position: Array
    vector: Array
    covariance: Array

    @property
    def radius(self) -> Array:
        """Distance of the blocks from the isocentre, shape (b,), mm."""
        return np.asarray(np.linalg.norm(self.position, axis=1))

    @property
    def length(self) -> Array:
        """Length of the shifts, shape (b,), mm."""
        return np.asarray(np.linalg.norm(self.vector, axis=1))

    @property
    def mean(self) -> float | None:
        """Mean length, mm; None if there are no blocks."""
        return float(self.length.mean()) if len(self.length) else None

    def restricted(self, keep: Bools | Indices) -> Shifts:
        """Return some of the blocks only, by a mask of shape (b,) or by their indices."""
        return Shifts(
            self.block[keep], self.position[keep], self.vector[keep], self.covariance[keep]
        )

    @classmethod
    def joined(cls, parts: Sequence[Shifts]) -> Shifts:
        """Return the blocks of all parts, one after the other."""
        return cls(
            np.concatenate([part.block for part in parts]),
            np.concatenate([part.position for part in parts]),
            np.concatenate([part.vector for part in parts]),
            np.concatenate([part.covariance for part in parts]),
        )

    def without_prior(self) -> tuple[Array, Array]:
        """Return what the images alone say: unbiased, but wild where they say nothing.

        Returns
        -------
        vector : ndarray, shape (b, 3)
            mm.
        variance : ndarray, shape (b, 3)
            Of each component, mm2.
        """
        variance, axes = np.linalg.eigh(self.covariance)
        known = np.maximum(1 - variance / SHIFT_SD_MM**2, MIN_INFORMATION)
        along = np.einsum("bij,bi->bj", axes, self.vector) / known
        vector = np.einsum("bij,bj->bi", axes, along)
        return vector, np.einsum("bij,bj->bi", axes**2, variance / known)


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
    cell, member, count = blocks_of(points[used])
    size = len(count)
    g, w, e = found.gradient[used], found.weight[used] / correlated, found.residual[used]
    A = np.empty((size, 3, 3))
    b = np.empty((size, 3))
    for p in range(3):
        b[:, p] = -np.bincount(member, w * g[:, p] * e, size)
        for q in range(3):
            A[:, p, q] = np.bincount(member, w * g[:, p] * g[:, q], size)
    covariance = np.asarray(np.linalg.inv(A + np.eye(3) / SHIFT_SD_MM**2), dtype=np.float64)
    vector = np.einsum("bij,bj->bi", covariance, b)
    sums = [np.bincount(member, points[used, axis], size) for axis in range(3)]
    position = np.stack(sums, axis=1) / count[:, None]
    return Shifts(cell, position, vector, covariance).restricted(is_full(count, step_mm))


def measured_in_both(first: Shifts, second: Shifts) -> tuple[Shifts, Shifts]:
    """Return the blocks that two measurements share, in equal order.

    Parameters
    ----------
    first, second : Shifts
        None with a block twice.
    """
    stacked = np.concatenate([first.block, second.block])
    _, number, count = np.unique(stacked, axis=0, return_inverse=True, return_counts=True)
    number = number.reshape(-1)
    twice = count[number] == 2
    parts = []
    for shifts, label, both in (
        (first, number[: len(first.block)], twice[: len(first.block)]),
        (second, number[len(first.block) :], twice[len(first.block) :]),
    ):
        order = np.argsort(label, kind="stable")
        parts.append(shifts.restricted(order[both[order]]))
    return parts[0], parts[1]


def filled_blocks(points: Array, step_mm: float) -> Indices:
    """Find the blocks that hold enough tissue to be measured.

    Parameters
    ----------
    points : ndarray, shape (m, 3)
        Points of tissue on a regular grid, scanner frame, mm.
    step_mm : float
        Their distance.

    Returns
    -------
    ndarray of int, shape (b, 3)
        As :attr:`Shifts.block`.
    """
    cell, _, count = blocks_of(points)
    return cell[is_full(count, step_mm)]


def blocks_of(points: Array, edge_mm: float = BLOCK_MM) -> tuple[Indices, Indices, Indices]:
    """Sort points (m, 3) into blocks: their places, each point's number, their counts."""
    cell = np.floor(points / edge_mm).astype(np.intp)
    unique, member, count = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    return unique, member.reshape(-1), count


def is_full(count: Indices, step_mm: float, edge_mm: float = BLOCK_MM) -> Bools:
    """Say of blocks with so many points ``step_mm`` apart whether they hold enough tissue."""
    return np.asarray(count * step_mm**3 >= MIN_SHARE * edge_mm**3)
