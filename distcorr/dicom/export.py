"""Write a volume as a classic MR series, with a header as a Siemens scanner writes it.

Simulated scans go out through here, so that the loader that reads them has to
find its way by the same tags as with real ones.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from distcorr.dicom.writing import decimal_string, decimal_strings, uid_of, write_image
from distcorr.errors import Code, DistcorrError
from distcorr.facts import AcquisitionDimension, Scanner, VendorState
from distcorr.space import PatientPosition, Volume

SIEMENS_HEADER_CREATOR = "SIEMENS MR HEADER"
PIXEL_MAXIMUM = 65535
"""Largest stored value: pixels are written as unsigned 16-bit integers."""

# What Siemens appends to ORIGINAL\PRIMARY\M. A trusted scan is one whose header
# is silent and whose user vouches for it.
_STATE_TOKENS: dict[VendorState, tuple[str, ...]] = {
    VendorState.ND: ("ND",),
    VendorState.DIS2D: ("DIS2D",),
    VendorState.DIS3D: ("DIS3D",),
    VendorState.TRUSTED: (),
}


class InPlanePhaseEncoding(StrEnum):
    """InPlanePhaseEncodingDirection (0018,1312)."""

    ROW = "ROW"
    COLUMN = "COL"


@dataclass(frozen=True, slots=True)
class MRSeriesHeader:
    """What the header of a written series says besides its grid and pixels.

    Attributes
    ----------
    patient_id : str
        PatientID; also written as PatientName.
    study_uid_seed, series_uid_seed, frame_of_reference_uid_seed : str
        Equal seeds give equal UIDs.
    series_number : int
    description : str
        SeriesDescription.
    state : VendorState
        Goes to ImageType; ``TRUSTED`` leaves ImageType silent.
    patient_position : PatientPosition
    table_position_mm : tuple of float
        Relative table position as Siemens writes it, whole mm, for a head-first
        supine patient: scanner z = patient z - table z.
    scanner : Scanner
    slice_thickness_mm : float
        SliceThickness; independent of the spacing of the slices.
    dimension : AcquisitionDimension
    echo_time_ms, repetition_time_ms : float
    phase_encoding : InPlanePhaseEncoding
    pixel_bandwidth_hz : float
        PixelBandwidth, Hz per pixel along the readout.
    """

    patient_id: str
    study_uid_seed: str
    series_uid_seed: str
    series_number: int
    description: str
    state: VendorState
    patient_position: PatientPosition
    table_position_mm: tuple[float, float, float]
    scanner: Scanner
    slice_thickness_mm: float
    dimension: AcquisitionDimension
    frame_of_reference_uid_seed: str
    echo_time_ms: float = 10.0
    repetition_time_ms: float = 600.0
    phase_encoding: InPlanePhaseEncoding = InPlanePhaseEncoding.ROW
    pixel_bandwidth_hz: float = 200.0


def write_classic_series(
    volume: Volume, header: MRSeriesHeader, directory: Path, *, shuffle_seed: int | None
) -> list[Path]:
    """Write one file per slice.

    Parameters
    ----------
    volume : Volume
        Its k axis becomes the slice normal. Integer arrays within 0 to 65535
        are stored exactly, others with a rescale slope and intercept.
    header : MRSeriesHeader
    directory : Path
        Created if absent; must not hold files yet.
    shuffle_seed : int or None
        If given, file names and instance numbers say nothing of the order.

    Returns
    -------
    list of Path
        The files, in the order of the slices (k).

    Raises
    ------
    DistcorrError
        ``output-exists`` if the directory is not empty, ``bad-format`` if the
        volume or the table position can't be stored.
    """
    stored, slope, intercept = _stored_pixels(volume.array)
    table = _whole_millimetres(header.table_position_mm)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise DistcorrError(Code.OUTPUT_EXISTS, "the folder is not empty", str(directory))
    count = stored.shape[0]
    numbers = list(range(1, count + 1))
    names = [f"slice{number:04d}.dcm" for number in numbers]
    if shuffle_seed is not None:
        order = random.Random(shuffle_seed)
        order.shuffle(numbers)
        names = [f"{value:08x}" for value in order.sample(range(16**8), count)]
    common = _common_dataset(volume, header, table)
    common.RescaleSlope, common.RescaleIntercept = decimal_string(slope), decimal_string(intercept)
    common.RescaleType = "US"
    paths = []
    for k, (number, name) in enumerate(zip(numbers, names, strict=True)):
        image = Dataset()
        image.update(common)
        _add_slice(image, volume, header, k, number)
        path = directory / name
        write_image(image, [stored[k]], path)
        paths.append(path)
    return paths


def _stored_pixels(array: NDArray[np.generic]) -> tuple[NDArray[np.uint16], float, float]:
    """Quantise to unsigned 16 bits; value = slope * pixel + intercept."""
    values = np.asarray(array, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DistcorrError(
            Code.BAD_FORMAT, "NaN or infinite voxels can't be stored as DICOM pixels"
        )
    low, high = float(values.min()), float(values.max())
    if np.issubdtype(array.dtype, np.integer) and low >= 0 and high <= PIXEL_MAXIMUM:
        return values.astype(np.uint16), 1.0, 0.0
    intercept = float(decimal_string(min(low, 0.0)))
    slope = float(decimal_string((high - intercept) / PIXEL_MAXIMUM)) or 1.0
    pixels = np.rint((values - intercept) / slope)
    return np.clip(pixels, 0, PIXEL_MAXIMUM).astype(np.uint16), slope, intercept


def _whole_millimetres(position: tuple[float, float, float]) -> list[int]:
    """Take the table position as integers, because its tag is an integer string."""
    whole = [round(value) for value in position]
    if any(abs(a - b) > 1e-9 for a, b in zip(whole, position, strict=True)):
        raise DistcorrError(
            Code.BAD_FORMAT,
            "Siemens stores the table position in whole millimetres",
            f"(0019,xx14) can't hold {position}",
        )
    return whole


def _common_dataset(volume: Volume, header: MRSeriesHeader, table: list[int]) -> Dataset:
    """Fill in everything that all slices share."""
    ds = Dataset()
    _add_patient_and_study(ds, header)
    _add_equipment(ds, header.scanner)
    _add_acquisition(ds, header)
    grid = volume.grid
    ds.FrameOfReferenceUID = uid_of("frame", header.frame_of_reference_uid_seed)
    ds.PositionReferenceIndicator = ""
    ds.ImageOrientationPatient = decimal_strings(grid.direction[:, :2].T.ravel())
    ds.PixelSpacing = decimal_strings([grid.spacing[1], grid.spacing[0]])
    ds.SliceThickness = decimal_string(header.slice_thickness_mm)
    ds.SpacingBetweenSlices = decimal_string(grid.spacing[2])
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = grid.size[1], grid.size[0]
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    block = ds.private_block(0x0019, SIEMENS_HEADER_CREATOR, create=True)
    block.add_new(0x12, "SL", [0, 0, 0])
    block.add_new(0x13, "SL", table)
    block.add_new(0x14, "IS", table)
    return ds


def _add_patient_and_study(ds: Dataset, header: MRSeriesHeader) -> None:
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName = ds.PatientID = header.patient_id
    ds.PatientBirthDate = ds.PatientSex = ""
    ds.StudyInstanceUID = uid_of("study", header.study_uid_seed)
    ds.SeriesInstanceUID = uid_of("series", header.study_uid_seed, header.series_uid_seed)
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = "20200101"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = "120000"
    ds.ReferringPhysicianName = ds.AccessionNumber = ""
    ds.StudyID = "1"
    ds.Modality = "MR"
    ds.SeriesNumber = header.series_number
    ds.SeriesDescription = ds.ProtocolName = header.description
    ds.AcquisitionNumber = 1
    ds.Laterality = ""  # dciodvfy counts its absence as an error where no body part is named
    ds.PatientPosition = str(header.patient_position)


def _add_equipment(ds: Dataset, scanner: Scanner) -> None:
    ds.Manufacturer = scanner.manufacturer
    ds.ManufacturerModelName = scanner.model
    ds.DeviceSerialNumber = scanner.serial
    ds.SoftwareVersions = scanner.software
    if scanner.field_strength_t is not None:
        ds.MagneticFieldStrength = decimal_string(scanner.field_strength_t)


def _add_acquisition(ds: Dataset, header: MRSeriesHeader) -> None:
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", *_STATE_TOKENS[header.state]]
    ds.ScanningSequence = "GR" if header.dimension is AcquisitionDimension.D3 else "SE"
    ds.SequenceVariant = "NONE"
    ds.ScanOptions = ""
    ds.MRAcquisitionType = str(header.dimension)
    ds.EchoTime = decimal_string(header.echo_time_ms)
    ds.RepetitionTime = decimal_string(header.repetition_time_ms)
    ds.EchoTrainLength = 1
    ds.FlipAngle = decimal_string(90.0)
    ds.PixelBandwidth = decimal_string(header.pixel_bandwidth_hz)
    ds.InPlanePhaseEncodingDirection = str(header.phase_encoding)


def _add_slice(ds: Dataset, volume: Volume, header: MRSeriesHeader, k: int, number: int) -> None:
    """Add what differs from slice to slice."""
    grid = volume.grid
    position = grid.origin_lps + k * grid.spacing[2] * grid.normal_lps
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = uid_of("image", header.study_uid_seed, header.series_uid_seed, str(k))
    ds.InstanceNumber = number
    ds.ImagePositionPatient = decimal_strings(position)
    ds.SliceLocation = decimal_string(float(position @ grid.normal_lps))
