"""Spatial cross-validation within one subject.

With one reference there is nobody to leave out, so parts of the body are left
out instead: the field is learned from three quarters of it and judged in the
rest. That tells whether the field is more than a description of the tissue it
was learned from. It can't tell the scanner from the subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.learn.body import find_body
from distcorr.learn.estimate import SKIN_MARGIN_MM, FitResult, learn
from distcorr.learn.fit import Progress
from distcorr.learn.outcomes import compare_at, compare_with, comparison_level
from distcorr.learn.pair import PairLevel, Reference
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.settings import FitSettings
from distcorr.learn.shifts import BLOCK_MM, Shifts, filled_blocks, measured_in_both

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

FOLDS = 4

CUBE_BLOCKS = 2
CUBE_MM = CUBE_BLOCKS * BLOCK_MM
"""Edge of the cubes that are left out. As wide as the finest detail that the field
can hold (remainder nodes 60 mm apart, half a wave of degree 9 at 170 mm), so that a
cube's inside does not follow from its rim; any larger, and a fold would miss whole
directions from the isocentre, which is asking for extrapolation."""

MIN_FOLD_BLOCKS = 16
"""Fewest blocks of tissue in a fold, two full cubes of eight: less is one spot of
the body and says nothing of the field."""


@dataclass(frozen=True, eq=False)
class LeftOutFold:
    """One left-out part of the body.

    Attributes
    ----------
    fold : int
    before, after : Shifts
        Of its blocks, with the subject's motion alone, and with the field and
        the motion learned from the other folds. The motion alone is fitted to
        the whole body, this fold included.
    """

    fold: int
    before: Shifts
    after: Shifts


def fold_of(x: Indices, y: Indices, z: Indices) -> Indices:
    """Assign cubes, by their places along the axes, to folds 0 to 3.

    Cubes with a common face differ, and each fold has two of the eight cubes
    that meet at the isocentre.
    """
    return np.asarray((x + 2 * y + 3 * z) % FOLDS)


def cross_validate(
    references: Sequence[Reference],
    settings: FitSettings,
    progress: Progress | None,
    points: Sequence[PointPairs] = (),
) -> tuple[LeftOutFold, ...]:
    """Learn from all but one fold of a subject and test on that fold, for each.

    Parameters
    ----------
    references : sequence of Reference
        Stations of one subject.
    settings : FitSettings
    progress : callable, optional
        Called with a line of text and the share done, 0 to 1.
    points : sequence of PointPairs
        Points that every fit takes along.

    Raises
    ------
    DistcorrError
        ``too-few-references`` if the body is too small to be divided, and as
        :func:`distcorr.learn.learn`.
    """
    levels = [
        comparison_level(one, find_body(one.axial, margin_mm=SKIN_MARGIN_MM)) for one in references
    ]
    _require_large_folds(levels)
    folds = []
    for fold in range(FOLDS):
        kept = [without_fold(one, fold) for one in references]
        tell = part_of(progress, f"without fold {fold + 1}", fold, FOLDS)
        folds.append(_left_out(levels, fold, learn(kept, settings, tell, points)))
    return tuple(folds)


def part_of(progress: Progress | None, name: str, index: int, runs: int) -> Progress | None:
    """Return the progress of one of several fits, told as a share of all of them."""
    if progress is None:
        return None
    tell: Progress = progress
    return lambda text, share: tell(f"{name}: {text}", (index + share) / runs)


def _require_large_folds(levels: Sequence[PairLevel]) -> None:
    blocks = [filled_blocks(level.points, level.step_mm) for level in levels]
    cubes = np.unique(np.concatenate(blocks), axis=0) // CUBE_BLOCKS
    counts = np.bincount(fold_of(*cubes.T), minlength=FOLDS)
    if counts.min() < MIN_FOLD_BLOCKS:
        raise DistcorrError(
            Code.TOO_FEW_REFERENCES,
            f"{levels[0].reference.id} alone shows too little tissue for spatial cross-validation",
            f"the folds have {', '.join(str(n) for n in counts)} blocks of {BLOCK_MM:.0f} mm, "
            f"{MIN_FOLD_BLOCKS} needed",
            "add a reference, so that one subject can be left out",
        )


def _left_out(levels: Sequence[PairLevel], fold: int, result: FitResult) -> LeftOutFold:
    """Test what the other folds teach on one."""
    motion = result.state.motions[0]
    before = Shifts.joined([compare_with(lv, result.no_field, motion).shifts for lv in levels])
    after = Shifts.joined([compare_at(lv, result.field, motion).shifts for lv in levels])
    return LeftOutFold(fold, *measured_in_both(_within(before, fold), _within(after, fold)))


def _within(shifts: Shifts, fold: int) -> Shifts:
    return shifts.restricted(fold_of(*(shifts.block // CUBE_BLOCKS).T) == fold)


def without_fold(reference: Reference, fold: int) -> Reference:
    """Return the reference with a fold's cubes masked out."""
    grid = reference.axial.volume.grid
    T = reference.axial.acquisition.T_scanner_patient @ grid.T_lps_index
    keep = _folds_on(T, grid.shape) != fold
    if reference.mask is not None:
        keep &= reference.mask
    return replace(reference, mask=keep)


def _folds_on(T_scanner_index: NDArray[np.float64], shape: tuple[int, int, int]) -> Indices:
    """Find the fold of each voxel, shape (k, j, i)."""
    k, j, i = np.ogrid[: shape[0], : shape[1], : shape[2]]
    x, y, z = (
        np.floor((offset + along_i * i + along_j * j + along_k * k) / CUBE_MM).astype(np.intp)
        for along_i, along_j, along_k, offset in T_scanner_index[:3]
    )
    return fold_of(x, y, z)
