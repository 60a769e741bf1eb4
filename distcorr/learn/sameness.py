"""Whether both scans of a pair show the same body.

Correlation can't tell: legs of two subjects in one contrast match as well as one
subject's legs in two contrasts. But where two scans show one body, its parts match best
where the fit puts them, and worse some millimetres beside; where they show two bodies,
many parts match as well or better beside. In one contrast that holds for all parts of
one body, so that it matters whether two scans have one contrast: then the distributions
of their brightness are alike, whomever they show.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from distcorr.field import ScannerField
from distcorr.learn.pair import PairLevel
from distcorr.learn.residual import match_of_blocks
from distcorr.learn.rigid import Motion
from distcorr.learn.view import Pose, look

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


QUANTILES = np.linspace(0.02, 0.98, 49)


def difference_of_contrast(level: PairLevel, field: ScannerField, motion: Motion) -> float:
    """Measure how much the distributions of brightness of both scans differ.

    Parameters
    ----------
    level : PairLevel
    field : ScannerField
    motion : Motion
        The pair's.

    Returns
    -------
    float
        Root mean square difference of the quantiles over the common tissue, in units
        of their standard deviation: 0 alike.
    """
    pose = Pose.of(level, motion)
    cubes = level.cubes
    sharp = np.zeros((cubes.count, 3, 3))
    at_axial = pose.axial.true_to_shown(field, level.points)
    at_coronal = pose.coronal.true_to_shown(field, pose.moved(level.points))
    a, _, in_a = level.axial.sample(at_axial, sharp, cubes.of_point)
    c, _, in_c = level.coronal.sample(at_coronal, sharp, cubes.of_point)
    seen = in_a & in_c
    if not seen.any():
        return 0.0
    normal = []
    for values in (a[seen], c[seen]):
        quantiles = np.quantile(values.astype(np.float64), QUANTILES)
        normal.append((quantiles - quantiles.mean()) / max(float(quantiles.std()), 1e-9))
    return float(np.sqrt(np.mean((normal[0] - normal[1]) ** 2)))
