"""Parts of the JSON record that lies beside a corrected attachment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
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
            "severity": min(finding.severity, Severity.SERIOUS).name.lower(),
            "what": finding.what,
            "evidence": finding.evidence,
        }
        for finding in findings
    ]
