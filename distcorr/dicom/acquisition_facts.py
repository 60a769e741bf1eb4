"""Read the facts of an acquisition, each with the place it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from pydicom.dataset import Dataset

from distcorr.dicom import tags
from distcorr.dicom.derivation import corrected_by
from distcorr.dicom.header import Frame
from distcorr.dicom.plausible import FARTHEST_MM
from distcorr.dicom.read import read_dataset
from distcorr.dicom.vendors import (
    ORIGIN_ROWS,
    SILENCE_ROWS,
    STATE_ROWS,
    TABLE_ROWS,
    Maker,
    TableRow,
    look_up,
    maker_of,
    private_sources,
)
from distcorr.errors import Code, Finding
from distcorr.facts import AcquisitionDimension, AcquisitionFacts, Fact, Scanner, VendorState
from distcorr.space import PatientPosition

T = TypeVar("T")
Triple = tuple[float, float, float]

_TWO_STATES = (Code.STATE_UNKNOWN, "the images state different vendor corrections")
_TWO_POSITIONS = (Code.POSITION_UNKNOWN, "the images state different patient positions")
_TWO_ISOCENTRES = (
    Code.TABLE_MOVED,
    "the table moved within the series, so that it has no single isocentre",
)


@dataclass(frozen=True, slots=True)
class FactsRead:
    """Facts of one volume and what has to be said about them."""

    facts: AcquisitionFacts
    findings: tuple[Finding, ...]


def read_facts(frame: Frame, description: str) -> FactsRead:
    """Read the facts that hold for a volume from the file of one of its slices.

    Parameters
    ----------
    frame : Frame
        Any slice of the volume.
    description : str
        For people.

    Returns
    -------
    FactsRead
        What the header does not say is unknown and has a finding.
    """
    ds = read_dataset(frame.path)
    with tags.quiet():
        groups = _functional_groups(ds, frame.index)
        sources = private_sources(ds, groups)
        maker = maker_of(tags.text(ds, "Manufacturer"))
        state, state_findings = _state(maker, sources, frame)
        mark = corrected_by(ds, groups)
        if mark.known:
            state_findings = ()  # it is known what was corrected
        position, position_findings = _patient_position(ds, frame)
        isocentre, isocentre_findings = _isocentre(maker, sources, position.value, frame)
        facts = AcquisitionFacts(
            state=state,
            patient_position=position,
            isocentre_lps=isocentre,
            dimension=_dimension(ds),
            phase_encode_lps=_phase_encode(ds, groups, frame),
            bandwidth_per_pixel_hz=_bandwidth(ds, groups),
            scanner=_scanner(ds),
            frame_of_reference=frame.labels.frame_of_reference,
            description=description,
            corrected_by=mark,
        )
    return FactsRead(facts, (*state_findings, *position_findings, *isocentre_findings))


def read_facts_of_stack(frames: Sequence[Frame], description: str) -> FactsRead:
    """Read the facts that hold for a whole stack.

    Parameters
    ----------
    frames : sequence of Frame
        In the order of the slices. The first and the last are asked: a table that
        moved during a series (stations, continuous motion) shows itself in them,
        and so do images of different scans that were put together.
    description : str
        For people.

    Returns
    -------
    FactsRead
        What differs from one end to the other is unknown and has a finding.
    """
    read = read_facts(frames[0], description)
    if frames[-1].path == frames[0].path:
        return read
    first, last = read.facts, read_facts(frames[-1], description).facts
    ends = frames[0].name, frames[-1].name
    state, doubts = _agreed(first.state, last.state, _TWO_STATES, ends)
    position, more = _agreed(first.patient_position, last.patient_position, _TWO_POSITIONS, ends)
    isocentre, moved = _agreed(first.isocentre_lps, last.isocentre_lps, _TWO_ISOCENTRES, ends)
    facts = replace(
        first,
        state=state,
        patient_position=position,
        isocentre_lps=isocentre,
        scanner=_common(first.scanner, last.scanner),
        corrected_by=first.corrected_by if first.corrected_by.known else last.corrected_by,
    )
    return FactsRead(facts, (*read.findings, *doubts, *more, *moved))


def _agreed(
    first: Fact[T], last: Fact[T], contradiction: tuple[Code, str], names: tuple[str, str]
) -> tuple[Fact[T], tuple[Finding, ...]]:
    """Keep a fact in which both ends of a stack agree; it is unknown if they do not."""
    if first.value == last.value:
        return first, ()
    code, what = contradiction
    evidence = f"{names[0]}: {first}; {names[1]}: {last}"
    return Fact(None, what), (Finding(code, what, evidence),)


def _common(one: Scanner, other: Scanner) -> Scanner:
    """Keep what two images say alike of their scanner."""
    named = {item.name: getattr(one, item.name) for item in fields(Scanner)}
    same = {name: v for name, v in named.items() if v == getattr(other, name)}
    return Scanner(**same)


def _functional_groups(ds: Dataset, index: int) -> list[Dataset]:
    each = tags.items(ds, "PerFrameFunctionalGroupsSequence")
    own = each[index : index + 1]
    return [*own, *tags.items(ds, "SharedFunctionalGroupsSequence")[:1]]


def _state(
    maker: Maker | None, sources: list[Dataset], frame: Frame
) -> tuple[Fact[VendorState], tuple[Finding, ...]]:
    matching = [
        row
        for row in STATE_ROWS
        if row.maker is maker and row.token in _upper(look_up(row.place, sources))
    ]
    # The private text outranks ImageType, which enhanced objects reduce to four values.
    stated = {row.state: f"{row.name} {row.place}" for row in matching if row.verified}
    if len(stated) == 1:
        state, source = next(iter(stated.items()))
        return Fact(state, source), ()
    if stated:
        what = "the header states two different vendor corrections"
        evidence = ", ".join(f"{state} in {source}" for state, source in stated.items())
    else:
        what = "the header does not say whether the vendor corrected the distortion"
        hints = [
            f"{row.name} {row.place} is {row.token}, which suggests {row.state} "
            f"({row.source}; not verified)"
            for row in matching
        ]
        silent = [f"{row.meaning} ({row.source})" for row in SILENCE_ROWS if row.maker is maker]
        shown = "\\".join(frame.labels.image_type) or "absent"
        evidence = "; ".join([f"ImageType (0008,0008) is {shown}", *hints, *silent])
    return Fact(None, evidence), (
        Finding(Code.STATE_UNKNOWN, what, f"{evidence}, in {frame.path}"),
    )


def _upper(values: tuple[object, ...]) -> set[str]:
    return {str(value).strip().upper() for value in values}


def _patient_position(
    ds: Dataset, frame: Frame
) -> tuple[Fact[PatientPosition], tuple[Finding, ...]]:
    value = tags.text(ds, "PatientPosition").upper()
    name = tags.name_of("PatientPosition")
    if value in PatientPosition.__members__:
        return Fact(PatientPosition(value), name), ()
    why = f"{name} is {value or 'absent'}"
    what = "the patient position is not known"
    return Fact(None, why), (Finding(Code.POSITION_UNKNOWN, what, f"{why} in {frame.path}"),)


def _isocentre(
    maker: Maker | None,
    sources: list[Dataset],
    position: PatientPosition | None,
    frame: Frame,
) -> tuple[Fact[Triple], tuple[Finding, ...]]:
    for row in TABLE_ROWS:
        table = _table_z(row, sources) if row.maker is maker else None
        if table is not None:
            fact: Fact[Triple] = Fact((0.0, 0.0, table), f"{row.name} {row.place}")
            if table == 0 or position in row.verified_positions:
                return fact, ()
            known = ", ".join(sorted(row.verified_positions))
            return fact, (
                Finding(
                    Code.ISOCENTRE_UNVERIFIED,
                    "the sign of the table position is not verified for this patient position",
                    f"{fact.source} is {table:g} mm, patient {position or 'position unknown'}; "
                    f"verified for {known}",
                ),
            )
    hints = [f"{row.meaning} ({row.source})" for row in ORIGIN_ROWS if row.maker is maker]
    why = "; ".join(["no element that is known to hold the table position", *hints])
    unknown = Finding(
        Code.ISOCENTRE_UNKNOWN,
        "the place of the isocentre is not known",
        f"{why}, in {frame.path}",
    )
    return Fact(None, why), (unknown,)


def _table_z(row: TableRow, sources: list[Dataset]) -> float | None:
    """Find the head-foot coordinate of the isocentre that a row gives, mm."""
    value = _finite(look_up(row.place, sources), row.component)
    if value is None or row.minus is None:
        return value
    return value - (_finite(look_up(row.minus, sources), 0) or 0.0)


def _finite(values: tuple[object, ...], index: int) -> float | None:
    """Read a place in mm; Philips writes 1.7e38 where a value was not set."""
    try:
        value = float(str(values[index]))
    except tags.VALUE_ERRORS:
        return None
    return value + 0.0 if abs(value) <= FARTHEST_MM else None


def _dimension(ds: Dataset) -> Fact[AcquisitionDimension]:
    value = tags.text(ds, "MRAcquisitionType").upper()
    if value in {item.value for item in AcquisitionDimension}:
        return Fact(AcquisitionDimension(value), tags.name_of("MRAcquisitionType"))
    return Fact()


def _phase_encode(ds: Dataset, groups: list[Dataset], frame: Frame) -> Fact[Triple]:
    """Direction along which phase is encoded; ROW means that it runs along a row."""
    keyword = "InPlanePhaseEncodingDirection"
    sources = [item for group in groups for item in tags.items(group, "MRFOVGeometrySequence")]
    value = next((found for found in (tags.text(s, keyword) for s in [*sources, ds]) if found), "")
    along = {"ROW": frame.row_lps, "COL": frame.column_lps, "COLUMN": frame.column_lps}
    direction = along.get(value.upper())
    if direction is None:
        return Fact()
    x, y, z = (float(component) for component in direction)
    return Fact((x, y, z), f"{tags.name_of(keyword)} {value}, sign unknown")


def _bandwidth(ds: Dataset, groups: list[Dataset]) -> Fact[float]:
    sources = [item for group in groups for item in tags.items(group, "MRImagingModifierSequence")]
    for source in [*sources, ds]:
        value = tags.number(source, "PixelBandwidth")
        if value is not None and value > 0:
            return Fact(value, tags.name_of("PixelBandwidth"))
    return Fact()


def _scanner(ds: Dataset) -> Scanner:
    strength = tags.number(ds, "MagneticFieldStrength")
    if strength is not None and strength > 100:
        strength /= 10000  # old software writes gauss
    return Scanner(
        manufacturer=tags.text(ds, "Manufacturer"),
        model=tags.text(ds, "ManufacturerModelName"),
        serial=tags.text(ds, "DeviceSerialNumber"),
        field_strength_t=strength if strength else None,
        software=tags.text(ds, "SoftwareVersions"),
    )
