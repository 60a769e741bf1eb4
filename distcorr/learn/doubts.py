"""What about a fit is in doubt, reference by reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from distcorr.errors import Finding
from distcorr.field import ScannerField
from distcorr.learn.body import Body
from distcorr.learn.contradiction import Contradiction
from distcorr.learn.fit import lattice_of
from distcorr.learn.guards import CLEARLY_ONE_BODY, doubt_of_body, doubt_of_use
from distcorr.learn.outcomes import ReferenceOutcome, compare_with, comparison_level
from distcorr.learn.pair import PairLevel, Reference, subjects_of
from distcorr.learn.sameness import difference_of_contrast, share_in_place
from distcorr.learn.settings import FitSettings


def doubts_of(
    level: PairLevel, outcome: ReferenceOutcome, field: ScannerField
) -> tuple[Finding, ...]:
    """Doubt a pair of different bodies, and a field that makes its own reference worse.

    Parameters
    ----------
    level : PairLevel
        As the outcome was compared.
    outcome : ReferenceOutcome
    field : ScannerField
        As it is stored.
    """
    after = outcome.after
    found: tuple[Finding, ...] = ()
    if after.agreement.correlation < CLEARLY_ONE_BODY:
        in_place = share_in_place(level, field, after.motion)
        contrast = difference_of_contrast(level, field, after.motion)
        found = doubt_of_body(outcome.id, in_place, contrast)
    return found + doubt_of_use(outcome.id, outcome.before.match, after.match, "the field")


def doubts_of_others(
    references: Sequence[Reference],
    bodies: Sequence[Body],
    outcomes: Sequence[ReferenceOutcome],
    contradiction: Contradiction,
    settings: FitSettings,
) -> tuple[Finding, ...]:
    """Doubt a fit where the field of the others makes a contradicting subject worse.

    Each subject is tried with a field that it had no part in.

    Parameters
    ----------
    references : sequence of Reference
    bodies : sequence of Body
    outcomes : sequence of ReferenceOutcome
    contradiction : Contradiction
    settings : FitSettings
    """
    others = {voice.subject: voice.others for voice in contradiction.voices}
    found: list[Finding] = []
    for reference, body, outcome, subject in zip(
        references, bodies, outcomes, subjects_of(references), strict=True
    ):
        if subject in others:
            field = lattice_of(others[subject], settings)
            level = comparison_level(reference, body)
            seen = compare_with(level, field, outcome.after.motion)
            found += doubt_of_use(
                outcome.id, outcome.before.match, seen.match, "the field of the other references"
            )
    if contradiction.rest_mm is None:  # nobody can say whom to leave out
        return tuple(replace(one, remedy=_WHICH) for one in found)
    return tuple(found)


_WHICH = (
    "find out which of the references is wrong; --force REASON stores the correction all the same"
)
