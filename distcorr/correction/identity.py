"""Whether two records of a scanner's identity can mean one machine."""

from __future__ import annotations

from enum import Enum, auto

from distcorr.facts import Scanner

FIELD_STRENGTH_TOLERANCE = 0.05
"""Relative difference below which two field strengths are one: headers say 2.89 or 3
for the same magnets, while neighbouring products differ by 9 % (0.5 and 0.55 T)."""

NO_SERIAL = frozenset({
    "anon", "anonymised", "anonymized", "anonymous", "de-identified", "deidentified", "default",
    "n/a", "na", "none", "null", "redacted", "removed", "unknown", "unspecified", "xxxx",
})  # fmt: skip
"""What stands in place of a serial number that was removed; two scans that share it
share nothing."""


class ScannerMatch(Enum):
    """Outcome of comparing two scanners."""

    SAME = auto()
    DIFFERENT = auto()
    UNKNOWN = auto()


def match_scanners(a: Scanner, b: Scanner) -> ScannerMatch:
    """Compare two scanners by make and serial number.

    Manufacturer, model or field strength that are known on both sides and differ
    make them different. Otherwise two serial numbers decide. Without both, nobody
    knows: one site often has several scanners of one make.
    """
    make = [
        _same_text(_first_word(a.manufacturer), _first_word(b.manufacturer)),
        _same_text(a.model, b.model),
        _same_strength(a.field_strength_t, b.field_strength_t),
    ]
    if False in make:
        return ScannerMatch.DIFFERENT
    serials = _serial(a.serial), _serial(b.serial)
    if not all(serials):
        return ScannerMatch.UNKNOWN
    return ScannerMatch.SAME if serials[0] == serials[1] else ScannerMatch.DIFFERENT


def software_differs(a: Scanner, b: Scanner) -> bool:
    """Whether two records name different software versions; unknown ones do not differ."""
    return _same_text(a.software, b.software) is False


def _serial(text: str) -> str:
    """Return a serial number for comparison; empty if it is none."""
    plain = _plain(text)
    return "" if plain in NO_SERIAL or not plain.strip("0") else plain


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
