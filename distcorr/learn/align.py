"""Rigid alignment of a pair while the field is held fixed."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from distcorr.field import ScannerField
from distcorr.learn.pair import PairLevel
from distcorr.learn.rigid import MOTION_SD, RIGID, Motion
from distcorr.learn.view import look, rows_of

Array = NDArray[np.float64]

ALIGNMENT_RADIUS_MM = 130.0
"""Within it even a strong field displaces tissue by a few millimetres only."""

START_SHIFT_MM = 14.0
START_TURN_RAD = np.deg2rad(8.0)
"""Starting points of the search; with the capture of a few millimetres and
degrees around each they cover 20 mm and 10 degrees."""

START_SD_SCALE = 5.0
"""Widening of the motion's prior while nothing else is known."""

_SCORE_STEPS = 3
_FINAL_STEPS = 12
_TOLERANCE = np.array([0.03] * 3 + [3e-4] * 3)
"""mm and rad at which an alignment ends: 0.05 mm at the skin."""


def align(
    level: PairLevel, field: ScannerField, motion: Motion, steps: int, widen: float
) -> tuple[Motion, float]:
    """Fit the motion of one pair as a whole by Gauss-Newton steps.

    Parameters
    ----------
    level : PairLevel
    field : ScannerField
        Held fixed.
    motion : Motion
        Start.
    steps : int
        Steps at most.
    widen : float
        Factor on the widths of the motion's prior.

    Returns
    -------
    motion : Motion
    match : float
        Mean squared local correlation at the last step, 0 to 1.
    """
    precision = (MOTION_SD * widen) ** -2.0
    match = 0.0
    for _ in range(steps):
        found = look(level, field, motion)
        used = found.weight > 0
        if used.sum() < 10 * RIGID:
            return motion, 0.0
        match = float(np.mean(found.correlation[used] ** 2) * used.mean())
        rows = rows_of(level, found, field, motion)
        X = rows.by_motion[:, :RIGID]
        # The residuals are smooth over the window: as many independent ones as windows.
        independent = 1.0 / (2 * level.half_width + 1)
        A = X.T @ X * independent + np.diag(precision)
        pull = -X.T @ rows.residual * independent
        step = solve(A, pull - precision * motion.parameters[:RIGID], assume_a="pos")
        motion = motion.stepped(step)
        if (np.abs(step) < _TOLERANCE).all():
            break
    return motion, match


def is_central(level: PairLevel) -> NDArray[np.bool_]:
    """Say which points of a level are seen near the isocentre by every distorted scan."""
    near = [
        np.linalg.norm(places, axis=1) < ALIGNMENT_RADIUS_MM
        for places in level.distorted_places(level.points)
    ]
    return np.asarray(np.all(near, axis=0) if near else np.ones(len(level.points), bool))


def find_motion(level: PairLevel, field: ScannerField, motion: Motion) -> Motion:
    """Search for the motion of a pair from several starts.

    Parameters
    ----------
    level : PairLevel
        At a coarse level.
    field : ScannerField
        What is known of D, usually nothing.
    motion : Motion
        The first start.
    """
    near = is_central(level)
    if near.mean() < 0.1:
        near = np.ones(len(near), bool)
    central = level.restricted(near)
    starts = [np.zeros(6)]
    for axis, sign in product(range(RIGID), (-1.0, 1.0)):
        start = np.zeros(6)
        start[axis] = sign * (START_SHIFT_MM if axis < 3 else START_TURN_RAD)
        starts.append(start)
    tried = [
        align(central, field, motion.stepped(start), _SCORE_STEPS, START_SD_SCALE)
        for start in starts
    ]
    best = max(tried, key=lambda result: result[1])[0]
    return align(central, field, best, _FINAL_STEPS, START_SD_SCALE)[0]
