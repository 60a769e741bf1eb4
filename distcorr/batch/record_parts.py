"""Parts that the JSON records of corrected scans and of what was drawn on them share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distcorr import __version__
from distcorr.batch.load import LoadedScan
from distcorr.correction import Correction
from distcorr.errors import Finding, Severity


def sources_record(loaded: LoadedScan, correction: Correction) -> dict[str, Any]:
    """Say which scan, with which facts, and which correction a result comes from."""
    facts = loaded.scan.facts
    return {
        "distcorr": __version__,
        "correction_sha256": correction.identifier,
        "correction_scanner": asdict(correction.scanner),
        "scan_sha256": loaded.sha256,
        "scan_scanner": asdict(facts.scanner),
        "facts": {
            name: {"value": fact.value, "source": fact.source}
            for name, fact in (
                ("state", facts.state),
                ("patient_position", facts.patient_position),
                ("isocentre_lps", facts.isocentre_lps),
            )
        },
    }


def findings_record(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """List findings; what would be a refusal was overridden if there is a result."""
    return [
        {
            "code": finding.code,
            "severity": severity_of(finding),
            "what": finding.what,
            "evidence": finding.evidence,
        }
        for finding in findings
    ]


def severity_of(finding: Finding) -> str:
    """Name the harm of a finding that came with a result.

    What would be a refusal was overridden if there is a result: it is serious.
    """
    return min(finding.severity, Severity.SERIOUS).name.lower()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
