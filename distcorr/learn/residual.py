"""How well two scans of a pair agree, in intensity and in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distcorr.learn.similarity import Comparison

MAD_TO_SD = 1.4826
"""Ratio of standard deviation to median absolute deviation of a normal variable."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of a pair.

    Attributes
    ----------
    points : int
        Points that were compared.
    residual : float
        Robust standard deviation of what the local regression leaves, as a share
        of the local contrast of the coronal image; 0 perfect, 1 unrelated.
    correlation : float
        Root mean square of the local correlation.
    """

    points: int
    residual: float
    correlation: float


def agreement(found: Comparison) -> Agreement:
    """Measure the agreement of a pair from its comparison."""
    used = found.weight > 0
    if not used.any():
        return Agreement(0, 1.0, 0.0)
    # Where the structure is no stronger than noise, agreement says nothing.
    strong = used & (found.contrast > np.median(found.contrast[used]))
    ratio = np.abs(found.residual[strong]) / found.contrast[strong]
    residual = float(min(1.0, MAD_TO_SD * np.median(ratio)))
    rms = float(np.sqrt(np.mean(found.correlation[strong] ** 2)))
    return Agreement(int(used.sum()), residual, rms)
