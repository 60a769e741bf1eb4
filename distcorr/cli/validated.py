"""A validation as figures that a correction carries."""

from __future__ import annotations

from distcorr.cli.validation import verdict_of
from distcorr.correction import ComponentLeft, Figures, Owner, ShiftShell, SpatialFigures
from distcorr.learn.separation import Part, Parts, Separation
from distcorr.learn.shifts import Shifts
from distcorr.learn.spatial_cv import CUBE_MM
from distcorr.learn.validate import SpatialCrossValidation, Validation, shell_rows


def with_validation(figures: Figures, validation: Validation) -> Figures:
    """Add what a validation found to the figures of the fit.

    Parameters
    ----------
    figures : Figures
    validation : LeaveOneOut or SpatialCrossValidation
        Of the same references.

    Returns
    -------
    Figures
    """
    if isinstance(validation, SpatialCrossValidation):
        spatial = SpatialFigures(
            reference=validation.reference,
            folds=len(validation.folds),
            cube_mm=CUBE_MM,
            shells=_shells(validation.before, validation.after),
        )
        return figures.model_copy(update={"spatial": spatial})
    rows = tuple(
        one.row.model_copy(update={"shells": _shells(one.before, one.after)})
        for one in validation.subjects
    )
    return figures.model_copy(update={"leave_one_out": rows})


def with_separation(figures: Figures, found: Separation) -> Figures:
    """Add whose it is what the fit left to its figures.

    Parameters
    ----------
    figures : Figures
    found : Separation
        Of what is left after the fit to all subjects.

    Returns
    -------
    Figures
    """
    return figures.model_copy(update={"left": tuple(_left(parts) for parts in found.whole)})


def _shells(before: Shifts, after: Shifts) -> tuple[ShiftShell, ...]:
    return tuple(
        ShiftShell(
            inner_mm=row.inner_mm,
            outer_mm=row.outer_mm,
            blocks=row.blocks,
            before_mm=row.before_mm,
            after_mm=row.after_mm,
        )
        for row in shell_rows(before, after)
    )


def _left(parts: Parts) -> ComponentLeft:
    return ComponentLeft(
        component=parts.axis,
        owner=Owner(parts.verdict.value),
        scanner_mm=_rms(parts.scanner),
        subject_mm=_rms(parts.subject),
        noise_mm=parts.noise_mm,
        text=verdict_of(parts),
    )


def _rms(part: Part | None) -> float | None:
    return None if part is None else part.rms_mm
