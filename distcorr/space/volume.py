"""An image in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.space.cuts import value_range, volume_card
from distcorr.space.grid import Grid


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels on a grid.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
        Integer or floating voxel values.
    grid : Grid
        Placement in patient LPS.
    valid : ndarray of bool, shape (k, j, i), optional
        False where no measurement stands behind the voxel (missing slices,
        padding, outside the field of view). None means valid everywhere.

    Raises
    ------
    DistcorrError
        ``geometry-invalid`` if shapes disagree.
    """

    array: NDArray[Any]
    grid: Grid
    valid: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        for name, array in (("array", self.array), ("valid", self.valid)):
            if array is not None and array.shape != self.grid.shape:
                raise DistcorrError(
                    Code.GEOMETRY_INVALID,
                    f"shape of {name} does not fit the grid",
                    f"{array.shape} against {self.grid.shape}",
                )

    def __repr__(self) -> str:
        low, high, _ = value_range(self.array)
        part = "" if self.valid is None else f", {self.valid.mean():.1%} valid"
        return f"Volume({self.array.dtype}, {low:.6g} to {high:.6g}{part}, {self.grid!r})"

    def _repr_html_(self) -> str:
        return volume_card(self)
