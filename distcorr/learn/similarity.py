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
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from distcorr.learn.windows import BATCH, Windows, sums_at

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
    local = _Regressors.of(windows, normal)
    fit = local.fit((coronal - _centre_and_scale(coronal[valid])[0])[:, None])
    rest, first, second, power, explained = fit.T
    slope = (first + second * local.second_slope) / scale
    # The mean of both gradients is the second-order choice between two images
    # (Malis 2004, ICRA 1843) and halves the noise that a gradient carries.
    joint = 0.5 * (coronal_gradient + slope[:, None] * axial_gradient)
    gradient = local.rests(joint.astype(np.float32, copy=False))
    usable = valid & (windows.share > MIN_WINDOW_SHARE)
    gradient[~usable] = 0
    # Nearly empty windows say nothing, and must not spoil their neighbours' variance.
    rest = np.where(windows.share > MIN_TELLING_SHARE, rest, np.float32(0))
    (variance,) = windows.means(rest * rest)
    floor = VARIANCE_FLOOR * np.median(variance[usable]) if usable.any() else 0.0
    variance = variance + np.float32(floor + _TINY)
    robust = (STUDENT_FREEDOM + 1) / (STUDENT_FREEDOM + rest * rest / variance)
    return Comparison(
        np.where(usable, rest, 0).astype(np.float32),
        slope.astype(np.float32),
        gradient,
        np.where(usable, robust / variance, 0).astype(np.float32),
        np.sign(first) * np.sqrt(explained),
        np.sqrt(power),
    )


_TINY = 1e-12


def _centre_and_scale(values: Float32) -> tuple[np.float32, np.float32]:
    """Mean and standard deviation: squares of normalised values keep their digits."""
    if not values.size:
        return np.float32(0), np.float32(1)
    return np.float32(values.mean()), np.float32(max(float(values.std()), _TINY))


class _Around(NamedTuple):
    """The regressors around every point, as kernels take them; see :class:`_Regressors`."""

    values: Float32
    mean: Float32
    square: Float32
    tilt: Float32
    per_first: Float32
    per_second: Float32


@dataclass(frozen=True, eq=False)
class _Regressors:
    """a, and what of a^2 no line explains, around every point.

    Attributes
    ----------
    windows : Windows
    around : _Around
        Of a, each of shape (m,): its values, the means of a and a^2 over each point's
        window, the slope of a^2 on a there, and the inverse variances of a and of the
        rest of a^2, with floors that no window falls below.
    """

    windows: Windows
    around: _Around

    @classmethod
    def of(cls, windows: Windows, values: Float32) -> _Regressors:
        squares = values * values
        mean, square, cross, fourth = windows.means(
            values, squares, values * squares, squares * squares
        )
        first = _floored(square - mean * mean, windows.valid, MIN_STRUCTURE)
        covariance = cross - mean * square
        tilt = np.asarray(covariance / first, dtype=np.float32)
        bend = np.asarray(fourth - square * square - tilt * covariance, dtype=np.float32)
        second = _floored(bend, windows.valid, MIN_BEND)
        one = np.float32(1)
        return cls(windows, _Around(values, mean, square, tilt, one / first, one / second))

    @property
    def second_slope(self) -> Float32:
        """Derivative of the second regressor by a."""
        return np.asarray(2 * self.around.values - self.around.tilt, dtype=np.float32)

    def fit(self, quantity: Float32) -> Float32:
        """Regress a quantity, shape (m, 1).

        Returns
        -------
        ndarray of float32, shape (m, 5)
            What is left of it without its local mean and all that the regressors
            explain; the coefficients of both regressors; its local variance; the share
            of that which is explained.
        """
        out = np.empty((len(quantity), 5), np.float32)
        windows = self.windows
        _fit(
            windows.places,
            self._moments(quantity),
            windows.per_measured,
            self.around,
            quantity,
            out,
        )
        return out

    def rests(self, quantities: Float32) -> Float32:
        """Take from quantities (m, n) their local means and what the regressors explain."""
        out = np.empty(quantities.shape, np.float32)
        windows = self.windows
        sums = self._moments(quantities)
        _subtract(windows.places, sums, windows.per_measured, self.around, quantities, out)
        return out

    def _moments(self, quantities: Float32) -> Float32:
        """Sum q, q a, q a^2 and q^2 over windows for quantities (m, n), (z, y, x, 4 n)."""
        sums = np.zeros((*self.windows.cells, _MOMENTS * quantities.shape[1]))
        values = self.around.values
        _sum_moments(self.windows.places, self.windows.valid, values, quantities, sums)
        return self.windows.smoothed(sums)


