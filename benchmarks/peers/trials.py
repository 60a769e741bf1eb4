"""One method on one simulated cohort: carried out, measured, written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from records import sources_digest
from runs import (
    UNMAPPED_MM,
    FieldSeed,
    JudgedPoints,
    peak_memory_mb,
    references_of,
    software_version,
)

from distcorr.acquisition import Scan
from distcorr.errors import DistcorrError
from distcorr.field import ScannerField
from distcorr.learn import FitSettings, learn
from distcorr.phantom.pairs import AnatomyKind, Case, SimulatedCase, SimulatedPair
from distcorr.phantom.scanner import SimulatedScan
from distcorr.space import transform_points
from peers.methods import PEERS, Method
from peers.pairs import AlignedPair, PairField, aligned, true_motion
from peers.reduction import Reduction, reduce_fields, shown_to_true
from peers.simpleitk_rigid import estimated_motion

Array = NDArray[np.float64]
Undo = Callable[[SimulatedScan, Array], Array]
"""Takes a scan and shown points (m, 3), patient LPS, to where it believes they are."""

REFERENCES = 2
REGISTRATIONS = (*PEERS, Method.FAULTLESS)


class MotionSource(StrEnum):
    """Where the tools have each pair's rigid motion from; distcorr estimates its own."""

    KNOWN = "known"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class CohortKey:
    """What is simulated: two references and a new subject."""

    anatomy: AnatomyKind
    case: Case
    field: FieldSeed
    voxel_mm: float

    def text(self) -> str:
        """Name the cohort."""
        return f"{self.anatomy}, {self.case}, {self.field}, {self.voxel_mm:g} mm"


@dataclass(frozen=True, slots=True)
class Trial:
    """One method on one cohort."""

    cohort: CohortKey
    method: Method
    motion: MotionSource
    threads: int

    def key(self) -> dict[str, Any]:
        """Everything that the figures depend on."""
        sources, package = ["trials.py"], None
        if self.method in REGISTRATIONS:
            sources += ["pairs.py", "reduction.py", "simpleitk_rigid.py"]
        if self.method in PEERS:
            package = PEERS[self.method].version
            sources += ["bias.py", "methods.py", PEERS[self.method].source]
        digest = sources_digest(Path(__file__).parent, sources)
        return {**asdict(self), "version": software_version(), "peer": package, "by": digest}


@dataclass(frozen=True, slots=True)
class Errors:
    """Distances from the truth over points of a body, mm."""

    mean: float
    p95: float
    max: float

    @classmethod
    def between(cls, found: Array, true: Array) -> Errors:
        """Judge points (m, 3); one that is not found is ``UNMAPPED_MM`` away."""
        left = np.nan_to_num(np.linalg.norm(found - true, axis=1), nan=UNMAPPED_MM)
        return cls(float(left.mean()), float(np.percentile(left, 95)), float(left.max()))


@dataclass(frozen=True, slots=True)
class Figures:
    """What a trial gave.

    Attributes
    ----------
    references : Errors, optional
        On the coronal scans of the pairs that were fitted, by each pair's own field.
    new : Errors, optional
        On the coronal scan of another subject. Both are None if the method refused.
    wall_s, cpu_s : float
        Of fitting and averaging.
    peak_mb : float
        Peak memory of the whole process.
    reduction : Reduction, optional
        The way of averaging that left the least on the new subject.
    by_reduction_mm : dict
        Mean error on the new subject of every way.
    refusal : str, optional
    """

    references: Errors | None
    new: Errors | None
    wall_s: float
    cpu_s: float
    peak_mb: float
    reduction: Reduction | None = None
    by_reduction_mm: dict[str, float] | None = None
    refusal: str | None = None

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Figures:
        """Build from what a log holds."""
        errors = {
            name: None if record[name] is None else Errors(**record[name])
            for name in ("references", "new")
        }
        how = record["reduction"]
        return cls(**record | errors | {"reduction": None if how is None else Reduction(how)})


