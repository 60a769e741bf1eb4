"""Refusals of fits that would give a plausible field from images that don't.

What no reason can mend is refused at once. What a person may know better is a
doubt: it travels with the result, which is stored only for a stated reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distcorr.errors import Code, DistcorrError, Finding
from distcorr.learn.fit import HarmonicFit
from distcorr.learn.residual import Agreement, BlockMatch
from distcorr.learn.separation import REGION_BLOCKS, jackknife_error

MAX_LAST_CHANGE_MM = 0.5
"""Change of the field in the last step, as far as it exceeds its standard deviation,
beyond which the fit has not settled; sound fits end below 0.05 mm."""

MIN_CORRELATION = 0.4
"""Least root mean square of the local correlation of a pair after the fit. Pairs
of one subject have 0.8 to 1 whatever the contrast, unrelated images 0.1 to 0.3."""

CLEARLY_ONE_BODY = 0.95
"""Correlation that two bodies never reach: 0.65 to 0.85 in simulated legs, where one body
in one contrast has 0.98 to 1. Only below it is there anything to find out."""

MIN_IN_PLACE = 0.75
"""Least share of a pair's parts that match best in place: two bodies have 0.52 to 0.81,
one body in two contrasts 0.84 to 0.89; see :data:`distcorr.learn.sameness.PART_MM`."""

SUSPECT_IN_PLACE = 0.85
SUSPECT_SCATTER = 7.0
"""Two bodies that resemble each other pass the first test. Up to this share a pair is
doubted, too, if its parts want to go their own ways: if its data scatter this many times
more about the field than their weights say. Two bodies have 8.6 to 12 in one contrast,
one body in any two contrasts at most 5.1."""

SIGNIFICANT_ERRORS = 3.0
"""Standard errors by which a match must have become worse: one in 700 by chance."""

MIN_WORSE = 0.005
"""Least growth of the unexplained share of the local variance that counts: a strong field
adds ten to twenty times that."""


def require_convergence(fit: HarmonicFit) -> None:
    """Refuse a fit whose last step still moved.

    Raises
    ------
    DistcorrError
        ``not-converged``.
    """
    if fit.last_change_mm > MAX_LAST_CHANGE_MM:
        raise DistcorrError(
            Code.NOT_CONVERGED,
            "the fit did not settle",
            f"its last step still changed the field by {fit.last_change_mm:.2f} mm "
            "more than its uncertainty",
            "check patient position, isocentre and vendor states of the references",
        )


def require_agreement(reference: str, found: Agreement) -> None:
    """Refuse a pair whose scans do not show the same thing even after the fit.

    Raises
    ------
    DistcorrError
        ``not-converged``, with the correlation.
    """
    if found.correlation < MIN_CORRELATION:
        raise DistcorrError(
            Code.NOT_CONVERGED,
            f"the two scans of {reference} do not match after the fit",
            f"local correlation {found.correlation:.2f}, {MIN_CORRELATION:.2f} needed",
            "check that both scans show the same subject and body part",
        )


def doubt_of_body(reference: str, in_place: float, scatter: float) -> tuple[Finding, ...]:
    """Doubt that both scans of a pair show one body.

    Parameters
    ----------
    reference : str
    in_place : float
        Share of the pair's parts that match best in place; see
        :func:`distcorr.learn.sameness.share_in_place`.
    scatter : float
        Of its data; see :class:`distcorr.learn.voices.Hearing`.
    """
    scattered = in_place < SUSPECT_IN_PLACE and scatter > SUSPECT_SCATTER
    if in_place >= MIN_IN_PLACE and not scattered:
        return ()
    return (
        Finding(
            Code.DIFFERENT_SUBJECTS,
            f"the two scans of {reference} seem to show different bodies",
            f"{in_place:.0%} of its parts match best where the fit puts them and its data "
            f"scatter {scatter:.1f} times more than their noise; one body has more than "
            f"{SUSPECT_IN_PLACE:.0%} or less than {SUSPECT_SCATTER:.0f}",
        ),
    )


def doubt_of_use(
    reference: str, before: BlockMatch, after: BlockMatch, through: str
) -> tuple[Finding, ...]:
    """Doubt a field through which a reference matches worse than without any.

    Parameters
    ----------
    reference : str
    before, after : BlockMatch
        Without a field and with it, each after its own best motion.
    through : str
        Which field that is, for the message.
    """
    first, second = before.common_with(after)
    regions, region = np.unique(first.block // REGION_BLOCKS, axis=0, return_inverse=True)
    if len(regions) < 2:
        return ()
    change = second.unexplained - first.unexplained
    error = jackknife_error(change, region.reshape(-1))
    if change.mean() < max(MIN_WORSE, SIGNIFICANT_ERRORS * error):
        return ()
    return (
        Finding(
            Code.WORSE_THAN_NOTHING,
            f"{reference} matches worse through {through} than without any correction",
            f"unexplained part of its local variance {first.unexplained.mean():.1%} without, "
            f"{second.unexplained.mean():.1%} with it, standard error {error:.1%}",
        ),
    )


def refuse_doubtful(doubts: Sequence[Finding], force_reason: str | None) -> tuple[str, ...]:
    """Refuse to store a field that is in doubt, unless for a reason.

    Parameters
    ----------
    doubts : sequence of Finding
    force_reason : str or None

    Returns
    -------
    tuple of str
        A note for each doubt that was set aside, with the reason.

    Raises
    ------
    DistcorrError
        The first doubt, if no reason is given.
    """
    if doubts and force_reason is None:
        first = doubts[0]
        raise DistcorrError(first.code, first.what, first.evidence, first.remedy)
    return tuple(
        f"Stored although {doubt.what} ({doubt.evidence}); reason given: {force_reason}"
        for doubt in doubts
    )
