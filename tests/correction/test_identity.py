"""Which records of a scanner's identity mean one machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from distcorr.correction.identity import ScannerMatch, match_scanners, software_differs
from distcorr.facts import Scanner

KNOWN = Scanner("SIEMENS", "MAGNETOM Prisma", "42", 3.0, "VE11C")
NO_SERIAL = replace(KNOWN, serial="")
SAME, DIFFERENT, UNKNOWN = ScannerMatch.SAME, ScannerMatch.DIFFERENT, ScannerMatch.UNKNOWN


@pytest.mark.parametrize(
    ("a", "b", "match"),
    [
        (KNOWN, KNOWN, SAME),
        (KNOWN, replace(KNOWN, software="XA60"), SAME),
        (KNOWN, replace(KNOWN, manufacturer="Siemens Healthineers"), SAME),
        (KNOWN, replace(KNOWN, model="magnetom_prisma "), SAME),
        (KNOWN, replace(KNOWN, field_strength_t=2.89), SAME),
        (KNOWN, replace(KNOWN, model="", field_strength_t=None), SAME),
        (KNOWN, replace(KNOWN, serial="43"), DIFFERENT),
        (KNOWN, replace(KNOWN, manufacturer="Philips"), DIFFERENT),
        (KNOWN, replace(KNOWN, manufacturer=""), SAME),
        (KNOWN, replace(KNOWN, field_strength_t=1.5), DIFFERENT),
        (KNOWN, NO_SERIAL, UNKNOWN),
        (NO_SERIAL, NO_SERIAL, UNKNOWN),
        (replace(KNOWN, serial="Anonymized"), replace(KNOWN, serial="ANONYMIZED"), UNKNOWN),
        (replace(KNOWN, serial="000"), replace(KNOWN, serial="000"), UNKNOWN),
        (replace(KNOWN, serial="removed"), KNOWN, UNKNOWN),
        (NO_SERIAL, replace(NO_SERIAL, model="MAGNETOM Skyra"), DIFFERENT),
        (replace(NO_SERIAL, field_strength_t=0.5), replace(NO_SERIAL, field_strength_t=0.55),
         DIFFERENT),
        (NO_SERIAL, replace(NO_SERIAL, model=""), UNKNOWN),
        (KNOWN, Scanner(), UNKNOWN),
        (Scanner(), Scanner(), UNKNOWN),
    ],
)  # fmt: skip
def test_matching(a: Scanner, b: Scanner, match: ScannerMatch) -> None:
    assert match_scanners(a, b) is match
    assert match_scanners(b, a) is match


@pytest.mark.parametrize(
    ("software", "differs"),
    [("VE11C", False), (" ve11c ", False), ("", False), ("XA60", True), ("VE11C SP01", True)],
)
def test_software(software: str, differs: bool) -> None:
    other = replace(KNOWN, software=software)
    assert software_differs(KNOWN, other) is software_differs(other, KNOWN) is differs
