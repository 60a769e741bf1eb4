"""What a simulated scan is to be: the operator's choices and the scanner's flaws."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from distcorr.errors import Code, DistcorrError
from distcorr.facts import AcquisitionDimension, Plane, VendorState
from distcorr.phantom.contrasts import Contrast
from distcorr.space import Grid, PatientPosition, rotation_scanner_patient

Array = NDArray[np.float64]


class PhaseEncoding(StrEnum):
    """Axis of the phase encoding within the image."""

    ROW = "row"
    COLUMN = "column"


# Columns: directions of i (along a row), j, k in patient LPS, as scanners write
# them: axial slices from inferior to superior, coronal from anterior to
# posterior, sagittal from left to right.
_DIRECTIONS: dict[Plane, tuple[tuple[int, int, int], ...]] = {
    Plane.AXIAL: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    Plane.CORONAL: ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    Plane.SAGITTAL: ((0, 1, 0), (0, 0, -1), (-1, 0, 0)),
}

DEFAULT_FOV_MM = (400.0, 240.0, 400.0)
DEFAULT_NOISE = 0.02
DEFAULT_BIAS = 0.15

MAX_FAT_SHIFT_MM = 15.0
"""The map of a scan is solved as far beyond its field of view, and more."""


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """One scan.

    Attributes
    ----------
    plane : Plane
    state : VendorState
        What the vendor's software does; ``TRUSTED`` is an undistorted scan
        whose header keeps silent.
    fov_mm : tuple of float
        Extent along patient left-right, front-back, head-foot.
    pixel_mm : float
        In-plane spacing.
    slice_spacing_mm, slice_thickness_mm : float
        Distance of slice centres and width of the slice profile.
    oblique_deg : tuple of float
        Rotation vector of the grid about patient L, P, S, degrees.
    centre_scanner_mm : tuple of float
        Middle of the grid in the scanner frame.
    patient_position : PatientPosition
    table_mm : tuple of float
        Relative table position, scanner frame: scanner = R patient - table.
    contrast : Contrast
    noise : float
        Standard deviation of the noise in each channel, as a share of the mean
        brightness of the body.
    bias : float
        Standard deviation of the logarithm of the coil's smooth sensitivity.
    jacobian_brightness : bool
        Whether compressed tissue is brighter.
    dimension : AcquisitionDimension
    phase_encoding : PhaseEncoding
    bandwidth_per_pixel_hz : float
        Along the readout; told in the header.
    fat_shift_pixels : float
        How far fat is displaced, in the image as shown, along the readout
        (columns if the phase is encoded along rows); at 3 T 440 Hz over the
        bandwidth per pixel.
    """

    plane: Plane
    state: VendorState
    fov_mm: tuple[float, float, float] = DEFAULT_FOV_MM
    pixel_mm: float = 2.0
    slice_spacing_mm: float = 2.0
    slice_thickness_mm: float = 2.0
    oblique_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre_scanner_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    patient_position: PatientPosition = PatientPosition.HFS
    table_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    contrast: Contrast = Contrast.T1W
    noise: float = DEFAULT_NOISE
    bias: float = DEFAULT_BIAS
    jacobian_brightness: bool = True
    dimension: AcquisitionDimension = AcquisitionDimension.D2
    phase_encoding: PhaseEncoding = PhaseEncoding.ROW
    bandwidth_per_pixel_hz: float = 200.0
    fat_shift_pixels: float = 0.0

    def __post_init__(self) -> None:
        positive = {
            **{f"fov_mm[{n}]": length for n, length in enumerate(self.fov_mm)},
            "pixel_mm": self.pixel_mm,
            "slice_spacing_mm": self.slice_spacing_mm,
            "slice_thickness_mm": self.slice_thickness_mm,
        }
        for name, value in positive.items():
            if not (np.isfinite(value) and value > 0):
                raise _refusal(name, value, "give a positive number of millimetres")
        for name, value in {"noise": self.noise, "bias": self.bias}.items():
            if not (np.isfinite(value) and 0 <= value < 1):
                raise _refusal(name, value, "give a share from 0 to below 1")
        if not abs(self.fat_shift_pixels) * self.pixel_mm <= MAX_FAT_SHIFT_MM:
            remedy = f"give a shift of at most {MAX_FAT_SHIFT_MM:g} mm"
            raise _refusal("fat_shift_pixels", self.fat_shift_pixels, remedy)
        if min(self.grid().size) < 2:
            raise _refusal("fov_mm", self.fov_mm, "give a field of view of several voxels")

    @property
    def readout_axis(self) -> int:
        """Axis of the grid (0 = i, 1 = j) along which frequency is encoded."""
        return 1 if self.phase_encoding is PhaseEncoding.ROW else 0

    @property
    def isocentre_lps(self) -> tuple[float, float, float]:
        """Place of the isocentre in patient coordinates, mm."""
        rotation = rotation_scanner_patient(self.patient_position)
        x, y, z = rotation.T @ np.array(self.table_mm)
        return float(x), float(y), float(z)

    def grid(self) -> Grid:
        """Lay out the voxels in patient LPS."""
        tilt = Rotation.from_rotvec(self.oblique_deg, degrees=True).as_matrix()
        axes = np.array(_DIRECTIONS[self.plane], dtype=np.float64).T
        spacing = np.array([self.pixel_mm, self.pixel_mm, self.slice_spacing_mm])
        extent = np.abs(axes).T @ np.array(self.fov_mm)
        size = np.maximum(1, np.rint(extent / spacing)).astype(int)
        direction = tilt @ axes
        rotation = rotation_scanner_patient(self.patient_position)
        centre = rotation.T @ (np.array(self.centre_scanner_mm) + np.array(self.table_mm))
        origin = centre - direction @ (spacing * (size - 1) / 2)
        # Written without numerical dust: these numbers go into headers.
        return Grid((int(size[0]), int(size[1]), int(size[2])), origin.round(6), spacing, direction)


def _refusal(name: str, value: object, remedy: str) -> DistcorrError:
    return DistcorrError(
        Code.BAD_FORMAT,
        "a setting of the simulated scan is impossible",
        f"{name} = {value}",
        remedy,
    )
