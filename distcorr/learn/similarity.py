"""Local linear regression of one image on the other.

Around every point the coronal intensity c is explained by the axial one, a, as
c = alpha + beta a with alpha and beta constant in a window. Smooth bias fields,
the brightness of stretching and a monotone change of contrast cancel. What is
left, e, is the residual; its derivative by a displacement is projected on what
the regression can't explain (variable projection; Golub and Pereyra 1973, SIAM
J Numer Anal 10:413, in Kaufman's form), so that the information is not
overstated.
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

MIN_STRUCTURE = 1e-3
"""Least variance of a in a window, as a share of the median, that supports a
slope; below it the regression falls back to the mean."""

VARIANCE_FLOOR = 0.25
"""Share of the median residual variance below which no window is believed: a
window can match by luck."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The local regression at the sample points of one pair.

    Attributes
    ----------
    residual : ndarray of float32, shape (m,)
        c - alpha - beta a, in units of c.
    slope : ndarray of float32, shape (m,)
        beta.
    gradient : ndarray of float32, shape (m, 3)
        Projected derivative of the residual by a displacement of the coronal
        tissue, in the axial-time scanner frame, 1/mm.
    weight : ndarray of float32, shape (m,)
        Inverse variance of the residual times the robust weight; zero where
        the window is too empty.
    correlation : ndarray of float32, shape (m,)
        Local correlation coefficient of a and c.
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
    # Squares of centred values keep their digits in single precision.
    axial = axial - np.float32(axial[valid].mean() if valid.any() else 0)
    coronal = coronal - np.float32(coronal[valid].mean() if valid.any() else 0)
    a_mean, c_mean, aa, cc, ac = windows.means(
        axial, coronal, axial * axial, coronal * coronal, axial * coronal
    )
    a_var = np.maximum(aa - a_mean**2, 0)
    c_var = np.maximum(cc - c_mean**2, 0)
    cov = ac - a_mean * c_mean
    floor = np.float32(max(float(np.median(a_var[valid])) * MIN_STRUCTURE, 1e-12))
    slope = cov / (a_var + floor)
    residual = (coronal - c_mean) - slope * (axial - a_mean)
    # The mean of both gradients is the second-order choice between two images
    # (Malis 2004, ICRA 1843) and halves the noise that a gradient carries.
    joint = 0.5 * (coronal_gradient + slope[:, None] * axial_gradient)
    gradient = _project(windows, joint, axial, a_mean, a_var + floor)
    (variance,) = windows.means(residual**2)
    usable = valid & (windows.share > MIN_WINDOW_SHARE)
    if usable.any():
        variance = variance + np.float32(VARIANCE_FLOOR * np.median(variance[usable]) + 1e-12)
    robust = (STUDENT_FREEDOM + 1) / (STUDENT_FREEDOM + residual**2 / variance)
    correlation = cov / np.sqrt(np.maximum(a_var * c_var, 1e-20))
    return Comparison(
        np.where(usable, residual, 0).astype(np.float32),
        slope.astype(np.float32),
        gradient,
        np.where(usable, robust / variance, 0).astype(np.float32),
        correlation.astype(np.float32),
        np.sqrt(c_var).astype(np.float32),
    )


def _project(
    windows: Windows, gradient: Float32, axial: Float32, a_mean: Float32, a_var: Float32
) -> Float32:
    """Take from each gradient component what alpha and beta would absorb."""
    parts = [np.ascontiguousarray(gradient[:, i]) for i in range(3)]
    means = windows.means(*parts, *[part * axial for part in parts])
    out = np.empty_like(gradient)
    centred = axial - a_mean
    for i, part in enumerate(parts):
        mean, with_axial = means[i], means[3 + i]
        out[:, i] = part - mean - (with_axial - mean * a_mean) / a_var * centred
    return out
