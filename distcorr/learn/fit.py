"""The joint fit: one field behind all pairs, and each subject's motion.

Damped Gauss-Newton steps on the posterior, coarse to fine. At every step only
those points take part whose displacement the current posterior predicts to
within the capture range of the current smoothing, so the fit grows outwards
from the isocentre, where gradient coils are calibrated, as fast as what is
known allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.field import HarmonicBasis, HarmonicField, Lattice, LatticeField
from distcorr.learn.align import find_motion, is_central
from distcorr.learn.body import Body
from distcorr.learn.cubes import Cubes
from distcorr.learn.equations import (
    information_of,
    solved,
    stepped,
    sum_of_images,
    sum_of_points,
    views_of,
)
from distcorr.learn.normal import Normal
from distcorr.learn.order import best_degree, evidence_of_degrees
from distcorr.learn.pair import PairLevel, Reference, build_level, subjects_of
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.points import PointsLinear
from distcorr.learn.prior import WIDTH_RANGE, HarmonicPrior
from distcorr.learn.rigid import Motion
from distcorr.learn.settings import FitSettings
from distcorr.learn.state import State
from distcorr.learn.view import Rows, look, rows_of
from distcorr.space import transform_points

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Stage:
    """One level of the coarse-to-fine schedule.

    Attributes
    ----------
    name : str
    sigma_mm, step_mm, window_mm : float
        Blur, distance of samples, half width of the regression window.
    max_steps : int
        Gauss-Newton steps at most.
    tolerance_mm : float
        Largest change of the field in the body at which the stage ends.
    """

    name: str
    sigma_mm: float
    step_mm: float
    window_mm: float
    max_steps: int
    tolerance_mm: float


CAPTURE_SIGMAS = 1.2
"""Capture range of a match in units of its blur: beyond it, a step points astray
as often as home."""

MAX_STEP_SIGMAS = 2.0
"""Longest change of the field in one step, in the same units."""


WIDEST_COARSE = (WIDTH_RANGE[1], 1.0)
"""Largest factors on the prior's widths, of the coil's terms and the others, before the
finest stage: while blur mixes tissues of different contrast, terms without the coil's
symmetry fit the similarity's errors first."""

STEPS_BEFORE_DEGREE = 2
"""Steps of the finest stage before the data choose the degree: what a coarser stage has
left undone scatters so much that it would hide the higher degrees."""


def schedule(voxel_mm: float) -> list[Stage]:
    """Choose the stages for scans of a given voxel size (geometric mean, mm)."""
    v = voxel_mm
    return [
        Stage("coarse", 4.0, max(v, 4.0), 12.0, 10, 0.3),
        Stage("middle", 3.0, max(v, 4.0), 8.0, 8, 0.15),
        Stage("fine", max(0.5 * v, 0.75), max(v, 2.0), max(8.0, 3.0 * v), 6, 0.02),
    ]


@dataclass(frozen=True, eq=False)
class HarmonicFit:
    """Outcome of the fit of the harmonics.

    Attributes
    ----------
    state : State
    levels : list of PairLevel
        The finest, within reach.
    rows : list of Rows
        What each pair says at ``state``.
    views : list of PointsLinear
        What each set of points says at ``state``.
    evidence : dict of int to float
        Log evidence of each degree of the harmonics.
    history : list of str
        One line for each step.
    last_change_mm : float
        Change of the field in the last step, as far as it exceeds the standard deviation.
    """

    state: State
    levels: list[PairLevel]
    rows: list[Rows]
    views: list[PointsLinear]
    evidence: dict[int, float]
    history: list[str]
    last_change_mm: float


def lattice_of(harmonics: HarmonicField, settings: FitSettings) -> LatticeField:
    """Express harmonics as the B-spline lattice in which fields are evaluated."""
    e = settings.extent_mm
    empty = Lattice.covering([-e] * 3, [e] * 3, settings.lattice_spacing_mm)
    return LatticeField(empty.interpolating(harmonics.displacement))


