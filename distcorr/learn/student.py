"""Student's t for residuals of points, which mislabelled ones can't sway.

Each residual is a vector of three coordinates whose scale is unknown; a point
counts by how well it fits (Lange et al. 1989, J Am Stat Assoc 84:881).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]

STUDENT_NU = 4.0
"""Degrees of freedom of Student's t, the usual compromise between the normal and
rejecting outright (Lange et al. 1989)."""

MAD_TO_SD = 1.4826
"""Standard deviation of a normal variable whose median absolute value is 1."""

_SCALE_STEPS = 20
"""Steps of a sequence of scalars that halves its error each time."""


def student_scale(residual: Array, floor_mm: float, free: float = 1.0) -> float:
    """Scale of Student's t that residuals (m, 3) suggest, mm.

    The most likely scale, found from the median by fixed-point iteration.

    Parameters
    ----------
    residual : ndarray, shape (m, 3)
    floor_mm : float
        Smallest scale that is believed.
    free : float
        Share of the residuals' degrees of freedom that a fit has left.
    """
    scale = max(MAD_TO_SD * float(np.median(np.abs(residual))), floor_mm)
    squares = (residual**2).sum(axis=1)
    for _ in range(_SCALE_STEPS):
        weighted = (STUDENT_NU + 3) / (STUDENT_NU + squares / scale**2) * squares
        scale = max(float(np.sqrt(weighted.mean() / 3 / free)), floor_mm)
    return scale


def student_weight(residual: Array, scale_mm: float) -> Array:
    """Weight of each point (m,) under Student's t in three dimensions, 1/mm^2."""
    square = (residual**2).sum(axis=1) / scale_mm**2
    return np.asarray((STUDENT_NU + 3) / (STUDENT_NU + square) / scale_mm**2)


def student_log_likelihood(residual: Array, scale_mm: float) -> float:
    """Log density of residuals (m, 3) under Student's t in three dimensions."""
    square = (residual**2).sum(axis=1) / scale_mm**2
    constant = (
        gammaln((STUDENT_NU + 3) / 2)
        - gammaln(STUDENT_NU / 2)
        - 1.5 * np.log(STUDENT_NU * np.pi * scale_mm**2)
    )
    return float((constant - (STUDENT_NU + 3) / 2 * np.log1p(square / STUDENT_NU)).sum())
