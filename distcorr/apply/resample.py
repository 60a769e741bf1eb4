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

from distcorr.acquisition import Scan
from distcorr.apply.coarse import CELLS_PER_NODE, CoarseMap, ExactMap, tabulate
from distcorr.apply.fused import (
    Range,
    Result,
    Ruler,
    Table,
    Tally,
    resample_cells,
    resample_voxels,
)
from distcorr.apply.guards import require_applicable
from distcorr.apply.measure import displacement, nearest_unsupported_mm, voxels_of_cells
from distcorr.apply.sampling import Interpolation, Voxels, prepare
from distcorr.apply.support import EVERYWHERE, SOMEWHERE, Support, classify
from distcorr.apply.threads import share_out
from distcorr.correction import Correction
from distcorr.errors import Code, Finding
from distcorr.space import Grid, Volume

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_VOXELS = 1 << 17
"""Voxels mapped one by one that are held together: with their places some 20 MB."""


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
    grid = like or scan.volume.grid
    run = _Run.of(scan, correction, options, grid)
    coarse = tabulate(run.mapping, grid.shape, correction.lattice.spacing.min() / CELLS_PER_NODE)
    result = run.empty_result(grid.shape, scan.volume.array.dtype)
    kinds = run.kinds(coarse, grid.shape)
    parts = run.fill_tabulated(coarse, kinds, result), run.fill_exact(coarse, result)
    shown, both = sum(part.valid for part in parts), sum(part.both for part in parts)
    longest = max(part.longest_mm for part in parts)
    fraction = both / shown if shown else 0.0
    findings = doubts
    if fraction < 1.0:
        T_scanner_result, doubtful = run.mapping.T_scanner_result, kinds != EVERYWHERE
        nearest = nearest_unsupported_mm(T_scanner_result, coarse.step, result, doubtful)
        findings = (*doubts, _outside_support(fraction, nearest))
    complete = shown == result.valid.size
    volume = Volume(result.array, grid, None if complete else result.valid)
    return Corrected(volume, result.supported, longest, fraction, findings)


@dataclass(frozen=True, slots=True)
class _Figures:
    """Of some voxels: how many are valid, and supported too, and their longest displacement."""

    valid: int
    both: int
    longest_mm: float