_MOMENTS = 4


@njit(cache=True, parallel=True)
def _sum_moments(places, valid, values, quantities, sums):  # type: ignore[no-untyped-def]
    # A plane of cells has points of its own: no two threads add to one cell.
    for plane in prange(sums.shape[0]):
        for p in range(places.first[plane], places.first[plane + 1]):
            if not valid[p]:
                continue
            j, i = places.cell[1, places.zyx[p, 1]], places.cell[2, places.zyx[p, 2]]
            row = sums[plane, j, i]
            a = values[p]
            for n in range(quantities.shape[1]):
                q = quantities[p, n]
                row[_MOMENTS * n] += q
                row[_MOMENTS * n + 1] += q * a
                row[_MOMENTS * n + 2] += q * a * a
                row[_MOMENTS * n + 3] += q * q


@njit(cache=True)
def _covariances(around, p, total, n, factor):  # type: ignore[no-untyped-def]
    """Mean of a quantity around point ``p`` and its covariances with both regressors."""
    mean = total[_MOMENTS * n] * factor
    with_first = total[_MOMENTS * n + 1] * factor - mean * around.mean[p]
    with_square = total[_MOMENTS * n + 2] * factor - mean * around.square[p]
    return mean, with_first, with_square - around.tilt[p] * with_first


@njit(cache=True)
def _at_point(around, p):  # type: ignore[no-untyped-def]
    """Both regressors at point ``p``, without their local means."""
    first = around.values[p] - around.mean[p]
    square = around.values[p] * around.values[p] - around.square[p]
    return first, square - around.tilt[p] * first


@njit(cache=True, parallel=True)
def _subtract(places, sums, per_measured, around, quantities, out):  # type: ignore[no-untyped-def]
    count = out.shape[0]
    for batch in prange((count + BATCH - 1) // BATCH):
        total = np.empty(sums.shape[3], np.float32)
        for p in range(batch * BATCH, min(count, (batch + 1) * BATCH)):
            sums_at(places, p, sums, total)
            at_first, at_second = _at_point(around, p)
            by_first = at_first * around.per_first[p]
            by_second = at_second * around.per_second[p]
            for n in range(out.shape[1]):
                mean, first, second = _covariances(around, p, total, n, per_measured[p])
                out[p, n] = quantities[p, n] - mean - first * by_first - second * by_second


@njit(cache=True, parallel=True)
def _fit(places, sums, per_measured, around, quantity, out):  # type: ignore[no-untyped-def]
    count = out.shape[0]
    for batch in prange((count + BATCH - 1) // BATCH):
        total = np.empty(sums.shape[3], np.float32)
        for p in range(batch * BATCH, min(count, (batch + 1) * BATCH)):
            sums_at(places, p, sums, total)
            mean, with_first, with_second = _covariances(around, p, total, 0, per_measured[p])
            power = max(total[3] * per_measured[p] - mean * mean, np.float32(_TINY))
            first = with_first * around.per_first[p]
            second = with_second * around.per_second[p]
            at_first, at_second = _at_point(around, p)
            out[p, 0] = quantity[p, 0] - mean - first * at_first - second * at_second
            out[p, 1] = first
            out[p, 2] = second
            out[p, 3] = power
            out[p, 4] = min(max((first * with_first + second * with_second) / power, 0.0), 1.0)


def _floored(variance: Float32, valid: NDArray[np.bool_], share: float) -> Float32:
    """Raise variances by a share of their median."""
    positive = np.maximum(variance, 0)
    typical = float(np.median(positive[valid])) if valid.any() else 0.0
    return np.asarray(positive + np.float32(max(share * typical, _TINY)), dtype=np.float32)
