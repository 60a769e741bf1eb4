"""Find the reference that says another field than all the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, Finding
from distcorr.learn.pair import PairLevel, subjects_of
from distcorr.learn.voices import Hearing, Voice

Array = NDArray[np.float64]

MOST_SDS = 2.5
"""Difference between one subject and the others, in standard deviations as the weights
claim them, beyond which they contradict each other. Errors that the weights do not know
make it 1 to 1.5 in simulated legs; a wrong isocentre (30 mm) 3.0 to 3.6, another scanner
6.5 to 7."""

LEAST_MM = 0.5
"""Difference that is too small to bother anybody, whatever its error."""

_POINTS = 1500

Sights = Sequence[tuple[Array, Array]]
"""Places (m, 3), scanner frame, mm, and the projector on what of D is shown there."""


@dataclass(frozen=True, eq=False)
class Contradiction:
    """Subjects that say another field than the others.

    Attributes
    ----------
    voices : tuple of Voice
        The odd subject's; or those of all, if none can be told from the rest.
    difference_mm, sd_mm : float
        Root mean square of the largest difference and of its standard deviation,
        over that subject's body.
    rest_mm : float or None
        Largest difference among the others without the odd one; None if nobody is odd.
    """

    voices: tuple[Voice, ...]
    difference_mm: float
    sd_mm: float
    rest_mm: float | None


def sights_of(levels: Sequence[PairLevel]) -> dict[int, list[tuple[Array, Array]]]:
    """Say for each subject where its scans see the field, and what of it."""
    sights: dict[int, list[tuple[Array, Array]]] = {}
    for level, subject in zip(levels, subjects_of([lv.reference for lv in levels]), strict=True):
        points = level.points[:: max(1, len(level.points) // _POINTS)]
        sights.setdefault(subject, []).extend(level.sights(points))
    return sights


def find_contradiction(hearing: Hearing, sights: Mapping[int, Sights]) -> Contradiction | None:
    """Look for a subject that contradicts the others, or for all contradicting each other.

    With two subjects nobody can say which is wrong. With more, the one that differs
    most is odd if the others agree without it.

    Parameters
    ----------
    hearing : Hearing
    sights : mapping of int to sights
        Of each subject; see :func:`sights_of`.
    """
    heard = _Heard.all_of(hearing, sights)
    if len(heard) < 2:
        return None
    worst = max(heard, key=lambda one: one.sds)
    if not worst.contradicts:
        return None
    if len(heard) > 2:
        among = _Heard.all_of(hearing.without(worst.voice.subject), sights)
        if not any(one.contradicts for one in among):
            largest = max(one.difference_mm for one in among)
            return Contradiction((worst.voice,), worst.difference_mm, worst.sd_mm, largest)
    voices = tuple(one.voice for one in heard)
    return Contradiction(voices, worst.difference_mm, worst.sd_mm, None)


def finding_of(found: Contradiction, ids: Sequence[str]) -> Finding:
    """Put a contradiction into words.

    Parameters
    ----------
    found : Contradiction
    ids : sequence of str
        Of all subjects, by their numbers.
    """
    names = [ids[voice.subject] for voice in found.voices]
    size = f"{found.difference_mm:.1f} mm in its body, standard deviation {found.sd_mm:.1f} mm"
    if found.rest_mm is not None:
        return Finding(
            Code.REFERENCES_CONTRADICT,
            f"{names[0]} contradicts the other references",
            f"the field that it alone shows differs from theirs by {size}; without it they "
            f"differ by {found.rest_mm:.1f} mm",
            f"check scanner, patient position, isocentre and vendor states of {names[0]}, or "
            "leave it out",
        )
    others = "each other" if len(names) == 2 else "one another"
    return Finding(
        Code.REFERENCES_CONTRADICT,
        f"{', '.join(names[:-1])} and {names[-1]} contradict {others}",
        f"the field that one alone shows differs from what the rest shows by {size}",
        "check scanner, patient position, isocentre and vendor states of each"
        + ("; a third reference would tell which is wrong" if len(names) == 2 else ""),
    )


@dataclass(frozen=True, eq=False)
class _Heard:
    """A voice with its difference from the others where its subject lies."""

    voice: Voice
    difference_mm: float
    sd_mm: float

    @classmethod
    def all_of(cls, hearing: Hearing, sights: Mapping[int, Sights]) -> list[_Heard]:
        """Hear all subjects whose scans see anything of the field."""
        return [
            cls.of(voice, sights[voice.subject])
            for voice in hearing.voices()
            if sights[voice.subject]
        ]

    @classmethod
    def of(cls, voice: Voice, sights: Sights) -> _Heard:
        sizes = [voice.difference_at(places, visible) for places, visible in sights]
        weights = [len(places) for places, _ in sights]
        difference, sd = np.sqrt(np.average(np.square(sizes), axis=0, weights=weights))
        return cls(voice, float(difference), float(sd))

    @property
    def sds(self) -> float:
        return self.difference_mm / self.sd_mm

    @property
    def contradicts(self) -> bool:
        return self.difference_mm > LEAST_MM and self.sds > MOST_SDS
