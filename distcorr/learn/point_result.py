"""Turn a fit to points alone into the result that is stored and reported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from distcorr.errors import Code, DistcorrError, Finding
from distcorr.field import HarmonicField, Lattice
from distcorr.learn.estimate import FitResult
from distcorr.learn.fit import lattice_of
from distcorr.learn.point_fit import PointFit, degrees_up_to, fit_points
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.points import shown_change, strain_rows
from distcorr.learn.remainder import Remainder
from distcorr.learn.revealed import Gain
from distcorr.learn.rigid import Motion
from distcorr.learn.settings import FitSettings
from distcorr.learn.state import State
from distcorr.learn.support import fade

Array = NDArray[np.float64]

_DRAWS = 12


def learn_from_points(
    sets: Sequence[PointPairs], settings: FitSettings
) -> tuple[FitResult, tuple[Finding, ...]]:
    """Learn the scanner's field from points alone.

    Parameters
    ----------
    sets : sequence of PointPairs
    settings : FitSettings
        Its largest degree bounds those that compete.

    Returns
    -------
    result : FitResult
        Without references.
    findings : tuple of Finding
        Which pairs contradict the others.

    Raises
    ------
    DistcorrError
        As :func:`distcorr.learn.point_fit.fit_points`; ``nothing-to-learn`` if
        the points show no component of the field.
    """
    with threadpool_limits(1, user_api="blas"):
        fit = fit_points(sets, degrees_up_to(settings.max_degree))
        gain = gain_of_points(sets, fit.state)
        if not any(gain.revealed):
            raise DistcorrError(
                Code.NOTHING_TO_LEARN,
                "the points show no component of the distortion",
                ", ".join(f"{pairs.id}: {pairs.acquisition.state}" for pairs in sets),
            )
        return _result(fit, gain, settings), fit.findings()


def _result(fit: PointFit, gain: Gain, settings: FitSettings) -> FitResult:
    layout = lattice_of(fit.field, settings)
    nodes = layout.lattice.node_points().reshape(-1, 3)
    sd = fit.state.sd_of_field(nodes).T.reshape(layout.lattice.coefficients.shape)
    seen = [a for a in range(3) if gain.revealed[a]]
    return FitResult(
        state=fit.state,
        remainder=_no_remainder(settings),
        supported=fade(layout.lattice, layout, sd[seen].max(axis=0), settings.sd_limit_mm),
        sd=sd,
        gain=gain,
        information=_information(fit),
        references=(),
        evidence=fit.log_evidence,
        history=tuple(fit.describe()),
        settings=settings,
    )


def _no_remainder(settings: FitSettings) -> Remainder:
    e = settings.extent_mm
    nothing = Lattice.covering([-e] * 3, [e] * 3, settings.remainder_spacing_mm)
    return Remainder(nothing, np.zeros(nothing.coefficients.shape), 0.0, {})


def _information(fit: PointFit) -> tuple[float, float, float]:
    """Share of each component's prior variance that the points removed, where they lie."""
    places = np.concatenate([pairs.true_scanner for pairs in fit.pairs])
    before = State.initial(fit.state.prior, fit.state.motions)
    left = (fit.state.sd_of_field(places) ** 2).sum(axis=0)
    x, y, z = (float(v) for v in 1 - left / (before.sd_of_field(places) ** 2).sum(axis=0))
    return x, y, z


def gain_of_points(sets: Sequence[PointPairs], state: State) -> Gain:
    """Measure how much of each component of D the shown places betray.

    It is what motion and calibration, where they are free, can't mimic, as
    :func:`distcorr.learn.revealed.gain_of` measures it for pairs of scans.

    Parameters
    ----------
    sets : sequence of PointPairs
    state : State
        Field and motions around which the maps are linearised; from its prior
        test fields are drawn.
    """
    generator = np.random.default_rng(0)
    draws = generator.standard_normal((_DRAWS, *state.prior.sd.shape)) * state.prior.sd
    told, total = np.zeros(3), np.zeros(3)
    for pairs, motion in zip(sets, state.motions, strict=True):
        moved = motion.apply(pairs.true_scanner)
        shown = pairs.acquisition.true_to_shown(state.harmonics, moved)
        nuisance = _nuisance(pairs, motion, moved, shown)
        for draw in draws:
            for a in range(3):
                one = np.zeros_like(draw)
                one[a] = draw[a]
                change = HarmonicField(state.prior.basis, one)
                seen = shown_change(pairs.acquisition, state.harmonics, change, moved, shown)
                flat = seen.reshape(-1)
                told[a] += float(((flat - nuisance @ (nuisance.T @ flat)) ** 2).sum())
                total[a] += float((change.displacement(moved) ** 2).sum())
    x, y, z = (float(g) for g in np.sqrt(told / np.maximum(total, 1e-12)))
    return Gain((x, y, z))


def _nuisance(pairs: PointPairs, motion: Motion, moved: Array, shown: Array) -> Array:
    """Orthonormal columns that motion and calibration span, shape (3 m, at most 12)."""
    columns = [np.zeros((3 * len(moved), 0))]
    if pairs.motion_sd is not None:
        columns.append(motion.sensitivity(moved).reshape(-1, 6))
    if pairs.calibration_sd > 0:
        columns.append(strain_rows(shown).reshape(-1, 6))
    return np.linalg.qr(np.concatenate(columns, axis=1))[0]
