"""A subject's motion and its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from distcorr.learn.rigid import Motion

CENTRE = np.array([20.0, -35.0, 60.0])
MOVED = Motion(np.array([4.0, -7.0, 2.0]), np.deg2rad([8.0, -5.0, 12.0]), CENTRE)
POINTS = np.random.default_rng(0).uniform(-200, 200, (40, 3))


@pytest.mark.parametrize("motion", [Motion.none(CENTRE), MOVED], ids=["none", "moved"])
def test_sensitivity_is_the_derivative(motion: Motion) -> None:
    made = motion.sensitivity(motion.apply(POINTS))
    for i, h in enumerate([1e-3] * 3 + [1e-6] * 3):
        step = h * np.eye(6)[i]
        ahead, behind = motion.stepped(step).apply(POINTS), motion.stepped(-step).apply(POINTS)
        np.testing.assert_allclose(made[..., i], (ahead - behind) / (2 * h), atol=1e-6)


def test_rows_are_gradients_along_the_sensitivity() -> None:
    moved = MOVED.apply(POINTS)
    gradient = np.random.default_rng(1).normal(size=POINTS.shape)
    expected = np.einsum("ma,mab->mb", gradient, MOVED.sensitivity(moved))
    np.testing.assert_allclose(MOVED.rows(moved, gradient), expected, atol=1e-10)


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
