"""From the fields of single pairs to one correction of the scanner.

Each subject's field is trusted where its body was. How the average goes on beyond the
bodies is the user's choice; all that seem sensible are made, and a tool is given the
one that serves it best.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from distcorr.space import Grid, transform_points
from peers.pairs import PairField

Array = NDArray[np.float64]

SMOOTHING_MM = 10.0
"""Standard deviation of the Gaussian that smooths the average; gradient fields bend over
hundreds of millimetres."""

FILL_MM = (10.0, 20.0, 40.0, 80.0, 160.0)
"""Standard deviations of the Gaussians that carry the average outwards."""

COVERED = 0.02
"""Weight of the neighbourhood from which a Gaussian average counts."""


class Reduction(StrEnum):
    """How fields of pairs become one."""

    EVERYWHERE = "everywhere"
    BODIES = "bodies"
    FILLED = "filled"
    SMOOTHED = "smoothed"


MEANING = {
    Reduction.EVERYWHERE: "plain mean of the tool's fields",
    Reduction.BODIES: "mean where the bodies were, zero elsewhere",
    Reduction.FILLED: "mean where the bodies were, carried outwards by wider and wider Gaussians",
    Reduction.SMOOTHED: f"the same, smoothed by a Gaussian of {SMOOTHING_MM:g} mm",
}


def reduce_fields(
    fields: Sequence[PairField], bodies: Sequence[NDArray[np.bool_]], how: Reduction
) -> PairField:
    """Average the fields of several pairs in the scanner frame.

    Parameters
    ----------
    fields : sequence of PairField
    bodies : sequence of ndarray of bool, shape (k, j, i)
        Where the subject was, on each field's grid.
    how : Reduction
    """
    grid = common_grid([field.grid for field in fields])
    points = grid.points_lps().reshape(-1, 3)
    u = np.stack([field.at(points).reshape(*grid.shape, 3) for field in fields])
    if how is Reduction.EVERYWHERE:
        return PairField(grid, u.mean(axis=0).astype(np.float32))
    weight = np.stack(
        [_inside(body, field.grid, grid) for body, field in zip(bodies, fields, strict=True)]
    )
    total = weight.sum(axis=0)
    weighted = (weight[..., None] * u).sum(axis=0)
    mean = weighted / np.maximum(total, 1e-6)[..., None]
    mean[total < 0.5] = 0.0
    if how is not Reduction.BODIES:
        mean = _filled(mean, total >= 0.5, grid, smooth=how is Reduction.SMOOTHED)
    return PairField(grid, mean.astype(np.float32))


def common_grid(grids: Sequence[Grid]) -> Grid:
    """Lay a grid along the scanner's axes over all grids, as fine as the finest."""
    corners = np.concatenate([grid.corners_lps for grid in grids])
    spacing = min(float(grid.spacing.min()) for grid in grids)
    low, high = corners.min(axis=0), corners.max(axis=0)
    n = np.ceil((high - low) / spacing).astype(int) + 1
    return Grid((int(n[0]), int(n[1]), int(n[2])), low, np.full(3, spacing), np.eye(3))


def _inside(body: NDArray[np.bool_], grid: Grid, on: Grid) -> Array:
    index = transform_points(grid.T_index_lps @ on.T_lps_index, _indices(on))
    where = index[:, ::-1].T
    share = map_coordinates(body.astype(np.float32), where, order=1, mode="constant")
    return (share >= 0.5).astype(np.float64).reshape(on.shape)


def _indices(grid: Grid) -> Array:
    k, j, i = np.indices(grid.shape).reshape(3, -1)
    return np.stack([i, j, k], axis=-1).astype(np.float64)


def _filled(mean: Array, known: NDArray[np.bool_], grid: Grid, *, smooth: bool) -> Array:
    """Carry an average outwards, and smooth it where it is known if asked for."""
    out, missing = mean.copy(), ~known
    for sigma_mm in FILL_MM:
        blurred, weight = _normalised_blur(mean, known, sigma_mm / float(grid.spacing[0]))
        now = missing & (weight > COVERED)
        out[now] = blurred[now]
        missing &= ~now
    if not smooth:
        return out
    everywhere = np.ones_like(known)
    return _normalised_blur(out, everywhere, SMOOTHING_MM / float(grid.spacing[0]))[0]


def _normalised_blur(values: Array, known: NDArray[np.bool_], sigma: float) -> tuple[Array, Array]:
    weight = gaussian_filter(known.astype(np.float64), sigma, mode="constant")
    blurred = np.stack(
        [
            gaussian_filter(np.where(known, values[..., a], 0.0), sigma, mode="constant")
            for a in range(3)
        ],
        axis=-1,
    )
    return blurred / np.maximum(weight, 1e-9)[..., None], weight


STEPS = 200
DAMPING = 0.7
"""Keeps the search going where a registration's field is steep."""

SOLVED_MM = 1e-3


def shown_to_true(field: PairField, shown_scanner: Array) -> Array:
    """Find x with x + u(x) = y.

    Where a field folds or is steeper than the search can follow, the best point that
    was met is given.

    Parameters
    ----------
    field : PairField
    shown_scanner : ndarray, shape (m, 3)
        y, scanner frame, mm.

    Returns
    -------
    ndarray, shape (m, 3)
        x, scanner frame, mm.
    """
    x = np.array(shown_scanner, dtype=np.float64)
    best, least = x.copy(), np.full(len(x), np.inf)
    for _ in range(STEPS):
        miss = shown_scanner - x - field.at(x)
        size = np.linalg.norm(miss, axis=1)
        better = size < least
        best[better], least[better] = x[better], size[better]
        if least.max() < SOLVED_MM:
            break
        x = x + DAMPING * miss
    return best
