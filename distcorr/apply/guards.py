"""What must hold before a correction may touch a scan."""

from __future__ import annotations

import numpy as np

from distcorr.acquisition import Acquisition, Scan
from distcorr.correction import Axis, Correction
from distcorr.correction.identity import ScannerMatch, match_scanners, software_differs
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.facts import VendorState, require_as_acquired

_ALREADY_TRUE = {
    VendorState.DIS3D: "the vendor's software has corrected the scan in three dimensions",
    VendorState.TRUSTED: "the scan was declared trusted",
}

NEEDED_SHARE = 0.1
"""Share of a component of D from which a scan's map needs it: for a flat slice the
square of the normal's cosine, so up to 18 degrees of tilt the others stay small."""


def require_applicable(
    scan: Scan, correction: Correction, force_reason: str | None = None
) -> tuple[Finding, ...]:
    """Check that a correction belongs to a scan and that there is something to correct.

    Parameters
    ----------
    scan : Scan
    correction : Correction
    force_reason : str, optional
        Why the correction is applied all the same: of another scanner, or without
        a component that the scan needs.

    Returns
    -------
    tuple of Finding
        Doubts that did not lead to a refusal.

    Raises
    ------
    DistcorrError
        ``already-corrected``, ``nothing-to-correct``, ``wrong-scanner``,
        ``component-unseen``, or as
        :meth:`distcorr.acquisition.Acquisition.from_facts` where a fact is unknown.
    """
    require_as_acquired(scan.facts)
    state = scan.facts.state
    if state.value in _ALREADY_TRUE:
        raise DistcorrError(
            Code.NOTHING_TO_CORRECT,
            _ALREADY_TRUE[state.value],
            f"{scan.facts.description}: {state}".removeprefix(": "),
        )
    doubts = _scanner_doubts(scan, correction, force_reason)
    return (*doubts, *_component_doubts(scan.acquisition, correction, force_reason))


def _scanner_doubts(
    scan: Scan, correction: Correction, force_reason: str | None
) -> tuple[Finding, ...]:
    evidence = f"scan: {scan.facts.scanner}, correction: {correction.scanner}"
    match = match_scanners(scan.facts.scanner, correction.scanner)
    if match is ScannerMatch.SAME:
        return _software_doubts(scan, correction)
    if match is ScannerMatch.UNKNOWN:
        what = "it is not recorded whether the scan comes from the correction's scanner"
        doubt = Finding(Code.SCANNER_UNKNOWN, what, evidence)
        return (doubt, *_software_doubts(scan, correction))
    if force_reason is None:
        raise DistcorrError(
            Code.WRONG_SCANNER,
            "the scan comes from another scanner than the correction",
            evidence,
            "use the correction of that scanner, or state a reason to force this one",
        )
    what = "the correction of another scanner was applied"
    return (Finding(Code.SCANNER_FORCED, what, f"{evidence}; reason given: {force_reason}"),)


def _software_doubts(scan: Scan, correction: Correction) -> tuple[Finding, ...]:
    """Doubt a scan of other software: with it may have come other coils or calibration."""
    here, there = scan.facts.scanner, correction.scanner
    if not software_differs(here, there):
        return ()
    what = "the scanner's software is not the one that the correction was learned with"
    evidence = f"scan: {here.software}, correction: {there.software}"
    return (Finding(Code.SOFTWARE_DIFFERS, what, evidence),)


def _component_doubts(
    acquisition: Acquisition, correction: Correction, force_reason: str | None
) -> tuple[Finding, ...]:
    """Refuse to correct by components of D that no reference pair has shown."""
    used = np.diag(np.eye(3) - acquisition.vendor_projector)
    unseen = [
        row
        for row in correction.figures.revealed
        if not row.revealed and used[list(Axis).index(row.component)] > NEEDED_SHARE
    ]
    if not unseen:
        return ()
    names = " and ".join(f"D_{row.component}" for row in unseen)
    evidence = f"the scan is {acquisition.state}; " + " ".join(row.text for row in unseen)
    if force_reason is None:
        raise DistcorrError(
            Code.COMPONENT_UNSEEN,
            f"the scan is displaced by {names}, which the correction's references do not show",
            evidence.rstrip("."),
            "add a reference pair that shows it, or state a reason to force this correction",
        )
    what = f"the scan was corrected without {names}, which the references do not show"
    return (
        Finding(
            Code.COMPONENT_UNSEEN, what, f"{evidence.rstrip('.')}; reason given: {force_reason}"
        ),
    )