def carry_out(trial: Trial, case: SimulatedCase) -> Figures:
    """Fit with a method and measure what it leaves, in this process."""
    if trial.method in REGISTRATIONS:
        return _by_registration(trial, case)
    start = _Clock.started()
    if trial.method is Method.NOTHING:
        return _figures(start.read(), case, _leave)
    if trial.method is Method.ORACLE:
        return _figures(start.read(), case, _by_field(case.field))
    count = 1 if trial.method is Method.DISTCORR_ONE else REFERENCES
    pairs = case.references[:count]
    try:
        result = learn([one for pair in pairs for one in references_of(pair)], FitSettings())
    except DistcorrError as refusal:
        return Figures(None, None, *start.read(), peak_memory_mb(), refusal=str(refusal))
    return _figures(start.read(), case, _by_field(result.field), count)


@dataclass(frozen=True, slots=True)
class _Clock:
    wall: float
    cpu: float

    @classmethod
    def started(cls) -> _Clock:
        return cls(time.perf_counter(), time.process_time())

    def read(self) -> tuple[float, float]:
        """Wall and CPU seconds since the start; CPU of all threads."""
        return time.perf_counter() - self.wall, time.process_time() - self.cpu


def _figures(
    spent: tuple[float, float], case: SimulatedCase, undo: Undo, references: int = REFERENCES
) -> Figures:
    peak_mb = peak_memory_mb()
    own = judge([(pair.coronal, undo) for pair in case.references[:references]])
    return Figures(own, judge([(case.new[0], undo)]), *spent, peak_mb)


def judge(scans: Sequence[tuple[SimulatedScan, Undo]]) -> Errors:
    """Measure what is left on scans, the points of all of them together."""
    found, true = [], []
    for scan, undo in scans:
        points = JudgedPoints.of(scan)
        found.append(undo(scan, points.shown_lps))
        true.append(points.true_lps)
    return Errors.between(np.concatenate(found), np.concatenate(true))


def _leave(scan: SimulatedScan, shown_lps: Array) -> Array:
    del scan
    return shown_lps


def _by_field(field: ScannerField) -> Undo:
    """Undo what a field does to a scan in the state that it is in."""

    def undo(scan: SimulatedScan, shown_lps: Array) -> Array:
        acquisition = Scan(scan.volume, scan.facts).acquisition
        return acquisition.shown_to_true_patient(field, shown_lps)

    return undo


def _by_displacements(field: PairField) -> Undo:
    """Undo a registration's displacements, which know of no state."""

    def undo(scan: SimulatedScan, shown_lps: Array) -> Array:
        T = scan.T_scanner_patient
        found = shown_to_true(field, transform_points(T, shown_lps))
        return transform_points(np.linalg.inv(T), found)

    return undo


def _by_registration(trial: Trial, case: SimulatedCase) -> Figures:
    """Register each pair, average, and judge every way of averaging."""
    clock = _Clock.started()
    known = trial.motion is MotionSource.KNOWN
    fields: list[PairField] = []
    placed: list[AlignedPair] = []
    for pair in case.references:
        one = aligned(pair, true_motion(pair) if known else estimated_motion(pair))
        if trial.method is Method.FAULTLESS:
            fields.append(faultless(pair, one))
        else:
            fields.append(PEERS[trial.method].field_of(one))
        placed.append(one)
    bodies = [one.fixed_body for one in placed]
    spent, peak_mb = clock.read(), peak_memory_mb()
    own = judge(
        [
            (pair.coronal, _by_displacements(field))
            for pair, field in zip(case.references, fields, strict=True)
        ]
    )
    new = {
        how: judge([(case.new[0], _by_displacements(reduce_fields(fields, bodies, how)))])
        for how in Reduction
    }
    best = min(new, key=lambda how: new[how].mean)
    by_reduction = {str(how): errors.mean for how, errors in new.items()}
    return Figures(own, new[best], *spent, peak_mb, best, by_reduction)


def faultless(pair: SimulatedPair, one: AlignedPair) -> PairField:
    """Displacements of a registration that takes every point exactly where it is shown.

    What it leaves is what registering one scan with the other can't mend: the error
    that the axial scan has itself, and what averaging and interpolation cost.
    """
    (axial,) = pair.axials
    grid = one.fixed.grid
    as_acquired = axial.volume.grid.points_lps().reshape(-1, 3)
    true = pair.coronal.true_of_subject(axial.subject_of_true(axial.true_lps(as_acquired)))
    shown = pair.coronal.shown_lps(true)
    y = transform_points(pair.coronal.T_scanner_patient, shown)
    u = np.nan_to_num(y - grid.points_lps().reshape(-1, 3))  # folds lie outside the bodies
    return PairField(grid, u.reshape(*grid.shape, 3).astype(np.float32))
