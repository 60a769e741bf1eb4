"""Where a field is kept, and what a pair leaves in millimetres."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.correction import FULL_SUPPORT
from distcorr.errors import Code, DistcorrError
from distcorr.field import HarmonicField, Lattice
from distcorr.learn.shifts import SHIFT_SD_MM, local_shifts
from distcorr.learn.similarity import Comparison
from distcorr.learn.support import FADE_MM, MIN_JACOBIAN, fade
from distcorr.phantom.fields import default_field

LAYOUT = Lattice.covering([-240] * 3, [240] * 3, 30.0)
NODES = LAYOUT.node_points()
RADIUS = np.linalg.norm(NODES, axis=-1)
LIMIT_MM = 2.0
KNOWN = np.zeros(RADIUS.shape)


def test_what_is_known_is_kept() -> None:
    weak = HarmonicField.from_terms({(3, 1): -2.0}, {(3, -1): -2.0}, {(3, 0): -2.0})
    made = fade(LAYOUT, weak, KNOWN, LIMIT_MM)
    # The lattice ends at 240 mm; a field that does not vanish there is let go before.
    assert (made.weight[RADIUS < 240 - FADE_MM] == 1).all()
    near = RADIUS < 120
    np.testing.assert_allclose(
        made.lattice.displacement(NODES[near]), weak.displacement(NODES[near]), atol=1e-9
    )
    assert made.min_jacobian == made.lattice.min_jacobian()


def test_what_is_not_known_is_let_go() -> None:
    sd = LIMIT_MM * (RADIUS / 100) ** 2
    made = fade(LAYOUT, default_field(), sd, LIMIT_MM)
    unknown = sd > 2 * LIMIT_MM
    assert not made.weight[unknown].any()
    np.testing.assert_allclose(made.lattice.displacement(NODES[unknown]), 0, atol=1e-9)
    assert (made.weight[RADIUS < 60] >= FULL_SUPPORT).all()
    assert ((made.weight >= 0) & (made.weight <= 1)).all()


def test_folds_are_faded_away() -> None:
    strong = HarmonicField.from_terms({(3, 1): -40.0}, {(3, -1): -40.0}, {(3, 0): -40.0})
    determinant = np.linalg.det(np.eye(3) + strong.jacobian(NODES))
    assert determinant.min() < MIN_JACOBIAN
    made = fade(LAYOUT, strong, KNOWN, LIMIT_MM)
    assert made.min_jacobian >= MIN_JACOBIAN
    assert made.weight.max() == 1
    assert (made.weight[determinant < MIN_JACOBIAN] < FULL_SUPPORT).all()


def test_a_field_that_folds_everywhere_is_refused() -> None:
    folding = HarmonicField.from_terms({(3, 1): -2000.0}, {(3, -1): -2000.0}, {(3, 0): -2000.0})
    with pytest.raises(DistcorrError) as refusal:
        fade(LAYOUT, folding, KNOWN, LIMIT_MM)
    assert refusal.value.code is Code.FOLDING


def compared(gradient: np.ndarray, shift: np.ndarray) -> Comparison:
    """A pair whose coronal tissue lies ``shift`` away from where it is expected."""
    m = len(gradient)
    return Comparison(
        residual=-(gradient * shift).sum(axis=1).astype(np.float32),
        slope=np.ones(m, np.float32),
        gradient=gradient.astype(np.float32),
        weight=np.full(m, 4.0, np.float32),
        correlation=np.ones(m, np.float32),
        contrast=np.ones(m, np.float32),
    )


def test_shifts_of_blocks_are_recovered() -> None:
    g = np.random.default_rng(0)
    points = g.uniform(0, 90, (40_000, 3))
    gradient = g.normal(size=points.shape)
    left = points[:, :1] < 60
    shift = np.where(left, [1.0, -2.0, 2.0], [0.0, 0.0, 0.5])
    made = local_shifts(compared(gradient, shift), points, step_mm=3.0, correlated=5.0)
    assert len(made.length) == 27
    assert np.sort(made.length)[:9] == pytest.approx(0.5, abs=0.01)
    assert np.sort(made.length)[9:] == pytest.approx(3.0, abs=0.05)
    assert made.radius.min() == pytest.approx(np.sqrt(3) * 15, abs=3)
    assert made.mean == pytest.approx(made.length.mean())


def test_blocks_without_structure_stay_at_zero() -> None:
    points = np.random.default_rng(0).uniform(0, 30, (1000, 3))
    gradient = np.full(points.shape, 1e-4)
    made = local_shifts(compared(gradient, np.full(3, 2.0)), points, step_mm=3.0, correlated=5.0)
    assert made.length.max() < 0.01 * SHIFT_SD_MM


def test_nothing_measured_is_no_shift() -> None:
    points = np.random.default_rng(0).uniform(0, 30, (50, 3))
    made = local_shifts(
        compared(np.ones(points.shape), np.ones(3)), points, step_mm=3.0, correlated=5.0
    )
    assert len(made.length) == 0
    assert made.mean is None
