"""The maps between true and shown: the lattice's kernels against array operations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from distcorr.field import HarmonicField, Lattice, LatticeField
from distcorr.field.implicit import (
    SOLVE_TOLERANCE_MM,
    map_jacobian,
    map_jacobian_of_any,
    solve_map,
    solve_map_of_any,
)
from distcorr.space import transform_points, transform_vectors

SAME_MM = 1e-9
"""Both ways take the same Newton steps; only the order of sums differs."""

EYE, ZERO = np.eye(3), np.zeros((3, 3))
NORMAL = np.array([0.2, 0.9, -0.4]) / np.linalg.norm([0.2, 0.9, -0.4])
IN_PLANE = EYE - np.outer(NORMAL, NORMAL)
SIDES = {
    "ND": (EYE, ZERO),
    "ND inverse": (ZERO, EYE),
    "DIS2D": (EYE, IN_PLANE),
    "DIS2D inverse": (IN_PLANE, EYE),
}


@dataclass(frozen=True)
class Plain:
    """The same field, not known as a lattice."""

    lattice: Lattice

    def displacement(self, points):
        return self.lattice.displacement(points)

    def jacobian(self, points):
        return self.lattice.jacobian(points)


def lattice_of(strength: float) -> Lattice:
    field = HarmonicField.from_terms(
        x={(3, 1): -18.0, (3, 3): -9.0}, y={(3, -1): -16.0, (2, 1): 3.0}, z={(3, 0): -13.0}
    )
    empty = Lattice.covering([-240] * 3, [240] * 3, 30.0)
    return empty.interpolating(lambda p: strength * field.displacement(p))


def points_within(half_mm: float, count: int = 3000) -> np.ndarray:
    return np.random.default_rng(0).uniform(-half_mm, half_mm, (count, 3))


@pytest.mark.parametrize("strength", [1.0, 6.0], ids=["mild", "folding"])
@pytest.mark.parametrize(("known", "sought"), SIDES.values(), ids=SIDES)
def test_the_kernels_agree_with_array_operations(known, sought, strength: float) -> None:
    lattice = lattice_of(strength)
    points = points_within(280.0)  # also outside of the domain
    points[0] = np.nan
    with np.errstate(all="ignore"):
        expected = solve_map_of_any(Plain(lattice), points, known, sought)
        found = solve_map(LatticeField(lattice), points, known, sought)
        assert np.array_equal(np.isnan(found), np.isnan(expected))
        assert np.isnan(found[0]).all()
        sound = np.isfinite(expected).all(axis=1)
        np.testing.assert_allclose(found[sound], expected[sound], rtol=0, atol=SAME_MM)
        a, b = points[sound], expected[sound]
        np.testing.assert_allclose(
            map_jacobian(LatticeField(lattice), a, b, known, sought),
            map_jacobian_of_any(Plain(lattice), a, b, known, sought),
            rtol=SAME_MM,
            atol=SAME_MM,
        )
    if strength > 1 and sought.any():
        assert not sound[1:].all()


@pytest.mark.parametrize(("known", "sought"), SIDES.values(), ids=SIDES)
def test_the_solution_satisfies_its_equation(known, sought) -> None:
    field = LatticeField(lattice_of(1.0))
    a = points_within(150.0)
    b = solve_map(field, a, known, sought)
    miss = b + field.displacement(b) @ sought.T - a - field.displacement(a) @ known.T
    assert np.linalg.norm(miss, axis=1).max() <= SOLVE_TOLERANCE_MM
    back = solve_map(field, b, sought, known)
    np.testing.assert_allclose(back, a, rtol=0, atol=10 * SOLVE_TOLERANCE_MM)


@pytest.mark.parametrize(("known", "sought"), SIDES.values(), ids=SIDES)
def test_the_jacobian_is_the_derivative_of_the_map(known, sought) -> None:
    field = LatticeField(lattice_of(1.0))
    a, h = points_within(140.0, 200), 0.5
    columns = [
        (
            solve_map(field, a + h * axis, known, sought)
            - solve_map(field, a - h * axis, known, sought)
        )
        / (2 * h)
        for axis in EYE
    ]
    made = map_jacobian(field, a, solve_map(field, a, known, sought), known, sought)
    np.testing.assert_allclose(made, np.stack(columns, axis=-1), rtol=0, atol=1e-4)


def test_the_jacobian_of_a_lattice_is_its_derivative() -> None:
    lattice, h = lattice_of(1.0), 1e-4
    p = points_within(200.0, 500)
    columns = [
        (lattice.displacement(p + h * axis) - lattice.displacement(p - h * axis)) / (2 * h)
        for axis in EYE
    ]
    np.testing.assert_allclose(lattice.jacobian(p), np.stack(columns, axis=-1), atol=1e-7)
    outside = lattice.domain[1] + 1.0
    assert not lattice.displacement(outside).any()
    assert not lattice.jacobian(outside).any()


def test_points_and_vectors_are_moved_as_by_the_matrix() -> None:
    T = np.eye(4)
    T[:3] = np.random.default_rng(1).normal(size=(3, 4))
    p = points_within(300.0, 24).reshape(2, 3, 4, 3)
    np.testing.assert_allclose(transform_points(T, p), p @ T[:3, :3].T + T[:3, 3], atol=1e-10)
    np.testing.assert_allclose(transform_vectors(T, p), p @ T[:3, :3].T, atol=1e-10)
    np.testing.assert_allclose(transform_points(T, p[0, 0, 0]), (T @ [*p[0, 0, 0], 1])[:3])
    assert transform_points(T, np.zeros((0, 3))).shape == (0, 3)
