"""Fit a sphere and an ellipsoid to what is known of a surface.

The likelihood of a :mod:`shape <distcorr.roundness.shape>` is maximised by Fisher
scoring.

Points of a surface: squares of distances, with Tukey's biweight against outliers.

Voxels: each belongs to the ball with probability logistic(distance / s). A surface
then has to pass between the voxels inside and those outside, which says much more than
points half way between them. s falls from half a voxel until the likelihood does; an
edge drawn by hand keeps a larger one. A hundredth of the voxels may be wrong at no
further cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from distcorr.errors import Code, DistcorrError
from distcorr.roundness.shape import (
    BEND_SD,
    ELLIPSOID_NUMBERS,
    NUMBERS,
    inside_and_slopes,
    inside_by,
    radii_and_axes,
)
from distcorr.roundness.surface import Surface

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TUKEY = 4.685
"""Cut-off of the biweight in standard deviations: 95 % efficient (Holland & Welsch 1977)."""

EDGE_WIDTHS = (0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.055, 0.035, 0.025)
"""Widths s of a label's edge that are tried, in voxels, one after the other."""

MISLABELLED = 0.01
"""Share of voxels that may be on the wrong side for no reason."""

MAX_STEPS = 60
SETTLED = 1e-5
"""Step, relative to the radius, at which scoring ends: a thousandth of a voxel at most."""

MAX_STEP = 0.1
"""Largest step, relative to the radius: the distance is linear no further."""

FAR = 12.0
"""Distance, in widths of the edge, at which a voxel is on its side with certainty: 6e-6."""

MAX_AXIS_RATIO = 20.0
"""A longer ellipsoid is a fit that ran away: the points do not enclose a ball."""

FLATTEST = 10.0
"""Radius of a sphere in root mean square distances of the points from their middle. Beyond
lie caps of less than 8 degrees about their pole: the points are flat and enclose no ball."""


@dataclass(frozen=True, eq=False)
class Sphere:
    """A sphere fitted to a surface.

    Attributes
    ----------
    centre_lps : ndarray, shape (3,)
        mm.
    radius_mm : float
    """

    centre_lps: Array
    radius_mm: float

    def placed(self, points_lps: Array) -> Array:
        """Take points to units of the radius about the centre."""
        return np.asarray((points_lps - self.centre_lps) / self.radius_mm)


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """An ellipsoid fitted to a surface.

    Attributes
    ----------
    centre_lps : ndarray, shape (3,)
        mm.
    radii_mm : ndarray, shape (3,)
        Semi-axes, ascending.
    axes_lps : ndarray, shape (3, 3)
        Columns are their directions, unit vectors.
    edge_mm : float
        Uncertainty of a single point: width of a label's edge, or robust
        standard deviation of the distances of points.
    """

    centre_lps: Array
    radii_mm: Array
    axes_lps: Array
    edge_mm: float

    @property
    def axis_ratio(self) -> float:
        """Shortest to longest axis; 1 for a ball."""
        return float(self.radii_mm[0] / self.radii_mm[2])

    @property
    def log_shape(self) -> Array:
        """Logarithm of its stretch from a ball, trace-free, shape (3, 3)."""
        logs = np.log(self.radii_mm)
        return np.asarray((self.axes_lps * (logs - logs.mean())) @ self.axes_lps.T)


@dataclass(frozen=True, eq=False)
class Fit:
    """The likeliest shape.

    Attributes
    ----------
    numbers : ndarray, shape (16,)
        As :mod:`distcorr.roundness.shape`, about ``sphere``.
    edge : float
        Of the sphere's radius.
    sphere : Sphere
    """

    numbers: Array
    edge: float
    sphere: Sphere

    @property
    def ellipsoid(self) -> Ellipsoid:
        """Without its bend."""
        radii, axes = radii_and_axes(self.numbers)
        scale = self.sphere.radius_mm
        centre = self.sphere.centre_lps + scale * self.numbers[:3]
        return Ellipsoid(centre, scale * radii, axes, scale * self.edge)


def fit_sphere(surface: Surface) -> Sphere:
    """Fit a sphere to most of the points.

    Raises
    ------
    DistcorrError
        ``not-converged`` if the points do not determine one.
    """
    from scipy.optimize import least_squares  # slow to import

    points, weights = surface.points_lps, surface.weights
    x = np.append(np.average(points, axis=0, weights=weights), 0.0)
    x[3] = np.median(np.linalg.norm(points - x[:3], axis=1))
    for _ in range(MAX_STEPS):
        root = np.sqrt(weights * _biweight(_beyond(x, points)))
        found = least_squares(lambda y, root=root: root * _beyond(y, points), x, method="lm").x
        moved = float(np.abs(found - x).max())
        x = np.asarray(found)
        if moved <= SETTLED * x[3]:
            break
    if not (np.isfinite(x).all() and x[3] > 0):
        raise undetermined("no sphere passes near the points")
    apart = points - np.average(points, axis=0, weights=weights)
    reach = float(np.sqrt(np.average((apart**2).sum(axis=1), weights=weights)))
    if x[3] > FLATTEST * reach:
        raise undetermined(f"radius {x[3]:.4g} mm of points {reach:.1f} mm from their middle")
    return Sphere(x[:3], float(x[3]))


