"""Load one scan from whatever a person has, with the facts that its correction needs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from distcorr.acquisition import Scan
from distcorr.batch.sidecar import read_sidecar, sidecar_path
from distcorr.dicom import Series, load_series, measure_series
from distcorr.errors import Code, Finding, in_order_of_harm
from distcorr.facts import AcquisitionFacts, Fact, VendorState
from distcorr.images import SUFFIXES, corrected_by, measure_volume, read_volume, suffix_of
from distcorr.memory import Admit, Extent
from distcorr.space import PatientPosition, Volume

KNOWN_ANYWAY = frozenset({Code.RESIDUAL_DISTORTION})
"""Findings that are the very reason why scans are loaded here: to learn or to correct."""

ISOCENTRE_TOLERANCE_MM = 1.0
"""Distance up to which a stated isocentre is the recorded one: scanners record whole mm."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person states about a scan; it replaces what the header says.

    Attributes
    ----------
    source : str
        Where it is stated, for example ``"cohort.toml"`` or ``"--state"``.
    state : VendorState, optional
    patient_position : PatientPosition, optional
    isocentre_lps : tuple of float, optional
        Place of the isocentre in patient coordinates, mm.
    force_reason : str, optional
        Why a scan is taken all the same whose patient position or isocentre is not
        known: then head first supine and the origin of the patient coordinates are
        assumed, with a finding and a source that repeat the reason.
    """

    source: str
    state: VendorState | None = None
    patient_position: PatientPosition | None = None
    isocentre_lps: tuple[float, float, float] | None = None
    force_reason: str | None = None

    def applied_to(self, facts: AcquisitionFacts) -> AcquisitionFacts:
        """Return the facts with what is stated in them."""
        return facts.stated(self.source, self.state, self.patient_position, self.isocentre_lps)

    def contradictions(self, facts: AcquisitionFacts, where: str = "header") -> tuple[Finding, ...]:
        """Tell where a scan knows otherwise: a statement is often made for many scans.

        Parameters
        ----------
        facts : AcquisitionFacts
            As read.
        where : str
            What they were read from.
        """
        compared: tuple[tuple[str, Any, Fact[Any], bool], ...] = (
            ("vendor correction", self.state, facts.state, self.state != facts.state.value),
            (
                "position",
                self.patient_position,
                facts.patient_position,
                self.patient_position != facts.patient_position.value,
            ),
            (
                "isocentre",
                self.isocentre_lps,
                facts.isocentre_lps,
                _apart(self.isocentre_lps, facts.isocentre_lps.value),
            ),
        )
        return tuple(
            Finding(
                Code.STATED_OTHERWISE,
                f"the stated {name} {stated} contradicts the {where}",
                f"{where}: {read}, stated in: {self.source}",
            )
            for name, stated, read, differs in compared
            if stated is not None and read.known and differs
        )

    @property
    def answers(self) -> frozenset[Code]:
        """Findings that this statement makes pointless."""
        stated = {
            Code.STATE_UNKNOWN: self.state,
            Code.POSITION_UNKNOWN: self.patient_position,
            Code.ISOCENTRE_UNKNOWN: self.isocentre_lps,
            Code.ISOCENTRE_UNVERIFIED: self.isocentre_lps,
        }
        return frozenset(code for code, value in stated.items() if value is not None)


@dataclass(frozen=True, eq=False)
class LoadedScan:
    """A scan as loaded.

    Attributes
    ----------
    scan : Scan
    sha256 : str
        Of its content, see :func:`content_sha256`.
    findings : tuple of Finding
        The most harmful first.
    series : Series, optional
        The DICOM series that it was loaded from.
    """

    scan: Scan
    sha256: str
    findings: tuple[Finding, ...]
    series: Series | None = None


@dataclass(frozen=True, eq=False)
class _Read:
    """A scan as its file gives it, before anything is stated."""

    volume: Volume
    facts: AcquisitionFacts
    findings: tuple[Finding, ...]
    where: str


def load_scan(
    path: Path, statement: Statement, part: str | None = None, admit: Admit | None = None
) -> LoadedScan:
    """Load a DICOM series or an NRRD or NIfTI volume.

    Parameters
    ----------
    path : Path
        Folder of DICOM files, a DICOM file, or a ``.nrrd``, ``.nii`` or
        ``.nii.gz`` file, whose sidecar is read where there is one (see
        :mod:`distcorr.batch.sidecar`).
    statement : Statement
        What is stated about the scan; it goes before what is read.
    part : str, optional
        Which of several volumes of a DICOM series.
    admit : callable, optional
        Told the volume's size before any pixel is read; may refuse it by raising.

    Returns
    -------
    LoadedScan
        What neither the file nor a statement says is unknown and has a finding;
        ``scan.acquisition`` refuses it.

    Raises
    ------
    DistcorrError
        As the readers do.
    """
    path = Path(path)
    series: Series | None = None
    if is_image(path):
        read = _read_image(path, admit)
    else:
        volume, series = load_series(path, part, admit)
        read = _Read(volume, series.facts, tuple(series.findings), "header")
    facts = statement.applied_to(read.facts)
    pointless = statement.answers | KNOWN_ANYWAY
    left = tuple(finding for finding in read.findings if finding.code not in pointless)
    doubts = statement.contradictions(read.facts, read.where)
    if statement.force_reason is not None:
        facts, left = _assume(facts, left, statement.force_reason)
    ordered = in_order_of_harm((*left, *doubts))
    return LoadedScan(Scan(read.volume, facts), content_sha256(read.volume), ordered, series)


def is_image(path: Path) -> bool:
    """Whether a path names an NRRD or NIfTI volume; else it is DICOM."""
    return path.name.lower().endswith(SUFFIXES) and not path.is_dir()


def measure_scan(path: Path, part: str | None = None) -> Extent:
    """Tell from headers how large the volume is that :func:`load_scan` would load.

    Raises
    ------
    DistcorrError
        As the readers do, but for what concerns pixels.
    """
    return measure_volume(path) if is_image(path) else measure_series(path, part)


def _read_image(path: Path, admit: Admit | None) -> _Read:
    volume = read_volume(path, admit)
    mark = _mark_of(path)
    # The record of a corrected volume has the name of a sidecar.
    sidecar = None if mark.known else read_sidecar(path)
    if sidecar is None:
        why = f"the file can't hold it, and there is no sidecar {sidecar_path(path).name}"
        facts = AcquisitionFacts(Fact(None, why), Fact(None, why), Fact(None, why))
    else:
        facts = sidecar.facts
    facts = replace(facts, description=path.name, corrected_by=mark)
    findings = tuple(
        Finding(code, f"{name} is not known", f"{fact.source}, {path}")
        for code, name, fact in _needed(facts)
        if not fact.known
    )
    if sidecar is None:
        return _Read(volume, facts, findings, "file")
    return _Read(volume, facts, (*findings, *sidecar.findings), "sidecar")


def _needed(facts: AcquisitionFacts) -> tuple[tuple[Code, str, Fact[Any]], ...]:
    return (
        (Code.STATE_UNKNOWN, "the vendor's distortion correction", facts.state),
        (Code.POSITION_UNKNOWN, "the patient position", facts.patient_position),
        (Code.ISOCENTRE_UNKNOWN, "the place of the isocentre", facts.isocentre_lps),
    )


def _mark_of(path: Path) -> Fact[str]:
    """Find the mark of a corrected volume: in its header, else in the record beside it.

    Tools that rewrite a file seldom keep the remark in its header, and often its name.
    """
    mark = corrected_by(path)
    record = path.with_name(path.name[: -len(suffix_of(path))] + ".json")
    if mark.known or not record.is_file():
        return mark
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Fact()  # somebody else's file
    identifier = told.get("correction_sha256") if isinstance(told, dict) else None
    return Fact(identifier, record.name) if isinstance(identifier, str) else Fact()


def _assume(
    facts: AcquisitionFacts, findings: tuple[Finding, ...], reason: str
) -> tuple[AcquisitionFacts, tuple[Finding, ...]]:
    """Take the usual placement for an unknown one, because somebody insists.

    An isocentre that moved within the series stays unknown: no place is right.
    """
    source = f"assumed, forced for this reason: {reason}"
    told: list[Finding] = []
    answered: set[Code] = set()
    moved = any(finding.code is Code.TABLE_MOVED for finding in findings)
    if not facts.patient_position.known:
        told.append(_assumption("head first supine", facts.patient_position, reason))
        answered.add(Code.POSITION_UNKNOWN)
        facts = facts.stated(source, patient_position=PatientPosition.HFS)
    if not facts.isocentre_lps.known and not moved:
        told.append(
            _assumption("the isocentre at the patient's origin", facts.isocentre_lps, reason)
        )
        answered.add(Code.ISOCENTRE_UNKNOWN)
        facts = facts.stated(source, isocentre_lps=(0.0, 0.0, 0.0))
    left = (finding for finding in findings if finding.code not in answered)
    return facts, (*told, *left)


def _assumption(what: str, unknown: Fact[Any], reason: str) -> Finding:
    return Finding(
        Code.PLACEMENT_ASSUMED, f"{what} was assumed", f"{unknown.source}; reason given: {reason}"
    )


def _apart(
    stated: tuple[float, float, float] | None, read: tuple[float, float, float] | None
) -> bool:
    if stated is None or read is None:
        return False
    return float(np.linalg.norm(np.subtract(stated, read))) > ISOCENTRE_TOLERANCE_MM


def content_sha256(volume: Volume) -> str:
    """SHA-256 of a volume's voxels and grid, whatever file it came from.

    Hashed are the array's little-endian type and shape as ASCII, its bytes in C
    order, then origin, spacing and direction (row by row) as float64.
    """
    array = np.ascontiguousarray(volume.array)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.data)
    for part in (volume.grid.origin_lps, volume.grid.spacing, volume.grid.direction):
        digest.update(np.ascontiguousarray(part, dtype="<f8").tobytes())
    return digest.hexdigest()
