"""How uncertain the fit is, with the errors that its residuals share.

Errors of the similarity (partial volume where contrasts differ, unequal blur at curved
skin) belong to the anatomy: they point the same way over centimetres, and in every
subject of one kind. Weights know nothing of that. What they miss shows in the gradients
of the misfit, summed over large clusters of space and over all subjects: independent
errors would leave them as small as the information says. Their scatter takes the place
of the information in the covariance (the sandwich of White 1982, Econometrica 50:1, with
clusters as in Liang and Zeger 1986, Biometrika 73:13), so that combinations of unknowns
which amplify shared errors, as scans at two positions of the table do, become as
uncertain as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from distcorr.learn.cubes import Cubes
from distcorr.learn.equations import information_of, solved, sum_of_images
from distcorr.learn.normal import Normal, accumulate, embed
from distcorr.learn.state import State
from distcorr.learn.view import Rows

Array = NDArray[np.float64]

CLUSTERS_MM = (80.0, 160.0)
"""Edges of the clusters. Errors are alike over the length of a limb, but the fewer
clusters there are, the more of their scatter the fit has taken in: two sizes, half each."""

SHARED_ERROR = 3.0
"""Factor on the data's part of the standard deviation: what the fit takes in of shared
errors shows in no residual. Against the truth of simulated cohorts of legs, calves and
heads, errors are 2 to 5 times what clusters scatter; with this factor 95 % of all points
together are within two standard deviations (benchmarks/accuracy.py)."""


def with_shared_errors(state: State, rows: Sequence[Rows], points: Normal) -> State:
    """Return the state with the covariance that clusters of residuals suggest.

    Parameters
    ----------
    state : State
        The estimate, with the covariance that the weights suggest; whatever a fitted
        remainder adds to it is kept.
    rows : sequence of Rows
        What each pair says there.
    points : Normal
        What points say; each set knows its own scatter.
    """
    images = sum_of_images(state, rows).normal
    _, alone = solved(state, information_of(state, images, points))
    data = SHARED_ERROR**2 * scatter_of_clusters(state, rows) + points.matrix
    covariance = alone @ (data + np.diag(state.prior_precision)) @ alone
    return replace(state, covariance=covariance + (state.covariance - alone))


def scatter_of_clusters(state: State, rows: Sequence[Rows]) -> Array:
    """Estimate the covariance of the data's gradient, shape (unknowns, unknowns).

    Were the residuals independent and scattered as the inflation says, it would be
    their information.
    """
    parts = [_gradients(state, rows, edge) for edge in CLUSTERS_MM]
    total = np.sum([G.T @ G for G in parts], axis=0)
    return np.asarray(total / len(parts) / state.inflation**2)


def _gradients(state: State, rows: Sequence[Rows], edge_mm: float) -> Array:
    """Sum gradients in cubes of space, over all subjects, shape (clusters, unknowns)."""
    everywhere = Cubes.of(np.concatenate([one.points for one in rows]), edge_mm)
    sums = np.zeros((everywhere.count, len(state.parameters)))
    first = 0
    for one in rows:
        cluster = everywhere.of_point[first : first + len(one.points)]
        first += len(one.points)
        members = [np.flatnonzero(cluster == number) for number in np.unique(cluster)]
        own, gradients = accumulate(
            state.prior.basis, one.probes, one.by_motion, one.residual, members
        )
        _, spread = embed(own, gradients, one.subject, len(state.motions))
        sums[np.unique(cluster)] += spread
    return sums
