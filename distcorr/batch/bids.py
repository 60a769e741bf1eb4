"""Facts in the JSON sidecar that dcm2niix writes beside a NIfTI volume (BIDS keys).

Its keys repeat tags of the DICOM header, so that the same rows decide here as
there. What was seen of dcm2niix 1.0.20220720 and 1.0.20250506 on real series:
``ImageType`` and ``ImageTypeText`` keep Siemens' ND, DIS2D and DIS3D;
``NonlinearGradientCorrection`` repeats them as yes or no and is written for Siemens
alone; ``TablePosition`` is written by releases after August 2024, with a sign of
its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from distcorr.dicom.vendors import STATE_ROWS, Maker, maker_of
from distcorr.errors import Code, Finding
from distcorr.facts import AcquisitionFacts, Fact, Scanner, VendorState
from distcorr.space import PatientPosition

Triple = tuple[float, float, float]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]

FIRST_TABLE_RELEASE = 20240812
"""Date of the first release of dcm2niix whose TablePosition was compared with headers."""


def _listed(value: object) -> object:
    """Take text joined by backslashes, as in DICOM, for the list that it means."""
    return value.split("\\") if isinstance(value, str) else value


Tokens = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class BidsKeys(BaseModel):
    """The keys that are used; a sidecar holds many others."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    Manufacturer: str = ""
    ManufacturersModelName: str = ""
    DeviceSerialNumber: str = ""
    MagneticFieldStrength: Annotated[Number, Field(gt=0, le=30)] | None = None
    SoftwareVersions: Tokens = ()
    ImageType: Tokens = ()
    ImageTypeText: Tokens = ()
    NonlinearGradientCorrection: Annotated[bool, Field(strict=True)] | None = None
    PatientPosition: str = ""
    TablePosition: tuple[Number, Number, Number] | None = None
    ImageOrientationPatientDICOM: tuple[Number, Number, Number, Number, Number, Number] | None = (
        None
    )
    ConversionSoftware: str = ""
    ConversionSoftwareVersion: str = ""

    @property
    def scanner(self) -> Scanner:
        """Identity of the scanner."""
        return Scanner(
            self.Manufacturer,
            self.ManufacturersModelName,
            self.DeviceSerialNumber,
            self.MagneticFieldStrength,
            "\\".join(self.SoftwareVersions),
        )


@dataclass(frozen=True, slots=True)
class TableSignRow:
    """What TablePosition means for one vendor.

    Attributes
    ----------
    maker : Maker
    sign : int
        Isocentre in patient z = sign * third value.
    verified_positions : frozenset of PatientPosition
        For which a value that is not zero was compared with the header.
    verified : str
    """

    maker: Maker
    sign: int
    verified_positions: frozenset[PatientPosition]
    verified: str


TABLE_SIGN_ROWS: tuple[TableSignRow, ...] = (
    TableSignRow(
        Maker.SIEMENS, -1, frozenset({PatientPosition.HFS}),
        "1.0.20250506 writes -20 for the phantom whose ImaRelTablePosition is +20, and 38 for -38",
    ),
    TableSignRow(
        Maker.PHILIPS, -1, frozenset({PatientPosition.HFS}),
        "1.0.20250506 writes 60.3 where MRStackTablePosLong is -60.3",
    ),
    TableSignRow(
        Maker.GE, 1, frozenset({PatientPosition.FFS}),
        "1.0.20240812 and 1.0.20250506 write -7.6 for the stack whose centre lies at z = -7.6",
    ),
)  # fmt: skip
"""BIDS counts a table as higher the further it is in the scanner (bids-specification
#1690): against patient z head first, along it feet first."""


def facts_of_bids(keys: BidsKeys) -> tuple[AcquisitionFacts, tuple[Finding, ...]]:
    """Read the facts of a scan from the keys of its sidecar.

    Parameters
    ----------
    keys : BidsKeys

    Returns
    -------
    AcquisitionFacts
        What the sidecar does not say is unknown and says why.
    tuple of Finding
        Doubts about what it does say.
    """
    maker = maker_of(keys.Manufacturer)
    position = _patient_position(keys)
    isocentre, doubts = _isocentre(keys, maker, position.value)
    facts = AcquisitionFacts(
        state=_state(keys, maker),
        patient_position=position,
        isocentre_lps=isocentre,
        scanner=keys.scanner,
    )
    return facts, doubts


def _state(keys: BidsKeys, maker: Maker | None) -> Fact[VendorState]:
    values = {"ImageType": keys.ImageType, "ImageTypeText": keys.ImageTypeText}
    stated = {
        row.state: f"{row.name} of the sidecar"
        for row in STATE_ROWS
        if row.maker is maker
        and row.verified
        and row.token in {token.strip().upper() for token in values.get(row.name, ())}
    }
    shown = ", ".join(
        f"{name} is " + ("\\".join(value) or "absent") for name, value in values.items()
    )
    corrected = keys.NonlinearGradientCorrection
    if corrected is not None:
        shown += f", NonlinearGradientCorrection is {str(corrected).lower()}"
    if len(stated) != 1:
        return Fact(None, f"{shown} in the sidecar")
    state, source = next(iter(stated.items()))
    if corrected is not None and corrected is (state is VendorState.ND):
        return Fact(None, f"{shown} in the sidecar, which contradict each other")
    return Fact(state, source)


def _patient_position(keys: BidsKeys) -> Fact[PatientPosition]:
    value = keys.PatientPosition.strip().upper()
    if value in PatientPosition.__members__:
        return Fact(PatientPosition(value), "PatientPosition of the sidecar")
    return Fact(None, f"PatientPosition is {value or 'absent'} in the sidecar")


def _isocentre(
    keys: BidsKeys, maker: Maker | None, position: PatientPosition | None
) -> tuple[Fact[Triple], tuple[Finding, ...]]:
    table = keys.TablePosition
    if table is None:
        return Fact(None, "TablePosition is absent in the sidecar"), ()
    shown = f"TablePosition is {', '.join(f'{value:g}' for value in table)} in the sidecar"
    if not any(table):
        return Fact((0.0, 0.0, 0.0), "TablePosition of the sidecar"), ()
    if table[0] or table[1]:
        return Fact(None, f"{shown}: its sideways directions are not known"), ()
    row = next((row for row in TABLE_SIGN_ROWS if row.maker is maker), None)
    if row is None or not _release_is_known(keys):
        by = f"{keys.ConversionSoftware} {keys.ConversionSoftwareVersion}".strip() or "unknown"
        return Fact(None, f"{shown}, and its sign is not known (converter: {by})"), ()
    fact: Fact[Triple] = Fact((0.0, 0.0, row.sign * table[2]), "TablePosition of the sidecar")
    if position in row.verified_positions:
        return fact, ()
    known = ", ".join(sorted(row.verified_positions))
    return fact, (
        Finding(
            Code.ISOCENTRE_UNVERIFIED,
            "the sign of the table position is not verified for this patient position",
            f"{shown}, patient {position or 'position unknown'}; verified for {known}",
        ),
    )


def _release_is_known(keys: BidsKeys) -> bool:
    """Whether the converter's TablePosition has the sign that was verified."""
    date = re.fullmatch(r"v?\d+\.\d+\.(\d{8})", keys.ConversionSoftwareVersion.strip())
    return (
        keys.ConversionSoftware.strip().lower() == "dcm2niix"
        and date is not None
        and int(date[1]) >= FIRST_TABLE_RELEASE
    )
