"""What one file says of its images: classic, enhanced multi-frame or Siemens mosaic.

Whatever the layout, a file becomes a list of :class:`Frame`, one for each slice,
so that nothing above has to know how the vendor packed them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from distcorr.dicom.tags import Array
from distcorr.errors import DistcorrError


class Layout(StrEnum):
    """How a file packs its slices."""

    CLASSIC = "classic"
    MULTIFRAME = "multi-frame"
    MOSAIC = "mosaic"


@dataclass(frozen=True, slots=True)
class Labels:
    """What tells the volumes of one series apart; empty where not recorded.

    Attributes
    ----------
    image_type : tuple of str
        ImageType, FrameType or Siemens' image type text.
    echo_time_ms : float or None
    frame_of_reference : str
    temporal, diffusion, acquisition, coil : str
        Temporal position, b value and direction, AcquisitionNumber, coil.
    """

    image_type: tuple[str, ...] = ()
    echo_time_ms: float | None = None
    frame_of_reference: str = ""
    temporal: str = ""
    diffusion: str = ""
    acquisition: str = ""
    coil: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One slice: where it is and where its pixels are.

    Attributes
    ----------
    path : Path
    index : int
        Frame in the file, or tile of the mosaic, from 0.
    rows, columns : int
    position_lps : ndarray, shape (3,)
        Centre of the first pixel, mm.
    row_lps, column_lps : ndarray, shape (3,)
        Direction of increasing column index and of increasing row index, as
        ImageOrientationPatient gives them.
    pixel_spacing : tuple of float
        Distance of rows, distance of columns, mm (the order of PixelSpacing).
    slope, intercept : float
        Value = slope * stored + intercept.
    padding : tuple of int or None
        Least and greatest stored value that means "no measurement".
    thickness_mm, spacing_tag_mm : float or None
        SliceThickness and SpacingBetweenSlices; never used for geometry.
    instance : int or None
        InstanceNumber; never used for the order.
    sop_instance : str
    labels : Labels
    """

    path: Path
    index: int
    rows: int
    columns: int
    position_lps: Array
    row_lps: Array
    column_lps: Array
    pixel_spacing: tuple[float, float]
    slope: float
    intercept: float
    padding: tuple[int, int] | None
    thickness_mm: float | None
    spacing_tag_mm: float | None
    instance: int | None
    sop_instance: str
    labels: Labels

    @property
    def normal_lps(self) -> Array:
        """Row direction x column direction, unit length."""
        normal = np.cross(self.row_lps, self.column_lps)
        return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)

    @property
    def name(self) -> str:
        """File name, with the frame's number where the file holds several."""
        return self.path.name if self.index == 0 else f"{self.path.name}#{self.index + 1}"


@dataclass(frozen=True, slots=True)
class FileHeader:
    """One DICOM image file.

    Attributes
    ----------
    path : Path
    layout : Layout
    series_uid, study_uid : str
    patient_key : str
        Hash of the patient's identity; the identity itself is not kept.
    modality, description : str
    frames : tuple of Frame
        Empty if ``problem`` is set.
    problem : DistcorrError or None
        Why the geometry of this file can't be used.
    """

    path: Path
    layout: Layout
    series_uid: str
    study_uid: str
    patient_key: str
    modality: str
    description: str
    frames: tuple[Frame, ...] = ()
    problem: DistcorrError | None = None
