"""Steps of the fit: what counts as settled, and their schedule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distcorr.field import HarmonicBasis
from distcorr.learn import Reference
from distcorr.learn.body import find_body
from distcorr.learn.fit import _largest_change, schedule
from distcorr.learn.pair import build_level
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.rigid import Motion
from distcorr.learn.state import State


def test_a_rim_that_is_hardly_known_may_go_on_moving(references: list[Reference]) -> None:
    one = references[0]
    levels = [build_level(one, find_body(one.axial, 8.0), 6.0, 6.0, 20.0)]
    start = State.initial(HarmonicPrior(HarmonicBasis(5)), (Motion.none(np.zeros(3)),))
    step = np.zeros(len(start.parameters))
    step[: 3 * start.prior.basis.size] = 0.1
    moved = start.moved(step)
    change = _largest_change(start, moved, levels)
    assert change > 0.1
    assert _largest_change(start, moved, levels, beyond_sds=1.0) == 0
    known = replace(moved, covariance=1e-12 * moved.covariance)
    beyond = _largest_change(start, known, levels, beyond_sds=1.0)
    assert beyond == pytest.approx(change, rel=1e-3)


@pytest.mark.parametrize("voxel_mm", [1.0, 2.0, 4.0])
def test_stages_grow_finer(voxel_mm: float) -> None:
    coarse, middle, fine = schedule(voxel_mm)
    assert coarse.sigma_mm > middle.sigma_mm > fine.sigma_mm
    assert coarse.window_mm > middle.window_mm
    assert coarse.tolerance_mm > middle.tolerance_mm > fine.tolerance_mm
