"""Small series made for one purpose each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid

from distcorr.dicom.export import MRSeriesHeader, write_classic_series
from distcorr.facts import AcquisitionDimension, Scanner, VendorState
from distcorr.space import Grid, PatientPosition, Volume

HEADER = MRSeriesHeader(
    patient_id="phantom",
    study_uid_seed="study",
    series_uid_seed="series",
    series_number=3,
    description="COR T1 [bold]wide[/bold]",
    state=VendorState.DIS2D,
    patient_position=PatientPosition.HFS,
    table_position_mm=(0, 0, 0),
    scanner=Scanner("SIEMENS", "Skyra", "45001", 3.0, "syngo MR E11"),
    slice_thickness_mm=3.0,
    dimension=AcquisitionDimension.D2,
    frame_of_reference_uid_seed="frame",
)

CORONAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Columns: right to left, head to feet, front to back."""


def grid(size=(7, 5, 6), spacing=(1.5, 2.0, 4.0), origin=(-20.0, -30.0, 40.0), direction=CORONAL):
    return Grid(size, np.array(origin), np.array(spacing), np.array(direction))


def volume(on: Grid | None = None, seed: int = 0) -> Volume:
    on = on or grid()
    array = np.random.default_rng(seed).integers(0, 4000, on.shape).astype(np.uint16)
    return Volume(array, on)


def write(folder: Path, on: Volume | None = None, seed: int | None = 1, **header) -> list[Path]:
    """Write a series; the paths are in the order of the slices."""
    return write_classic_series(
        on or volume(), replace(HEADER, **header), folder, shuffle_seed=seed
    )


def edit(paths: Path | Iterable[Path], change: Callable[[Dataset], None]) -> None:
    """Change data sets in place."""
    for path in [paths] if isinstance(paths, Path) else paths:
        ds = pydicom.dcmread(path)
        change(ds)
        ds.save_as(path)


def add_copies(
    paths: list[Path], folder: Path, change: Callable[[Dataset], None], *, new_uids: bool = True
) -> list[Path]:
    """Write changed copies of files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for n, path in enumerate(paths):
        ds = pydicom.dcmread(path)
        if new_uids:
            ds.SOPInstanceUID = generate_uid(entropy_srcs=[str(folder), str(path), str(n)])
            ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        change(ds)
        copies.append(folder / f"copy{n}")
        ds.save_as(copies[-1])
    return copies


def set_pixels(ds: Dataset, array: np.ndarray) -> None:
    ds.PixelData = array.astype("<u2").tobytes()


def item(**values) -> Sequence:
    ds = Dataset()
    for name, value in values.items():
        setattr(ds, name, value)
    return Sequence([ds])


def frame_groups(position, orientation, spacing, thickness=3.0) -> Dataset:
    """Per-frame functional groups that give the geometry."""
    groups = Dataset()
    groups.PlanePositionSequence = item(ImagePositionPatient=list(position))
    groups.PlaneOrientationSequence = item(ImageOrientationPatient=list(orientation))
    groups.PixelMeasuresSequence = item(PixelSpacing=list(spacing), SliceThickness=thickness)
    return groups


_COPIED = """
    PatientID PatientName PatientBirthDate StudyInstanceUID SeriesInstanceUID Modality
    Manufacturer ManufacturerModelName FrameOfReferenceUID PatientPosition Rows Columns
    SamplesPerPixel PhotometricInterpretation BitsAllocated BitsStored HighBit
    PixelRepresentation SeriesDescription MagneticFieldStrength
"""


def enhanced(paths: list[Path], target: Path, *, shared: bool) -> Path:
    """Pack a classic series into one enhanced multi-frame object."""
    slices = [pydicom.dcmread(path) for path in paths]
    first = slices[0]
    ds = Dataset()
    for keyword in _COPIED.split():
        setattr(ds, keyword, first[keyword].value)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    ds.SOPClassUID = EnhancedMRImageStorage
    ds.SOPInstanceUID = generate_uid(entropy_srcs=[str(target)])
    ds.NumberOfFrames = len(slices)
    ds.PixelData = b"".join(one.PixelData for one in slices)
    ds["PixelData"].VR = "OW"
    each = []
    for one in slices:
        groups = frame_groups(
            one.ImagePositionPatient, one.ImageOrientationPatient, one.PixelSpacing
        )
        groups.PixelValueTransformationSequence = item(
            RescaleSlope=one.RescaleSlope, RescaleIntercept=one.RescaleIntercept, RescaleType="US"
        )
        text = Dataset()
        text.private_block(0x0021, "SIEMENS MR SDI 02", create=True).add_new(
            0x75, "CS", ["ORIGINAL", "PRIMARY", "M", "DIS2D"]
        )
        groups.private_block(0x0021, "SIEMENS MR SDI 02", create=True).add_new(
            0xFE, "SQ", Sequence([text])
        )
        each.append(groups)
    if shared:
        common = Dataset()
        for name in ("PlaneOrientationSequence", "PixelMeasuresSequence"):
            setattr(common, name, getattr(each[0], name))
            for groups in each:
                delattr(groups, name)
        ds.SharedFunctionalGroupsSequence = Sequence([common])
    ds.PerFrameFunctionalGroupsSequence = Sequence(each)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    target.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(target, enforce_file_format=True)
    return target
