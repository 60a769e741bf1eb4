"""No field, however violent, is kept where it folds: tried on points that the code does not."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from distcorr.errors import Code, DistcorrError
from distcorr.field import HarmonicBasis, HarmonicField, Lattice
from distcorr.learn.support import MIN_JACOBIAN, fade

LAYOUT = Lattice.covering([-240] * 3, [240] * 3, 40.0)
RADIUS = np.linalg.norm(LAYOUT.node_points(), axis=-1)
BASIS = HarmonicBasis(7)
REFERENCE_RADIUS_MM = 220.0
LIMIT_MM = 2.0
BETWEEN = 5
"""Points to each edge of a cell; the code looks at three."""


def between_nodes() -> np.ndarray:
    """Points that fill the lattice, none of them a node or a third of the way between two."""
    low, high = (np.asarray(edge) for edge in LAYOUT.domain)
    count = round((high[0] - low[0]) / LAYOUT.spacing[0] * BETWEEN)
    axis = low[0] + (np.arange(count) + 0.37) * (high[0] - low[0]) / count
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


POINTS = between_nodes()


@given(
    seed=st.integers(0, 2**32 - 1),
    size_mm=st.floats(0.1, 1000.0),
    symmetric=st.booleans(),
    patchy=st.booleans(),
)
@example(seed=285919, size_mm=192.0, symmetric=False, patchy=True)
@settings(max_examples=12, deadline=None)
def test_what_is_stored_never_folds(
    seed: int, size_mm: float, symmetric: bool, patchy: bool
) -> None:
    """Random harmonics up to a metre at the rim, known everywhere or in patches."""
    generator = np.random.default_rng(seed)
    n = np.array([term.n for term in BASIS.terms])
    coefficients = generator.normal(0, size_mm, (3, BASIS.size))
    if symmetric:
        coefficients *= n % 2
    at_rim = HarmonicField(BASIS, coefficients)
    rim = np.eye(3) * REFERENCE_RADIUS_MM
    scale = size_mm / max(float(np.abs(at_rim.displacement(rim)).max()), 1e-9)
    field = HarmonicField(BASIS, coefficients * scale)
    sd = LIMIT_MM * generator.uniform(0, 3, RADIUS.shape) * patchy
    try:
        made = fade(LAYOUT, field, sd, LIMIT_MM)
    except DistcorrError as refusal:
        if refusal.code is not Code.FOLDING:
            raise
        return
    determinant = np.linalg.det(np.eye(3) + made.lattice.jacobian(POINTS))
    assert determinant.min() > 0
    assert made.min_jacobian >= MIN_JACOBIAN
    assert made.min_jacobian == made.lattice.min_jacobian()
    # What is printed is what is so, to the change between two of the code's points.
    assert determinant.min() > 0.5 * made.min_jacobian
    assert ((made.weight >= 0) & (made.weight <= 1)).all()
