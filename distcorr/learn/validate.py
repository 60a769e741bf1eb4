"""Leave one subject out: how well the others correct somebody they never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from distcorr.correction import LeaveOneOutRow
from distcorr.errors import Code, DistcorrError
from distcorr.learn.body import find_body
from distcorr.learn.estimate import (
    SKIN_MARGIN_MM,
    FitResult,
    compare_with,
    comparison_level,
    learn,
)
from distcorr.learn.figures import SHELLS_MM
from distcorr.learn.fit import Progress
from distcorr.learn.pair import Reference
from distcorr.learn.settings import FitSettings
from distcorr.learn.shifts import Shifts

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ShellRow:
    """Residual shifts of the left-out subject in one shell around the isocentre.

    Attributes
    ----------
    inner_mm, outer_mm : float
    blocks : int
        Blocks of tissue that were measured.
    before_mm, after_mm : float
        Mean length of their shifts against the axial scan.
    """

    inner_mm: float
    outer_mm: float
    blocks: int
    before_mm: float
    after_mm: float


@dataclass(frozen=True)
class LeftOut:
    """One left-out subject.

    Attributes
    ----------
    row : LeaveOneOutRow
    before_mm, after_mm : float or None
        Mean shift of blocks of tissue between the two scans, with the subject's
        motion alone and with the field learned from the others.
    shells : tuple of ShellRow
    """

    row: LeaveOneOutRow
    before_mm: float | None
    after_mm: float | None
    shells: tuple[ShellRow, ...]


def leave_one_out(
    references: Sequence[Reference],
    settings: FitSettings,
    full: FitResult,
    progress: Progress | None,
) -> tuple[LeftOut, ...]:
    """Learn from all but one reference and test on that one, for each.

    Parameters
    ----------
    references : sequence of Reference
        At least two.
    settings : FitSettings
    full : FitResult
        Learned from all of them.
    progress : callable, optional
        Called with a line of text and the share done, 0 to 1.

    Raises
    ------
    DistcorrError
        ``too-few-references`` with fewer than two.
    """
    if len(references) < 2:
        raise DistcorrError(
            Code.TOO_FEW_REFERENCES,
            "leaving one subject out needs at least two",
            f"{len(references)} given",
        )
    return tuple(
        _left_out(references, index, settings, full, progress) for index in range(len(references))
    )


def _left_out(
    references: Sequence[Reference],
    index: int,
    settings: FitSettings,
    full: FitResult,
    progress: Progress | None,
) -> LeftOut:
    reference = references[index]
    others = [*references[:index], *references[index + 1 :]]

    def tell(text: str, share: float) -> None:
        if progress is not None:
            progress(f"without {reference.id}: {text}", (index + share) / len(references))

    result = learn(others, settings, tell)
    body = find_body(reference.axial, margin_mm=SKIN_MARGIN_MM)
    level = comparison_level(reference, body)
    motion = full.state.motions[index]
    before = compare_with(level, full.no_field, motion)
    after = compare_with(level, result.field, motion)
    points = level.points[:: max(1, len(level.points) // 5000)]
    change = result.field.displacement(points) - full.field.displacement(points)
    size = np.linalg.norm(change, axis=1)
    row = LeaveOneOutRow(
        left_out=reference.id,
        residual_before=before.agreement.residual,
        residual_after=after.agreement.residual,
        field_change_mean_mm=float(size.mean()),
        field_change_p95_mm=float(np.percentile(size, 95)),
    )
    shells = _shells(before.shifts, after.shifts)
    return LeftOut(row, before.shifts.mean, after.shifts.mean, shells)


def _shells(before: Shifts, after: Shifts) -> tuple[ShellRow, ...]:
    rows = []
    for low, high in pairwise(SHELLS_MM):
        b = before.length[(before.radius >= low) & (before.radius < high)]
        a = after.length[(after.radius >= low) & (after.radius < high)]
        if len(a) and len(b):
            rows.append(ShellRow(low, high, len(a), float(b.mean()), float(a.mean())))
    return tuple(rows)
