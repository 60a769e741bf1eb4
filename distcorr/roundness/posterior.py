"""All surfaces that pass between a label's voxels, not only the likeliest one.

Voxels allow a small region of shapes, of which the likeliest is an arbitrary member: it
hangs on the few voxels nearest to it. The mean over the region is nearer to the truth,
and its extent is the uncertainty. Drawn by Metropolis' rule with steps in proportion to
what was drawn before (Haario et al. 2001, Bernoulli 7:223); the width of the edge is
drawn along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from distcorr.roundness.fit import FAR, MISLABELLED, Fit, voxel_of
from distcorr.roundness.shape import BEND_SD, ELLIPSOID_NUMBERS, NUMBERS, inside_and_slopes
from distcorr.roundness.surface import Mask, Surface

Array = NDArray[np.float64]

DRAWS = 9000
"""Of which a third is for settling; the rest holds some 150 that know nothing of each other."""

ADAPT_EVERY = 500
SEED = 5
"""Equal labels give equal figures."""

NEAR = 0.25
"""Distance from the surface, in voxels, up to which voxels are looked at: shapes that
are likely differ less, and voxels farther off agree with all of them."""

SHARPEST = 0.004
"""Width of an edge, in voxels, below which it can't be told from none."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Shapes that a label allows.

    Attributes
    ----------
    numbers : ndarray, shape (n, 16)
        Each as :mod:`distcorr.roundness.shape`.
    edges : ndarray, shape (n,)
        Widths of the edge, of the sphere's radius.
    """

    numbers: Array
    edges: Array


def draw_shapes(surface: Surface, likeliest: Fit) -> Draws:
    """Draw shapes in proportion to their probability.

    Parameters
    ----------
    surface : Surface
        Of voxels.
    likeliest : Fit
        Where to begin.
    """
    assert surface.inside is not None  # of voxels
    points = likeliest.sphere.placed(surface.points_lps)
    voxel = voxel_of(surface, likeliest.sphere)
    # Distances are linear in the small changes that voxels allow.
    d, slopes = inside_and_slopes(likeliest.numbers, points)
    near = np.abs(d) < max(NEAR * voxel, FAR * likeliest.edge)
    d, slopes = d[near], slopes[near]
    model = _Model(d, slopes, surface.inside[near], likeliest.numbers, SHARPEST * voxel)
    drawn = _metropolis(model, np.append(np.zeros(NUMBERS), np.log(likeliest.edge)))
    return Draws(likeliest.numbers + drawn[:, :NUMBERS], np.exp(drawn[:, NUMBERS]))


@dataclass(frozen=True, eq=False)
class _Model:
    """Probability of changes of the sixteen numbers and of the edge's logarithm."""

    d: Array
    slopes: Array
    inside: Mask
    numbers: Array
    sharpest: float

    def log_probability(self, y: Array) -> float:
        edge = float(np.exp(y[NUMBERS]))
        if not self.sharpest < edge < 1.0:
            return -np.inf
        distance = self.d + self.slopes @ y[:NUMBERS]
        right = expit(np.where(self.inside, distance, -distance) / edge)
        bend = (self.numbers + y[:NUMBERS])[ELLIPSOID_NUMBERS:] / BEND_SD
        likelihood = np.log(MISLABELLED + (1.0 - 2.0 * MISLABELLED) * right).sum()
        return float(likelihood - 0.5 * bend @ bend)

    def first_covariance(self, edge: float) -> Array:
        """Inverse of the information of a wide edge, and half of the edge's logarithm."""
        right = expit(self.d / edge)
        weights = right * (1.0 - right) / edge**2
        information = self.slopes.T @ (weights[:, None] * self.slopes)
        prior = np.zeros(NUMBERS)
        prior[ELLIPSOID_NUMBERS:] = 1.0 / BEND_SD**2
        covariance = np.zeros((NUMBERS + 1, NUMBERS + 1))
        covariance[:NUMBERS, :NUMBERS] = np.linalg.inv(
            information + np.diag(prior) + 1e-9 * np.trace(information) * np.eye(NUMBERS)
        )
        covariance[NUMBERS, NUMBERS] = 0.25
        return covariance


def _metropolis(model: _Model, y: Array) -> Array:
    rng = np.random.default_rng(SEED)
    size = len(y)
    covariance = model.first_covariance(float(np.exp(y[NUMBERS])))
    scale = 2.38 / np.sqrt(size)  # best for a normal distribution (Gelman et al. 1996)
    root = np.linalg.cholesky(covariance)
    now = model.log_probability(y)
    drawn = np.empty((DRAWS, size))
    accepted = 0
    settling = DRAWS // 3
    for n in range(DRAWS):
        if n and n <= settling and n % ADAPT_EVERY == 0:
            scale *= np.exp(accepted / ADAPT_EVERY - 0.25)
            accepted = 0
            spread = np.cov(drawn[n // 2 : n].T)
            root = np.linalg.cholesky(spread + 1e-6 * np.diag(np.diag(covariance)))
        other = y + scale * root @ rng.standard_normal(size)
        then = model.log_probability(other)
        if np.log(rng.uniform()) < then - now:
            y, now = other, then
            accepted += 1
        drawn[n] = y
    return drawn[settling:]
