"""Resample a label map as its scan is resampled, label values untouched."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition, Scan
from distcorr.apply.follow import box_text, inside_grid, supported_pairs
from distcorr.apply.guards import require_applicable
from distcorr.correction import Correction
from distcorr.correction.blocks import blocks, points_of_block
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.space import Grid, Volume, transform_points

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Labels = NDArray[Any]


LOOKED_AT = 100_000
"""Labelled voxels, spread over all, that tell whether a label map lies on its scan."""


TIE = 1e-9
"""Difference of votes that rounding makes; the nearest voxel's label wins a tie."""


class LabelInterpolation(StrEnum):
    """How the label between voxels is found.

    ``VOTE`` gives the label to which linear interpolation of each label's own mask
    gives most; a tie goes to the nearest voxel's. Edges come out smoother than
    with ``NEAREST``, and nearer to the truth.
    """

    VOTE = "vote"
    NEAREST = "nearest"


@dataclass(frozen=True, eq=False)
class CorrectedLabels:
    """A corrected label map.

    Attributes
    ----------
    volume : Volume
        Of the input's data type; it holds no value that the input does not.
    supported : ndarray of bool, shape (k, j, i)
        Where the correction holds in full.
    largest_displacement_mm : float
        Longest way from true to shown over the labelled voxels.
    supported_fraction : float
        Supported share of the labelled voxels; 0 if there are none.
    findings : tuple of Finding
    """

    volume: Volume
    supported: Mask
    largest_displacement_mm: float
    supported_fraction: float
    findings: tuple[Finding, ...]


def correct_labels(
    labels: Volume,
    scan: Scan,
    correction: Correction,
    like: Grid | None = None,
    interpolation: LabelInterpolation = LabelInterpolation.VOTE,
    force_reason: str | None = None,
) -> CorrectedLabels:
    """Bring a label map to where the tissue is.

    Parameters
    ----------
    labels : Volume
        Whole numbers, 0 for nothing, as drawn on the scan; on any grid.
    scan : Scan
        On which it was drawn; its grid and facts are used, not its voxels.
    correction : Correction
        Of the scanner that made the scan.
    like : Grid, optional
        Grid of the result. By default the label map's own, grown by whole voxels
        where labels would leave it: viewers crop label maps to what they hold.
    interpolation : LabelInterpolation
    force_reason : str, optional
        See :func:`distcorr.apply.require_applicable`.

    Returns
    -------
    CorrectedLabels

    Raises
    ------
    DistcorrError
        ``bad-format`` if voxels are no whole numbers, ``outside-scan`` if no
        labelled voxel lies within the scan, and as
        :func:`distcorr.apply.require_applicable`.
    """
    doubts = require_applicable(scan, correction, force_reason)
    array = _whole_numbers(labels)
    _require_on_scan(labels.grid, array, scan)
    grid = like or grown(labels.grid, array, scan, correction)
    worker = _Worker(array, labels.grid, grid, scan.acquisition, correction, interpolation)
    for block in blocks(grid):
        worker.work(block)
    lost = _lost(array, worker.out)
    return CorrectedLabels(
        Volume(worker.out.astype(labels.array.dtype, copy=False), grid),
        worker.supported,
        worker.largest,
        worker.fraction,
        (*doubts, *worker.findings(), *lost),
    )


def grown(grid: Grid, array: Labels, scan: Scan, correction: Correction) -> Grid:
    """Grow a label map's grid by whole voxels until its corrected labels fit.

    Parameters
    ----------
    grid : Grid
    array : ndarray, shape (k, j, i)
        Labels, 0 for nothing.
    scan : Scan
    correction : Correction

    Returns
    -------
    Grid
        ``grid`` itself if it is the scan's, on which the corrected scan lies too.
    """
    k, j, i = np.nonzero(_rim(array != 0))
    if grid.same_as(scan.volume.grid) or len(i) == 0:
        return grid
    shown = transform_points(grid.T_lps_index, np.stack([i, j, k], axis=-1))
    acquisition = scan.acquisition
    true = acquisition.shown_to_true_patient(correction.field, shown)
    index = transform_points(grid.T_index_lps, true[np.isfinite(true).all(axis=-1)])
    size = np.array(grid.size)
    below = np.maximum(np.ceil(-index.min(axis=0, initial=0.0)), 0).astype(int)
    above = np.maximum(np.ceil((index - (size - 1)).max(axis=0, initial=0.0)), 0).astype(int)
    if not (below.any() or above.any()):
        return grid
    origin = transform_points(grid.T_lps_index, -below)
    ni, nj, nk = (int(n) for n in size + below + above)
    return Grid((ni, nj, nk), origin, grid.spacing, grid.direction)


