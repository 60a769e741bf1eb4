"""Read the header of one file into frames."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from distcorr.dicom import tags
from distcorr.dicom.files import read_file
from distcorr.dicom.header import FileHeader, Frame, Labels, Layout
from distcorr.dicom.mosaic import mosaic_positions
from distcorr.dicom.plausible import require_plausible_frame
from distcorr.dicom.tags import Array
from distcorr.dicom.vendors import (
    GE_COMPONENT,
    GE_COMPONENT_TOKENS,
    SIEMENS_HEADER,
    image_type_text,
    look_up,
)
from distcorr.errors import Code, DistcorrError

COSINE_TOLERANCE = 1e-3
"""Largest departure of a direction cosine's length from 1, and of the product of
row and column direction from 0: headers with three decimals stay within it."""

LARGEST_SCALE = 1e28
"""Largest factor or offset of pixel values; times 2^32 it still is a float32."""

# Everything the scan of a tree needs; the rest of a header is skipped for speed.
_KEYWORDS = """
    SpecificCharacterSet ImageType SOPClassUID SOPInstanceUID Modality Manufacturer
    SeriesDescription ProtocolName PatientID PatientName PatientBirthDate StudyInstanceUID
    SeriesInstanceUID AcquisitionNumber InstanceNumber ImagePositionPatient
    ImageOrientationPatient FrameOfReferenceUID TemporalPositionIdentifier SliceThickness
    SpacingBetweenSlices EchoTime ReceiveCoilName DiffusionBValue DiffusionGradientOrientation
    SamplesPerPixel NumberOfFrames Rows Columns PixelSpacing PixelPaddingValue
    PixelPaddingRangeLimit RescaleIntercept RescaleSlope SharedFunctionalGroupsSequence
    PerFrameFunctionalGroupsSequence
