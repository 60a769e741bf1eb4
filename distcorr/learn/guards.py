"""Refusals of fits that would give a plausible field from images that don't."""

from __future__ import annotations

from distcorr.errors import Code, DistcorrError
from distcorr.learn.fit import HarmonicFit
from distcorr.learn.residual import Agreement

MAX_LAST_CHANGE_MM = 0.5
"""Change of the field in the last step, as far as it exceeds its standard deviation,
beyond which the fit has not settled; sound fits end below 0.05 mm."""

MIN_CORRELATION = 0.4
"""Least root mean square of the local correlation of a pair after the fit. Pairs
of one subject have 0.8 to 1 whatever the contrast, unrelated images 0.1 to 0.3."""


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
