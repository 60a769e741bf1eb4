"""Load one scan from whatever a person has, with the facts that its correction needs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from distcorr.acquisition import Scan
from distcorr.dicom import Series, load_series
from distcorr.errors import Code, DistcorrError, Finding, in_order_of_harm
from distcorr.facts import AcquisitionFacts, Fact, VendorState, require_as_acquired
from distcorr.images import SUFFIXES, corrected_by, read_volume, suffix_of
from distcorr.space import PatientPosition, Volume

KNOWN_ANYWAY = frozenset({Code.RESIDUAL_DISTORTION})
"""Findings that are the very reason why scans are loaded here: to learn or to correct."""


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
    """

    source: str
    state: VendorState | None = None
    patient_position: PatientPosition | None = None
    isocentre_lps: tuple[float, float, float] | None = None

    def applied_to(self, facts: AcquisitionFacts) -> AcquisitionFacts:
        """Return the facts with what is stated in them."""
        return facts.stated(self.source, self.state, self.patient_position, self.isocentre_lps)

    def contradictions(self, facts: AcquisitionFacts) -> tuple[Finding, ...]:
        """Tell where the header knows otherwise: a statement is often made for many scans."""
        compared = (
            ("vendor correction", self.state, facts.state),
            ("position", self.patient_position, facts.patient_position),
        )
        return tuple(
            Finding(
                Code.STATED_OTHERWISE,
                f"the stated {name} {stated} contradicts the header",
                f"header: {read}, stated in: {self.source}",
            )
            for name, stated, read in compared
            if stated is not None and read.known and stated != read.value
        )

    @property
    def answers(self) -> frozenset[Code]:
        """Findings that this statement makes pointless."""
        stated = {
            Code.STATE_UNKNOWN: self.state,
            Code.POSITION_UNKNOWN: self.patient_position,
            Code.ISOCENTRE_UNKNOWN: self.isocentre_lps,
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


def load_scan(path: Path, statement: Statement, part: str | None = None) -> LoadedScan:
    """Load a DICOM series or an NRRD or NIfTI volume.

    Parameters
    ----------
    path : Path
        Folder of DICOM files, a DICOM file, or a ``.nrrd``, ``.nii`` or
        ``.nii.gz`` file.
    statement : Statement
        What is stated about the scan. For NRRD and NIfTI, which hold no such
        facts, state and patient position have to be stated.
    part : str, optional
        Which of several volumes of a DICOM series.

    Returns
    -------
    LoadedScan

    Raises
    ------
    DistcorrError
        As the readers do; ``already-corrected``, ``state-unknown`` or
        ``patient-position-unknown`` if an image file comes without the facts.
    """
    path = Path(path)
    doubts: tuple[Finding, ...] = ()
    series: Series | None = None
    if path.name.lower().endswith(SUFFIXES) and not path.is_dir():
        volume, facts, findings = _load_image(path, statement)
    else:
        volume, series = load_series(path, part)
        findings = series.findings
        facts = statement.applied_to(series.facts)
        doubts = statement.contradictions(series.facts)
    pointless = statement.answers | KNOWN_ANYWAY
    left = [finding for finding in findings if finding.code not in pointless]
    ordered = in_order_of_harm((*left, *doubts))
    return LoadedScan(Scan(volume, facts), content_sha256(volume), ordered, series)


def _load_image(
    path: Path, statement: Statement
) -> tuple[Volume, AcquisitionFacts, tuple[Finding, ...]]:
    mark = _mark_of(path)
    if statement.state is None:
        require_as_acquired(AcquisitionFacts(description=path.name, corrected_by=mark))
        raise DistcorrError(
            Code.STATE_UNKNOWN,
            "an image file does not say whether the vendor corrected the distortion",
            str(path),
        )
    if statement.patient_position is None:
        raise DistcorrError(
            Code.POSITION_UNKNOWN, "an image file does not hold the patient position", str(path)
        )
    volume = read_volume(path)
    origin = AcquisitionFacts(description=path.name).stated(
        "assumed: the origin of the patient coordinates", isocentre_lps=(0.0, 0.0, 0.0)
    )
    doubt = Finding(
        Code.ISOCENTRE_UNKNOWN,
        "an image file does not hold the place of the isocentre; the origin was taken for it",
        str(path),
    )
    facts = replace(statement.applied_to(origin), corrected_by=mark)
    return volume, facts, (doubt,)


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
    except (OSError, ValueError):
        return Fact()  # somebody else's file
    identifier = told.get("correction_sha256") if isinstance(told, dict) else None
    return Fact(identifier, record.name) if isinstance(identifier, str) else Fact()


def content_sha256(volume: Volume) -> str:
    """SHA-256 of a volume's voxels and grid, whatever file it came from.

    Hashed are the array's little-endian type and shape as ASCII, its bytes in C
    order, then origin, spacing and direction (row by row) as float64.
    """
    array = np.ascontiguousarray(volume.array)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.tobytes())
    for part in (volume.grid.origin_lps, volume.grid.spacing, volume.grid.direction):
        digest.update(np.ascontiguousarray(part, dtype="<f8").tobytes())
    return digest.hexdigest()
