"""How a derived series says what it was made of, by what, and that it was made at all.

The statements follow PS3.3: Derivation Description and Code Sequence (C.7.6.1.1.3),
Source Image Sequence (C.7.6.1.1.4), Contributing Equipment Sequence (C.12.1.5),
Common Instance Reference module (C.12.2). Codes are those of PS3.16, CID 7203
(image derivation), CID 7202 (purposes of source images) and CID 7005
(contributing equipment).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from pydicom.dataset import Dataset

from distcorr.dicom import tags
from distcorr.dicom.header import Frame
from distcorr.dicom.stack import Stack, positions_along
from distcorr.dicom.tags import Array
from distcorr.dicom.writing import encoded_item, put_encoded_sequence, uid_of
from distcorr.facts import UNNAMED_CORRECTION, Fact
from distcorr.space import Grid, transform_points

SOFTWARE = "distcorr"
"""Manufacturer and model by which derived objects name this software."""

MARK = "DISTCORR"
"""Value of ImageType that says so in classic objects; enhanced ones have four fixed values."""

TEXT_LIMIT = 1024
"""Characters of a short text (ST, PS3.5 6.2)."""

INTERPOLATION_SLICES = 2
"""Slices beyond the displaced plane that cubic interpolation draws on."""

_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True)
class Derivation:
    """What a derived series says of its origin.

    Attributes
    ----------
    correction_sha256 : str
        Identifier of the correction.
    input_sha256 : str
        Of the content of the volume that was corrected.
    version : str
        Of distcorr.
    options : tuple of (str, str)
        Settings of the correction by name, for example ``("interpolation", "linear")``.
    supported_fraction : float
        Share of the image within the correction's support.
    largest_displacement_mm : float
        Source images further away than this from a slice were not used for it.
    force_reason : str, optional
        Why the correction was applied against its guards.
    description_suffix : str
        Follows the SeriesDescription.
    series_number_offset : int
        Added to the SeriesNumber: beyond what scanners count to, so that the
        derived series of a study follow all acquired ones in their order.
    """

    correction_sha256: str
    input_sha256: str
    version: str
    options: tuple[tuple[str, str], ...]
    supported_fraction: float
    largest_displacement_mm: float
    force_reason: str | None = None
    description_suffix: str = SOFTWARE
    series_number_offset: int = 10000

    @property
    def text(self) -> str:
        """The DerivationDescription."""
        options = ", ".join(f"{name} {value}" for name, value in self.options)
        parts = [
            f"{SOFTWARE} {self.version}: gradient distortion corrected",
            f"correction SHA-256 {self.correction_sha256}",
            options,
            f"{self.supported_fraction:.1%} of the image supported",
        ]
        if self.force_reason is not None:
            parts.append(f"forced: {self.force_reason}")
        return "; ".join(part for part in parts if part)

    def series_uid(self, source_uid: str, frames: Sequence[Frame], grid: Grid) -> str:
        """Return the SeriesInstanceUID that this input, correction and grid always give."""
        numbers = (grid.size, *(a.tolist() for a in (grid.origin_lps, grid.spacing)))
        return uid_of(
            "derived",
            source_uid,
            *(f"{frame.sop_instance}#{frame.index}" for frame in frames),
            repr((numbers, grid.direction.tolist())),
            self.input_sha256,
            self.correction_sha256,
            self.version,
            repr((self.options, self.force_reason)),
            repr((self.description_suffix, self.series_number_offset)),
        )


def code_item(value: str, meaning: str) -> Dataset:
    """Return a coded concept of the DICOM controlled terminology."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def spatial_resampling() -> Dataset:
    """CID 7203: what was done. It has no code for the correction of distortions."""
    return code_item("113085", "Spatial resampling")


def equipment_item(about: Derivation) -> Dataset:
    """Return the item of ContributingEquipmentSequence that names this software."""
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [code_item("109102", "Processing Equipment")]
    item.Manufacturer = item.ManufacturerModelName = SOFTWARE
    item.SoftwareVersions = about.version
    item.ContributionDescription = (
        f"gradient distortion corrected; correction SHA-256 {about.correction_sha256}"
    )
    return item


def encodable(text: str, ds: Dataset) -> str:
    """Replace what the data set's character set can't say, and cut to a short text."""
    unicode = "ISO_IR 192" in tags.tokens(ds, "SpecificCharacterSet")
    said = text if unicode else text.encode("ascii", "replace").decode("ascii")
    return said[:TEXT_LIMIT]


class SourceImages:
    """The images a series was derived from, and which of them stand behind a slice.

    Parameters
    ----------
    stack : Stack
        The source.
    grid : Grid
        Of the derived series.
    reach_mm : float
        Longest way between a true point and the place that shows it.
    """

    def __init__(self, stack: Stack, grid: Grid, reach_mm: float) -> None:
        self.frames = stack.frames
        self._normal = stack.frames[0].normal_lps
        self._along = positions_along(stack.frames)
        self._grid = grid
        self._reach = reach_mm + INTERPOLATION_SLICES * float(stack.grid.spacing[2])

    def nearest(self, k: int) -> Frame:
        """Find the source slice nearest to the middle of slice ``k``."""
        middle = self._corners(k).mean(axis=0) @ self._normal
        return self.frames[int(np.argmin(np.abs(self._along - middle)))]

    def behind(self, k: int) -> tuple[Frame, ...]:
        """Find the source slices that slice ``k`` may draw on, at least the nearest."""
        places = self._corners(k) @ self._normal
        low, high = places.min() - self._reach, places.max() + self._reach
        near = np.flatnonzero((self._along >= low) & (self._along <= high))
        return tuple(self.frames[int(n)] for n in near) or (self.nearest(k),)

    def _corners(self, k: int) -> Array:
        columns, rows, _ = self._grid.size
        index = [[i, j, k] for i in (0, columns - 1) for j in (0, rows - 1)]
        return transform_points(self._grid.T_lps_index, index)


