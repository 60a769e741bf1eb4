"""Whether both scans of a pair show the same body.

Unlike anatomy, correlation can't tell: legs of two subjects of one contrast match as
well as one subject's legs in two contrasts. But where two scans show one body, every
part of it matches best where the fit puts it, and worse some millimetres beside;
where they show two bodies, many parts match as well or better beside.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from distcorr.field import ScannerField
from distcorr.learn.pair import PairLevel
from distcorr.learn.residual import match_of_blocks
from distcorr.learn.rigid import Motion
from distcorr.learn.view import look

BESIDE_MM = 10.0
"""How far beside: beyond what any fit of one body leaves, within the width of a muscle."""

PART_MM = 45.0
"""Edge of a part. With smaller parts chance decides, with larger ones two bodies match."""

_ACROSS = (0, 1)
"""Axes across the body. Along it, anatomy hardly changes and places can't be told."""


def share_in_place(level: PairLevel, field: ScannerField, motion: Motion) -> float:
    """Measure the share of a pair's parts that match best where the fit puts them.

    Parameters
    ----------
    level : PairLevel
    field : ScannerField
    motion : Motion
        The pair's.

    Returns
    -------
    float
        Among the parts that can be compared in place and in all four directions
        beside, 0 to 1; 1 if there are none.
    """
    at = [_matches(level, field, motion)]
    for axis, sign in product(_ACROSS, (-1.0, 1.0)):
        beside = motion.translation.copy()
        beside[axis] += sign * BESIDE_MM
        at.append(_matches(level, field, replace(motion, translation=beside)))
    common = sorted(set.intersection(*(set(one) for one in at)))
    if not common:
        return 1.0
    left = np.array([[one[block] for block in common] for one in at])
    return float((left[0] < left[1:].min(axis=0)).mean())


def _matches(level: PairLevel, field: ScannerField, motion: Motion) -> dict[tuple[int, ...], float]:
    """Return the unexplained share of each part, by its place."""
    found = match_of_blocks(look(level, field, motion), level.points, level.step_mm, PART_MM)
    places = (tuple(int(i) for i in block) for block in found.block)
    return dict(zip(places, found.unexplained.tolist(), strict=True))
