"""Fit a sphere and an ellipsoid to what is known of a surface.

A point's signed distance from the ellipsoid |A (p - c)| = 1 is taken to first
order, (1 - |u|) |u| / |A u| with u = A (p - c), positive inside (Sampson 1982,
Computer Graphics and Image Processing 18:97); A is the exponential of a symmetric
matrix, so that every step is an ellipsoid. The likelihood is maximised by Fisher
scoring.

Points of a surface: squares of distances, with Tukey's biweight against outliers.

Voxels: each belongs to the ball with probability logistic(distance / s). An
ellipsoid then has to pass between the voxels inside and those outside, which
says much more than points half way between them: on a label whose voxels are a
twelfth of the ball's diameter the axis ratio is found to 0.002. s falls from half
a voxel until the likelihood does; an edge drawn by hand keeps a larger one. A
hundredth of the voxels may be wrong at no further cost.

A head cut from its neck ends in a plane. Points well inside of the sphere betray
it, and what lies on it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from distcorr.errors import Code, DistcorrError
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

CUT_DEPTH = 0.12
"""Depth inside of the sphere, relative to its radius and beyond one step, that no squeeze
explains: a cut. An axis ratio of 0.8 reaches that far."""

MIN_CUT = 0.02
"""Share of the points that have to lie so deep to be a cut."""

MIN_LEFT = 0.3
"""Share of the points that has to be left without a cut; less is no ball."""

MAX_AXIS_RATIO = 20.0
"""A longer ellipsoid is a fit that ran away: the points do not enclose a ball."""


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
        raise _undetermined("no sphere passes near the points")
    return Sphere(x[:3], float(x[3]))


def without_cut(surface: Surface, sphere: Sphere) -> Surface:
    """Leave out what lies on a plane that cuts the ball, as where a neck began."""
    away = (surface.points_lps - sphere.centre_lps) / sphere.radius_mm
    depth = 1.0 - np.linalg.norm(away, axis=1)
    deep = depth > CUT_DEPTH + surface.steps_mm(_outwards(away)) / sphere.radius_mm
    if deep.mean() < MIN_CUT:
        return surface
    middle = np.median(away[deep], axis=0)
    _, _, turned = np.linalg.svd(away[deep] - middle)
    normal = turned[2] if turned[2] @ middle >= 0 else -turned[2]
    margin = 1.5 * surface.steps_mm(normal[None])[0] / sphere.radius_mm
    kept = ~deep & (away @ normal < middle @ normal - margin)
    if kept.mean() < MIN_LEFT:
        raise _undetermined(f"{1 - kept.mean():.0%} of the points lie deep inside of a sphere")
    return surface.where(kept)


def fit_ellipsoid(
    surface: Surface, sphere: Sphere | None = None, start: Ellipsoid | None = None
) -> Ellipsoid:
    """Fit an ellipsoid.

    Parameters
    ----------
    surface : Surface
    sphere : Sphere, optional
        Sets origin and scale; fitted if absent.
    start : Ellipsoid, optional
        A neighbouring solution, whose edge is kept.

    Raises
    ------
    DistcorrError
        ``not-converged`` if the points do not determine one.
    """
    ball = sphere or fit_sphere(surface)
    points = (surface.points_lps - ball.centre_lps) / ball.radius_mm
    x = np.zeros(9) if start is None else _parameters(start, ball)
    if surface.inside is None:
        x, edge = _fit_points(x, points, surface.weights)
    else:
        voxel = float(surface.steps_mm(_outwards(points)).mean()) / ball.radius_mm
        widths = [w * voxel for w in EDGE_WIDTHS]
        if start is not None:
            widths = [start.edge_mm / ball.radius_mm]
        x, edge = _fit_voxels(x, points, surface.inside, widths)
    values, axes = np.linalg.eigh(-_symmetric(x[3:]))
    radii = np.exp(values)
    if not (np.isfinite(x).all() and radii[2] < MAX_AXIS_RATIO * radii[0]):
        raise _undetermined(f"semi-axes {ball.radius_mm * radii} mm")
    scale = ball.radius_mm
    return Ellipsoid(ball.centre_lps + scale * x[:3], scale * radii, axes, scale * edge)


def _fit_points(x: Array, points: Array, weights: Array) -> tuple[Array, float]:
    edge = 0.0
    for _ in range(MAX_STEPS):
        d, slopes = _distance_and_slopes(x, points)
        edge = 1.4826 * float(np.median(np.abs(d)))
        w = weights * _biweight(d)
        x, length = _stepped(x, -slopes.T @ (w * d), slopes.T @ (w[:, None] * slopes))
        if length <= SETTLED:
            break
    return x, edge


def _fit_voxels(x: Array, points: Array, inside: Mask, widths: list[float]) -> tuple[Array, float]:
    """Fit with one width of the edge after the other; the likeliest counts."""
    side = np.where(inside, 1.0, -1.0)
    best, edge, highest = x, widths[0], -np.inf
    for width in widths:
        for _ in range(MAX_STEPS):
            d, slopes = _distance_and_slopes(x, points)
            right = expit(side * d / width)
            probability = MISLABELLED + (1.0 - 2.0 * MISLABELLED) * right
            change = (1.0 - 2.0 * MISLABELLED) * right * (1.0 - right) / width
            information = change**2 / (probability * (1.0 - probability))
            score = slopes.T @ (side * change / probability)
            x, length = _stepped(x, score, slopes.T @ (information[:, None] * slopes))
            if length <= SETTLED:
                break
        likelihood = float(np.log(probability).sum())
        if likelihood <= highest:
            break
        best, edge, highest = x, width, likelihood
    return best, edge


def _stepped(x: Array, score: Array, information: Array) -> tuple[Array, float]:
    ridge = 1e-9 * float(np.trace(information)) + np.finfo(np.float64).tiny
    step = np.linalg.solve(information + ridge * np.eye(len(x)), score)
    length = float(np.abs(step).max())
    return x + step * min(1.0, MAX_STEP / max(length, 1e-300)), length


def _distance_and_slopes(x: Array, points: Array) -> tuple[Array, Array]:
    """Signed distance inside of the ellipsoid and its derivatives, by differences."""
    d, small = _inside_by(x, points), 1e-6
    slopes = np.empty((len(points), len(x)))
    for n in range(len(x)):
        moved = x.copy()
        moved[n] += small
        slopes[:, n] = (_inside_by(moved, points) - d) / small
    return d, slopes


def _inside_by(x: Array, points: Array) -> Array:
    A = _exponential(x[3:])
    u = (points - x[:3]) @ A
    length = np.linalg.norm(u, axis=1)
    slope = np.maximum(np.linalg.norm(u @ A, axis=1), 1e-12)
    distance: Array = (1.0 - length) * length / slope
    return distance


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


def _symmetric(x: Array) -> Array:
    a, b, c, d, e, f = x
    return np.array([[a, d, e], [d, b, f], [e, f, c]])


def _exponential(x: Array) -> Array:
    values, axes = np.linalg.eigh(_symmetric(x))
    return np.asarray((axes * np.exp(values)) @ axes.T)


def _parameters(ellipsoid: Ellipsoid, ball: Sphere) -> Array:
    axes = ellipsoid.axes_lps
    s = -(axes * np.log(ellipsoid.radii_mm / ball.radius_mm)) @ axes.T
    centre = (ellipsoid.centre_lps - ball.centre_lps) / ball.radius_mm
    return np.array([*centre, s[0, 0], s[1, 1], s[2, 2], s[0, 1], s[0, 2], s[1, 2]])


def _undetermined(evidence: str) -> DistcorrError:
    return DistcorrError(
        Code.NOT_CONVERGED,
        "the surface determines no ball",
        evidence,
        "give the region or mesh of one ball, most of its surface",
    )
