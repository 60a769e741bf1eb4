"""What an acquisition says of itself, each fact with the place it was read from.

These are plain values. The DICOM room reads them from tags, a manifest states
them for files that lack them, and the rooms above never need to know which.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.space import PatientPosition
from distcorr.space.frames import T_scanner_patient

T = TypeVar("T")

UNKNOWN_SOURCE = "unknown"

UNNAMED_CORRECTION = "a correction that is no longer named"
"""Stands for the identifier where only the mark of a corrected scan has survived."""


class VendorState(StrEnum):
    """What the vendor's distortion correction has done to a scan."""

    ND = "ND"
    DIS2D = "DIS2D"
    DIS3D = "DIS3D"
    TRUSTED = "trusted"


class Plane(StrEnum):
    """Anatomical plane nearest to the slices."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


class AcquisitionDimension(StrEnum):
    """MRAcquisitionType (0018,0023): slices excited one by one or one slab."""

    D2 = "2D"
    D3 = "3D"


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """A value and where it comes from.

    Attributes
    ----------
    value : T or None
        None means unknown.
    source : str
        Tag, manifest key or rule, for example ``"ImageType (0008,0008)"``; of an
        unknown value, why it is unknown.
    """

    value: T | None = None
    source: str = UNKNOWN_SOURCE

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def __str__(self) -> str:
        return "unknown" if self.value is None else f"{self.value} ({self.source})"


@dataclass(frozen=True, slots=True)
class Scanner:
    """Identity of the machine a field belongs to; empty where not recorded."""

    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    field_strength_t: float | None = None
    software: str = ""

    def __str__(self) -> str:
        parts = [self.manufacturer, self.model]
        if self.serial:
            parts.append(f"serial {self.serial}")
        if self.field_strength_t is not None:
            parts.append(f"{self.field_strength_t:g} T")
        return " ".join(part for part in parts if part) or "unknown scanner"


@dataclass(frozen=True, slots=True)
class AcquisitionFacts:
    """The facts of one scan that its correction rests on.

    Attributes
    ----------
    state : Fact of VendorState
        Vendor distortion correction already applied.
    patient_position : Fact of PatientPosition
    isocentre_lps : Fact of tuple of float
        Place of the isocentre in patient coordinates, mm.
    dimension : Fact of AcquisitionDimension
    phase_encode_lps : Fact of tuple of float
        Unit vector of increasing phase-encode index, sign unknown unless the
        source says otherwise.
    bandwidth_per_pixel_hz : Fact of float
        Along the readout.
    slice_normal_lps : Fact of tuple of float
        Unit normal of the slices as acquired, where a file's grid may have other
        axes: converters turn and resample. Unknown where the third axis is it.
    scanner : Scanner
    frame_of_reference : str
        FrameOfReferenceUID, empty if unknown.
    description : str
        Series description or file name, for people.
    corrected_by : Fact of str
        Identifier (SHA-256) of the correction with which distcorr has corrected
        the scan already, :data:`UNNAMED_CORRECTION` if only the fact is left.
    """

    state: Fact[VendorState] = field(default_factory=Fact)
    patient_position: Fact[PatientPosition] = field(default_factory=Fact)
    isocentre_lps: Fact[tuple[float, float, float]] = field(default_factory=Fact)
    dimension: Fact[AcquisitionDimension] = field(default_factory=Fact)
    phase_encode_lps: Fact[tuple[float, float, float]] = field(default_factory=Fact)
    bandwidth_per_pixel_hz: Fact[float] = field(default_factory=Fact)
    slice_normal_lps: Fact[tuple[float, float, float]] = field(default_factory=Fact)
    scanner: Scanner = field(default_factory=Scanner)
    frame_of_reference: str = ""
    description: str = ""
    corrected_by: Fact[str] = field(default_factory=Fact)

    def T_scanner_patient(self) -> NDArray[np.float64] | None:
        """Transform from patient LPS to the scanner frame, None if unknown."""
        position, isocentre = self.patient_position.value, self.isocentre_lps.value
        if position is None or isocentre is None:
            return None
        return T_scanner_patient(position, isocentre)

    def stated(
        self,
        source: str,
        state: VendorState | None = None,
        patient_position: PatientPosition | None = None,
        isocentre_lps: tuple[float, float, float] | None = None,
    ) -> AcquisitionFacts:
        """Return a copy in which what a person states replaces what was read."""
        return replace(
            self,
            state=self.state if state is None else Fact(state, source),
            patient_position=(
                self.patient_position
                if patient_position is None
                else Fact(patient_position, source)
            ),
            isocentre_lps=(
                self.isocentre_lps if isocentre_lps is None else Fact(isocentre_lps, source)
            ),
        )


def require_as_acquired(facts: AcquisitionFacts) -> None:
    """Refuse a scan that distcorr has corrected already.

    There is no override: the mark comes from distcorr alone, and a second
    correction moves tissue away from where the first has brought it.

    Raises
    ------
    DistcorrError
        ``already-corrected``, naming the correction.
    """
    if facts.corrected_by.known:
        raise DistcorrError(
            Code.ALREADY_CORRECTED,
            "distcorr has corrected the scan already",
            f"{facts.description}: correction {facts.corrected_by}".removeprefix(": "),
        )


def nearest_plane(normal_lps: NDArray[np.float64]) -> Plane:
    """Name the anatomical plane whose normal is nearest to ``normal_lps``."""
    planes = (Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)
    return planes[int(np.argmax(np.abs(normal_lps)))]
