"""The table on which the estimator is judged: its rows, targets and verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runs import FieldSeed, Outcome, Run

from distcorr.errors import Code
from distcorr.phantom.fields import STRONG_RIM_MM
from distcorr.phantom.pairs import AnatomyKind, Case

ANATOMIES = (AnatomyKind.HEAD, AnatomyKind.LEGS, AnatomyKind.CALVES)

FIELDS = (
    FieldSeed("default", 0),
    FieldSeed("wide-bore-1.5t", 1),
    FieldSeed("random", 2),
)
"""Seeds pick the subjects, their motion, noise and coil, and the random field."""

LINAC = FieldSeed("linac-1t", 3)


@dataclass(frozen=True, slots=True)
class Target:
    """Largest errors left that are allowed, mm."""

    mean: float
    p95: float


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row of the table.

    Attributes
    ----------
    name : str
    case : Case
    head, limbs : Target or None
        None where the pairs show nothing, so that a refusal is asked for.
    subjects : int
        Number of references.
    rim_mm : float, optional
        Every field is scaled to this largest displacement at 200 mm.
    """

    name: str
    case: Case
    head: Target | None
    limbs: Target | None
    subjects: int = 2
    rim_mm: float | None = None

    def target(self, anatomy: AnatomyKind) -> Target | None:
        """Target for an anatomy."""
        return self.head if anatomy is AnatomyKind.HEAD else self.limbs

    def run(self, anatomy: AnatomyKind, field: FieldSeed, voxel_mm: float) -> Run:
        """One run of the row."""
        return Run(
            self.name, anatomy, self.case, field, voxel_mm, self.subjects, rim_mm=self.rim_mm
        )


_EASY = (Target(0.08, 0.25), Target(0.25, 0.75))
_FAIR = (Target(0.12, 0.40), Target(0.35, 1.0))
_HARD = (Target(0.25, 0.8), Target(0.5, 1.5))

ROWS = (
    JudgedRow("coronal ND, axial trusted", Case.ND_TRUSTED, *_EASY),
    JudgedRow("both DIS2D", Case.DIS2D_BOTH, Target(0.10, 0.35), Target(0.25, 0.75)),
    JudgedRow("monotone contrast", Case.MONOTONE_CONTRAST, *_FAIR),
    JudgedRow(
        "non-monotone contrast", Case.NON_MONOTONE_CONTRAST, Target(0.30, 0.9), Target(0.6, 1.8)
    ),
    JudgedRow("new subject feet first", Case.FEET_FIRST, *_EASY),
    JudgedRow("table moved, both ND", Case.TABLE_MOVED, *_HARD),
    JudgedRow("4 mm slices", Case.THICK_SLICES, *_HARD),
    JudgedRow("one reference", Case.ND_TRUSTED, *_FAIR, subjects=1),
    JudgedRow("strong field", Case.ND_TRUSTED, *_FAIR, rim_mm=STRONG_RIM_MM),
    JudgedRow("both ND, one table position", Case.ND_BOTH, None, None),
    JudgedRow("both DIS3D", Case.DIS3D_BOTH, None, None),
)


def verdicts(results: Iterable[tuple[Run, Outcome]]) -> list[str]:
    """Judge each row, head and limbs apart, by its worst run.

    Parameters
    ----------
    results : iterable of (Run, Outcome)
        Runs of :data:`ROWS`, in any order.

    Returns
    -------
    list of str
        One line for each row and group that has been run.
    """
    done = list(results)
    lines = []
    for row in ROWS:
        for group, members in (("head", ANATOMIES[:1]), ("limbs", ANATOMIES[1:])):
            mine = [(r, o) for r, o in done if r.row == row.name and r.anatomy in members]
            if mine:
                line = _judge(row.target(members[0]), mine)
                lines.append(f"{row.name:28s} {group:6s} {len(mine):2d} runs  {line}")
    return lines


def _judge(target: Target | None, results: Sequence[tuple[Run, Outcome]]) -> str:
    if target is None:
        return _judge_refusals(results)
    for run, outcome in results:
        if outcome.refusal is not None:
            return f"MISSED  {run.text()}: {outcome.refusal}"
    worst_run, worst = max(results, key=lambda one: one[1].left_mean_mm / target.mean)
    p95_run, tail = max(results, key=lambda one: one[1].left_p95_mm / target.p95)
    met = worst.left_mean_mm <= target.mean and tail.left_p95_mm <= target.p95
    return (
        f"{'met   ' if met else 'MISSED'}  "
        f"mean {worst.left_mean_mm:6.3f} of {target.mean:4.2f} ({_short(worst_run)}), "
        f"p95 {tail.left_p95_mm:6.3f} of {target.p95:4.2f} ({_short(p95_run)})"
    )


def _judge_refusals(results: Sequence[tuple[Run, Outcome]]) -> str:
    for run, outcome in results:
        if outcome.refusal is None:
            return f"MISSED  {run.text()}: learned what can't be seen"
        if outcome.refusal_code != Code.NOTHING_TO_LEARN:
            return f"MISSED  {run.text()}: {outcome.refusal}"
    return f"met     {results[0][1].refusal}"


def _short(run: Run) -> str:
    return f"{run.anatomy}, {run.field}"