def fit_harmonics(
    references: Sequence[Reference],
    bodies: Sequence[Body],
    settings: FitSettings,
    progress: Progress,
    points: Sequence[PointPairs] = (),
) -> HarmonicFit:
    """Fit harmonics and motions to all references, and to points beside them.

    Parameters
    ----------
    references : sequence of Reference
    bodies : sequence of Body
        Of their axial scans, with margin.
    settings : FitSettings
    progress : callable
        Called with a line of text and the share done, 0 to 1.
    points : sequence of PointPairs
        Markers or landmarks of the same scanner.

    Raises
    ------
    DistcorrError
        ``no-overlap`` if a pair's scans share too little of the body.
    """
    stages = schedule(max(voxel_mm(r) for r in references))
    state = None
    levels: list[PairLevel] = []
    evidence: dict[int, float] = {}
    history: list[str] = []
    for number, stage in enumerate(stages):
        levels = [
            build_level(r, body, stage.sigma_mm, stage.step_mm, stage.window_mm)
            for r, body in zip(references, bodies, strict=True)
        ]
        if state is None:
            state = _aligned(references, bodies, levels, settings, points)
        last = stage is stages[-1]
        if last:
            state = replace(state, prior=state.prior.limited(WIDTH_RANGE[1], WIDTH_RANGE[1]))
        for step in range(stage.max_steps):
            if last and step == STEPS_BEFORE_DEGREE:
                evidence = _evidence(state, levels, points, stage, settings)
                state = state.truncated(best_degree(evidence))
            before, moved = state, _step(state, levels, points, stage, settings)
            state = moved.state
            history.append(f"{stage.name} {step + 1}: {moved.describe()}")
            progress(history[-1], (number + (step + 1) / stage.max_steps) / len(stages))
            if moved.change_mm < stage.tolerance_mm and step >= STEPS_BEFORE_DEGREE:
                break
    assert state is not None
    levels = [_reached(state, level, stages[-1]) for level in levels]
    last_change = _largest_change(before, state, levels, beyond_sds=1.0)
    field = lattice_of(state.harmonics, settings)
    rows, views = _rows(state, levels, field), views_of(state, points, field)
    images, told = sum_of_images(state, rows), sum_of_points(state, views)
    _, covariance = solved(state, information_of(state, images.normal, told.normal))
    state = replace(state, covariance=covariance)
    return HarmonicFit(state, levels, rows, views, evidence, history, last_change)


def _evidence(
    state: State,
    levels: Sequence[PairLevel],
    points: Sequence[PointPairs],
    stage: Stage,
    settings: FitSettings,
) -> dict[int, float]:
    reached = [_reached(state, level, stage) for level in levels]
    return evidence_of_degrees(*_informed(state, reached, points, settings))


def _informed(
    state: State,
    levels: Sequence[PairLevel],
    points: Sequence[PointPairs],
    settings: FitSettings,
) -> tuple[State, Normal]:
    """Return the state with the scatter seen from it, and what all data say at it."""
    field = lattice_of(state.harmonics, settings)
    images = sum_of_images(state, _rows(state, levels, field))
    state = replace(state, inflation=max(1.0, images.scatter(state)))
    told = sum_of_points(state, views_of(state, points, field))
    return state, information_of(state, images.normal, told.normal)


def _rows(state: State, levels: Sequence[PairLevel], field: LatticeField) -> list[Rows]:
    subjects = subjects_of([level.reference for level in levels])
    rows = []
    for level, subject in zip(levels, subjects, strict=True):
        motion = state.motions[subject]
        rows.append(rows_of(level, look(level, field, motion), field, motion, subject))
    return rows


ALIGNMENT = Stage("alignment", 6.0, 8.0, 24.0, 0, 0.0)
"""Level of the search for each pair's motion: coarse, for it tries many starts."""


def _aligned(
    references: Sequence[Reference],
    bodies: Sequence[Body],
    levels: list[PairLevel],
    settings: FitSettings,
    points: Sequence[PointPairs],
) -> State:
    """Start from each subject's rigid alignment near the isocentre, without a field."""
    a = ALIGNMENT
    prior = HarmonicPrior(HarmonicBasis(settings.max_degree)).limited(*WIDEST_COARSE)
    nothing = lattice_of(HarmonicField(prior.basis, np.zeros((3, prior.basis.size))), settings)
    motions = []
    for i in _most_central(levels):
        level = build_level(references[i], bodies[i], a.sigma_mm, a.step_mm, a.window_mm)
        motions.append(find_motion(level, nothing, Motion.none(_centre(levels[i]))))
    motions += [pairs.still for pairs in points]
    return State.initial(prior, tuple(motions))


