"""The remainder's lattice: its smoothness prior, and the weights of its nodes."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.field import Lattice
from distcorr.learn import bending
from distcorr.learn.bending import gram_1d, smoothness_precision
from distcorr.learn.prior import PRIOR_RADIUS_MM
from distcorr.learn.remainder import SHARE_RANGE, remainder_precision, weights_at

NODES, SPACING = 7, 12.0


def spline(t: np.ndarray, derivative: int) -> np.ndarray:
    """The cubic B-spline and its derivatives by t, piece by piece."""
    s, sign = np.abs(t), np.sign(t)
    pieces = {
        0: (2 / 3 - s**2 + s**3 / 2, (2 - s) ** 3 / 6),
        1: (sign * (-2 * s + 1.5 * s**2), -sign * (2 - s) ** 2 / 2),
        2: (3 * s - 2, 2 - s),
    }[derivative]
    return np.where(s < 1, pieces[0], np.where(s < 2, pieces[1], 0.0))


@pytest.mark.parametrize("derivative", [0, 1, 2])
def test_gram_matrices_are_integrals_over_the_domain(derivative: int) -> None:
    steps = 20_000
    u = 1 + (np.arange(steps) + 0.5) / steps * (NODES - 3)
    values = spline(u[:, None] - np.arange(NODES), derivative) / SPACING**derivative
    integral = values.T @ values * SPACING * (NODES - 3) / steps
    np.testing.assert_allclose(gram_1d(NODES, SPACING, derivative), integral, rtol=1e-6, atol=1e-9)


def test_straight_lines_do_not_bend() -> None:
    line = 3.0 - 2.0 * np.arange(NODES)
    assert np.abs(gram_1d(NODES, SPACING, 2) @ line).max() < 1e-15
    assert np.abs(gram_1d(NODES, SPACING, 1) @ np.ones(NODES)).max() < 1e-15
    slope = 2.0 / SPACING
    length = SPACING * (NODES - 3)
    assert line @ gram_1d(NODES, SPACING, 1) @ line == pytest.approx(slope**2 * length)


def test_a_linear_field_costs_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bending, "CORRELATION_MM", 1e6)
    nodes = (6, 5, 7)
    precision = smoothness_precision(nodes, SPACING)
    z, y, x = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in nodes), indexing="ij")
    linear = (2 * x - y + 0.5 * z).reshape(-1)
    twisted = (x * y).reshape(-1)
    rough = np.random.default_rng(0).normal(size=linear.size) * linear.std()
    energy = [v @ precision @ v for v in (linear, twisted, rough)]
    assert energy[0] < 1e-4 * energy[1]
    assert energy[0] < 1e-5 * energy[2]


def test_the_middle_has_unit_variance() -> None:
    nodes = (6, 6, 8)
    precision = smoothness_precision(nodes, 40.0)
    np.testing.assert_allclose(precision, precision.T, rtol=0, atol=1e-12 * precision.max())
    middle = np.ravel_multi_index((3, 3, 4), nodes)
    assert np.linalg.inv(precision)[middle, middle] == pytest.approx(1)


def test_weights_say_what_the_lattice_says() -> None:
    g = np.random.default_rng(1)
    lattice = Lattice(
        np.array([-80.0, -60.0, -90.0]), np.full(3, 25.0), g.normal(size=(3, 8, 6, 7))
    )
    low, high = lattice.domain
    points = np.concatenate([g.uniform(low, high, (200, 3)), [low, high], [high + 5]])
    index, weights, inside = weights_at(lattice, points)
    assert inside.tolist() == [*[True] * 202, False]
    np.testing.assert_allclose(weights[inside].sum(axis=1), 1)
    for a in range(3):
        values = (lattice.coefficients[a].reshape(-1)[index] * weights).sum(axis=1)
        np.testing.assert_allclose(
            values[inside], lattice.displacement(points[inside])[:, a], atol=1e-12
        )


def test_the_remainder_grows_as_the_harmonics_do_that_are_left_out() -> None:
    lattice = Lattice.covering([-200.0] * 3, [200.0] * 3, 80.0)
    radius = np.linalg.norm(lattice.node_points().reshape(-1, 3), axis=1)
    even, grown = (remainder_precision(lattice, degree) for degree in (0, 4))
    ratio = np.sqrt(np.diag(np.linalg.inv(grown)) / np.diag(np.linalg.inv(even)))
    share = np.clip((radius / PRIOR_RADIUS_MM) ** 4, *SHARE_RANGE)
    rim = radius > 200  # nearer, the gauge at the isocentre is felt
    np.testing.assert_allclose(ratio[rim], share[rim], rtol=0.02)
    assert ratio[radius < 80].max() < 0.05
