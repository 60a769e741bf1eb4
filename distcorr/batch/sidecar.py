"""Facts beside a volume: NRRD and NIfTI files hold none of those a correction needs.

The sidecar of ``scan.nrrd`` or ``scan.nii.gz`` is ``scan.json``, one JSON object.
Its BIDS keys are read as :mod:`distcorr.batch.bids` says. Facts that these lack
stand in an object of our own, whose keys are those of the manifest:

    {"Manufacturer": "SIEMENS", "DeviceSerialNumber": "12345",
     "distcorr": {"state": "DIS2D", "patient_position": "HFS", "isocentre_lps": [0, 0, -38],
                  "sources": {"state": "ImageType (0008,0008)"}}}

``sources`` says where each fact was read, ``doubts`` what has to be told of it.
Unknown keys within ``distcorr`` are errors. ``distcorr convert`` writes all of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from distcorr import __version__
from distcorr.batch.bids import BidsKeys, Number, facts_of_bids
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.facts import AcquisitionFacts, Fact, VendorState
from distcorr.images import suffix_of
from distcorr.outputs import whole_output
from distcorr.space import Grid, PatientPosition

MAX_SIDECAR_BYTES = 4 << 20
"""dcm2niix writes some 10 kB, 1 MB for thousands of volumes; more is another file."""

COSINE_TOLERANCE = 1e-2
"""Departure of |row x column| from 1 up to which two rounded directions are orthonormal."""

OWN = "distcorr"
"""Name of the object that holds what BIDS has no key for."""


class _Sources(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    state: str = ""
    patient_position: str = ""
    isocentre_lps: str = ""


class _Doubt(BaseModel):
    """A finding about the facts themselves, which a conversion must not make forgotten."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Literal[Code.ISOCENTRE_UNVERIFIED]
    what: str = Field(min_length=1)
    evidence: str = ""


