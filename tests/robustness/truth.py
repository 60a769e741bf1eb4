"""Whether every voxel of a loaded scan is where it belongs.

The undamaged scans hold labels, a number of its own for each voxel. So a result is
not compared by its grid alone: each of its voxels says where it comes from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from distcorr.facts import AcquisitionFacts
from distcorr.space import Grid, Volume, transform_points
from tests.robustness.outcomes import PLACE_TOLERANCE_MM

INTERPOLATION_TOLERANCE = 0.1
"""Of an interpolated label: a tenth of a step along a row, and far less along the others."""

LEAST_VALID = 0.3
"""Part of the voxels that have to be left, so that an empty result can't pass."""


def label_volume(on: Grid) -> Volume:
    """Number the voxels of a grid; linear in the index, so it survives interpolation."""
    columns, rows, _ = on.size
    k, j, i = np.indices(on.shape)
    labels = i + columns * (j + rows * k)
    if labels.max() > np.iinfo(np.uint16).max:
        raise ValueError(f"{on.size} voxels do not fit into 16 bits")
    return Volume(labels.astype(np.uint16), on)


def misplaced(result: Volume, truth: Volume, *, values: bool = True) -> str:
    """Say what is misplaced; empty if nothing is.

    Parameters
    ----------
    result, truth : Volume
    values : bool
        Whether values are compared, too; not for damage that changes them.
    """
    if not np.isfinite(result.array).all():
        return "voxels are not finite"
    valid = np.ones(result.grid.shape, bool) if result.valid is None else result.valid
    if valid.sum() < LEAST_VALID * truth.array.size:
        return f"only {valid.mean():.0%} of {valid.size} voxels are valid"
    at = transform_points(truth.grid.T_index_lps, result.grid.points_lps()[valid])
    reason = _off_grid(result.array[valid], at, truth, values=values)
    resampled = result.array.dtype.kind == "f"
    if reason and values and resampled and _interpolated_alike(result.array[valid], at, truth):
        return ""
    return reason


def _off_grid(values_at: NDArray, at: NDArray, truth: Volume, *, values: bool) -> str:
    nearest = np.rint(at)
    size = np.array(truth.grid.size)
    if not ((nearest >= 0) & (nearest < size)).all():
        return "voxels lie outside of the true volume"
    apart = float(np.linalg.norm((at - nearest) * truth.grid.spacing, axis=-1).max())
    if apart > PLACE_TOLERANCE_MM:
        return f"voxels lie {apart:.3g} mm beside their place"
    i, j, k = nearest.astype(np.intp).T
    wrong = values_at != truth.array[k, j, i]
    if values and wrong.any():
        return f"{wrong.mean():.1%} of the voxels come from another place"
    return ""


def _interpolated_alike(values_at: NDArray, at: NDArray, truth: Volume) -> bool:
    """Whether interpolated labels are those of their place."""
    expected = map_coordinates(
        truth.array.astype(np.float64), at[:, ::-1].T, order=1, mode="nearest"
    )
    return bool(np.abs(values_at - expected).max() <= INTERPOLATION_TOLERANCE)


def wrong_facts(read: AcquisitionFacts, true: AcquisitionFacts) -> str:
    """Name a fact that is known and wrong; unknown is never wrong."""
    for name in ("state", "patient_position", "isocentre_lps"):
        found, wanted = getattr(read, name), getattr(true, name)
        if found.known and found.value != wanted.value:
            return f"{name} is {found.value} instead of {wanted.value}"
    return ""