"""
_COIL_ELEMENT = 0x0F
_COIL_GROUP = 0x0051
_PRIVATE = ((_COIL_GROUP, _COIL_ELEMENT), (GE_COMPONENT.group, GE_COMPONENT.element))
_SCANNED = [
    *(Tag(keyword) for keyword in _KEYWORDS.split()),
    *(Tag(group, block) for group, _ in _PRIVATE for block in range(0x10, 0x14)),
    *(Tag(group, block * 0x100 + e) for group, e in _PRIVATE for block in range(0x10, 0x14)),
]


def read_dataset(path: Path, *, only: list[BaseTag] | None = None) -> FileDataset:
    """Read a file's header without its pixels.

    Raises
    ------
    DistcorrError
        ``unreadable`` if the file can't be parsed, ``too-large`` if it unpacks to
        more than any image.
    """
    try:
        with tags.quiet():
            return read_file(path, pixels=False, only=only)
    except DistcorrError:
        raise
    except Exception as failure:  # a damaged file makes pydicom raise almost anything
        raise DistcorrError(
            Code.UNREADABLE, f"the header can't be parsed ({failure})", str(path)
        ) from failure


def read_header(path: Path) -> FileHeader | None:
    """Read what the geometry and the splitting of a series rest on.

    Parameters
    ----------
    path : Path
        A DICOM file.

    Returns
    -------
    FileHeader or None
        None if the object is no image (a report, a raw data object, a DICOMDIR).

    Raises
    ------
    DistcorrError
        ``unreadable`` if the file can't be parsed at all.
    """
    ds = read_dataset(path, only=_SCANNED)
    with tags.quiet():
        if not tags.text(ds, "SeriesInstanceUID") or tags.number(ds, "Rows") is None:
            _refuse_cut_header(ds, path)
            return None
        if "MOSAIC" in tags.tokens(ds, "ImageType"):
            ds = read_dataset(path)
        layout = _layout(ds)
        try:
            frames, problem = _FRAMES_OF[layout](ds, path), None
            for frame in frames:
                require_plausible_frame(frame)
        except DistcorrError as refusal:
            frames, problem = (), refusal
        return FileHeader(
            path=path,
            layout=layout,
            series_uid=tags.text(ds, "SeriesInstanceUID"),
            study_uid=tags.text(ds, "StudyInstanceUID"),
            patient_key=_patient_key(ds),
            modality=tags.text(ds, "Modality"),
            description=tags.text(ds, "SeriesDescription") or tags.text(ds, "ProtocolName"),
            frames=frames,
            problem=problem,
        )


def _refuse_cut_header(ds: Dataset, path: Path) -> None:
    """Tell an image whose header ends too early from an object that is no image."""
    kind = ds.get("SOPClassUID")
    name = kind.name if isinstance(kind, UID) else ""
    if not name or "Image Storage" in name:
        raise DistcorrError(
            Code.UNREADABLE,
            "the header ends before it says what the file is",
            f"{tags.name_of('SOPClassUID')} is {name or 'absent'} in {path}",
        )


def _layout(ds: Dataset) -> Layout:
    if "MOSAIC" in tags.tokens(ds, "ImageType"):
        return Layout.MOSAIC
    if (
        tags.items(ds, "PerFrameFunctionalGroupsSequence")
        or (tags.number(ds, "NumberOfFrames") or 1) > 1
    ):
        return Layout.MULTIFRAME
    return Layout.CLASSIC


def _patient_key(ds: Dataset) -> str:
    """Hash the identity: equal patients are recognised, none can be read back by eye."""
    identity = "|".join(
        tags.text(ds, keyword) for keyword in ("PatientID", "PatientName", "PatientBirthDate")
    )
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def _classic_frames(ds: Dataset, path: Path) -> tuple[Frame, ...]:
    return (_frame(ds, path, 0, [ds], _classic_labels(ds)),)


def _mosaic_frames(ds: Dataset, path: Path) -> tuple[Frame, ...]:
    whole = _frame(ds, path, 0, [ds], _classic_labels(ds))
    tiles = mosaic_positions(ds, whole)
    return tuple(
        Frame(
            path=path,
            index=index,
            rows=tiles.rows,
            columns=tiles.columns,
            position_lps=position,
            row_lps=whole.row_lps,
            column_lps=whole.column_lps,
            pixel_spacing=whole.pixel_spacing,
            slope=whole.slope,
            intercept=whole.intercept,
            padding=whole.padding,
            thickness_mm=whole.thickness_mm,
            spacing_tag_mm=whole.spacing_tag_mm,
            instance=whole.instance,
            sop_instance=whole.sop_instance,
            labels=whole.labels,
        )
        for index, position in enumerate(tiles.positions_lps)
    )


def _multiframe_frames(ds: Dataset, path: Path) -> tuple[Frame, ...]:
    shared = tags.items(ds, "SharedFunctionalGroupsSequence")
    each = tags.items(ds, "PerFrameFunctionalGroupsSequence")
    declared = tags.number(ds, "NumberOfFrames")
    if declared is None or len(each) != int(declared):
        raise DistcorrError(
            Code.GEOMETRY_MISSING,
            "a multi-frame image does not say where each of its frames is",
            f"PerFrameFunctionalGroupsSequence (5200,9230) has {len(each)} items for "
            f"{tags.text(ds, 'NumberOfFrames') or 'no'} frames in {path}",
        )
    frames = []
    for index, own in enumerate(each):
        # A group stands per frame, or shared, or (older software) in the data set itself.
        sources = [own, *shared[:1]]
        frames.append(_frame(ds, path, index, sources, _enhanced_labels(ds, sources)))
    return tuple(frames)


_FRAMES_OF = {
    Layout.CLASSIC: _classic_frames,
    Layout.MOSAIC: _mosaic_frames,
    Layout.MULTIFRAME: _multiframe_frames,
}


def _frame(ds: Dataset, path: Path, index: int, sources: list[Dataset], labels: Labels) -> Frame:
    position = tags.geometry(
        _holder(ds, sources, "PlanePositionSequence", "ImagePositionPatient"),
        "ImagePositionPatient", 3, path,
    )  # fmt: skip
    cosines = tags.geometry(
        _holder(ds, sources, "PlaneOrientationSequence", "ImageOrientationPatient"),
        "ImageOrientationPatient", 6, path,
    )  # fmt: skip
    measures = _holder(ds, sources, "PixelMeasuresSequence", "PixelSpacing")
    spacing = tags.geometry(measures, "PixelSpacing", 2, path)
    if not (spacing > 0).all():
        raise DistcorrError(
            Code.GEOMETRY_INVALID,
            "PixelSpacing is not positive",
            f"{tags.name_of('PixelSpacing')} in {path} is {spacing[0]:g}\\{spacing[1]:g}",
        )
    row, column = _orthonormal(cosines, path)
    scaling = _holder(ds, sources, "PixelValueTransformationSequence", "RescaleSlope")
    instance = tags.number(ds, "InstanceNumber")
    return Frame(
        path=path,
        index=index,
        rows=_positive_integer(ds, "Rows", path),
        columns=_positive_integer(ds, "Columns", path),
        position_lps=position,
        row_lps=row,
        column_lps=column,
        pixel_spacing=(float(spacing[0]), float(spacing[1])),
        slope=_scale(scaling, "RescaleSlope", 1.0, path),
        intercept=_scale(scaling, "RescaleIntercept", 0.0, path),
        padding=_padding(ds),
        thickness_mm=tags.number(measures, "SliceThickness"),
        spacing_tag_mm=_first_number([measures, ds], "SpacingBetweenSlices"),
        instance=None if instance is None else int(instance),
        sop_instance=tags.text(ds, "SOPInstanceUID"),
        labels=labels,
    )


def _holder(ds: Dataset, sources: list[Dataset], group: str, keyword: str) -> Dataset:
    """Find the functional group that holds a tag; the data set itself if none does."""
    for source in sources:
        for item in tags.items(source, group):
            if keyword in item:
                return item
    return ds


def _scale(ds: Dataset, keyword: str, absent: float, path: Path) -> float:
    """Read how stored values become values; what stands there has to be usable."""
    if not tags.raw_values(ds, keyword):
        return absent
    value = tags.number(ds, keyword)
    if value is None or abs(value) > LARGEST_SCALE:
        raise DistcorrError(
            Code.PIXELS_UNREADABLE,
            f"the pixel values can't be scaled by their {keyword}",
            f"{tags.name_of(keyword)} in {path} is {tags.text(ds, keyword)}",
        )
    return value


def _first_number(sources: list[Dataset], keyword: str) -> float | None:
    values = (tags.number(source, keyword) for source in sources)
    return next((value for value in values if value is not None), None)


def _orthonormal(cosines: Array, path: Path) -> tuple[Array, Array]:
    """Check the direction cosines and remove their rounding."""
    pair = cosines.reshape(2, 3)
    error = float(np.abs(pair @ pair.T - np.eye(2)).max())
    if error > COSINE_TOLERANCE:
        shown = "\\".join(f"{value:g}" for value in cosines)
        raise DistcorrError(
            Code.GEOMETRY_INVALID,
            "the row and column directions are not orthonormal",
            f"{tags.name_of('ImageOrientationPatient')} in {path} is {shown}, "
            f"off by {error:.2g} (tolerance {COSINE_TOLERANCE:g})",
        )
    # The nearest orthonormal pair: rounding is shared by both directions.
    left, _, right = np.linalg.svd(pair, full_matrices=False)
    row, column = left @ right
    return row, column


def _positive_integer(ds: Dataset, keyword: str, path: Path) -> int:
    value = tags.number(ds, keyword)
    if value is None or value < 1:
        raise DistcorrError(
            Code.GEOMETRY_INVALID,
            f"{keyword} is not a positive number",
            f"{tags.name_of(keyword)} in {path} is {tags.text(ds, keyword) or 'absent'}",
        )
    return int(value)


def _padding(ds: Dataset) -> tuple[int, int] | None:
    value, limit = tags.number(ds, "PixelPaddingValue"), tags.number(ds, "PixelPaddingRangeLimit")
    if value is None:
        return None
    other = value if limit is None else limit
    return int(min(value, other)), int(max(value, other))


def _classic_labels(ds: Dataset) -> Labels:
    b_value = tags.text(ds, "DiffusionBValue")
    coil = tags.private(ds, _COIL_GROUP, SIEMENS_HEADER, _COIL_ELEMENT)
    return Labels(
        image_type=(*tags.tokens(ds, "ImageType"), *_ge_component(ds)),
        echo_time_ms=tags.number(ds, "EchoTime"),
        frame_of_reference=tags.text(ds, "FrameOfReferenceUID"),
        temporal=tags.text(ds, "TemporalPositionIdentifier"),
        diffusion=b_value and f"{b_value} {tags.text(ds, 'DiffusionGradientOrientation')}".strip(),
        acquisition=tags.text(ds, "AcquisitionNumber"),
        coil=_shown(ds, coil) or tags.text(ds, "ReceiveCoilName"),
    )


def _ge_component(ds: Dataset) -> tuple[str, ...]:
    values = [str(value) for value in look_up(GE_COMPONENT, [ds])]
    return tuple(GE_COMPONENT_TOKENS[value] for value in values if value in GE_COMPONENT_TOKENS)


_USUAL_COMPONENTS = ("MAGNITUDE", "MIXED")


def _enhanced_labels(ds: Dataset, sources: list[Dataset]) -> Labels:
    content = _holder(ds, sources, "FrameContentSequence", "TemporalPositionIndex")
    frame_type = _holder(ds, sources, "MRImageFrameTypeSequence", "FrameType")
    echo = _holder(ds, sources, "MREchoSequence", "EffectiveEchoTime")
    diffusion = _holder(ds, sources, "MRDiffusionSequence", "DiffusionBValue")
    gradient = tags.items(diffusion, "DiffusionGradientDirectionSequence")
    b_value = tags.text(diffusion, "DiffusionBValue")
    direction = tags.text(gradient[0], "DiffusionGradientOrientation") if gradient else ""
    stated = tags.tokens(frame_type, "FrameType") or tags.tokens(ds, "ImageType")
    component = tags.tokens(frame_type, "ComplexImageComponent")
    echo_time = tags.number(echo, "EffectiveEchoTime")
    return Labels(
        image_type=(image_type_text(sources) or stated)
        + tuple(token for token in component if token not in _USUAL_COMPONENTS),
        echo_time_ms=tags.number(ds, "EchoTime") if echo_time is None else echo_time,
        frame_of_reference=tags.text(ds, "FrameOfReferenceUID"),
        temporal=tags.text(content, "TemporalPositionIndex"),
        diffusion=b_value and f"{b_value} {direction}".strip(),
        acquisition=tags.text(ds, "AcquisitionNumber"),
        coil="",
    )


def _shown(ds: Dataset, tag: BaseTag | None) -> str:
    return "" if tag is None else "\\".join(str(value) for value in tags.raw_values(ds, tag))