class _Own(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    state: VendorState | None = None
    patient_position: PatientPosition | None = None
    isocentre_lps: tuple[Number, Number, Number] | None = None
    sources: _Sources = _Sources()
    doubts: tuple[_Doubt, ...] = ()


@dataclass(frozen=True, eq=False)
class Sidecar:
    """What a sidecar says.

    Attributes
    ----------
    path : Path
    facts : AcquisitionFacts
        What it does not say is unknown and says why.
    findings : tuple of Finding
        Doubts about what it says.
    """

    path: Path
    facts: AcquisitionFacts
    findings: tuple[Finding, ...]


def sidecar_path(volume: Path) -> Path:
    """Name the sidecar of a volume: ``scan.json`` for ``scan.nii.gz``."""
    return volume.with_name(volume.name[: -len(suffix_of(volume))] + ".json")


def read_sidecar(volume: Path) -> Sidecar | None:
    """Read the sidecar of a volume.

    Parameters
    ----------
    volume : Path
        NRRD or NIfTI file.

    Returns
    -------
    Sidecar or None
        None if there is none.

    Raises
    ------
    DistcorrError
        ``sidecar-invalid`` with the key at fault, ``too-large``, ``unreadable``.
    """
    path = sidecar_path(volume)
    if not path.is_file():
        return None
    data = _json_object(path)
    try:
        bids = BidsKeys.model_validate(data)
        own = _Own.model_validate(data.get(OWN, {}))
    except ValidationError as error:
        inside = f"{OWN}." if error.title == _Own.__name__ else ""
        told = "; ".join(_explained(one, inside) for one in error.errors())
        raise _invalid(path, told) from error
    facts, doubts = facts_of_bids(bids)
    stated = _with_own(facts, own)
    if own.isocentre_lps is not None:
        doubts = ()
    doubts += tuple(Finding(one.code, one.what, one.evidence) for one in own.doubts)
    doubts += _contradictions(facts, stated)
    return Sidecar(path, replace(stated, slice_normal_lps=_normal(bids, path)), doubts)


def write_sidecar(
    path: Path,
    grid: Grid,
    facts: AcquisitionFacts,
    findings: Iterable[Finding],
    *,
    overwrite: bool = False,
) -> None:
    """Write the facts of a volume so that :func:`read_sidecar` reads them again.

    Parameters
    ----------
    path : Path
        Of the sidecar, as :func:`sidecar_path` names it.
    grid : Grid
        Of the volume; its third axis is the normal of the slices as acquired.
    facts : AcquisitionFacts
        Neither description nor identifiers of the scan are written.
    findings : iterable of Finding
        Those among them that concern the facts themselves are kept.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    DistcorrError
        ``output-exists``, ``output-unwritable``.
    """
    scanner = facts.scanner
    bids = {
        "Manufacturer": scanner.manufacturer,
        "ManufacturersModelName": scanner.model,
        "DeviceSerialNumber": scanner.serial,
        "MagneticFieldStrength": scanner.field_strength_t,
        "SoftwareVersions": scanner.software,
        "PatientPosition": facts.patient_position.value,
    }
    known = {
        name: fact
        for name, fact in (
            ("state", facts.state),
            ("patient_position", facts.patient_position),
            ("isocentre_lps", facts.isocentre_lps),
        )
        if fact.known
    }
    doubts = [
        {"code": one.code, "what": one.what, "evidence": one.evidence}
        for one in findings
        if one.code is Code.ISOCENTRE_UNVERIFIED
    ]
    own = {name: fact.value for name, fact in known.items()}
    sources = {name: fact.source for name, fact in known.items()}
    data = {
        **{key: value for key, value in bids.items() if value not in ("", None)},
        "ImageOrientationPatientDICOM": grid.direction[:, :2].T.ravel().tolist(),
        "ConversionSoftware": OWN,
        "ConversionSoftwareVersion": __version__,
        OWN: {**own, "sources": sources, "doubts": doubts},
    }
    text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_output(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _json_object(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > MAX_SIDECAR_BYTES:
            raise DistcorrError(
                Code.TOO_LARGE,
                "this is too large for a sidecar",
                f"{path} has {size} bytes, {MAX_SIDECAR_BYTES} at most",
                "move it away and state the facts",
            )
        data = json.loads(
            path.read_bytes().decode("utf-8-sig"),
            parse_constant=_no_number,
            object_pairs_hook=_distinct,
        )
    except OSError as failure:
        reason = failure.strerror or str(failure)
        raise DistcorrError(
            Code.UNREADABLE, "the sidecar can't be read", f"{path}: {reason}"
        ) from failure
    except (ValueError, RecursionError) as failure:
        raise _invalid(path, f"it is not valid JSON: {failure}") from failure
    if not isinstance(data, dict):
        raise _invalid(path, f"it holds a {type(data).__name__}, not an object")
    return data


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that occurs twice: nobody knows which of the two is meant."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} occurs twice")
    return made


def _with_own(facts: AcquisitionFacts, own: _Own) -> AcquisitionFacts:
    """Replace what BIDS keys say by what stands in our own object."""
    stated = facts
    for name in ("state", "patient_position", "isocentre_lps"):
        source = getattr(own.sources, name) or f"{OWN}.{name}"
        stated = stated.stated(f"{source}, by the sidecar", **{name: getattr(own, name)})
    return stated


def _contradictions(bids: AcquisitionFacts, stated: AcquisitionFacts) -> tuple[Finding, ...]:
    """Tell where our own object says otherwise than the BIDS keys beside it."""
    pairs: tuple[tuple[Fact[Any], Fact[Any]], ...] = (
        (bids.state, stated.state),
        (bids.patient_position, stated.patient_position),
    )
    return tuple(
        Finding(Code.STATED_OTHERWISE, "the sidecar contradicts itself", f"{one}, but {other}")
        for one, other in pairs
        if one.known and one.value != other.value
    )


def _normal(bids: BidsKeys, path: Path) -> Fact[tuple[float, float, float]]:
    if bids.ImageOrientationPatientDICOM is None:
        return Fact()
    row, column = np.array(bids.ImageOrientationPatientDICOM).reshape(2, 3)
    normal = np.cross(row, column)
    length = float(np.linalg.norm(normal))
    if abs(length - 1.0) > COSINE_TOLERANCE:
        raise _invalid(
            path, f"ImageOrientationPatientDICOM is {bids.ImageOrientationPatientDICOM}, "
            "which are no two directions at a right angle"
        )  # fmt: skip
    x, y, z = (float(value) for value in normal / length)
    return Fact((x, y, z), "ImageOrientationPatientDICOM of the sidecar")


def _explained(error: Any, inside: str) -> str:
    where = inside + ".".join(str(part) for part in error["loc"])
    return f"{where.removesuffix('.')}: {error['msg'].lower()}"


def _invalid(path: Path, evidence: str) -> DistcorrError:
    return DistcorrError(Code.SIDECAR_INVALID, f"{path} is no valid sidecar", evidence)
