"""A ball that a scan shows squeezed is round where the correction says that it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distcorr.acquisition import Scan
from distcorr.facts import VendorState
from distcorr.report import measure_heads
from distcorr.report.heads import Shape
from distcorr.roundness import Surface, measure_roundness, surface_of_label
from distcorr.space import Grid, Volume
from tests.apply.examples import ISOCENTRE
from tests.report.examples import STRONG, scan

RADIUS = 24.0
CENTRE = np.array(ISOCENTRE) + np.array([55.0, 15.0, 45.0])


def label_as_shown(coronal: Scan) -> Volume:
    """Voxels of 2 mm that are shown where the ball's tissue is."""
    grid = Grid((40, 40, 40), CENTRE - 39.0, np.full(3, 2.0), np.eye(3))
    true = coronal.acquisition.shown_to_true_patient(STRONG.field, grid.points_lps())
    inside = np.linalg.norm(true - CENTRE, axis=-1) < RADIUS
    return Volume(inside.astype(np.uint8), grid)


def test_the_correction_rounds_the_head() -> None:
    coronal = scan(np.eye(3), VendorState.ND)
    drawn = [("left", surface_of_label(label_as_shown(coronal), 1))]
    (found,) = measure_heads("ref01", drawn, coronal, STRONG)
    assert (found.reference, found.name) == ("ref01", "left")
    assert found.before.axis_ratio < 0.95
    assert found.after.axis_ratio == pytest.approx(1.0, abs=0.015)
    assert "p < 0.001" in found.before.squeeze_text
    assert "none beyond chance" in found.after.squeeze_text


def test_half_a_ball_is_not_tested() -> None:
    n = np.random.default_rng(1).normal(size=(2000, 3))
    points = RADIUS * n / np.linalg.norm(n, axis=1, keepdims=True)
    part = points[points[:, 2] > 4]
    surface = Surface(part, None, np.ones(len(part)), np.eye(3))
    measured = measure_roundness(surface)
    untested = replace(measured, p_value=None, axis_ratio_sd=None)
    assert "too little surface" in Shape.of(untested).squeeze_text
