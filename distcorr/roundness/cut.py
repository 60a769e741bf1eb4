"""Find where a head was cut from its neck, and leave that out.

A cut is a plane. Of points on a surface, those well inside of the sphere betray it. Of
voxels, whose steps may be as high as the cap that is missing, a ball that is cut by a
plane has to be likelier than a whole one: for each direction of the neck the surface is
fitted without the cap around it, and the likeliest height of a plane is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.roundness.fit import Sphere, log_likelihood, scored, undetermined, voxel_of
from distcorr.roundness.shape import NUMBERS, inside_by
from distcorr.roundness.surface import Mask, Surface

Array = NDArray[np.float64]

CUT_DEPTH = 0.12
"""Depth inside of the sphere, relative to its radius and beyond one step, that no squeeze
explains: a cut. An axis ratio of 0.8 reaches that far."""

MIN_CUT = 0.02
"""Share of the points that have to lie so deep to be a cut."""

MIN_LEFT = 0.3
"""Share of the points that has to be left without a cut; less is no ball."""

DIRECTIONS = 96
"""Of necks that are tried: 22 degrees apart."""

CAP = 0.55
"""Height, in radii, of the cap's edge that is left out of a fit: 57 degrees, so that it
covers a neck's cut at 0.75 (41 degrees) 11 degrees off."""

HEIGHTS = np.arange(0.40, 0.90, 0.03)
"""Of planes that are tried, in radii: a deeper one leaves too little of a ball, a
shallower one takes hardly a voxel away."""

EDGES = (0.3, 0.12)
"""Widths of the edge, voxels: first wide, as a plane among few is up to 11 degrees off, then
so narrow that an ellipsoid can't take a cut for a squeeze."""

SEARCHED = 1200
"""Voxels that the search looks at, enough for a plane."""

TILT = 0.15
"""First step of the refinement of a plane, radii."""

REFINED = 8
NARROWED = 3
"""Likeliest planes that are refined with a wide edge, and of those with a narrow one."""

EVALUATIONS = 80

STEPS = 3
"""Of scoring for each direction; they start at one solution."""

EVIDENCE = 12.0
"""Gain in log-likelihood by which a plane counts: its three numbers and the choice among
a thousand directions and heights come to half of that by chance."""

MARGIN = 1.0
"""Distance below a cut, in voxels, from which voxels count again."""


def without_cut(surface: Surface, sphere: Sphere) -> Surface:
    """Leave out what lies on a plane that cuts the ball, as where a neck began.

    Raises
    ------
    DistcorrError
        ``not-converged`` if hardly anything is left.
    """
    away = sphere.placed(surface.points_lps)
    kept = _below_deep_cut(surface, sphere, away)
    if surface.inside is not None:
        kept &= _below_likely_cut(surface.where(kept), sphere, away)
    if kept.mean() < MIN_LEFT:
        raise undetermined(f"{1 - kept.mean():.0%} of the points lie beyond a cut")
    return surface.where(kept)


def _below_deep_cut(surface: Surface, sphere: Sphere, away: Array) -> Mask:
    """Tell which points a plane through those deep inside of the sphere leaves."""
    length = np.linalg.norm(away, axis=1)
    outwards = away / np.maximum(length, 1e-12)[:, None]
    deep = 1.0 - length > CUT_DEPTH + surface.steps_mm(outwards) / sphere.radius_mm
    if deep.mean() < MIN_CUT:
        return np.ones(len(away), dtype=np.bool_)
    middle = np.median(away[deep], axis=0)
    _, _, turned = np.linalg.svd(away[deep] - middle)
    normal = turned[2] if turned[2] @ middle >= 0 else -turned[2]
    margin = 1.5 * surface.steps_mm(normal[None])[0] / sphere.radius_mm
    return np.asarray(~deep & (away @ normal < middle @ normal - margin))


def _below_likely_cut(surface: Surface, sphere: Sphere, away: Array) -> Mask:
    """Tell which of the points ``away`` lie below the plane that makes the voxels likelier."""
    assert surface.inside is not None  # of voxels
    every = max(1, len(surface.points_lps) // SEARCHED)
    points, inside = sphere.placed(surface.points_lps)[::every], surface.inside[::every]
    wide, narrow = (_Search(points, inside, e * voxel_of(surface, sphere)) for e in EDGES)
    everything = np.ones(len(points), dtype=np.bool_)
    whole = wide.fitted(np.zeros(NUMBERS), everything, 3 * STEPS)
    found = [wide.best_height(whole, normal) for normal in evenly_spread(DIRECTIONS)]
    found.sort(key=lambda cut: cut.likelihood)
    refined = sorted(
        (wide.refined(whole, cut) for cut in found[-REFINED:]), key=lambda cut: cut.likelihood
    )
    best = max(
        (narrow.refined(whole, cut) for cut in refined[-NARROWED:]),
        key=lambda cut: cut.likelihood,
    )
    uncut = narrow.fitted(whole, everything, 3 * STEPS)
    if best.likelihood < narrow.likelihood(inside_by(uncut, points)) + EVIDENCE:
        return np.ones(len(away), dtype=np.bool_)
    margin = MARGIN * surface.steps_mm(best.normal[None])[0] / sphere.radius_mm
    return np.asarray(away @ best.normal < best.height - margin)


@dataclass(frozen=True, eq=False)
class _Cut:
    """A plane: what lies higher along ``normal`` is missing."""

    normal: Array
    height: float
    likelihood: float


@dataclass(frozen=True, eq=False)
class _Search:
    """Voxels among which a plane is sought, in radii of the sphere."""

    points: Array
    inside: Mask
    edge: float

    def likelihood(self, distance: Array) -> float:
        return log_likelihood(distance, self.inside, self.edge)

    def fitted(self, x: Array, counted: Mask, steps: int) -> Array:
        for _ in range(steps):
            x, _ = scored(x, self.points[counted], self.inside[counted], self.edge)
        return x

    def best_height(self, start: Array, normal: Array) -> _Cut:
        up = self.points @ normal
        counted = up < CAP * np.linalg.norm(self.points, axis=1)
        d = inside_by(self.fitted(start, counted, STEPS), self.points)
        likelihoods = [self.likelihood(np.minimum(d, height - up)) for height in HEIGHTS]
        best = int(np.argmax(likelihoods))
        return _Cut(normal, float(HEIGHTS[best]), likelihoods[best])

    def refined(self, start: Array, cut: _Cut) -> _Cut:
        """Fit what is below a plane, and tilt and shift it."""
        from scipy.optimize import minimize  # slow to import

        counted = self.points @ cut.normal < cut.height - 2.0 * self.edge
        d = inside_by(self.fitted(start, counted, 3 * STEPS), self.points)

        def unlikely(plane: Array) -> float:
            height = float(np.linalg.norm(plane))
            return -self.likelihood(np.minimum(d, height - self.points @ plane / height))

        plane = cut.height * cut.normal
        corners = np.vstack([plane, plane + TILT * np.eye(3)])
        options = {"initial_simplex": corners, "maxfev": EVALUATIONS}
        found = minimize(unlikely, plane, method="Nelder-Mead", options=options)
        height = float(np.linalg.norm(found.x))
        return _Cut(found.x / height, height, -float(found.fun))


def evenly_spread(count: int) -> Array:
    """Spread directions evenly over the sphere (Fibonacci lattice), shape (count, 3)."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    azimuth = np.pi * (1 + 5**0.5) * n
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(azimuth), r * np.sin(azimuth), z], axis=-1)
