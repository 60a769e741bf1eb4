"""Correct a scan with one interpolation, and what was drawn on it."""

from distcorr.apply.balls import MeasuredBall, measure_ball
from distcorr.apply.follow import CorrectedPoints, correct_points, turn_normals
from distcorr.apply.guards import require_applicable
from distcorr.apply.labels import CorrectedLabels, LabelInterpolation, correct_labels
from distcorr.apply.resample import ApplyOptions, Corrected, apply_correction
from distcorr.apply.sampling import Interpolation

__all__ = [
    "ApplyOptions",
    "Corrected",
    "CorrectedLabels",
    "CorrectedPoints",
    "Interpolation",
    "LabelInterpolation",
    "MeasuredBall",
    "apply_correction",
    "correct_labels",
    "correct_points",
    "measure_ball",
    "require_applicable",
    "turn_normals",
]
