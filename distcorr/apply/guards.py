"""What must hold before a correction may touch a scan."""

from __future__ import annotations

from distcorr.acquisition import Scan
from distcorr.correction import Correction
from distcorr.correction.identity import ScannerMatch, match_scanners
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.facts import VendorState

_ALREADY_TRUE = {
    VendorState.DIS3D: "the vendor's software has corrected the scan in three dimensions",
    VendorState.TRUSTED: "the scan was declared trusted",
}


def require_applicable(
    scan: Scan, correction: Correction, force_reason: str | None = None
) -> tuple[Finding, ...]:
    """Check that a correction belongs to a scan and that there is something to correct.

    Parameters
    ----------
    scan : Scan
    correction : Correction
    force_reason : str, optional
        Why the correction of another scanner is applied all the same.

    Returns
    -------
    tuple of Finding
        Doubts that did not lead to a refusal.

    Raises
    ------
    DistcorrError
        ``nothing-to-correct``, ``wrong-scanner``, or as
        :meth:`distcorr.acquisition.Acquisition.from_facts` where a fact is unknown.
    """
    state = scan.facts.state
    if state.value in _ALREADY_TRUE:
        raise DistcorrError(
            Code.NOTHING_TO_CORRECT,
            _ALREADY_TRUE[state.value],
            f"{scan.facts.description}: {state}".removeprefix(": "),
        )
    doubts = _scanner_doubts(scan, correction, force_reason)
    scan.acquisition  # noqa: B018 - raises where a fact that the map needs is unknown
    return doubts


def _scanner_doubts(
    scan: Scan, correction: Correction, force_reason: str | None
) -> tuple[Finding, ...]:
    evidence = f"scan: {scan.facts.scanner}, correction: {correction.scanner}"
    match = match_scanners(scan.facts.scanner, correction.scanner)
    if match is ScannerMatch.SAME:
        return ()
    if match is ScannerMatch.UNKNOWN:
        what = "it is not recorded whether the scan comes from the correction's scanner"
        return (Finding(Code.WRONG_SCANNER, what, evidence, "make sure that it does"),)
    if force_reason is None:
        raise DistcorrError(
            Code.WRONG_SCANNER,
            "the scan comes from another scanner than the correction",
            evidence,
            "use the correction of that scanner, or state a reason to force this one",
        )
    what = "the correction of another scanner was applied"
    stated = f"{evidence}; reason given: {force_reason}"
    return (Finding(Code.WRONG_SCANNER, what, stated, "make sure that the reason holds"),)
