"""What vendors write, as rows of data: new evidence is a new row, not a new branch.

Each row says where a statement stands, what it means, which software writes it,
who says so and on what it was verified. A row that was not verified never
decides; it is shown to the user as a hint.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from distcorr.dicom import tags
from distcorr.facts import VendorState
from distcorr.space import PatientPosition

SIEMENS_HEADER = "SIEMENS MR HEADER"
SIEMENS_CSA = "SIEMENS CSA HEADER"
SIEMENS_FRAME = "SIEMENS MR SDI 02"
GE_PARAMETERS = "GEMS_PARM_01"
GE_ACQUISITION = "GEMS_ACQU_01"
PHILIPS_1 = "Philips MR Imaging DD 001"
PHILIPS_5 = "Philips MR Imaging DD 005"
PHILIPS_STACK_CREATOR = "Philips Imaging DD 001"


class Maker(Enum):
    """Vendors that the tables know, by what (0008,0070) Manufacturer begins with."""

    SIEMENS = "SIEMENS"
    GE = "GE "
    PHILIPS = "PHILIPS"


def maker_of(manufacturer: str) -> Maker | None:
    """Recognise the vendor; None for others."""
    name = manufacturer.upper().strip() + " "
    return next((maker for maker in Maker if name.startswith(maker.value)), None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a private or public element stands.

    Attributes
    ----------
    group, element : int
        For private elements, the element's offset in its block.
    creator : str
        Private creator; empty for a public tag.
    """

    group: int
    element: int
    creator: str = ""

    def __str__(self) -> str:
        element = f"xx{self.element:02X}" if self.creator else f"{self.element:04X}"
        return f"({self.group:04X},{element})" + (f" {self.creator}" if self.creator else "")


IMAGE_TYPE = Place(0x0008, 0x0008)
IMAGE_TYPE_TEXT = Place(0x0021, 0x75, SIEMENS_FRAME)


GE_COMPONENT = Place(0x0043, 0x2F, GE_PARAMETERS)
"""Which component of the complex image a GE image shows, where ImageType says OTHER
for all of them (dcm2niix, GE notes)."""

GE_COMPONENT_TOKENS = {"1": "PHASE", "2": "REAL", "3": "IMAGINARY"}
"""Values of :data:`GE_COMPONENT` besides 0, magnitude."""


@dataclass(frozen=True, slots=True)
class StateRow:
    """One way in which a vendor states its distortion correction.

    Attributes
    ----------
    maker : Maker
    place : Place
    name : str
        Name of the element.
    token : str
        Value that makes the statement.
    state : VendorState
        What it means.
    software, source : str
        Software that writes it; who says so.
    verified : str
        On what it was verified; empty if it was not: then it is a hint alone.
    """

    maker: Maker
    place: Place
    name: str
    token: str
    state: VendorState
    software: str
    source: str
    verified: str


_E11 = "syngo MR E11E DICOM conformance statement, image type values"
_XA_TEXT = "dcm2niix Siemens notes: ImageTypeText keeps what ImageType loses in enhanced objects"
_GEOMETRY = "MRSeriesGeometryCorrection in published Philips private dictionaries"

