"""Where a field is kept."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.correction import FULL_SUPPORT
from distcorr.errors import Code, DistcorrError
from distcorr.field import HarmonicField, Lattice
from distcorr.learn.fit import lattice_of
from distcorr.learn.settings import FitSettings
from distcorr.learn.support import FADE_MM, MIN_JACOBIAN, fade
from distcorr.phantom.fields import FieldName, default_field, named_field

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


@pytest.mark.parametrize("name", [FieldName.STRONG, FieldName.CLINICAL_3T])
def test_strong_fields_are_kept_to_the_rim(name: FieldName) -> None:
    """29 mm at 200 mm, folding at 230: what is stored is right up to the rim."""
    field = named_field(name)
    layout = lattice_of(field, FitSettings())
    made = fade(layout.lattice, layout, np.zeros(layout.lattice.coefficients.shape[1:]), LIMIT_MM)
    assert made.min_jacobian >= MIN_JACOBIAN
    g = np.random.default_rng(0)
    direction = g.normal(size=(2000, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    for radius, mean_mm, most_mm in ((150.0, 0.02, 0.1), (195.0, 0.06, 0.5)):
        points = direction * radius
        off = np.linalg.norm(made.lattice.displacement(points) - field.displacement(points), axis=1)
        assert off.mean() < mean_mm
        assert off.max() < most_mm


def test_a_field_that_folds_everywhere_is_refused() -> None:
    folding = HarmonicField.from_terms({(3, 1): -2000.0}, {(3, -1): -2000.0}, {(3, 0): -2000.0})
    with pytest.raises(DistcorrError) as refusal:
        fade(LAYOUT, folding, KNOWN, LIMIT_MM)
    assert refusal.value.code is Code.FOLDING
