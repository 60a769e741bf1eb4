"""Local regression of one image on the other.

Around every point the coronal intensity c is explained by the axial one, a, as
c = alpha + beta a + gamma a^2 with coefficients that are constant in a window.
Smooth bias fields, the brightness of stretching and a change of contrast cancel; the
square lets three tissues differ as they like, whether one contrast rises with the
other or not. (A straight line leaves systematic errors wherever a window holds more
than two: ten times the error in a head of inverted, non-monotone contrast.) What is
left, e, is the residual; its derivative by a displacement is projected on what the
regression can't explain (variable projection; Golub and Pereyra 1973, SIAM J Numer
Anal 10:413, in Kaufman's form), so that the information is not overstated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.learn.windows import Windows

Float32 = NDArray[np.float32]

STUDENT_FREEDOM = 4.0
"""Degrees of freedom of the residuals' t distribution: heavy enough to forgive
vessels, chemical-shift edges and partial volume."""

MIN_WINDOW_SHARE = 0.35
"""Share of a window that must be measured for its regression to count."""

MOST_SDS = 6.0
"""Intensities farther from the mean, in standard deviations, are cut there: their
squares would rule the window."""

MIN_TELLING_SHARE = 0.1
"""Share below which even the residual of a window is an artefact."""

MIN_STRUCTURE = 1e-3
"""Least variance of a in a window, as a share of the median, that supports a
slope; below it the regression falls back to the mean."""

MIN_BEND = 1e-2
"""The same for what of the square no line explains; below it the regression falls
back to a line."""

VARIANCE_FLOOR = 0.25
"""Share of the median residual variance below which no window is believed: a
window can match by luck."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The local regression at the sample points of one pair.

    Attributes
    ----------
    residual : ndarray of float32, shape (m,)
        c - alpha - beta a - gamma a^2, in units of c.
    slope : ndarray of float32, shape (m,)
        dc/da at the point.
    gradient : ndarray of float32, shape (m, 3)
        Projected derivative of the residual by a displacement of the coronal
        tissue, in the axial-time scanner frame, 1/mm.
    weight : ndarray of float32, shape (m,)
        Inverse variance of the residual times the robust weight; zero where
        the window is too empty.
    correlation : ndarray of float32, shape (m,)
        Root of the share of c's local variance that is explained, with the sign
        of beta.
    contrast : ndarray of float32, shape (m,)
        Local standard deviation of c.
    """

    residual: Float32
    slope: Float32
    gradient: Float32
    weight: Float32
    correlation: Float32
    contrast: Float32


def compare(
    windows: Windows,
    valid: NDArray[np.bool_],
    axial: Float32,
    coronal: Float32,
    axial_gradient: Float32,
    coronal_gradient: Float32,
) -> Comparison:
    """Regress locally and project.

    Parameters
    ----------
    windows : Windows
    valid : ndarray of bool, shape (m,)
    axial, coronal : ndarray of float32, shape (m,)
        Both images at corresponding points.
    axial_gradient, coronal_gradient : ndarray of float32, shape (m, 3)
        Their gradients by a true displacement, axial-time scanner frame, 1/mm.
    """
    centre, scale = _centre_and_scale(axial[valid])
    normal = np.clip((axial - centre) / scale, -MOST_SDS, MOST_SDS).astype(np.float32)
    local = _Regressors.of(windows, valid, normal)
    (fit,) = local.fits([coronal - _centre_and_scale(coronal[valid])[0]])
    slope = (fit.first + fit.second * local.second_slope) / scale
    # The mean of both gradients is the second-order choice between two images
    # (Malis 2004, ICRA 1843) and halves the noise that a gradient carries.
    joint = 0.5 * (coronal_gradient + slope[:, None] * axial_gradient)
    parts = local.fits([np.ascontiguousarray(joint[:, i]) for i in range(3)])
    usable = valid & (windows.share > MIN_WINDOW_SHARE)
    # Nearly empty windows say nothing, and must not spoil their neighbours' variance.
    rest = np.where(windows.share > MIN_TELLING_SHARE, fit.rest, np.float32(0))
    (variance,) = windows.means(rest * rest)
    floor = VARIANCE_FLOOR * np.median(variance[usable]) if usable.any() else 0.0
    variance = variance + np.float32(floor + _TINY)
    robust = (STUDENT_FREEDOM + 1) / (STUDENT_FREEDOM + rest * rest / variance)
    return Comparison(
        np.where(usable, rest, 0).astype(np.float32),
        slope.astype(np.float32),
        np.stack([np.where(usable, part.rest, np.float32(0)) for part in parts], axis=1),
        np.where(usable, robust / variance, 0).astype(np.float32),
        fit.correlation,
        np.sqrt(fit.variance),
    )


_TINY = 1e-12


def _centre_and_scale(values: Float32) -> tuple[np.float32, np.float32]:
    """Mean and standard deviation: squares of normalised values keep their digits."""
    if not values.size:
        return np.float32(0), np.float32(1)
    return np.float32(values.mean()), np.float32(max(float(values.std()), _TINY))


@dataclass(frozen=True, eq=False)
class _Fit:
    """Local regression of one quantity.

    Attributes
    ----------
    first, second : ndarray of float32, shape (m,)
        Coefficients of the two regressors.
    variance : ndarray of float32, shape (m,)
        Local.
    rest : ndarray of float32, shape (m,)
        Without its local mean and all that the regressors explain.
    correlation : ndarray of float32, shape (m,)
        Root of the explained share, with the sign of the first coefficient.
    """

    first: Float32
    second: Float32
    variance: Float32
    rest: Float32
    correlation: Float32


@dataclass(frozen=True, eq=False)
class _Regressors:
    """a, and what of a^2 no line explains, around every point.

    Attributes
    ----------
    windows : Windows
    values, squares : ndarray of float32, shape (m,)
    means : tuple of ndarray
        Of both over each point's window.
    tilt : ndarray of float32, shape (m,)
        Slope of a^2 on a there.
    variances : tuple of ndarray
        Of a and of the rest of a^2, with the floors that no window falls below.
    """

    windows: Windows
    values: Float32
    squares: Float32
    means: tuple[Float32, Float32]
    tilt: Float32
    variances: tuple[Float32, Float32]

    @classmethod
    def of(cls, windows: Windows, valid: NDArray[np.bool_], values: Float32) -> _Regressors:
        squares = values * values
        mean, square, cross, fourth = windows.means(
            values, squares, values * squares, squares * squares
        )
        first = _floored(square - mean * mean, valid, MIN_STRUCTURE)
        covariance = cross - mean * square
        tilt = np.asarray(covariance / first, dtype=np.float32)
        bend = np.asarray(fourth - square * square - tilt * covariance, dtype=np.float32)
        second = _floored(bend, valid, MIN_BEND)
        return cls(windows, values, squares, (mean, square), tilt, (first, second))

    @property
    def _at_points(self) -> tuple[Float32, Float32]:
        """Both regressors at the points, without their local means."""
        first = self.values - self.means[0]
        return first, (self.squares - self.means[1]) - self.tilt * first

    @property
    def second_slope(self) -> Float32:
        """Derivative of the second regressor by a."""
        return np.asarray(2 * self.values - self.tilt, dtype=np.float32)

    def fits(self, quantities: list[Float32]) -> list[_Fit]:
        """Regress quantities, each of shape (m,)."""
        products = [
            product for q in quantities for product in (q, q * self.values, q * self.squares, q * q)
        ]
        means = self.windows.means(*products)
        return [self._fit(q, *means[4 * n : 4 * n + 4]) for n, q in enumerate(quantities)]

    def _fit(
        self,
        quantity: Float32,
        mean: Float32,
        by_value: Float32,
        by_square: Float32,
        power: Float32,
    ) -> _Fit:
        with_first = by_value - mean * self.means[0]
        with_second = by_square - mean * self.means[1] - self.tilt * with_first
        first = np.asarray(with_first / self.variances[0], dtype=np.float32)
        second = np.asarray(with_second / self.variances[1], dtype=np.float32)
        at_first, at_second = self._at_points
        variance = np.maximum(power - mean * mean, np.float32(_TINY))
        share = np.clip((first * with_first + second * with_second) / variance, 0, 1)
        return _Fit(
            first,
            second,
            variance,
            (quantity - mean) - first * at_first - second * at_second,
            np.asarray(np.sign(first) * np.sqrt(share), dtype=np.float32),
        )


def _floored(variance: Float32, valid: NDArray[np.bool_], share: float) -> Float32:
    """Raise variances by a share of their median."""
    positive = np.maximum(variance, 0)
    typical = float(np.median(positive[valid])) if valid.any() else 0.0
    return np.asarray(positive + np.float32(max(share * typical, _TINY)), dtype=np.float32)
