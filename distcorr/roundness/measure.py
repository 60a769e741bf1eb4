"""How round a ball is shown, and whether that can be chance.

The scatter has two sources, of which the larger counts. One is found by leaving out one
patch of the surface after the other (delete-a-group jackknife, Efron & Tibshirani 1993,
chapter 11): errors of neighbouring points belong together where a hand drew them, and
only whole patches are independent. The other is what the steps of voxels leave open
(:mod:`distcorr.roundness.posterior`). The five numbers that make an ellipsoid of a
sphere are tested together (Hotelling's T-squared).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc

from distcorr.roundness.cut import evenly_spread, without_cut
from distcorr.roundness.fit import Ellipsoid, Fit, Sphere, fit_shape, fit_sphere
from distcorr.roundness.posterior import draw_shapes
from distcorr.roundness.surface import Surface

Array = NDArray[np.float64]

PATCHES = 24
"""Of the whole sphere: 45 degrees across, wider than errors of neighbours reach."""

MIN_PATCHES = 12
"""Half of the ball: less of it says little of its shape, and fewer patches can't
carry a covariance of five numbers."""

THINNING = 8
"""One in so many draws is turned into an ellipsoid; neighbouring ones are alike."""

SIGNIFICANT = 0.01
"""Probability below which chance is ruled out."""

_DIRECTIONS = (
    ("left-right", (1.0, 0.0, 0.0)),
    ("front-back", (0.0, 1.0, 0.0)),
    ("head-foot", (0.0, 0.0, 1.0)),
)


@dataclass(frozen=True, eq=False)
class Roundness:
    """Shape of what is truly a ball.

    Attributes
    ----------
    sphere : Sphere
    ellipsoid : Ellipsoid
    axis_ratio_sd : float or None
        Standard deviation of the ellipsoid's axis ratio; None if the surface is
        too small a part of a ball for it.
    p_value : float or None
        Probability that a ball shows at least this deviation by chance.
    """

    sphere: Sphere
    ellipsoid: Ellipsoid
    axis_ratio_sd: float | None
    p_value: float | None

    @property
    def axis_ratio(self) -> float:
        """Shortest to longest axis; 1 for a ball."""
        return self.ellipsoid.axis_ratio

    @property
    def squeeze_lps(self) -> Array:
        """Direction of the shortest axis, a unit vector; its sign means nothing."""
        axis: Array = self.ellipsoid.axes_lps[:, 0]
        return axis if axis[np.argmax(np.abs(axis))] > 0 else -axis

    @property
    def squeeze_name(self) -> str:
        """The patient's axis nearest to the squeeze, and the angle between them."""
        name, axis = max(_DIRECTIONS, key=lambda row: abs(float(self.squeeze_lps @ row[1])))
        angle = np.rad2deg(np.arccos(np.clip(abs(float(self.squeeze_lps @ axis)), 0.0, 1.0)))
        return f"{name} ({angle:.0f} deg off)"

    @property
    def significant(self) -> bool | None:
        """Whether chance is ruled out; None if that can't be told."""
        return None if self.p_value is None else self.p_value < SIGNIFICANT

    @property
    def text(self) -> str:
        """One line: ratio, direction, significance."""
        spread = "" if self.axis_ratio_sd is None else f" ± {self.axis_ratio_sd:.3f}"
        ratio = f"axis ratio {self.axis_ratio:.3f}{spread}"
        if self.p_value is None:
            return f"{ratio}, shortest {self.squeeze_name}; too little surface to test it"
        chance = f"p {'< 0.001' if self.p_value < 0.001 else f'= {self.p_value:.3f}'}"
        if self.significant:
            return f"{ratio}, squeezed {self.squeeze_name}, {chance}"
        return f"{ratio}, no squeeze beyond chance ({chance})"

    def __repr__(self) -> str:
        radii = " x ".join(f"{radius:.2f}" for radius in self.ellipsoid.radii_mm)
        return f"Roundness({self.text}; semi-axes {radii} mm)"