class _Worker:
    """The arrays that the blocks of one run fill."""

    def __init__(
        self,
        array: Labels,
        source: Grid,
        grid: Grid,
        acquisition: Acquisition,
        correction: Correction,
        interpolation: LabelInterpolation,
    ) -> None:
        self.array, self.grid = array, grid
        self.acquisition, self.correction = acquisition, correction
        self.sample = _voted if interpolation is LabelInterpolation.VOTE else _nearest
        self.T_index_scanner = source.T_index_lps @ np.linalg.inv(acquisition.T_scanner_patient)
        self.out = np.zeros(grid.shape, dtype=array.dtype)
        self.supported = np.zeros(grid.shape, dtype=np.bool_)
        self.largest = 0.0

    def work(self, block: slice) -> None:
        """Fill one block of voxels."""
        true = points_of_block(self.acquisition.T_scanner_patient, self.grid, block)
        shown = self.acquisition.true_to_shown(self.correction.field, true)
        labels = self.sample(self.array, transform_points(self.T_index_scanner, shown))
        self.out.reshape(-1)[block] = labels
        self.supported.reshape(-1)[block] = supported_pairs(
            self.correction, self.acquisition, true, shown
        )
        held = labels != 0
        moved = np.linalg.norm(shown[held] - true[held], axis=-1)
        self.largest = max(self.largest, float(moved.max(initial=0.0)))

    @property
    def fraction(self) -> float:
        """Supported share of the labelled voxels."""
        held = self.out != 0
        return float(self.supported[held].mean()) if held.any() else 0.0

    def findings(self) -> tuple[Finding, ...]:
        """Tell how much of each label is not supported."""
        held = self.out != 0
        bad = held & ~self.supported
        if not bad.any():
            return ()
        shares = []
        for label in np.unique(self.out[bad]):
            mine = self.out == label
            shares.append(f"label {label}: {(bad & mine).sum() / mine.sum():.1%}")
        what = f"{bad.sum() / held.sum():.1%} of the labelled voxels are outside of the support"
        return (Finding(Code.OUTSIDE_SUPPORT, what, ", ".join(shares), "do not measure there"),)


def _nearest(array: Labels, index: Array) -> Labels:
    """Take the nearest voxel's label; 0 beyond half a voxel outside, and for NaN."""
    size = np.array(array.shape[::-1])
    inside = ((index >= -0.5) & (index < size - 0.5)).all(axis=-1)
    # Halves go up, as with ITK; rint would send them to even numbers.
    i, j, k = np.floor(index[inside] + 0.5).astype(np.intp).T
    out = np.zeros(len(index), dtype=array.dtype)
    out[inside] = array[k, j, i]
    return out


def _voted(array: Labels, index: Array) -> Labels:
    """Let the eight voxels around each point vote; the array is 0 all around."""
    out = _nearest(array, index)
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    _vote(native, np.ascontiguousarray(index), out)
    return out


@njit(cache=True, parallel=True)
def _vote(array, index, out):  # type: ignore[no-untyped-def]
    """Exchange the nearest label for one with more weight around the point."""
    nk, nj, ni = array.shape
    for p in prange(index.shape[0]):
        x, y, z = index[p, 0], index[p, 1], index[p, 2]
        # Written so that NaN is outside.
        if not (-0.5 <= x < ni - 0.5 and -0.5 <= y < nj - 0.5 and -0.5 <= z < nk - 0.5):
            continue
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        labels, weights = np.zeros(8, array.dtype), np.empty(8)
        mixed = False
        for corner in range(8):
            a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
            weights[corner] = abs((1 - a) - (x - i)) * abs((1 - b) - (y - j))
            weights[corner] *= abs((1 - c) - (z - k))
            if 0 <= i + a < ni and 0 <= j + b < nj and 0 <= k + c < nk:
                labels[corner] = array[k + c, j + b, i + a]
            mixed |= labels[corner] != labels[0]
        if not mixed:
            continue
        best = 0.0
        for corner in range(8):
            if labels[corner] == out[p]:
                best += weights[corner]
        for corner in range(8):
            votes = 0.0
            for other in range(8):
                if labels[other] == labels[corner]:
                    votes += weights[other]
            if votes > best + TIE:
                best = votes
                out[p] = labels[corner]


def _rim(held: Mask) -> Mask:
    """Labelled voxels with a neighbour that is not, or at the array's border."""
    inner = held.copy()
    for axis in range(3):
        ahead, behind = np.zeros_like(held), np.zeros_like(held)
        cut: list[Any] = [slice(None)] * 3
        shifted: list[Any] = [slice(None)] * 3
        cut[axis], shifted[axis] = slice(1, None), slice(None, -1)
        ahead[tuple(shifted)] = held[tuple(cut)]
        behind[tuple(cut)] = held[tuple(shifted)]
        inner &= ahead & behind
    return held & ~inner


def _whole_numbers(labels: Volume) -> Labels:
    array = labels.array
    if array.dtype == np.bool_ or np.issubdtype(array.dtype, np.integer):
        return array
    if not np.array_equal(array, np.rint(array)):  # NaN is not equal to itself
        raise DistcorrError(
            Code.BAD_FORMAT,
            "a label map holds values that are no whole numbers",
            f"{labels!r}",
            "give scans without --of, and label maps with it",
        )
    return array


def _require_on_scan(grid: Grid, array: Labels, scan: Scan) -> None:
    k, j, i = np.nonzero(array)
    if len(i) == 0:
        raise DistcorrError(
            Code.BAD_FORMAT, "the label map is empty", f"{grid!r}", "give one that holds labels"
        )
    some = slice(None, None, len(i) // LOOKED_AT + 1)
    points = transform_points(grid.T_lps_index, np.stack([i, j, k], axis=-1)[some])
    if not inside_grid(scan.volume.grid, points).any():
        corners = scan.volume.grid.corners_lps
        raise DistcorrError(
            Code.OUTSIDE_SCAN,
            "no labelled voxel lies within the scan",
            f"labels LPS {box_text(points.min(axis=0), points.max(axis=0))}, "
            f"scan {box_text(corners.min(axis=0), corners.max(axis=0))}",
        )


def _lost(before: Labels, after: Labels) -> tuple[Finding, ...]:
    gone = np.setdiff1d(np.unique(before), np.unique(after))
    gone = gone[gone != 0]
    if len(gone) == 0:
        return ()
    what = f"{len(gone)} labels have no voxel in the corrected label map"
    return (Finding(Code.LABEL_LOST, what, ", ".join(str(label) for label in gone[:20])),)
