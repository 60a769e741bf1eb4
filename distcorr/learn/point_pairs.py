"""Pairs of points as the estimator takes them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition
from distcorr.field import ScannerField
from distcorr.learn.calibration import CALIBRATION_UNKNOWNS, STRAIN_UNKNOWNS, Calibration
from distcorr.learn.rigid import FIXED_PRECISION, MOTION_SD, RIGID, Motion
from distcorr.space import transform_points

Array = NDArray[np.float64]

DEFAULT_SD_MM = 0.1
"""Localisation below which no marker's centre is known, mm: a twentieth of a voxel."""

CALIBRATION_SD = 0.02
"""Prior width of the entries of S where calibration is estimated: 1.5 to 3 % were
measured on two sets of markers of one scanner."""

OFFSET_SD_MM = 3.0
"""Prior width of the offset o where calibration is estimated: the chemical shift of
markers filled with oil along the readout (2 mm at one pixel per 150 Hz and 1 T), the
centre frequency, half a slice too few or too many."""

FREE_PLACEMENT = MOTION_SD
"""``motion_sd`` of a phantom that was put down by laser or registered roughly."""

_FIXED_STRAIN = 1e-8
_FIXED_OFFSET_MM = 1e-6
"""Widths that keep S and o at zero: nanometres at the edge of the field of view."""


@dataclass(frozen=True, eq=False)
class PointPairs:
    """True and shown places of the same points.

    Parameters
    ----------
    id : str
        Pseudonym of the phantom or subject.
    acquisition : Acquisition
        Map of the scan that shows the points.
    true_lps, shown_lps : ndarray, shape (m, 3)
        Patient LPS of that scan, mm; the true ones up to ``motion``.
    sd_mm : float
        Standard deviation of one coordinate of a localised point; the scatter
        that the fit finds is taken instead where it is larger.
    motion_sd : ndarray, shape (6,), or None
        Prior widths (mm, rad) of the rigid motion from the true places to the
        scanner. None where both are known in one frame.
    calibration_sd : float
        Prior width of the linear error of the shown places, as a share of the
        distance from the isocentre. 0 where there is none.
    offset_sd_mm : float
        Prior width of each component of their offset. 0 where there is none.
    """

    id: str
    acquisition: Acquisition
    true_lps: Array
    shown_lps: Array
    sd_mm: float = DEFAULT_SD_MM
    motion_sd: Array | None = None
    calibration_sd: float = 0.0
    offset_sd_mm: float = 0.0

    def __post_init__(self) -> None:
        for name in ("true_lps", "shown_lps"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.ndim != 2 or array.shape[1] != 3 or not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite, shape (m, 3), got {array.shape}")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if len(self.true_lps) != len(self.shown_lps) or len(self.true_lps) == 0:
            raise ValueError(f"{len(self.true_lps)} true and {len(self.shown_lps)} shown points")
        if self.motion_sd is not None:
            widths = np.array(self.motion_sd, dtype=np.float64)
            if widths.shape != (RIGID,) or not (widths > 0).all():
                raise ValueError(f"motion_sd must be {RIGID} positive widths, got {widths}")
            widths.setflags(write=False)
            object.__setattr__(self, "motion_sd", widths)
        if not self.sd_mm > 0 or not min(self.calibration_sd, self.offset_sd_mm) >= 0:
            raise ValueError("sd_mm must be positive, calibration_sd, offset_sd_mm not negative")

    def __len__(self) -> int:
        return len(self.true_lps)

    def __repr__(self) -> str:
        return f"PointPairs({self.id!r}, {len(self)} pairs, {self.acquisition.state})"

    @property
    def true_scanner(self) -> Array:
        """True places in the scanner frame, before ``motion``."""
        return transform_points(self.acquisition.T_scanner_patient, self.true_lps)

    @property
    def shown_scanner(self) -> Array:
        """Shown places in the scanner frame."""
        return transform_points(self.acquisition.T_scanner_patient, self.shown_lps)

    @property
    def still(self) -> Motion:
        """The motion to start from: none, about the centre of the true places."""
        return Motion.none(self.true_scanner.mean(axis=0), self.motion_precision)

    @property
    def motion_precision(self) -> Array:
        """Inverse prior variances of the motion, shape (12,); no phantom has sides."""
        fixed = np.full(RIGID, FIXED_PRECISION)
        whole = fixed if self.motion_sd is None else self.motion_sd**-2.0
        return np.concatenate([whole, fixed])

    @property
    def calibration_precision(self) -> Array:
        """Inverse prior variances of S and o, shape (9,)."""
        strain = max(self.calibration_sd, _FIXED_STRAIN) ** -2
        offset = max(self.offset_sd_mm, _FIXED_OFFSET_MM) ** -2
        unknowns = np.arange(CALIBRATION_UNKNOWNS)
        return np.where(unknowns < STRAIN_UNKNOWNS, strain, offset)

    def subset(self, rows: NDArray[np.intp]) -> PointPairs:
        """Return some of the pairs."""
        return replace(self, true_lps=self.true_lps[rows], shown_lps=self.shown_lps[rows])

    def predicted(self, field: ScannerField, motion: Motion, calibration: Calibration) -> Array:
        """Where the scan is expected to show the points, scanner frame, mm.

        Parameters
        ----------
        field : ScannerField
        motion : Motion
        calibration : Calibration
            As a fit has found it.
        """
        shown = self.acquisition.true_to_shown(field, motion.apply(self.true_scanner))
        return calibration.apply(shown)
