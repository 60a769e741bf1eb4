"""How a pair of scans matches through a field, before a fit and after it."""

from __future__ import annotations

from dataclasses import dataclass

from distcorr.field import LatticeField
from distcorr.learn.align import align
from distcorr.learn.body import Body
from distcorr.learn.fit import schedule, voxel_mm
from distcorr.learn.pair import PairLevel, Reference, build_level
from distcorr.learn.residual import Agreement, BlockMatch, agreement, match_of_blocks
from distcorr.learn.rigid import Motion
from distcorr.learn.shifts import Shifts, local_shifts
from distcorr.learn.view import look

_ALIGN_STEPS = 4


@dataclass(frozen=True, eq=False)
class PairOutcome:
    """A pair compared through a fixed field after its own best motion.

    Attributes
    ----------
    motion : Motion
    agreement : Agreement
    shifts : Shifts
        What is left, in millimetres.
    match : BlockMatch
        What is left, block by block.
    """

    motion: Motion
    agreement: Agreement
    shifts: Shifts
    match: BlockMatch


@dataclass(frozen=True, eq=False)
class ReferenceOutcome:
    """How one reference fits.

    Attributes
    ----------
    id : str
    motion : Motion
        As estimated jointly with the field.
    before, after : PairOutcome
        With the best motion alone, and with the field.
    """

    id: str
    motion: Motion
    before: PairOutcome
    after: PairOutcome


def compare_with(level: PairLevel, field: LatticeField, start: Motion) -> PairOutcome:
    """Align a pair rigidly through a fixed field and compare it.

    Parameters
    ----------
    level : PairLevel
    field : LatticeField
    start : Motion
        From which the alignment starts.
    """
    motion, _ = align(level, field, start, _ALIGN_STEPS, 1.0)
    return compare_at(level, field, motion)


def compare_at(level: PairLevel, field: LatticeField, motion: Motion) -> PairOutcome:
    """Compare a pair through a fixed field and motion."""
    seen = look(level, field, motion)
    window = float(2 * level.half_width + 1)
    return PairOutcome(
        motion,
        agreement(seen),
        local_shifts(seen, level.points, level.step_mm, window),
        match_of_blocks(seen, level.points, level.step_mm),
    )


def comparison_level(reference: Reference, body: Body) -> PairLevel:
    """Prepare a pair for figures, as the middle stage of a fit sees it.

    Its samples are dense enough for means over the body, at a tenth of the cost
    of the finest.
    """
    stage = schedule(voxel_mm(reference))[1]
    return build_level(reference, body, stage.sigma_mm, stage.step_mm, stage.window_mm)


def outcome_of(
    level: PairLevel, motion: Motion, field: LatticeField, nothing: LatticeField
) -> ReferenceOutcome:
    """Compare a reference as the fit leaves it with its best motion alone."""
    before = compare_with(level, nothing, motion)
    after = compare_at(level, field, motion)
    return ReferenceOutcome(level.reference.id, motion, before, after)
