"""Write a displacement field as a DICOM Deformable Spatial Registration object.

The standard (PS3.3 C.20.3.1.1) takes a point of the registered space to the
sample point in the source space::

    source = M_post (M_pre registered + vector at registered)

which is the pull-back that distcorr exports: for the correction of a scan,
registered is true and source is shown. Both matrices are the identity here. Both
spaces have the scan's frame of reference, as a corrected series has it too; what
tells them apart is that the object names the images of its source.

Readers are less sure than the standard. Some pass over a grid's orientation
(OpenTPS) or took it for a rotation about z (SlicerRT, issue 151); the grid of a
field is independent of the image's (A.39.2.1), so give one along the patient's axes.
SlicerRT takes the vectors from source to registered (issue 108): there, invert the
transform.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import DSfloat

from distcorr.dicom.header import Frame
from distcorr.dicom.tags import quiet
from distcorr.errors import Code, DistcorrError
from distcorr.outputs import whole_output
from distcorr.space import Grid

DEFORMABLE_SPATIAL_REGISTRATION = "1.2.840.10008.5.1.4.1.1.66.3"

MAX_GRID_BYTES = 0xFFFFFFFE
"""Longest value of explicit length (PS3.5 7.1.1): a length of 32 bits, even, and
not the one that means "undefined"."""

_SERIES_NUMBER = 9000
"""Above the numbers that scanners give, so that the object is listed last."""

# Patient and study are the source's own; these are their modules' attributes.
_COPIED = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "Laterality",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
)
_MAY_BE_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "Laterality",
    "PositionReferenceIndicator",
)
_READ = ["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "NumberOfFrames", *_COPIED]


class ScanRole(Enum):
    """Which of the object's two spaces shows the scan's images.

    ``SOURCE``: the vectors go from true to shown, the scan is what is sampled.
    ``REGISTERED``: they go from shown to true; the images that are sampled are
    corrected ones, which the object can't name because they need not exist. It
    names the scan's as related images (General Reference Module) instead.
    """

    SOURCE = auto()
    REGISTERED = auto()


@dataclass(frozen=True, slots=True, eq=False)
class DeformableRegistration:
    """What a registration object says.

    Attributes
    ----------
    grid : Grid
        Of the vectors, in the registered space.
    vectors_lps : ndarray of float32, shape (k, j, i, 3)
        From the registered to the source space, mm, patient LPS.
    frames : tuple of Frame
        The scan's slices.
    role : ScanRole
    description : str
        For people, up to 64 characters.
    comment : str
        Up to 64 characters, for example what identifies the correction.
    created : date
        When the correction was made; content equal in all else has equal bytes.
    software : str
        Version of the software that writes it.
    """

    grid: Grid
    vectors_lps: NDArray[np.float32]
    frames: tuple[Frame, ...]
    role: ScanRole
    description: str
    comment: str
    created: date
    software: str


def write_registration(
    path: Path, registration: DeformableRegistration, *, overwrite: bool = False
) -> None:
    """Write the object; its UIDs follow from its content.

    Parameters
    ----------
    path : Path
    registration : DeformableRegistration
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    DistcorrError
        ``geometry-missing`` if the scan has no frame of reference, ``too-large``,
        ``output-exists`` or ``output-unwritable``.
    """
    grid_bytes = np.ascontiguousarray(registration.vectors_lps, dtype="<f4").tobytes()
    if len(grid_bytes) > MAX_GRID_BYTES:
        raise DistcorrError(
            Code.TOO_LARGE,
            "the grid of vectors is too large for a DICOM element",
            f"{len(grid_bytes)} bytes for {registration.grid!r}",
            "export another format",
        )
    images = _images(registration.frames)
    ds = _of_patient_and_study(images[0].header)
    _add_series_and_equipment(ds, registration)
    _add_content(ds, registration)
    item = _registration_item(ds.FrameOfReferenceUID, registration, grid_bytes)
    referring = item if registration.role is ScanRole.SOURCE else ds
    referring.ReferencedImageSequence = [image.reference() for image in images]
    ds.DeformableRegistrationSequence = [item]
    ds.ReferencedSeriesSequence = [_referenced_series(images)]
    _add_identity(ds, registration, grid_bytes)
    with whole_output(path, overwrite=overwrite) as temporary, quiet():
        ds.save_as(temporary, enforce_file_format=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """One file of the scan: its header and which of its frames belong to the scan."""

    header: Dataset
    frames: tuple[int, ...]

    def reference(self) -> Dataset:
        """Image SOP Instance Reference Macro; frames are named if they are not all."""
        reference = Dataset()
        reference.ReferencedSOPClassUID = self.header.SOPClassUID
        reference.ReferencedSOPInstanceUID = self.header.SOPInstanceUID
        # A mosaic is one frame, whatever number of slices it holds.
        if len(self.frames) < int(self.header.get("NumberOfFrames") or 1):
            reference.ReferencedFrameNumber = [index + 1 for index in sorted(self.frames)]
        return reference


def _images(frames: tuple[Frame, ...]) -> list[_Image]:
    used: dict[Path, list[int]] = defaultdict(list)
    for frame in frames:
        used[frame.path].append(frame.index)
    return [_Image(_header(path), tuple(indices)) for path, indices in used.items()]


def _header(path: Path) -> Dataset:
    try:
        with quiet():
            return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_READ))
    except (OSError, InvalidDicomError) as failure:
        raise DistcorrError(
            Code.UNREADABLE, f"a file can't be read ({failure})", str(path)
        ) from failure


def _of_patient_and_study(source: Dataset) -> Dataset:
    if not source.get("FrameOfReferenceUID"):
        raise DistcorrError(
            Code.GEOMETRY_MISSING,
            "a registration object needs the scan's frame of reference",
            f"FrameOfReferenceUID (0020,0052) is empty in {source.SOPInstanceUID}",
        )
    ds = Dataset()
    for keyword in _COPIED:
        if keyword in source:
            ds[keyword] = source[keyword]
    for keyword in _MAY_BE_EMPTY:
        if keyword not in ds:
            setattr(ds, keyword, None)
    return ds


def _add_series_and_equipment(ds: Dataset, registration: DeformableRegistration) -> None:
    ds.Modality = "REG"
    ds.SeriesNumber = _SERIES_NUMBER
    ds.SeriesDescription = registration.description
    # The equipment is what made this object, not the scanner.
    ds.Manufacturer = ds.ManufacturerModelName = "distcorr"
    ds.DeviceSerialNumber = "none"
    ds.SoftwareVersions = registration.software


def _add_content(ds: Dataset, registration: DeformableRegistration) -> None:
    ds.ContentDate = registration.created.strftime("%Y%m%d")
    ds.ContentTime = "000000"
    ds.InstanceNumber = 1
    ds.ContentLabel = "DISTORTION"
    ds.ContentDescription = registration.description
    ds.ContentCreatorName = None


def _registration_item(
    frame_of_reference: str, registration: DeformableRegistration, grid_bytes: bytes
) -> Dataset:
    item = Dataset()
    item.SourceFrameOfReferenceUID = frame_of_reference
    item.FrameOfReferenceTransformationComment = registration.comment
    item.RegistrationTypeCodeSequence = []
    item.PreDeformationMatrixRegistrationSequence = [_identity_matrix()]
    item.PostDeformationMatrixRegistrationSequence = [_identity_matrix()]
    vectors = Dataset()
    on = registration.grid
    vectors.ImagePositionPatient = [_ds(value) for value in on.origin_lps]
    vectors.ImageOrientationPatient = [_ds(value) for value in on.direction[:, :2].T.ravel()]
    vectors.GridDimensions = list(on.size)
    vectors.GridResolution = [float(value) for value in on.spacing]
    vectors.VectorGridData = grid_bytes
    item.DeformableRegistrationGridSequence = [vectors]
    return item


def _identity_matrix() -> Dataset:
    matrix = Dataset()
    matrix.FrameOfReferenceTransformationMatrix = [_ds(value) for value in np.eye(4).ravel()]
    matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
    return matrix


def _referenced_series(images: list[_Image]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = images[0].header.SeriesInstanceUID
    series.ReferencedInstanceSequence = [image.reference() for image in images]
    return series


def _add_identity(ds: Dataset, registration: DeformableRegistration, grid_bytes: bytes) -> None:
    grid = registration.grid
    digest = hashlib.sha256(grid_bytes)
    for part in (grid.size, grid.origin_lps, grid.spacing, grid.direction):
        digest.update(np.asarray(part, dtype="<f8").tobytes())
    series = ds.ReferencedSeriesSequence[0]
    images = [one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence]
    text = [registration.role.name, registration.comment, registration.software, *images]
    seeds = ["distcorr", "registration", digest.hexdigest(), ds.StudyInstanceUID, *text]
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=[*seeds, "series"])
    ds.SOPClassUID = DEFORMABLE_SPATIAL_REGISTRATION
    ds.SOPInstanceUID = generate_uid(entropy_srcs=[*seeds, "instance"])
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _ds(value: float) -> DSfloat:
    """Round to a decimal string of the 16 characters that DICOM allows."""
    return DSfloat(float(value), auto_format=True)
