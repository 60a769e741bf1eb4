"""Test what was learned on what it was not learned from.

With several references one subject is left out at a time, and what is left is
separated into the scanner's and the subject's. With one reference parts of its
body are left out, which can't separate them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from distcorr.correction import SHELL_EDGES_MM, LeaveOneOutRow
from distcorr.errors import Code, DistcorrError
from distcorr.learn.body import find_body
from distcorr.learn.estimate import SKIN_MARGIN_MM, FitResult, learn
from distcorr.learn.fit import Progress
from distcorr.learn.outcomes import PairOutcome, compare_with, comparison_level
from distcorr.learn.pair import Reference, subjects_of
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.rigid import Motion
from distcorr.learn.separation import Separation, separate
from distcorr.learn.settings import FitSettings
from distcorr.learn.shifts import Shifts, measured_in_both
from distcorr.learn.spatial_cv import LeftOutFold, cross_validate, part_of


class Method(StrEnum):
    """What was left out."""

    LEAVE_ONE_SUBJECT_OUT = "leave-one-subject-out"
    SPATIAL = "spatial-cross-validation"


@dataclass(frozen=True)
class ShellRow:
    """Shifts of left-out blocks of tissue in one shell around the isocentre.

    Attributes
    ----------
    inner_mm, outer_mm : float
    blocks : int
        Blocks that were measured.
    before_mm, after_mm : float
        Mean length of their shifts against the axial scan.
    """

    inner_mm: float
    outer_mm: float
    blocks: int
    before_mm: float
    after_mm: float


@dataclass(frozen=True, eq=False)
class LeftOut:
    """One left-out subject.

    Attributes
    ----------
    row : LeaveOneOutRow
    before, after : Shifts
        Of the same blocks, with the subject's motion alone and with the field
        learned from the others.
    """

    row: LeaveOneOutRow
    before: Shifts
    after: Shifts


@dataclass(frozen=True)
class Separations:
    """Whose the shifts are, at three points.

    Attributes
    ----------
    as_scanned : Separation
        With each subject's motion alone: how much of the distortion repeats.
        Shifts beyond some millimetres escape a local match, so the parts are
        less than the whole distortion.
    fitted : Separation
        Left by the field learned from all. The verdict rests on these: all
        subjects are seen through one field, so that they differ by what is
        their own.
    left_out : Separation
        Left in each subject by the field learned from the others.
    """

    as_scanned: Separation
    fitted: Separation
    left_out: Separation


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Outcome of leaving one subject out.

    Attributes
    ----------
    subjects : tuple of LeftOut
    separations : Separations
    """

    subjects: tuple[LeftOut, ...]
    separations: Separations
    method = Method.LEAVE_ONE_SUBJECT_OUT


@dataclass(frozen=True, eq=False)
class SpatialCrossValidation:
    """Outcome of leaving parts of one subject out.

    Attributes
    ----------
    reference : str
    folds : tuple of LeftOutFold
    """

    reference: str
    folds: tuple[LeftOutFold, ...]
    method = Method.SPATIAL

    @property
    def before(self) -> Shifts:
        """Shifts of all blocks, each while it was left out, with the motion alone."""
        return Shifts.joined([fold.before for fold in self.folds])

    @property
    def after(self) -> Shifts:
        """The same with the field."""
        return Shifts.joined([fold.after for fold in self.folds])


Validation = LeaveOneOut | SpatialCrossValidation


def validate(
    references: Sequence[Reference],
    settings: FitSettings,
    progress: Progress | None = None,
    points: Sequence[PointPairs] = (),
    full: FitResult | None = None,
) -> Validation:
    """Leave one subject out at a time, or parts of the only one.

    Parameters
    ----------
    references : sequence of Reference
        At least one.
    settings : FitSettings
    progress : callable, optional
        Called with a line of text and the share done, 0 to 1.
    points : sequence of PointPairs
        Points that every fit takes along.
    full : FitResult, optional
        What was learned from the same references, points and settings; learned
        here if it is not given.

    Raises
    ------
    DistcorrError
        ``too-few-references`` if a single one is too small to be divided, and as
        :func:`distcorr.learn.learn`.
    """
    if max(subjects_of(references)) == 0:
        folds = cross_validate(references, settings, progress, points)
        return SpatialCrossValidation(references[0].id, folds)
    return leave_one_out(references, settings, progress, points, full)


