"""A subject's motion and its derivatives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from distcorr.learn.rigid import FIXED_PRECISION, PARAMETERS, RIGID, Motion
from distcorr.space import transform_points

CENTRE = np.array([20.0, -35.0, 60.0])
MOVED = Motion(np.array([4.0, -7.0, 2.0]), np.deg2rad([8.0, -5.0, 12.0]), CENTRE)
SIDES = replace(MOVED, sides=np.array([1.0, -0.5, 2.0, 0.01, -0.02, 0.015]))
POINTS = np.random.default_rng(0).uniform(-200, 200, (40, 3))


@pytest.mark.parametrize("motion", [Motion.none(CENTRE), MOVED], ids=["none", "moved"])
def test_sensitivity_is_the_derivative(motion: Motion) -> None:
    made = motion.sensitivity(transform_points(motion.matrix, POINTS))
    for i, h in enumerate(([1e-3] * 3 + [1e-6] * 3) * 2):
        step = h * np.eye(PARAMETERS)[i]
        ahead, behind = motion.stepped(step).apply(POINTS), motion.stepped(-step).apply(POINTS)
        np.testing.assert_allclose(made[..., i], (ahead - behind) / (2 * h), atol=1e-6)


def test_rows_are_gradients_along_the_sensitivity() -> None:
    moved = MOVED.apply(POINTS)
    gradient = np.random.default_rng(1).normal(size=POINTS.shape)
    expected = np.einsum("ma,mab->mb", gradient, MOVED.sensitivity(moved))
    np.testing.assert_allclose(MOVED.rows(moved, gradient), expected, atol=1e-10)


def test_the_sides_move_against_each_other() -> None:
    left = SIDES.centre + SIDES.translation + np.array([[120.0, 10, -20]])
    right = SIDES.centre + SIDES.translation + np.array([[-120.0, 10, -20]])
    shift = np.concatenate([SIDES.with_sides(p) - p for p in (left, right)])
    arms = np.array([[120.0, 10, -20], [-120.0, 10, -20]])
    whole = SIDES.sides[:3] + np.cross(SIDES.sides[3:], arms)
    np.testing.assert_allclose(shift, whole * np.array([[1.0], [-1.0]]), atol=2e-3)
    middle = SIDES.centre + SIDES.translation
    np.testing.assert_allclose(SIDES.with_sides(middle), middle, atol=1e-12)
    np.testing.assert_array_equal(MOVED.with_sides(POINTS), POINTS)


def test_the_width_of_the_sides_follows_what_they_did() -> None:
    small = MOVED.with_width_of_sides(np.full(PARAMETERS, 1e-8))
    assert small.precision[RIGID] > 1e3 * MOVED.precision[RIGID]
    large = SIDES.with_width_of_sides(np.full(PARAMETERS, 1e-8))
    assert large.precision[RIGID] < MOVED.precision[RIGID]
    np.testing.assert_array_equal(large.precision[:RIGID], MOVED.precision[:RIGID])
    held = Motion.none(CENTRE, np.full(PARAMETERS, FIXED_PRECISION))
    assert held.with_width_of_sides(np.ones(PARAMETERS)) is held


def test_lying_still_moves_nothing() -> None:
    np.testing.assert_array_equal(Motion.none(CENTRE).matrix, np.eye(4))
    assert not Motion.none(CENTRE).parameters.any()


def test_the_centre_is_moved_by_the_translation_alone() -> None:
    np.testing.assert_allclose(MOVED.apply(CENTRE), CENTRE + MOVED.translation)


def test_a_step_follows_the_motion() -> None:
    step = np.array([1.0, 2.0, -3.0, 0.1, -0.2, 0.05])
    turn = Rotation.from_rotvec(step[3:])
    pivot = CENTRE + MOVED.translation
    expected = turn.apply(MOVED.apply(POINTS) - pivot) + pivot + step[:3]
    np.testing.assert_allclose(MOVED.stepped(step).apply(POINTS), expected, atol=1e-10)
    assert np.array_equal(MOVED.stepped(step).centre, CENTRE)


def test_a_motion_is_rigid_and_proper() -> None:
    R = MOVED.rotation
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(MOVED.apply(POINTS), axis=0), axis=1),
        np.linalg.norm(np.diff(POINTS, axis=0), axis=1),
    )
