"""Where a field is kept."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.correction import FULL_SUPPORT
from distcorr.errors import Code, DistcorrError
from distcorr.field import HarmonicField, Lattice
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