def leave_one_out(
    references: Sequence[Reference],
    settings: FitSettings,
    progress: Progress | None = None,
    points: Sequence[PointPairs] = (),
    full: FitResult | None = None,
) -> LeaveOneOut:
    """Learn from all but one subject and test on that one, for each.

    Parameters
    ----------
    references : sequence of Reference
        Of at least two subjects.
    settings : FitSettings
    progress : callable, optional
        Called with a line of text and the share done, 0 to 1.
    points : sequence of PointPairs
        Points that every fit takes along.
    full : FitResult, optional
        What was learned from the same references, points and settings; learned
        here if it is not given.

    Raises
    ------
    DistcorrError
        ``too-few-references`` with fewer than two subjects, and as
        :func:`distcorr.learn.learn`; its message then says who was left out.
    """
    numbers = subjects_of(references)
    count = max(numbers) + 1
    if count < 2:
        raise DistcorrError(
            Code.TOO_FEW_REFERENCES,
            "leaving one subject out needs at least two",
            f"{count} given",
        )
    first = 0 if full is not None else 1
    if full is None:
        tell = part_of(progress, "all references", 0, count + 1)
        full = learn(references, settings, tell, points)
    subjects = []
    for number in range(count):
        own = [r for r, n in zip(references, numbers, strict=True) if n == number]
        others = [r for r, n in zip(references, numbers, strict=True) if n != number]
        tell = part_of(progress, f"without {own[0].id}", first + number, first + count)
        result = _learned_without(own[0].id, others, settings, tell, points)
        subjects.append(_left_out(own, full.state.motions[number], full, result))
    return LeaveOneOut(
        tuple(subjects),
        Separations(
            as_scanned=separate(_by_subject(numbers, [o.before.shifts for o in full.references])),
            fitted=separation_of_fit(references, full),
            left_out=separate([subject.after for subject in subjects]),
        ),
    )


def separation_of_fit(references: Sequence[Reference], full: FitResult) -> Separation:
    """Tell whose it is what a fit left; it needs no further fit.

    Parameters
    ----------
    references : sequence of Reference
        Of at least two subjects.
    full : FitResult
        What was learned from them.
    """
    shifts = [outcome.after.shifts for outcome in full.references]
    return separate(_by_subject(subjects_of(references), shifts))


def _by_subject(numbers: Sequence[int], shifts: Sequence[Shifts]) -> list[Shifts]:
    """Join the shifts of the stations of each subject."""
    return [
        Shifts.joined([one for one, n in zip(shifts, numbers, strict=True) if n == number])
        for number in range(max(numbers) + 1)
    ]


def _learned_without(
    left_out: str,
    others: Sequence[Reference],
    settings: FitSettings,
    progress: Progress | None,
    points: Sequence[PointPairs],
) -> FitResult:
    try:
        return learn(others, settings, progress, points)
    except DistcorrError as refusal:
        found = refusal.finding
        raise DistcorrError(
            found.code, f"without {left_out}, {found.what}", found.evidence, found.remedy
        ) from None


def _left_out(
    stations: Sequence[Reference], motion: Motion, full: FitResult, result: FitResult
) -> LeftOut:
    """Test what the others teach on one subject."""
    levels = [
        comparison_level(one, find_body(one.axial, margin_mm=SKIN_MARGIN_MM)) for one in stations
    ]
    before = [compare_with(level, full.no_field, motion) for level in levels]
    after = [compare_with(level, result.field, motion) for level in levels]
    points = np.concatenate([lv.points[:: max(1, len(lv.points) // 5000)] for lv in levels])
    change = result.field.displacement(points) - full.field.displacement(points)
    size = np.linalg.norm(change, axis=1)
    row = LeaveOneOutRow(
        left_out=stations[0].id,
        residual_before=_mean_residual(before),
        residual_after=_mean_residual(after),
        field_change_mean_mm=float(size.mean()),
        field_change_p95_mm=float(np.percentile(size, 95)),
    )
    shifts = (Shifts.joined([outcome.shifts for outcome in side]) for side in (before, after))
    return LeftOut(row, *measured_in_both(*shifts))


def _mean_residual(outcomes: Sequence[PairOutcome]) -> float:
    """Mean of the stations' residuals by their points."""
    points = [max(1, outcome.agreement.points) for outcome in outcomes]
    return float(np.average([o.agreement.residual for o in outcomes], weights=points))


def shell_rows(before: Shifts, after: Shifts) -> tuple[ShellRow, ...]:
    """Compare shifts of the same blocks by distance from the isocentre.

    Parameters
    ----------
    before, after : Shifts
        Of equal blocks in equal order.
    """
    rows = []
    for low, high in pairwise(SHELL_EDGES_MM):
        inside = (before.radius >= low) & (before.radius < high)
        if inside.any():
            lengths = (float(shifts.length[inside].mean()) for shifts in (before, after))
            rows.append(ShellRow(low, high, int(inside.sum()), *lengths))
    return tuple(rows)
