"""What the headers of all derived images share, classic and enhanced."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from distcorr.dicom import tags
from distcorr.dicom.derivation import (
    Derivation,
    References,
    SourceImages,
    encodable,
    equipment_item,
)
from distcorr.dicom.header import Frame, Layout
from distcorr.dicom.read import read_dataset
from distcorr.dicom.series import Series
from distcorr.dicom.stack import SLICE_TOLERANCE_MM, Stack
from distcorr.dicom.stored import Quantiser, Scaling, StoredType
from distcorr.dicom.writing import decimal_string, decimal_strings, uid_of
from distcorr.space import Grid, Volume

DESCRIPTION_LIMIT = 64
"""Characters of a long string (LO, PS3.5 6.2)."""

PARALLEL_COSINE = 1 - 1e-6
"""Cosine from which slices count as parallel: 0.08 degrees."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What all objects of one derived series share.

    Attributes
    ----------
    series : Series
        The source.
    stack : Stack
        Its slices.
    corrected : Volume
    about : Derivation
    uid : str
        SeriesInstanceUID of the derived series.
    sources : SourceImages
    references : References
        To the sources.
    quantiser : Quantiser
    """

    series: Series
    stack: Stack
    corrected: Volume
    about: Derivation
    uid: str
    sources: SourceImages
    references: References
    quantiser: Quantiser

    @classmethod
    def of(cls, series: Series, corrected: Volume, about: Derivation) -> Plan:
        """Plan a derived series; raises the series' refusal if it is no volume."""
        if series.refusal is not None:
            raise series.refusal
        stack = series.stack
        assert stack is not None  # either a stack or a refusal
        stored = StoredType.of(read_dataset(stack.frames[0].path))
        return cls(
            series=series,
            stack=stack,
            corrected=corrected,
            about=about,
            uid=about.series_uid(series.uid, stack.frames, corrected.grid),
            sources=SourceImages(stack, corrected.grid, about.largest_displacement_mm),
            references=References(
                series.study_uid, series.uid, numbered=series.layout is Layout.MULTIFRAME
            ),
            quantiser=Quantiser(corrected, stack.frames, stored),
        )

    @property
    def grid(self) -> Grid:
        """Grid of the derived series."""
        return self.corrected.grid

    @property
    def keeps_slices(self) -> bool:
        """Whether slices lie as far apart as in the source, in the same direction."""
        source = self.stack.grid
        return (
            bool(abs(self.grid.spacing[2] - source.spacing[2]) <= SLICE_TOLERANCE_MM)
            and float(abs(self.grid.normal_lps @ source.normal_lps)) > PARALLEL_COSINE
        )

    def instance_number(self, k: int) -> int:
        """Return the number of slice ``k``, from 1, in the direction of the source's numbers."""
        first, last = self.stack.frames[0].instance, self.stack.frames[-1].instance
        downwards = first is not None and last is not None and first > last
        return self.grid.size[2] - k if downwards else k + 1


def put(ds: Dataset, keyword: str, value: object) -> None:
    """Set an element anew, so that no element shared with another data set changes."""
    ds.pop(keyword, None)
    setattr(ds, keyword, value)


def derive_header(ds: Dataset, plan: Plan, k: int, frames: tuple[Frame, ...]) -> None:
    """Turn the stripped header of a source into that of a derived object.

    Parameters
    ----------
    ds : Dataset
        Changed in place.
    plan : Plan
    k : int
        First slice of the object.
    frames : tuple of Frame
        Source images of all slices of the object.
    """
    about = plan.about
    plan.references.put_series(ds, frames)
    put(ds, "SeriesInstanceUID", plan.uid)
    put(ds, "SOPInstanceUID", uid_of("derived image", plan.uid, str(k)))
    number = tags.number(ds, "SeriesNumber")
    if number is not None:
        put(ds, "SeriesNumber", int(number) + about.series_number_offset)
    put(ds, "InstanceNumber", plan.instance_number(k))
    put(ds, "SeriesDescription", _description(ds, about.description_suffix))
    put(
        ds,
        "ContributingEquipmentSequence",
        [*tags.items(ds, "ContributingEquipmentSequence"), equipment_item(about)],
    )
    put(ds, "Rows", plan.grid.size[1])
    put(ds, "Columns", plan.grid.size[0])
    plan.quantiser.stored.put_into(ds)


def rescale(ds: Dataset, scaling: Scaling) -> None:
    """Write a slope and intercept that differ from the source's."""
    put(ds, "RescaleSlope", decimal_string(scaling.slope))
    put(ds, "RescaleIntercept", decimal_string(scaling.intercept))
    if "RescaleType" not in ds:
        ds.RescaleType = "US"


def pixel_measures(ds: Dataset, plan: Plan) -> None:
    """Write distances of pixels and slices; the thickness stays if the slices do."""
    spacing = plan.grid.spacing
    put(ds, "PixelSpacing", decimal_strings([spacing[1], spacing[0]]))
    put(ds, "SpacingBetweenSlices", decimal_string(spacing[2]))
    if not plan.keeps_slices or "SliceThickness" not in ds:
        put(ds, "SliceThickness", decimal_string(spacing[2]))


def orientation(ds: Dataset, grid: Grid) -> None:
    """Write the direction cosines of rows and columns."""
    put(ds, "ImageOrientationPatient", decimal_strings(grid.direction[:, :2].T.ravel()))


def position(ds: Dataset, grid: Grid, k: int) -> None:
    """Write the place of slice ``k``."""
    place = grid.origin_lps + k * grid.spacing[2] * grid.normal_lps
    put(ds, "ImagePositionPatient", decimal_strings(place))


def _description(ds: Dataset, suffix: str) -> str:
    base = tags.text(ds, "SeriesDescription") or tags.text(ds, "ProtocolName")
    return f"{base[: DESCRIPTION_LIMIT - 1 - len(suffix)].rstrip()} {suffix}".strip()


def derivation_text(ds: Dataset, about: Derivation) -> str:
    """Say how an object came about, after what the source says of itself."""
    earlier = tags.text(ds, "DerivationDescription")
    return encodable(f"{about.text}; before: {earlier}" if earlier else about.text, ds)
