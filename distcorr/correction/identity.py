"""Whether two records of a scanner's identity can mean one machine."""

from __future__ import annotations

from enum import Enum, auto

from distcorr.facts import Scanner

FIELD_STRENGTH_TOLERANCE = 0.05
"""Relative difference below which two field strengths are one: headers say 2.89 or 3
for the same magnets, while neighbouring products differ by 9 % (0.5 and 0.55 T)."""


class ScannerMatch(Enum):
    """Outcome of comparing two scanners."""

    SAME = auto()
    DIFFERENT = auto()
    UNKNOWN = auto()


def match_scanners(a: Scanner, b: Scanner) -> ScannerMatch:
    """Compare two scanners by serial number, or by make where a serial is missing.

    Without two serials, manufacturer, model and field strength decide: one that
    is known on both sides and differs makes them different, and only if all
    three are known and agree are the scanners taken for the same.
    """
    make = [
        _same_text(_first_word(a.manufacturer), _first_word(b.manufacturer)),
        _same_text(a.model, b.model),
        _same_strength(a.field_strength_t, b.field_strength_t),
    ]
    if False in make:
        return ScannerMatch.DIFFERENT
    if a.serial.strip() and b.serial.strip():
        same = _plain(a.serial) == _plain(b.serial)
        return ScannerMatch.SAME if same else ScannerMatch.DIFFERENT
    return ScannerMatch.UNKNOWN if None in make else ScannerMatch.SAME


def _first_word(manufacturer: str) -> str:
    """``SIEMENS``, ``Siemens Healthineers`` and ``Siemens HealthCare GmbH`` are one maker."""
    return (_plain(manufacturer).split() or [""])[0]


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split())


def _same_text(a: str, b: str) -> bool | None:
    return _plain(a) == _plain(b) if _plain(a) and _plain(b) else None


def _same_strength(a: float | None, b: float | None) -> bool | None:
    if a is None or b is None:
        return None
    return abs(a - b) <= FIELD_STRENGTH_TOLERANCE * max(abs(a), abs(b))
