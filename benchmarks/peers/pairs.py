"""A reference pair as registration tools get it, and the field that they give back.

Both scans are placed in the scanner frame, the axial one where the body lay during
the coronal scan, so that no rigid motion is left between them. Only headers change:
nothing is interpolated. A tool with the axial scan fixed and the coronal one moving
then finds, for points where the axial scan shows tissue, where the coronal one shows
it: y = x + u(x). If the axial scan is right, x is the true place and u what the
coronal scan displaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates

from distcorr.images import to_sitk
from distcorr.phantom.pairs import SimulatedPair
from distcorr.phantom.scanner import SimulatedScan
from distcorr.space import Grid, Volume, transform_points

Array = NDArray[np.float64]

MASK_MARGIN_MM = 10.0
"""Air around the body that belongs to the mask: the skin's edge tells the most of what
the scans show, and a metric needs both of its sides."""


@dataclass(frozen=True, eq=False)
class AlignedPair:
    """Two scans of one subject in the scanner frame, without rigid motion in between.

    Attributes
    ----------
    fixed, moving : Volume
        Axial and coronal scan, float32; the grids' "LPS" is the scanner frame.
    fixed_body : ndarray of bool, shape (k, j, i)
        Body on the fixed grid, without margin.
    """

    fixed: Volume
    moving: Volume
    fixed_body: NDArray[np.bool_]

    @property
    def fixed_mask(self) -> Volume:
        """Body with ``MASK_MARGIN_MM`` around it, as uint8."""
        away = distance_transform_edt(~self.fixed_body, sampling=self.fixed.grid.spacing[::-1])
        return Volume((away <= MASK_MARGIN_MM).astype(np.uint8), self.fixed.grid)

    def sitk_images(self) -> tuple[Any, Any, Any]:
        """Hand fixed and moving image and the fixed mask over to SimpleITK."""
        return to_sitk(self.fixed), to_sitk(self.moving), to_sitk(self.fixed_mask)


@dataclass(frozen=True, eq=False)
class PairField:
    """Displacement u on a grid of the scanner frame; y = x + u(x).

    Attributes
    ----------
    grid : Grid
    u_scanner : ndarray of float32, shape (k, j, i, 3)
        Scanner frame, mm.
    """

    grid: Grid
    u_scanner: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.u_scanner.shape != (*self.grid.shape, 3):
            raise ValueError(f"field of {self.u_scanner.shape} on a grid of {self.grid.shape}")
        if not np.isfinite(self.u_scanner).all():
            raise ValueError("the field holds values that are no numbers")

    @classmethod
    def from_sitk(cls, field: Any) -> PairField:
        """Take over an ITK displacement field (vector image, vectors in world axes)."""
        import SimpleITK as sitk  # noqa: N813 - slow to import, and large

        direction = np.array(field.GetDirection()).reshape(3, 3)
        grid = Grid(field.GetSize(), field.GetOrigin(), field.GetSpacing(), direction)
        return cls(grid, sitk.GetArrayFromImage(field).astype(np.float32))

    def at(self, points_scanner: Array) -> Array:
        """Displacement at points (m, 3), linearly interpolated; the rim's beyond the grid."""
        index = transform_points(self.grid.T_index_lps, points_scanner)[:, ::-1].T
        return np.stack(
            [
                map_coordinates(self.u_scanner[..., a], index, order=1, mode="nearest")
                for a in range(3)
            ],
            axis=-1,
        ).astype(np.float64)


def placed(scan: SimulatedScan, T_scanner_patient: Array) -> Volume:
    """Put a scan into the scanner frame; its voxels stay as they are."""
    grid = scan.volume.grid
    in_scanner = Grid.from_affine(grid.size, T_scanner_patient @ grid.T_lps_index)
    return Volume(scan.volume.array.astype(np.float32), in_scanner)


def true_motion(pair: SimulatedPair) -> Array:
    """Rigid motion from the axial to the coronal scan, patient LPS, as it was simulated."""
    (axial,) = pair.axials
    if pair.coronal.side_motion is not None:
        raise ValueError("the sides moved against each other: no rigid motion takes that out")
    return np.asarray(pair.coronal.T_patient_subject @ np.linalg.inv(axial.T_patient_subject))


def aligned(pair: SimulatedPair, T_coronal_axial: Array) -> AlignedPair:
    """Place a pair in the scanner frame.

    Parameters
    ----------
    pair : SimulatedPair
    T_coronal_axial : ndarray, shape (4, 4)
        Rigid motion of the body from the axial to the coronal scan, patient LPS.
    """
    (axial,) = pair.axials
    T = pair.coronal.T_scanner_patient
    return AlignedPair(
        placed(axial, T @ T_coronal_axial), placed(pair.coronal, T), axial.body.copy()
    )
