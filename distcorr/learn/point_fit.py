"""The field from pairs of points alone: Gauss-Newton steps on the posterior.

Images and points share the unknowns, the prior and the normal equations; this
loop is for cohorts without images. The largest degree of the harmonics is
chosen by its evidence, the marginal likelihood in Laplace's approximation
(MacKay 2003, Information Theory, Inference, and Learning Algorithms, ch. 27).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError, Finding
from distcorr.field import HarmonicBasis, HarmonicField
from distcorr.learn.equations import Sum, information_of, solved, stepped, sum_of_points, views_of
from distcorr.learn.point_figures import contradictions, describe_points
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.points import PointsLinear
from distcorr.learn.prior import POINT_GROUPS, HarmonicPrior
from distcorr.learn.state import State

Array = NDArray[np.float64]

DEGREES = range(3, 10)
"""Largest degrees that compete: the lowest term of a coil is of degree 3."""

MIN_POINTS = 12
"""Fewest pairs on which a field can rest: motion and calibration use up four."""

MAX_STEPS = 100
TOLERANCE = 0.05
"""Largest change of the field at the points at which the fit ends, as a share of
the points' scatter."""


@dataclass(frozen=True, eq=False)
class PointFit:
    """Outcome of a fit to points.

    Attributes
    ----------
    state : State
        Field and motions with their covariance.
    pairs : tuple of PointPairs
    views : tuple of PointsLinear
        What each set looks like at the end.
    log_evidence : dict of int to float
        By largest degree, of all that competed.
    steps : int
    """

    state: State
    pairs: tuple[PointPairs, ...]
    views: tuple[PointsLinear, ...]
    log_evidence: dict[int, float]
    steps: int

    @property
    def max_degree(self) -> int:
        """The degree chosen."""
        return self.state.prior.basis.max_degree

    @property
    def field(self) -> HarmonicField:
        """The field."""
        return self.state.harmonics

    @property
    def coil_field(self) -> HarmonicField:
        """What of the field the symmetry of the coils allows."""
        prior = self.state.prior
        return HarmonicField(prior.basis, np.where(prior.coil_terms, self.state.coefficients, 0.0))

    @property
    def other_field(self) -> HarmonicField:
        """The rest: the magnet's inhomogeneity in this one scan, and what coils tolerate."""
        prior = self.state.prior
        return HarmonicField(prior.basis, np.where(prior.coil_terms, 0.0, self.state.coefficients))

    def describe(self) -> list[str]:
        """Say in one line for the field and one for each set what was found."""
        lines = [
            f"degree {self.max_degree} of "
            + ", ".join(f"{d} ({e:.0f})" for d, e in self.log_evidence.items())
            + f" by log evidence; {self.steps} steps; inflation {self.state.inflation:.1f}"
        ]
        places = np.concatenate([pairs.true_scanner for pairs in self.pairs])
        other = np.sqrt((self.other_field.displacement(places) ** 2).mean(axis=0))
        x, y, z = (f"{mm:.2f}" for mm in other)
        lines.append(f"of terms that no coil makes (the magnet's): {x}, {y}, {z} mm rms in x, y, z")
        return [*lines, *describe_points(self.pairs, self.views, self.state.motions)]

    def findings(self) -> tuple[Finding, ...]:
        """Tell which pairs contradict the others."""
        return contradictions(self.pairs, self.views)


def degrees_up_to(largest: int) -> range:
    """Degrees that compete if none may be larger than ``largest``."""
    return range(min(DEGREES.start, largest), largest + 1)


def fit_points(sets: Sequence[PointPairs], degrees: Sequence[int] = DEGREES) -> PointFit:
    """Fit harmonics and motions to pairs of points.

    Parameters
    ----------
    sets : sequence of PointPairs
        At least one that shows the field.
    degrees : sequence of int
        Largest degrees that compete; one alone is simply used.

    Raises
    ------
    DistcorrError
        ``nothing-to-learn`` if no set shows the field, ``points-invalid`` if
        there are too few pairs, ``not-converged``, ``folding``.
    """
    _require_enough(sets)
    tried = {degree: _fit(sets, degree) for degree in degrees}
    fits = {degree: fit for degree, fit in tried.items() if fit is not None}
    if not fits:
        raise DistcorrError(
            Code.NOT_CONVERGED,
            "the fit to points did not converge",
            f"{MAX_STEPS} steps, degrees {', '.join(map(str, degrees))}",
            "check labels, axes and units of the points",
        )
    evidence = {degree: _log_evidence(fit) for degree, fit in fits.items()}
    best = max(evidence, key=lambda degree: evidence[degree])
    return replace(fits[best], log_evidence=evidence)


def _require_enough(sets: Sequence[PointPairs]) -> None:
    telling = [pairs for pairs in sets if not pairs.acquisition.shows_truth]
    if not telling:
        raise DistcorrError(
            Code.NOTHING_TO_LEARN,
            "no set of points shows the distortion",
            ", ".join(f"{pairs.id}: {pairs.acquisition.state}" for pairs in sets),
            "give points as a scan without three-dimensional correction shows them",
        )
    total = sum(len(pairs) for pairs in telling)
    if total < MIN_POINTS:
        raise DistcorrError(
            Code.POINTS_INVALID,
            "there are too few pairs of points to learn a field from",
            f"{total}",
            f"give at least {MIN_POINTS}",
        )


def _fit(sets: Sequence[PointPairs], degree: int) -> PointFit | None:
    """Fit with one degree; None if it does not converge, as one that is too small may."""
    prior = HarmonicPrior(HarmonicBasis(degree), POINT_GROUPS)
    state = State.initial(prior, tuple(pairs.still for pairs in sets))
    views = views_of(state, sets, state.harmonics)
    for step in range(1, MAX_STEPS + 1):
        new = _stepped(state, views)
        change = _largest_change(state, new, sets)
        state, views = new, views_of(new, sets, new.harmonics)
        if change < TOLERANCE * min(view.scale_mm for view in views):
            return PointFit(state, tuple(sets), tuple(views), {}, step)
    return None


def _stepped(state: State, views: Sequence[PointsLinear]) -> State:
    """Take one step, and re-estimate scatter and the widths of the prior."""
    total = sum_of_points(state, views)
    state = replace(state, inflation=max(1.0, total.scatter(state)))
    nothing = Sum.of(state, []).normal
    step, covariance = solved(state, information_of(state, total.normal, nothing))
    return stepped(state, step, covariance)


def _largest_change(old: State, new: State, sets: Sequence[PointPairs]) -> float:
    change = HarmonicField(old.prior.basis, new.coefficients - old.coefficients)
    return max(
        float(np.linalg.norm(change.displacement(pairs.true_scanner), axis=1).max())
        for pairs in sets
    )


def _log_evidence(fit: PointFit) -> float:
    """Log marginal likelihood of all points."""
    state = fit.state
    precision = state.prior_precision
    log_prior = 0.5 * float(np.log(precision).sum() - precision @ state.parameters**2)
    A = sum_of_points(state, fit.views).normal.matrix + np.diag(precision)
    log_volume = -0.5 * float(np.linalg.slogdet(A)[1])
    return sum(view.log_likelihood for view in fit.views) + log_prior + log_volume
