"""Refusals and warnings as they are raised and carried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from distcorr.errors.codes import Code, Severity
from distcorr.errors.registry import REGISTRY


def printable(text: str) -> str:
    """Show what a terminal would obey, or a line break, as a backslash escape.

    Headers and file names are written by anybody; a message stays one line of text.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the user has to know about an input or a result.

    Attributes
    ----------
    code : Code
        Its entry in :data:`REGISTRY`.
    what : str
        One clause that says what is wrong here.
    evidence : str
        File, tag, slice and millimetres that show it.
    remedy : str
        What to do; the registry's remedy if empty.
    """

    code: Code
    what: str
    evidence: str = ""
    remedy: str = ""

    @property
    def severity(self) -> Severity:
        """Harm of this finding, from the registry."""
        return REGISTRY[self.code].severity

    def __str__(self) -> str:
        remedy = self.remedy or REGISTRY[self.code].remedy
        parts = [self.what, self.evidence, remedy]
        return printable(f"[{self.code}]: " + "; ".join(part for part in parts if part))


class DistcorrError(Exception):
    """A refusal. Its text is ``error[code]: what; evidence; what to do``.

    Parameters
    ----------
    code : Code
        Entry of the registry.
    what : str
        One clause that says what is wrong here.
    evidence : str
        File, tag and millimetres that show it.
    remedy : str
        What to do; the registry's remedy if empty.
    """

    def __init__(self, code: Code, what: str, evidence: str = "", remedy: str = "") -> None:
        self.finding = Finding(code, what, evidence, remedy)
        super().__init__(f"error{self.finding}")

    def __reduce__(self) -> tuple[type[DistcorrError], tuple[Code, str, str, str]]:
        found = self.finding
        return type(self), (found.code, found.what, found.evidence, found.remedy)

    @property
    def code(self) -> Code:
        """The registry code of this refusal."""
        return self.finding.code


def in_order_of_harm(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings, the most harmful first; equals keep their order."""
    return tuple(sorted(findings, key=lambda finding: -finding.severity))