STATE_ROWS: tuple[StateRow, ...] = (
    StateRow(
        Maker.SIEMENS, IMAGE_TYPE, "ImageType", "ND", VendorState.ND,
        "syngo MR B to E, XA classic export", _E11,
        "ACR phantom, Sola 1.5 T: diameter 192.65 mm of 190 as ND, 190.35 as DIS2D",
    ),
    StateRow(
        Maker.SIEMENS, IMAGE_TYPE, "ImageType", "DIS2D", VendorState.DIS2D,
        "syngo MR B to E, XA classic export", _E11,
        "ACR phantom, Sola 1.5 T: diameter 192.65 mm of 190 as ND, 190.35 as DIS2D",
    ),
    StateRow(
        Maker.SIEMENS, IMAGE_TYPE, "ImageType", "DIS3D", VendorState.DIS3D,
        "syngo MR B to E, XA classic export", _E11, "AAHead scout, Prisma XA30 (header alone)",
    ),
    StateRow(
        Maker.SIEMENS, IMAGE_TYPE_TEXT, "ImageTypeText", "ND", VendorState.ND,
        "syngo MR XA enhanced", _XA_TEXT, "same tokens as ImageType of the classic export",
    ),
    StateRow(
        Maker.SIEMENS, IMAGE_TYPE_TEXT, "ImageTypeText", "DIS2D", VendorState.DIS2D,
        "syngo MR XA enhanced", _XA_TEXT, "T1, Prisma XA30 enhanced (header alone)",
    ),
    StateRow(
        Maker.SIEMENS, IMAGE_TYPE_TEXT, "ImageTypeText", "DIS3D", VendorState.DIS3D,
        "syngo MR XA enhanced", _XA_TEXT, "same tokens as ImageType of the classic export",
    ),
    StateRow(
        Maker.PHILIPS, Place(0x2005, 0xA9, PHILIPS_1), "MRSeriesGeometryCorrection",
        "2D", VendorState.DIS2D, "R5.7", _GEOMETRY, "",
    ),
    StateRow(
        Maker.PHILIPS, Place(0x2005, 0xA9, PHILIPS_1), "MRSeriesGeometryCorrection",
        "3D", VendorState.DIS3D, "R5.7", _GEOMETRY, "",
    ),
    StateRow(
        Maker.PHILIPS, Place(0x2005, 0xA9, PHILIPS_1), "MRSeriesGeometryCorrection",
        "NONE", VendorState.ND, "R5.7", _GEOMETRY, "",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """What a vendor's headers leave unsaid about its correction.

    Attributes
    ----------
    maker : Maker
    meaning, source : str
    """

    maker: Maker
    meaning: str
    source: str


SILENCE_ROWS: tuple[SilenceRow, ...] = (
    SilenceRow(
        Maker.GE,
        "GE writes no element that is known to state its correction (GradWarp), which is commonly "
        "on",
        "headers of MR750 and SIGNA Premier RX29.1 searched without result",
    ),
    SilenceRow(
        Maker.PHILIPS,
        "Philips states its geometry correction in a private element alone",
        "headers of Achieva R5.7",
    ),
)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One way in which a vendor states where the isocentre is.

    Attributes
    ----------
    maker : Maker
    place : Place
        Element that holds the table position.
    name : str
    component : int
        Index of the head-foot component among its values.
    minus : Place or None
        Element to subtract from it.
    verified_positions : frozenset of PatientPosition
        Patient positions for which the sign was verified; for others a value
        that is not zero comes with a warning.
    software, source, verified : str
    """

    maker: Maker
    place: Place
    name: str
    component: int
    minus: Place | None
    verified_positions: frozenset[PatientPosition]
    software: str
    source: str
    verified: str


TABLE_ROWS: tuple[TableRow, ...] = (
    TableRow(
        Maker.SIEMENS, Place(0x0019, 0x14, SIEMENS_HEADER), "ImaRelTablePosition", 2, None,
        frozenset({PatientPosition.HFS}), "syngo MR B to E", "dcm2niix Siemens notes",
        "Prisma E11, phantom scanned before and after moving the table by 20 mm: "
        "ImagePositionPatient z follows the value, scanner z = patient z - value",
    ),
    TableRow(
        Maker.SIEMENS, Place(0x0021, 0x59, SIEMENS_FRAME), "ImaRelTablePosition", 2, None,
        frozenset({PatientPosition.HFS}), "syngo MR XA enhanced", "dcm2niix TablePosition",
        "only seen as zero (Prisma XA30); taken to mean the same as in E11",
    ),
    TableRow(
        Maker.GE, Place(0x0043, 0xB2, GE_PARAMETERS), "MR table position information", 2,
        Place(0x0019, 0x7F, GE_ACQUISITION), frozenset({PatientPosition.FFS}), "RX29.1",
        "GE's contribution to dcm2niix (TablePosition = third value - table delta)",
        "SIGNA Premier, FFS: the value is the z of the centre of a stack that the table "
        "brought to the isocentre (-7.6 mm for slices from -21.1 to 5.9 mm)",
    ),
    TableRow(
        Maker.PHILIPS, Place(0x2005, 0x3C, PHILIPS_5), "MRStackTablePosLong", 0, None,
        frozenset({PatientPosition.HFS}), "R5.7", "dcm2niix TablePosition",
        "Achieva dStream, HFS: offcentre 0 and -60 mm give -0.2 and -60.3, while a phantom "
        "keeps its patient z (correlation 0.9997), so the table brought z = -60 to the isocentre",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OriginRow:
    """What speaks for the origin where no table position is recorded: a hint, never a fact.

    Attributes
    ----------
    maker : Maker
    meaning, source : str
    """

    maker: Maker
    meaning: str
    source: str


ORIGIN_ROWS: tuple[OriginRow, ...] = (
    OriginRow(
        Maker.SIEMENS,
        "on Siemens the origin of the patient coordinates is the isocentre as long as the table "
        "stays where the landmark was set: if it did, state isocentre_lps = [0, 0, 0]",
        "isocentre fitted to a 3 T phantom scan: -0.2, -1.5, -0.6 mm from the DICOM origin",
    ),
)
"""GE has no row: its patient origin is the landmark, and the table moves from there
to the scan. Philips has none: its origin travels with the patient likewise."""


def private_sources(ds: Dataset, frame: Iterable[Dataset] = ()) -> list[Dataset]:
    """List where private elements may stand: the data set, functional groups, stacks.

    Parameters
    ----------
    ds : Dataset
        The file.
    frame : iterable of Dataset
        Per-frame and shared functional group of the frame in question.

    Returns
    -------
    list of Dataset
        In the order in which they are asked.
    """
    found: list[Dataset] = []
    for group in frame:
        for element in group:
            if element.VR == "SQ" and element.value:
                found.append(element.value[0])
                found.extend(
                    nested.value[0]
                    for nested in element.value[0]
                    if nested.VR == "SQ" and nested.tag.is_private and nested.value
                )
    found.append(ds)
    stack = tags.private(ds, 0x2001, PHILIPS_STACK_CREATOR, 0x5F)
    if stack is not None:
        found.extend(item for item in tags.raw_values(ds, stack) if isinstance(item, Dataset))
    return found


def look_up(place: Place, sources: Iterable[Dataset]) -> tuple[object, ...]:
    """Return the values of the first element at a place; empty if there is none."""
    for source in sources:
        if place.creator:
            tag = tags.private(source, place.group, place.creator, place.element)
            values = [] if tag is None else tags.raw_values(source, tag)
        else:
            values = tags.raw_values(source, _public(place))
        if values:
            return tuple(values)
    return ()


def image_type_text(frame: Iterable[Dataset]) -> tuple[str, ...]:
    """Read the image type text of an enhanced Siemens frame; empty if there is none."""
    values = look_up(IMAGE_TYPE_TEXT, private_sources(Dataset(), frame))
    return tuple(str(value).strip().upper() for value in values if str(value).strip())


def _public(place: Place) -> BaseTag:
    return Tag(place.group, place.element)
