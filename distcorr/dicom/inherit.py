"""Which elements of a source's header a derived image may keep.

Public elements are kept unless resampling has made them false; :data:`PUBLIC_ROWS`
lists those with the reasons. Private elements are dropped unless the loader reads
them and they stay true, which holds for the table's position alone:

- Siemens CSA headers (0029,xxxx; 0021,xx.. in XA) repeat the distortion state, the
  slice's place, the mosaic's layout and the whole protocol;
- Siemens 0019 and 0051 repeat the slice's place and timing, and the coil;
- GE 0019, 0021, 0027, 0043 hold the slice's corners, and rescaling by the database;
- Philips 2001 and 2005 hold the stack's geometry, per-slice scaling and the
  geometry correction's state.

What nobody outside the vendor knows to stay true is not passed on as if it did.
The source, which the derived image names, still has all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from distcorr.dicom import tags
from distcorr.dicom.vendors import TABLE_ROWS, Place


@dataclass(frozen=True, slots=True)
class DroppedRow:
    """Public elements that do not pass to a derived image.

    Attributes
    ----------
    keywords : str
    reason : str
    """

    keywords: str
    reason: str


PUBLIC_ROWS: tuple[DroppedRow, ...] = (
    DroppedRow(
        "InstanceCreationDate InstanceCreationTime InstanceCreatorUID SeriesDate SeriesTime",
        "say when and by whom the source was made; writing twice gives equal files, so "
        "that the derived image can't say it of itself",
    ),
    DroppedRow(
        "SmallestImagePixelValue LargestImagePixelValue SmallestPixelValueInSeries "
        "LargestPixelValueInSeries IconImageSequence PixelAspectRatio NumberOfFrames "
        "ExtendedOffsetTable ExtendedOffsetTableLengths DataSetTrailingPadding",
        "describe the source's pixels and how they were packed",
    ),
    DroppedRow(
        "DigitalSignaturesSequence MACParametersSequence SOPInstanceStatus "
        "SOPAuthorizationDateTime SOPAuthorizationComment",
        "vouch for the source's bytes",
    ),
    DroppedRow(
        "ConcatenationUID SOPInstanceUIDOfConcatenationSource InConcatenationNumber "
        "InConcatenationTotalNumber ConcatenationFrameOffsetNumber ImagesInAcquisition "
        "InStackPositionNumber StackID SliceLocation",
        "place the source among its siblings",
    ),
    DroppedRow(
        "TriggerTime FrameReferenceTime",
        "are the time of one slice, while a derived one draws on several",
    ),
    DroppedRow(
        "ContentDate ContentTime",
        "say when the source's pixels were made; enhanced objects, which have to hold "
        "them (PS3.3 C.7.6.16), keep the source's",
    ),
)

ANNOTATION_GROUPS = (*range(0x5000, 0x5020), *range(0x6000, 0x6020))
"""Curves and overlays: drawn on the source's pixels, from where tissue has moved."""

_DROPPED = frozenset(Tag(keyword) for row in PUBLIC_ROWS for keyword in row.keywords.split())
_REQUIRED_IN_ENHANCED = frozenset(map(Tag, ("ContentDate", "ContentTime")))
_KEPT_PLACES = frozenset(
    place for row in TABLE_ROWS for place in (row.place, row.minus) if place is not None
)
_REQUIRED_IF_GATED = Tag("TriggerTime")


def strip(ds: Dataset) -> None:
    """Remove what does not pass to a derived image; private elements at every depth.

    Parameters
    ----------
    ds : Dataset
        Header of the source, changed in place.
    """
    _strip_private(ds)
    strip_public(ds)
    _drop_unreadable(ds)


def strip_public(ds: Dataset) -> None:
    """Remove the public elements of :data:`PUBLIC_ROWS` and annotations from one data set."""
    gated = _REQUIRED_IF_GATED in ds
    enhanced = "PerFrameFunctionalGroupsSequence" in ds
    dropped = _DROPPED - _REQUIRED_IN_ENHANCED if enhanced else _DROPPED
    for tag in [tag for tag in _tags(ds) if tag in dropped or tag.group in ANNOTATION_GROUPS]:
        del ds[tag]
    if gated:
        ds.TriggerTime = None  # type 2C (PS3.3 C.8.3.1): may be empty, not absent


def _strip_private(ds: Dataset) -> None:
    kept = _kept_private(ds)
    for tag in [tag for tag in _tags(ds) if tag.is_private and tag not in kept]:
        del ds[tag]
    for tag in [tag for tag in _tags(ds) if _may_be_sequence(ds, tag)]:
        for item in tags.raw_values(ds, tag):
            if isinstance(item, Dataset):
                _strip_private(item)


def _tags(ds: Dataset) -> list[BaseTag]:
    """List the tags; to iterate over the data set would parse every element."""
    return list(ds.keys())


def _kept_private(ds: Dataset) -> set[BaseTag]:
    """Tags of private elements that stay, and of the creators of their blocks."""
    groups = {tag.group for tag in _tags(ds) if tag.is_private}
    places = (place for place in _KEPT_PLACES if place.group in groups)
    found = {tag for place in places if (tag := _tag_at(ds, place)) is not None}
    return found | {Tag(tag.group, tag.element >> 8) for tag in found}


def _tag_at(ds: Dataset, place: Place) -> BaseTag | None:
    return tags.private(ds, place.group, place.creator, place.element)


def _may_be_sequence(ds: Dataset, tag: BaseTag) -> bool:
    """Whether an element is a sequence; its raw form tells without parsing it."""
    element = ds.get_item(tag)
    if element is None or element.VR not in (None, "UN"):
        return element is not None and element.VR == "SQ"
    return dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ"


def _drop_unreadable(ds: Dataset) -> None:
    """Remove elements that can't be parsed, where they would have to be encoded anew."""
    if ds.original_encoding == (False, True):
        return
    for tag in _tags(ds):
        try:
            value = ds[tag].value
        except tags.VALUE_ERRORS:
            del ds[tag]
            continue
        for item in value if isinstance(value, Sequence) else ():
            _drop_unreadable(item)