def fit_ellipsoid(surface: Surface, sphere: Sphere | None = None) -> Ellipsoid:
    """Fit the likeliest ellipsoid; :func:`fit_shape` without the bend."""
    return fit_shape(surface, sphere).ellipsoid


def fit_shape(surface: Surface, sphere: Sphere | None = None, start: Fit | None = None) -> Fit:
    """Fit an ellipsoid that may be slightly bent.

    Parameters
    ----------
    surface : Surface
    sphere : Sphere, optional
        Sets origin and scale; fitted if absent.
    start : Fit, optional
        A neighbouring solution about the same sphere, whose edge is kept.

    Raises
    ------
    DistcorrError
        ``not-converged`` if the points do not determine one.
    """
    ball = sphere or fit_sphere(surface)
    points = ball.placed(surface.points_lps)
    x = np.zeros(NUMBERS) if start is None else start.numbers
    if surface.inside is None:
        x, edge = _fit_points(x, points, surface.weights)
    else:
        voxel = voxel_of(surface, ball)
        widths = [w * voxel for w in EDGE_WIDTHS] if start is None else [start.edge]
        x, edge = _fit_voxels(x, points, surface.inside, widths)
    radii, _ = radii_and_axes(x)
    if not (np.isfinite(x).all() and radii[2] < MAX_AXIS_RATIO * radii[0]):
        raise undetermined(f"semi-axes {ball.radius_mm * radii} mm")
    return Fit(x, edge, ball)


def voxel_of(surface: Surface, sphere: Sphere) -> float:
    """Mean distance of neighbours across the surface, of the radius."""
    steps = surface.steps_mm(_outwards(sphere.placed(surface.points_lps)))
    return float(steps.mean()) / sphere.radius_mm


def log_likelihood(distance: Array, inside: Mask, edge: float) -> float:
    """Logarithm of the probability of voxels at distances inside of a surface."""
    right = expit(np.where(inside, distance, -distance) / edge)
    return float(np.log(MISLABELLED + (1.0 - 2.0 * MISLABELLED) * right).sum())


def scored(x: Array, points: Array, inside: Mask, edge: float) -> tuple[Array, float]:
    """One step of Fisher scoring towards the likeliest surface; returns its length, too."""
    side = np.where(inside, 1.0, -1.0)
    d, slopes = inside_and_slopes(x, points)
    right = expit(side * d / edge)
    probability = MISLABELLED + (1.0 - 2.0 * MISLABELLED) * right
    change = (1.0 - 2.0 * MISLABELLED) * right * (1.0 - right) / edge
    information = change**2 / (probability * (1.0 - probability))
    score = slopes.T @ (side * change / probability)
    return _stepped(x, score, slopes.T @ (information[:, None] * slopes), 1.0)


def undetermined(evidence: str) -> DistcorrError:
    """Refuse what encloses no ball."""
    return DistcorrError(
        Code.NOT_CONVERGED,
        "the surface determines no ball",
        evidence,
        "give the region or mesh of one ball, most of its surface",
    )


def _fit_points(x: Array, points: Array, weights: Array) -> tuple[Array, float]:
    edge = 0.0
    for _ in range(MAX_STEPS):
        d, slopes = inside_and_slopes(x, points)
        edge = 1.4826 * float(np.median(np.abs(d)))
        w = weights * _biweight(d)
        x, length = _stepped(x, -slopes.T @ (w * d), slopes.T @ (w[:, None] * slopes), edge**2)
        if length <= SETTLED:
            break
    return x, edge


def _fit_voxels(x: Array, points: Array, inside: Mask, widths: list[float]) -> tuple[Array, float]:
    """Fit with one width of the edge after the other; the likeliest counts."""
    best, edge, highest = x, widths[0], -np.inf
    for width in widths:
        # Voxels far from the surface agree with all that a step can change.
        far = FAR * width + MAX_STEP * widths[0]
        near = np.abs(inside_by(x, points)) < far
        for _ in range(MAX_STEPS):
            x, length = scored(x, points[near], inside[near], width)
            if length <= SETTLED:
                break
        likelihood = log_likelihood(inside_by(x, points), inside, width)
        if likelihood <= highest:
            break
        best, edge, highest = x, width, likelihood
    return best, edge


def _stepped(x: Array, score: Array, information: Array, variance: float) -> tuple[Array, float]:
    """Step to the maximum; score and information are in units of ``variance``."""
    prior = np.zeros(NUMBERS)
    prior[ELLIPSOID_NUMBERS:] = variance / BEND_SD**2
    ridge = 1e-9 * float(np.trace(information)) + np.finfo(np.float64).tiny
    total = information + np.diag(prior + ridge)
    step = np.linalg.solve(total, score - prior * x)
    length = float(np.abs(step).max())
    return x + step * min(1.0, MAX_STEP / max(length, 1e-300)), length


def _outwards(points: Array) -> Array:
    directions: Array = points / np.maximum(np.linalg.norm(points, axis=1), 1e-12)[:, None]
    return directions


def _beyond(x: Array, points: Array) -> Array:
    distance: Array = np.linalg.norm(points - x[:3], axis=1) - x[3]
    return distance


def _biweight(residual: Array) -> Array:
    spread = 1.4826 * float(np.median(np.abs(residual)))
    inside = np.clip(1.0 - (residual / max(TUKEY * spread, 1e-12)) ** 2, 0.0, None)
    return np.asarray(inside**2)
