"""What others would fit to markers: functions from true places to displacements.

Each takes true and shown places (m, 3) of the markers that it may know, in mm of one
frame, and returns what predicts where others are shown. Placement and calibration are
not known, so each model holds a constant and a linear part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from distcorr.field import HarmonicBasis

Array = NDArray[np.float64]
Predictor = Callable[[Array], Array]

PUBLISHED_DEGREE = 8
"""Of the harmonics that were published of these markers: 81 coefficients an axis."""

DEGREES = range(1, 13)
"""Degrees that compete in cross-validation, where there are markers enough."""

SMOOTHINGS = (0.0, *(10.0**power for power in range(-3, 9)))
"""Weights of the spline's bending that compete, up to nearly linear ones."""

THIN_PLATE = "thin_plate_spline"
KERNELS = (THIN_PLATE, "linear", "cubic", "quintic")
"""SciPy's kernels that have no width to choose."""

FOLDS = 10
RADIUS_MM = 150.0
"""At which the harmonics are of size 1: where the markers are."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model and what was chosen for it."""

    predict: Predictor
    chosen: str = ""


def linear(true: Array, shown: Array) -> Fitted:
    """Fit placement and calibration alone: what is left is not linear."""
    return Fitted(_harmonics(true, shown, 1))


def harmonics_as_published(true: Array, shown: Array) -> Fitted:
    """Fit all spherical harmonics of the degree that was published, by least squares."""
    return Fitted(_harmonics(true, shown, PUBLISHED_DEGREE))


def harmonics_by_cross_validation(true: Array, shown: Array) -> Fitted:
    """Fit spherical harmonics of the degree with the least error in ten folds."""
    least_left = len(true) - len(true) // FOLDS - 1
    degrees = [degree for degree in DEGREES if (degree + 1) ** 2 <= least_left]
    best = min(degrees, key=lambda degree: _left_out(true, shown, _with_degree(degree)))
    return Fitted(_harmonics(true, shown, best), f"degree {best}")


def thin_plate(true: Array, shown: Array) -> Fitted:
    """Interpolate by SciPy's thin-plate spline with its defaults."""
    return Fitted(_spline(true, shown, THIN_PLATE, 0.0))


def smoothed_thin_plate(true: Array, shown: Array) -> Fitted:
    """Smooth by the same spline, as much as has the least error in ten folds."""
    _, weight = _best_spline(true, shown, [THIN_PLATE])
    return Fitted(_spline(true, shown, THIN_PLATE, weight), f"smoothing {weight:g}")


def radial_spline(true: Array, shown: Array) -> Fitted:
    """Smooth by the kernel, and as much, as has the least error in ten folds."""
    kernel, weight = _best_spline(true, shown, KERNELS)
    return Fitted(_spline(true, shown, kernel, weight), f"kernel {kernel}")


def _harmonics(true: Array, shown: Array, degree: int) -> Predictor:
    basis = HarmonicBasis(degree, min_degree=0, radius_mm=RADIUS_MM)
    coefficients = np.linalg.lstsq(basis.values(true), shown - true, rcond=None)[0]
    return lambda points: np.asarray(points + basis.values(points) @ coefficients)


def _spline(true: Array, shown: Array, kernel: str, smoothing: float) -> Predictor:
    spline = RBFInterpolator(true, shown - true, kernel=kernel, smoothing=smoothing)
    return lambda points: np.asarray(points + spline(points))


def _best_spline(true: Array, shown: Array, kernels: Sequence[str]) -> tuple[str, float]:
    choices = [(kernel, weight) for kernel in kernels for weight in SMOOTHINGS]
    return min(choices, key=lambda choice: _left_out(true, shown, _with_spline(*choice)))


def _with_degree(degree: int) -> Callable[[Array, Array], Predictor]:
    return lambda true, shown: _harmonics(true, shown, degree)


def _with_spline(kernel: str, smoothing: float) -> Callable[[Array, Array], Predictor]:
    return lambda true, shown: _spline(true, shown, kernel, smoothing)


def _left_out(true: Array, shown: Array, fit: Callable[[Array, Array], Predictor]) -> float:
    """Root mean square error of markers that are left out in turn, mm."""
    fold = np.random.default_rng(0).permutation(len(true)) % FOLDS
    squares = []
    for left_out in range(FOLDS):
        known, asked = fold != left_out, fold == left_out
        squares.append((fit(true[known], shown[known])(true[asked]) - shown[asked]) ** 2)
    return float(np.sqrt(np.concatenate(squares).sum(axis=1).mean()))