def _most_central(levels: Sequence[PairLevel]) -> list[int]:
    """Choose for each subject the station that shows most of it near the isocentre."""
    subjects = subjects_of([level.reference for level in levels])
    near = [int(is_central(level).sum()) for level in levels]
    return [
        max((i for i, s in enumerate(subjects) if s == subject), key=near.__getitem__)
        for subject in range(max(subjects) + 1)
    ]


def voxel_mm(reference: Reference) -> float:
    """Return the larger of a pair's two voxel sizes (geometric means), mm."""
    sizes = [
        np.prod(s.volume.grid.spacing) ** (1 / 3) for s in (reference.axial, reference.coronal)
    ]
    return float(max(sizes))


def _centre(level: PairLevel) -> Array:
    return transform_points(level.nominal_T_coronal_axial(), level.points.mean(axis=0))


@dataclass(frozen=True, eq=False)
class _Step:
    """Outcome of one Gauss-Newton step."""

    state: State
    change_mm: float
    share: float

    def describe(self) -> str:
        prior = self.state.prior
        return (
            f"{self.share:.0%} of the body, change {self.change_mm:.3f} mm, "
            f"inflation {self.state.inflation:.1f}, "
            "prior widths " + " and ".join(f"x {v:.2f}" for v in prior.scales.values())
        )


def _step(
    state: State,
    levels: list[PairLevel],
    points: Sequence[PointPairs],
    stage: Stage,
    settings: FitSettings,
) -> _Step:
    reached = [_reached(state, level, stage) for level in levels]
    state, information = _informed(state, reached, points, settings)
    step, covariance = solved(state, information)
    change = _largest_change(state.moved(step), state, reached)
    limit = MAX_STEP_SIGMAS * stage.sigma_mm
    new = stepped(state, step * min(1.0, limit / max(change, limit)), covariance)
    share = sum(len(r.points) for r in reached) / sum(len(lv.points) for lv in levels)
    return _Step(new, change, share)


REGION_MM = 16.0
"""Edge of the regions that come within reach together."""

MIN_POINTS = 500
"""Fewest points of a pair on which a step can rest."""


def _reached(state: State, level: PairLevel, stage: Stage) -> PairLevel:
    """Restrict a level to its points within reach.

    Raises
    ------
    DistcorrError
        ``no-overlap`` if hardly any are: the scans lie too far from the isocentre.
    """
    within = _within_reach(state, level, stage)
    if within.sum() < MIN_POINTS:
        places = level.distorted_places(level.points)
        nearest = min(float(np.linalg.norm(p, axis=1).min()) for p in places)
        raise DistcorrError(
            Code.NO_OVERLAP,
            f"{level.reference.id} shows no tissue near the isocentre, where the fit has to start",
            f"the nearest lies {nearest:.0f} mm away from it",
            "check patient position and isocentre_lps; add a reference that lies nearer",
        )
    return level.restricted(within)


def _within_reach(state: State, level: PairLevel, stage: Stage) -> Bools:
    """Which points the posterior places to within the capture range."""
    regions = Cubes.of(level.cubes.centres, REGION_MM)
    sd = [state.sd_of_field(p).max(axis=1) for p in level.distorted_places(regions.centres)]
    within = np.max(sd, axis=0) < CAPTURE_SIGMAS * stage.sigma_mm
    return np.asarray(within[regions.of_point][level.cubes.of_point])


def _largest_change(
    old: State, new: State, levels: list[PairLevel], beyond_sds: float = 0.0
) -> float:
    """Find the 99th percentile of the change, over the points, of what scans show of D, mm.

    What the vendor has hidden from all scans creeps along for many steps and moves
    nothing. What exceeds ``beyond_sds`` standard deviations counts: a rim that is hardly
    known goes on moving when all else has settled.
    """
    change = HarmonicField(old.prior.basis, new.coefficients - old.coefficients)
    largest = 0.0
    for level in levels:
        for places, visible in level.sights(level.cubes.centres):
            thinned = places[:: max(1, len(places) // 4000)]
            size = np.linalg.norm(change.displacement(thinned) @ visible, axis=1)
            if beyond_sds:
                size = size - beyond_sds * new.sd_of_field(thinned).max(axis=1)
            largest = max(largest, float(np.percentile(size, 99)))
    return largest