def measure_roundness(surface: Surface) -> Roundness:
    """Fit sphere and ellipsoid to the surface of what is truly a ball.

    Parameters
    ----------
    surface : Surface
        Of the whole ball or most of it; parts that belong to no ball, such as
        where a neck was cut, are recognised if they are small.

    Returns
    -------
    Roundness

    Raises
    ------
    DistcorrError
        ``not-converged`` if the points do not determine a ball.
    """
    sphere = fit_sphere(surface)
    ball = without_cut(surface, sphere)
    likeliest = fit_shape(ball, sphere)
    scatters = []
    ellipsoid = likeliest.ellipsoid
    if ball.inside is not None:
        ellipsoid, scatter = _allowed(ball, likeliest)
        scatters.append(scatter)
    patch = _patches(ball.points_lps, ellipsoid.centre_lps)
    present = np.unique(patch)
    if len(present) < MIN_PATCHES:
        return Roundness(sphere, ellipsoid, None, None)
    left_out = [fit_shape(ball.where(patch != one), sphere, likeliest).ellipsoid for one in present]
    scatters.append(_scatter_of_patches(_deviation(likeliest.ellipsoid), left_out))
    return Roundness(
        sphere,
        ellipsoid,
        max(one.axis_ratio_sd for one in scatters),
        max(one.p_value for one in scatters),
    )


@dataclass(frozen=True, slots=True)
class _Scatter:
    axis_ratio_sd: float
    p_value: float


def _allowed(ball: Surface, likeliest: Fit) -> tuple[Ellipsoid, _Scatter]:
    """Take the mean of the shapes that voxels allow, and their scatter about it.

    Drawn shapes are far more often squeezed a little than hardly at all, as there are
    five ways to be squeezed. Their weights make up for that (the harmonic prior of
    Stein 1981, Annals of Statistics 9:1135): a ball remains nearly one, and a squeeze
    beyond chance hardly changes.
    """
    draws = draw_shapes(ball, likeliest)
    numbers = draws.numbers[::THINNING]
    shapes = [replace(likeliest, numbers=one).ellipsoid for one in numbers]
    deviations = np.array([_deviation(one) for one in shapes])
    squeezed, off = deviations.mean(axis=0), np.cov(deviations.T)
    p_value = float(chdtrc(len(squeezed), squeezed @ np.linalg.pinv(off) @ squeezed))
    weights = np.linalg.norm(deviations, axis=1) ** (2 - len(squeezed))
    mean = replace(
        likeliest,
        numbers=np.average(numbers, axis=0, weights=weights),
        edge=float(np.median(draws.edges)),
    ).ellipsoid
    # Not about the ratios' own mean: chance makes a round ball's smaller, never larger.
    errors = np.array([one.axis_ratio for one in shapes]) - mean.axis_ratio
    return mean, _Scatter(float(np.sqrt(np.average(errors**2, weights=weights))), p_value)


def _scatter_of_patches(deviation: Array, left_out: list[Ellipsoid]) -> _Scatter:
    ratios = np.array([[one.axis_ratio] for one in left_out])
    shapes = np.array([_deviation(one) for one in left_out])
    sd = float(np.sqrt(_jackknife(ratios)[0, 0]))
    return _Scatter(sd, _chance(deviation, shapes))


def _patches(points_lps: Array, centre_lps: Array) -> NDArray[np.intp]:
    directions = evenly_spread(PATCHES)
    return np.asarray(np.argmax((points_lps - centre_lps) @ directions.T, axis=1))


def _deviation(ellipsoid: Ellipsoid) -> Array:
    """Five numbers that are zero for a ball and keep their length when it is turned."""
    s = ellipsoid.log_shape
    return np.array(
        [
            (s[0, 0] - s[1, 1]) / np.sqrt(2.0),
            s[2, 2] * np.sqrt(1.5),
            np.sqrt(2.0) * s[0, 1],
            np.sqrt(2.0) * s[0, 2],
            np.sqrt(2.0) * s[1, 2],
        ]
    )


def _jackknife(values: Array) -> Array:
    """Covariance of an estimate from its values with one group left out, (g, n) to (n, n)."""
    groups = len(values)
    off = values - values.mean(axis=0)
    return np.asarray((groups - 1) / groups * off.T @ off)


def _chance(deviation: Array, left_out: Array) -> float:
    groups, numbers = left_out.shape
    covariance = _jackknife(left_out)
    t2 = float(deviation @ np.linalg.pinv(covariance) @ deviation)
    f = t2 * (groups - numbers) / (numbers * (groups - 1))
    return float(fdtrc(numbers, groups - numbers, f))
