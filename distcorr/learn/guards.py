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
"""Correlation that two bodies never reach: 0.65 to 0.86 in simulated legs, where one body
in one contrast has 0.98 to 1. Only below it is there anything to find out."""

ONE_CONTRAST = 0.35
"""Difference of two scans' brightness (see
:func:`distcorr.learn.sameness.difference_of_contrast`) up to which they have one
contrast: 0.13 to 0.24 in one contrast, whomever they show, 0.49 and more in two."""

MIN_IN_PLACE = 0.72
MIN_IN_PLACE_OF_ONE_CONTRAST = 0.9
"""Least share of a pair's parts that match best in place. In two contrasts one body has
0.82 to 0.89 and two bodies 0.56; in one contrast one body has 1.00 and two have 0.61 to
0.82. At voxels of 4 to 6 mm; two bodies in other contrasts than these were not tried."""

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


def doubt_of_body(
    reference: str, in_place: float, contrast_difference: float
) -> tuple[Finding, ...]:
    """Doubt that both scans of a pair show one body.

    Parameters
    ----------
    reference : str
    in_place : float
        Share of the pair's parts that match best in place; see
        :func:`distcorr.learn.sameness.share_in_place`.
    contrast_difference : float
        See :func:`distcorr.learn.sameness.difference_of_contrast`.
    """
    alike = contrast_difference < ONE_CONTRAST
    needed = MIN_IN_PLACE_OF_ONE_CONTRAST if alike else MIN_IN_PLACE
    if in_place >= needed:
        return ()
    return (
        Finding(
            Code.DIFFERENT_SUBJECTS,
            f"the two scans of {reference} seem to show different bodies",
            f"{in_place:.0%} of its parts match best where the fit puts them, {needed:.0%} "
            f"needed for {'one contrast' if alike else 'two contrasts'}",
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