@dataclass(frozen=True, slots=True)
class _Run:
    """What the kernels need of a scan, a correction and options."""

    mapping: ExactMap
    voxels: Voxels
    measured: Mask
    support: Support
    ruler: Ruler
    limits: Range

    @classmethod
    def of(cls, scan: Scan, correction: Correction, options: ApplyOptions, grid: Grid) -> _Run:
        acquisition, volume, lattice = scan.acquisition, scan.volume, correction.lattice
        T_scanner_result = acquisition.T_scanner_patient @ grid.T_lps_index
        T_scanner_index = acquisition.T_scanner_patient @ volume.grid.T_lps_index
        T_index_scanner = volume.grid.T_index_lps @ np.linalg.inv(acquisition.T_scanner_patient)
        values, valid = _finite(volume)
        return cls(
            ExactMap(
                acquisition,
                correction.field,
                T_scanner_result,
                T_index_scanner,
                options.correct_intensity,
            ),
            prepare(values, options.interpolation),
            np.empty(0, np.bool_) if valid is None else np.ascontiguousarray(valid).reshape(-1),
            Support(
                lattice.origin,
                lattice.spacing,
                correction.support,
                T_scanner_result,
                T_scanner_index,
                bool(acquisition.vendor_projector.any()),
            ),
            Ruler(T_index_scanner @ T_scanner_result, volume.grid.spacing),
            _range_of(volume.array.dtype, options.outside_value),
        )

    def empty_result(self, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Result:
        array = np.empty(shape, dtype.newbyteorder("="))
        return Result(array, np.empty(shape, np.bool_), np.empty(shape, np.bool_))

    def kinds(self, coarse: CoarseMap, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        """Where each cell is supported; of those to be mapped exactly nothing is known."""
        kinds = np.empty(coarse.exact.shape, np.uint8)
        if not coarse.exact.all():
            classify(self.support, coarse.step, coarse.nodes, shape, kinds)
        kinds[coarse.exact] = SOMEWHERE
        return kinds

    def fill_tabulated(
        self, coarse: CoarseMap, kinds: NDArray[np.uint8], result: Result
    ) -> _Figures:
        """Fill the cells in which the table is exact enough."""
        rows = coarse.exact.shape[:2]
        tally = Tally(np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows))
        if coarse.exact.all():
            return _Figures(0, 0, 0.0)
        nodes = np.ascontiguousarray(np.moveaxis(coarse.nodes, -1, 2))
        table = Table(coarse.step, nodes, coarse.exact, kinds)
        kernel_result = result._replace(array=_as_numbers(result.array))
        share_out(
            lambda start, stop: resample_cells(
                start,
                stop,
                self.voxels,
                self.measured,
                table,
                self.support,
                self.ruler,
                self.limits,
                kernel_result,
                tally,
            ),
            rows[0] * rows[1],
        )
        longest_mm = float(np.sqrt(tally.square.max()))
        return _Figures(int(tally.valid.sum()), int(tally.both.sum()), longest_mm)

    def fill_exact(self, coarse: CoarseMap, result: Result) -> _Figures:
        """Map the other voxels one by one."""
        longest_mm, of_valid, of_both = 0.0, 0, 0
        cells = np.argwhere(coarse.exact)
        together = max(1, _VOXELS // int(np.prod(coarse.step)))
        kernel_result = result._replace(array=_as_numbers(result.array))
        for start in range(0, len(cells), together):
            some = cells[start : start + together]
            places = voxels_of_cells(some, coarse.step, result.valid.shape)
            index = places[:, ::-1].astype(np.float64)
            mapped = self.mapping(index)
            self._resample(places, mapped, kernel_result)
            valid, supported = (mask[tuple(places.T)] for mask in (result.valid, result.supported))
            of_valid += int(valid.sum())
            of_both += int((valid & supported).sum())
            if valid.any():
                moved = displacement(self.mapping, index[valid], mapped[valid])
                longest_mm = max(longest_mm, float(np.linalg.norm(moved, axis=-1).max()))
        return _Figures(of_valid, of_both, longest_mm)

    def _resample(self, places: NDArray[np.int64], mapped: Array, result: Result) -> None:
        share_out(
            lambda start, stop: resample_voxels(
                start,
                stop,
                places,
                mapped,
                self.voxels,
                self.measured,
                self.support,
                self.limits,
                result,
            ),
            len(places),
        )


def _outside_support(fraction: float, nearest_mm: float) -> Finding:
    where = (
        f"nearest at {nearest_mm:.0f} mm from the isocentre"
        if np.isfinite(nearest_mm)
        else "no voxel of the scan lies on the grid of the result"
    )
    what = f"{1 - fraction:.1%} of the image is outside of the correction's support"
    return Finding(Code.OUTSIDE_SUPPORT, what, where)


def _finite(volume: Volume) -> tuple[NDArray[Any], Mask | None]:
    """Take NaN and infinity for missing: the spline's prefilter would spread them."""
    if volume.array.dtype.kind != "f":
        return volume.array, volume.valid
    finite = np.isfinite(volume.array)
    if finite.all():
        return volume.array, volume.valid
    valid = finite if volume.valid is None else finite & volume.valid
    return np.where(finite, volume.array, np.zeros(1, volume.array.dtype)), valid


def _as_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Let the kernels write truth values as 0 and 1."""
    return array.view(np.uint8) if array.dtype == np.bool_ else array


def _range_of(dtype: np.dtype[Any], outside_value: float) -> Range:
    """Whole numbers are rounded and clipped to the range of their type."""
    if dtype == np.bool_:
        return Range(np.uint8(outside_value >= 0.5), 0.0, 1.0, True)
    if dtype.kind == "f":
        return Range(dtype.type(outside_value), -np.inf, np.inf, False)
    limits = np.iinfo(dtype)
    # float(max) of 64-bit types rounds up beyond the range; the float below it doesn't.
    high = float(limits.max)
    if int(high) > limits.max:
        high = float(np.nextafter(high, 0.0))
    outside = np.clip(np.rint(outside_value), float(limits.min), high)
    return Range(dtype.type(outside), float(limits.min), high, True)
