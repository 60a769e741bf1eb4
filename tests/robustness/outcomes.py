"""What a damaged input may end in, and how one case is judged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from distcorr.errors import Code

PLACE_TOLERANCE_MM = 0.05
"""Distance of a voxel from its true place that still counts as right: what the loader
itself allows slices to lie beside their stack (stack.SHEAR_TOLERANCE_MM)."""


class Ending(StrEnum):
    """How a case ended."""

    RIGHT = "right result"
    WARNED = "loaded with a warning that names the damage"
    REFUSED = "refused"
    UNDETECTABLE = "undetectable in principle"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Allowed:
    """Outcomes of a damage that are right.

    Attributes
    ----------
    right : bool
        The result equals the undamaged one.
    refused : frozenset of Code
    warned : frozenset of Code
        A result that differs is allowed if it comes with one of these findings.
    undetectable : str
        Why nobody could tell that the result differs; empty if somebody could.
    """

    right: bool = False
    refused: frozenset[Code] = frozenset()
    warned: frozenset[Code] = frozenset()
    undetectable: str = ""

    def __or__(self, other: Allowed) -> Allowed:
        return Allowed(
            self.right or other.right,
            self.refused | other.refused,
            self.warned | other.warned,
            self.undetectable or other.undetectable,
        )


RIGHT = Allowed(right=True)


def refused(*codes: Code) -> Allowed:
    return Allowed(refused=frozenset(codes))


def warned(*codes: Code) -> Allowed:
    return Allowed(warned=frozenset(codes))


def undetectable(why: str) -> Allowed:
    return Allowed(undetectable=why)


@dataclass(frozen=True)
class Observed:
    """What a damaged input led to.

    Attributes
    ----------
    refusal : Code or None
    findings : frozenset of Code
        What came with the result.
    wrong : str
        What is wrong in the result, empty if it equals the undamaged one.
    trouble : str
        What must never happen: a traceback, changed inputs, several messages.
    message : str
        Of the refusal.
    """

    refusal: Code | None = None
    findings: frozenset[Code] = frozenset()
    wrong: str = ""
    trouble: str = ""
    message: str = ""


@dataclass(frozen=True)
class Verdict:
    """How a case was judged.

    Attributes
    ----------
    ending : Ending
    code : str
        Of the refusal or of the finding that warned.
    why : str
        For a failure, what is wrong; for what can't be detected, why.
    """

    ending: Ending
    code: str = ""
    why: str = ""


def judge(seen: Observed, allowed: Allowed) -> Verdict:
    """Compare what happened with what may happen."""
    if seen.trouble:
        return Verdict(Ending.FAILED, "", seen.trouble)
    if seen.refusal is not None:
        if seen.refusal in allowed.refused:
            return Verdict(Ending.REFUSED, seen.refusal)
        return Verdict(Ending.FAILED, seen.refusal, f"refused unexpectedly: {seen.message}")
    if not seen.wrong:
        if allowed.right or allowed.undetectable or seen.findings & allowed.warned:
            return Verdict(Ending.RIGHT)
        return Verdict(Ending.FAILED, "", "the damage went unnoticed")
    told = sorted(seen.findings & allowed.warned)
    if told:
        return Verdict(Ending.WARNED, told[0])
    if allowed.undetectable:
        return Verdict(Ending.UNDETECTABLE, "", allowed.undetectable)
    return Verdict(Ending.FAILED, "", f"silently wrong: {seen.wrong}")
