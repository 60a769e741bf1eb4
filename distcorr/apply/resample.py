"""Bring every voxel of a scan to the place where its tissue is.

The corrected voxel at true point p takes the value that the scan shows at
s = T^-1 true_to_shown(T p), with T from patient LPS to the scanner frame. The
acquired image is interpolated once.

Stretching changes brightness, because the signal of a piece of tissue is spread
over the volume that shows it: shown = true * det(dr/ds). With
``correct_intensity`` the corrected value is therefore multiplied by det(ds/dr).
For DIS2D this assumes that the vendor's own resampling followed the same law.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition, Scan
from distcorr.apply.guards import require_applicable
from distcorr.apply.sampling import Interpolation, Sampler
from distcorr.correction import Correction
from distcorr.correction.blocks import blocks, points_of_block
from distcorr.errors import Code, Finding
from distcorr.space import Grid, Volume, transform_points

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """How to apply a correction.

    Attributes
    ----------
    interpolation : Interpolation
        Of the acquired image.
    correct_intensity : bool
        Undo the change of brightness that stretching caused.
    outside_value : float
        Value of voxels that no acquired voxel stands behind.
    force_reason : str, optional
        Why a correction is applied all the same that belongs to another scanner
        or lacks a component that the scan needs.
    """

    interpolation: Interpolation = Interpolation.BSPLINE
    correct_intensity: bool = False
    outside_value: float = 0.0
    force_reason: str | None = None

    def __post_init__(self) -> None:
        if self.force_reason is not None and not self.force_reason.strip():
            raise ValueError("a reason to force must say something")
        if not np.isfinite(self.outside_value):
            raise ValueError(f"the outside value must be finite, got {self.outside_value}")


@dataclass(frozen=True, eq=False)
class Corrected:
    """A corrected scan.

    Attributes
    ----------
    volume : Volume
        Of the scan's data type; ``valid`` is False where nothing was acquired.
    supported : ndarray of bool, shape (k, j, i)
        Where the correction holds in full.
    largest_displacement_mm : float
        Longest way from true to shown over the valid voxels.
    supported_fraction : float
        Supported part of the valid voxels.
    findings : tuple of Finding
    """

    volume: Volume
    supported: Mask
    largest_displacement_mm: float
    supported_fraction: float
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        return (
            f"Corrected({self.volume!r}, moved by up to {self.largest_displacement_mm:.2f} mm, "
            f"{self.supported_fraction:.1%} supported, {len(self.findings)} findings)"
        )


def apply_correction(
    scan: Scan,
    correction: Correction,
    options: ApplyOptions = ApplyOptions(),
    like: Grid | None = None,
) -> Corrected:
    """Correct a scan.

    Parameters
    ----------
    scan : Scan
        As acquired, with its facts.
    correction : Correction
        Of the scanner that made the scan.
    options : ApplyOptions
    like : Grid, optional
        Grid of the result; the scan's own by default.

    Returns
    -------
    Corrected

    Raises
    ------
    DistcorrError
        As :func:`distcorr.apply.require_applicable`.
    """
    doubts = require_applicable(scan, correction, options.force_reason)
    acquisition = scan.acquisition
    grid = like or scan.volume.grid
    worker = _Worker(scan, correction, acquisition, grid, options)
    for block in blocks(grid):
        worker.work(block)
    return worker.result(doubts)


class _Worker:
    """The arrays that the blocks of one run fill."""

    def __init__(
        self,
        scan: Scan,
        correction: Correction,
        acquisition: Acquisition,
        grid: Grid,
        options: ApplyOptions,
    ) -> None:
        volume = scan.volume
        self.correction, self.acquisition = correction, acquisition
        self.grid, self.options = grid, options
        values, valid = _finite(volume)
        self.sampler = Sampler(values, options.interpolation)
        self.validity = None if valid is None else Sampler(valid, Interpolation.NEAREST)
        self.T_index_scanner = volume.grid.T_index_lps @ np.linalg.inv(
            acquisition.T_scanner_patient
        )
        outside = _as_type(np.array([options.outside_value]), volume.array.dtype)[0]
        self.array = np.full(grid.shape, outside, dtype=volume.array.dtype)
        self.valid = np.zeros(grid.shape, dtype=np.bool_)
        self.supported = np.zeros(grid.shape, dtype=np.bool_)
        self.largest = 0.0
        self.nearest_unsupported = np.inf

    def work(self, block: slice) -> None:
        """Fill one block of voxels."""
        field, acquisition = self.correction.field, self.acquisition
        true = points_of_block(acquisition.T_scanner_patient, self.grid, block)
        shown = acquisition.true_to_shown(field, true)
        supported = self._supported(true, shown)
        index = transform_points(self.T_index_scanner, shown)
        values, valid = self.sampler(index)
        if self.validity is not None:
            valid &= self.validity(index)[0] > 0
        if self.options.correct_intensity:
            factor, unfolded = self._brightness(true, shown, valid)
            values *= factor
            valid &= unfolded
        self.array.reshape(-1)[block][valid] = _as_type(values[valid], self.array.dtype)
        self.valid.reshape(-1)[block] = valid
        self.supported.reshape(-1)[block] = supported
        self._measure(true, shown, valid, supported)

    def _supported(self, true: Array, shown: Array) -> Mask:
        """Supported where every displacement that the map uses is, and the map exists."""
        supported = self.correction.supported(true) & np.isfinite(shown).all(axis=-1)
        if self.acquisition.vendor_projector.any():
            supported &= self.correction.supported(shown)
        return supported

    def _brightness(self, true: Array, shown: Array, valid: Mask) -> tuple[Array, Mask]:
        """det(ds/dr), 1 where nothing is shown, and whether it is positive."""
        factor = np.ones(len(true))
        jacobian = self.acquisition.jacobian(self.correction.field, true[valid], shown[valid])
        factor[valid] = np.linalg.det(jacobian)
        return factor, factor > 0

    def _measure(self, true: Array, shown: Array, valid: Mask, supported: Mask) -> None:
        if valid.any():
            moved = np.linalg.norm(shown[valid] - true[valid], axis=-1)
            self.largest = max(self.largest, float(moved.max()))
        lost = valid & ~supported
        if lost.any():
            radius = float(np.linalg.norm(true[lost], axis=-1).min())
            self.nearest_unsupported = min(self.nearest_unsupported, radius)

    def result(self, doubts: tuple[Finding, ...]) -> Corrected:
        """Gather what the blocks found."""
        shown = int(self.valid.sum())
        fraction = float((self.supported & self.valid).sum() / shown) if shown else 0.0
        findings = doubts
        if fraction < 1.0:
            where = (
                f"nearest at {self.nearest_unsupported:.0f} mm from the isocentre"
                if shown
                else "no voxel of the scan lies on the grid of the result"
            )
            what = f"{1 - fraction:.1%} of the image is outside of the correction's support"
            findings = (*doubts, Finding(Code.OUTSIDE_SUPPORT, what, where))
        volume = Volume(self.array, self.grid, None if self.valid.all() else self.valid)
        return Corrected(volume, self.supported, self.largest, fraction, findings)


def _finite(volume: Volume) -> tuple[NDArray[Any], Mask | None]:
    """Take NaN and infinity for missing: the spline's prefilter would spread them."""
    finite = np.isfinite(volume.array)
    if finite.all():
        return volume.array, volume.valid
    valid = finite if volume.valid is None else finite & volume.valid
    return np.where(finite, volume.array, np.zeros(1, volume.array.dtype)), valid


def _as_type(values: Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert to the scan's type: whole numbers are rounded and clipped to its range."""
    if dtype == np.bool_:
        return values >= 0.5
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    # float(max) of 64-bit types rounds up beyond the range; the float below it doesn't.
    top = float(limits.max)
    if int(top) > limits.max:
        top = np.nextafter(top, 0.0)
    return np.clip(np.rint(values), float(limits.min), top).astype(dtype)
