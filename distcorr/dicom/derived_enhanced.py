"""Write a corrected volume as one enhanced multi-frame object.

Each frame has the functional groups of the source frame nearest to it, with its
place, type and derivation written anew. ImageType and FrameType are
DERIVED, PRIMARY (the only second value that enhanced objects allow, PS3.3
C.8.16.1.2), the source's third value and RESAMPLED (C.8.16.1.4). The dimensions
are the stack and the place in it: those of the source may point to private
elements, and only these are sure to hold for the derived frames.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from distcorr.dicom import tags
from distcorr.dicom.derivation import spatial_resampling
from distcorr.dicom.derived_header import (
    Plan,
    derivation_text,
    derive_header,
    orientation,
    pixel_measures,
    position,
    put,
    rescale,
)
from distcorr.dicom.header import Frame
from distcorr.dicom.inherit import strip, strip_public
from distcorr.dicom.read import read_dataset
from distcorr.dicom.stored import Scaling
from distcorr.dicom.writing import decimal_string, uid_of, write_image

STACK_ID = "1"

_PER_FRAME = "PerFrameFunctionalGroupsSequence"
_SHARED = "SharedFunctionalGroupsSequence"

_NOT_OF_A_FRAME = (
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "ConversionSourceAttributesSequence",
)
"""Groups that all frames share, or that were true of the source frame alone."""

_OF_OLD_SOFTWARE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
"""Stand in the data set itself in objects of old software."""

_PULSE_SEQUENCE = """
    PulseSequenceName MRAcquisitionType EchoPulseSequence MultipleSpinEcho
    MultiPlanarExcitation PhaseContrast VelocityEncodingAcquisitionSequence
    TimeOfFlightContrast ArterialSpinLabelingContrast SteadyStatePulseSequence
    EchoPlanarPulseSequence SaturationRecovery SpectrallySelectedSuppression
    OversamplingPhase GeometryOfKSpaceTraversal RectilinearPhaseEncodeReordering
    SegmentedKSpaceTraversal CoverageOfKSpace NumberOfKSpaceTrajectories