class References:
    """References to source images, each encoded once for all files of a series.

    Parameters
    ----------
    study_uid, series_uid : str
        Of the source.
    numbered : bool
        Whether the source's frames are frames of multi-frame objects.
    """

    def __init__(self, study_uid: str, series_uid: str, *, numbered: bool) -> None:
        self._study, self._series = study_uid, series_uid
        self._numbered = numbered
        self._sources: dict[tuple[str, str], bytes] = {}
        self._references: dict[tuple[str, str], bytes] = {}

    def put_source_images(self, ds: Dataset, sop_class: str, frames: Sequence[Frame]) -> None:
        """Set the SourceImageSequence of a data set or of a frame's derivation."""
        put_encoded_sequence(ds, "SourceImageSequence", self._source_items(sop_class, frames))

    def put_series(self, ds: Dataset, frames: Sequence[Frame]) -> None:
        """Add the source images to the ReferencedSeriesSequence of the source."""
        others = [
            encoded_item(item)
            for item in tags.items(ds, "ReferencedSeriesSequence")
            if tags.text(item, "SeriesInstanceUID") != self._series
        ]
        own = Dataset()
        own.SeriesInstanceUID = self._series
        self._put_instances(own, "ReferencedInstanceSequence", ds.SOPClassUID, frames)
        put_encoded_sequence(ds, "ReferencedSeriesSequence", [*others, encoded_item(own)])

    def evidence(self, sop_class: str, frames: Sequence[Frame]) -> Dataset:
        """Return the item of SourceImageEvidenceSequence (PS3.3 C.8.13.2) for a study."""
        series = Dataset()
        series.SeriesInstanceUID = self._series
        self._put_instances(series, "ReferencedSOPSequence", sop_class, frames)
        item = Dataset()
        item.StudyInstanceUID = self._study
        item.ReferencedSeriesSequence = [series]
        return item

    def _put_instances(
        self, ds: Dataset, keyword: str, sop_class: str, frames: Sequence[Frame]
    ) -> None:
        names = dict.fromkeys(frame.sop_instance for frame in frames)
        put_encoded_sequence(ds, keyword, [self._reference(sop_class, name) for name in names])

    def _reference(self, sop_class: str, instance: str) -> bytes:
        key = sop_class, instance
        if key not in self._references:
            self._references[key] = encoded_item(_reference(sop_class, instance))
        return self._references[key]

    def _source_items(self, sop_class: str, frames: Sequence[Frame]) -> list[bytes]:
        items = []
        for instance, group in groupby(frames, key=lambda frame: frame.sop_instance):
            key = sop_class, instance
            if self._numbered:
                numbers = [frame.index + 1 for frame in group]
                items.append(encoded_item(_source(sop_class, instance, numbers)))
                continue
            if key not in self._sources:
                self._sources[key] = encoded_item(_source(sop_class, instance, []))
            items.append(self._sources[key])
        return items


def _reference(sop_class: str, instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
    return item


def _source(sop_class: str, instance: str, numbers: list[int]) -> Dataset:
    item = _reference(sop_class, instance)
    if numbers:
        item.ReferencedFrameNumber = numbers
    item.PurposeOfReferenceCodeSequence = [
        code_item("121322", "Source image for image processing operation")
    ]
    return item


def corrected_by(ds: Dataset, groups: Iterable[Dataset] = ()) -> Fact[str]:
    """Find out whether distcorr made an object, and with which correction.

    Parameters
    ----------
    ds : Dataset
        Header of the object.
    groups : iterable of Dataset
        Functional groups of a frame of an enhanced object.

    Returns
    -------
    Fact of str
        Unknown if there is no mark. Any one of three is enough, because tools
        that de-identify remove some of them.
    """
    for item in tags.items(ds, "ContributingEquipmentSequence"):
        if tags.text(item, "ManufacturerModelName") == SOFTWARE:
            told = tags.text(item, "ContributionDescription")
            return _mark(told, "ContributingEquipmentSequence")
    derivations = [item for one in groups for item in tags.items(one, "DerivationImageSequence")]
    for source in (ds, *derivations):
        description = tags.text(source, "DerivationDescription")
        if description.startswith(f"{SOFTWARE} "):
            return _mark(description, "DerivationDescription")
    if MARK in tags.tokens(ds, "ImageType"):
        return _mark("", "ImageType")
    return Fact()


def _mark(text: str, keyword: str) -> Fact[str]:
    found = _SHA256.search(text)
    return Fact(found[0] if found else UNNAMED_CORRECTION, tags.name_of(keyword))
