"""Turn a fit to points alone into the result that is stored and reported."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from distcorr.errors import Code, DistcorrError
from distcorr.field import Lattice
from distcorr.learn.estimate import FitResult
from distcorr.learn.fit import lattice_of
from distcorr.learn.point_figures import gain_of_points
from distcorr.learn.point_fit import PointFit, degrees_up_to, fit_points
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.remainder import Remainder
from distcorr.learn.revealed import Gain
from distcorr.learn.settings import FitSettings
from distcorr.learn.state import State
from distcorr.learn.support import fade

Array = NDArray[np.float64]

_DRAWS = 12


def learn_from_points(sets: Sequence[PointPairs], settings: FitSettings) -> FitResult:
    """Learn the scanner's field from points alone.

    Parameters
    ----------
    sets : sequence of PointPairs
    settings : FitSettings
        Its largest degree bounds those that compete.

    Returns
    -------
    FitResult
        Without references.

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
        return _result(fit, gain, settings)


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
        findings=fit.findings(),
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