"""
"""MR Pulse Sequence module (PS3.3 C.8.13.4): required in original images, optional in
derived ones. Earlier editions forbade it there, and verifiers still call it an error."""


def write_enhanced(plan: Plan, path: Path) -> None:
    """Write all slices into one file, in the order of k.

    Parameters
    ----------
    plan : Plan
    path : Path
    """
    count = plan.grid.size[2]
    nearest = [plan.sources.nearest(k) for k in range(count)]
    with tags.quiet():
        groups = _SourceGroups(plan)
        ds = groups.header
        derive_header(ds, plan, 0, plan.sources.frames)
        put(ds, "ImageType", _type(tags.tokens(ds, "ImageType")))
        put(ds, "NumberOfFrames", count)
        evidence = plan.references.evidence(ds.SOPClassUID, plan.sources.frames)
        put(ds, "SourceImageEvidenceSequence", [evidence])
        for keyword in (*_OF_OLD_SOFTWARE, *_PULSE_SEQUENCE.split(), "DimensionOrganizationType"):
            ds.pop(keyword, None)
        uid = uid_of("dimensions", plan.uid)
        put(ds, "DimensionOrganizationSequence", [_dimension_organisation(uid)])
        put(ds, "DimensionIndexSequence", _dimensions(uid))
        each = [_frame(groups.of(source), ds, plan, k) for k, source in enumerate(nearest)]
        put(ds, _SHARED, [_shared(groups.shared, plan)])
        put(ds, _PER_FRAME, each)
        _rescale(ds, each, [plan.quantiser.scaling(k, source) for k, source in enumerate(nearest)])
    write_image(ds, (plan.quantiser.pixels(k, source) for k, source in enumerate(nearest)), path)


class _SourceGroups:
    """Functional groups of the source, stripped, each handed out for one frame alone.

    Where the source consists of several files, what each of them shares goes to
    its frames: it need not be the same in all.
    """

    def __init__(self, plan: Plan) -> None:
        self._files: dict[Path, Dataset] = {}
        self._used: set[tuple[Path, int]] = set()
        self._several = len(plan.series.files) > 1
        self.header = self._file(plan.stack.frames[0].path)
        shared = tags.items(self.header, _SHARED)
        self.shared = shared[0] if shared and not self._several else Dataset()

    def of(self, frame: Frame) -> Dataset:
        """Return the groups of a frame, free to be changed."""
        ds = self._file(frame.path)
        own = tags.items(ds, _PER_FRAME)[frame.index]
        if (frame.path, frame.index) in self._used:
            own = deepcopy(own)
        self._used.add((frame.path, frame.index))
        for shared in tags.items(ds, _SHARED) if self._several else ():
            for element in shared:
                if element.tag not in own:
                    own[element.tag] = element
        return own

    def _file(self, path: Path) -> Dataset:
        if path not in self._files:
            ds = read_dataset(path)
            strip(ds)
            self._files[path] = ds
        return self._files[path]


def _frame(groups: Dataset, ds: Dataset, plan: Plan, k: int) -> Dataset:
    """Turn the groups of a source frame into those of slice ``k`` of an object."""
    for keyword in _NOT_OF_A_FRAME:
        groups.pop(keyword, None)
    for item in tags.items(groups, "UnassignedPerFrameConvertedAttributesSequence"):
        strip_public(item)
    place = Dataset()
    position(place, plan.grid, k)
    put(groups, "PlanePositionSequence", [place])
    content = _first(groups, "FrameContentSequence")
    put(content, "StackID", STACK_ID)
    put(content, "InStackPositionNumber", k + 1)
    put(content, "DimensionIndexValues", [1, k + 1])
    put(groups, "FrameContentSequence", [content])
    _set_frame_type(groups)
    put(groups, "DerivationImageSequence", [_derivation(ds, plan, k)])
    return groups


def _shared(groups: Dataset, plan: Plan) -> Dataset:
    """Turn the shared groups of the source into those of the derived object."""
    groups.pop("DerivationImageSequence", None)
    cosines = Dataset()
    orientation(cosines, plan.grid)
    put(groups, "PlaneOrientationSequence", [cosines])
    measures = Dataset()
    thickness = plan.stack.frames[0].thickness_mm
    if thickness is not None:
        measures.SliceThickness = decimal_string(thickness)
    pixel_measures(measures, plan)
    put(groups, "PixelMeasuresSequence", [measures])
    _set_frame_type(groups)
    return groups


def _derivation(ds: Dataset, plan: Plan, k: int) -> Dataset:
    item = Dataset()
    item.DerivationDescription = derivation_text(ds, plan.about)
    item.DerivationCodeSequence = [spatial_resampling()]
    plan.references.put_source_images(item, ds.SOPClassUID, plan.sources.behind(k))
    return item


def _set_frame_type(groups: Dataset) -> None:
    for item in tags.items(groups, "MRImageFrameTypeSequence"):
        put(item, "FrameType", _type(tags.tokens(item, "FrameType")))


def _type(source: tuple[str, ...]) -> list[str]:
    flavour = source[2] if len(source) > 2 else "OTHER"
    return ["DERIVED", "PRIMARY", flavour, "RESAMPLED"]


def _dimension_organisation(uid: str) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID = uid
    return item


def _dimensions(uid: str) -> list[Dataset]:
    """Two dimensions: the stack, and the place in it."""
    found = []
    for keyword in ("StackID", "InStackPositionNumber"):
        item = _dimension_organisation(uid)
        item.DimensionIndexPointer = Tag(keyword)
        item.FunctionalGroupPointer = Tag("FrameContentSequence")
        found.append(item)
    return found


def _rescale(ds: Dataset, each: list[Dataset], scalings: list[Scaling]) -> None:
    """Write scalings into all frames if one of them is not the source's."""
    if not any(scaling.changed for scaling in scalings):
        return
    for groups, scaling in zip(each, scalings, strict=True):
        item = _first(groups, "PixelValueTransformationSequence")
        rescale(item, scaling)
        put(groups, "PixelValueTransformationSequence", [item])
    # These map stored values, which mean something else now.
    for groups in (ds, *tags.items(ds, _SHARED), *each):
        groups.pop("RealWorldValueMappingSequence", None)
    for shared in tags.items(ds, _SHARED):
        shared.pop("PixelValueTransformationSequence", None)


def _first(groups: Dataset, keyword: str) -> Dataset:
    """Return the item of a functional group, an empty one if the group is absent."""
    items = tags.items(groups, keyword)
    return items[0] if items else Dataset()
