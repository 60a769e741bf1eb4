"""What a pair leaves in millimetres, block by block."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.learn.shifts import (
    BLOCK_MM,
    SHIFT_SD_MM,
    Shifts,
    filled_blocks,
    local_shifts,
    measured_in_both,
)
from distcorr.learn.similarity import Comparison
from tests.learn.shifts_examples import lattice, measured

WEIGHT = 4.0
CORRELATED = 5.0


def compared(
    gradient: np.ndarray, shift: np.ndarray, noise: np.ndarray | float = 0.0
) -> Comparison:
    """A pair whose coronal tissue lies ``shift`` away from where it is expected."""
    m = len(gradient)
    return Comparison(
        residual=(noise - (gradient * shift).sum(axis=1)).astype(np.float32),
        slope=np.ones(m, np.float32),
        gradient=gradient.astype(np.float32),
        weight=np.full(m, WEIGHT, np.float32),
        correlation=np.ones(m, np.float32),
        contrast=np.ones(m, np.float32),
    )


def test_shifts_of_blocks_are_recovered() -> None:
    g = np.random.default_rng(0)
    points = g.uniform(-30, 60, (40_000, 3))
    gradient = g.normal(size=points.shape)
    left = points[:, :1] < 30
    shift = np.where(left, [1.0, -2.0, 2.0], [0.0, 0.0, 0.5])
    made = local_shifts(compared(gradient, shift), points, step_mm=3.0, correlated=CORRELATED)
    assert sorted(map(tuple, made.block.tolist())) == sorted(map(tuple, lattice(-1, 2).tolist()))
    expected = np.where(made.block[:, :1] < 1, [1.0, -2.0, 2.0], [0.0, 0.0, 0.5])
    np.testing.assert_allclose(made.vector, expected, atol=0.02)
    np.testing.assert_allclose(made.position, (made.block + 0.5) * BLOCK_MM, atol=2.0)
    np.testing.assert_allclose(made.length, np.linalg.norm(expected, axis=1), atol=0.05)
    np.testing.assert_allclose(made.radius, np.linalg.norm(made.position, axis=1))
    assert made.mean == pytest.approx(made.length.mean())


def test_covariances_are_those_of_repeated_measurements() -> None:
    """Independent residuals: the scatter of the estimates without the prior."""
    g = np.random.default_rng(1)
    points = g.uniform(0, BLOCK_MM, (500, 3))
    gradient = g.normal(size=points.shape) * [0.3, 0.1, 0.05]
    true = np.array([1.0, 2.0, -1.0])
    found = []
    for _ in range(300):
        noise = g.normal(size=500) * WEIGHT**-0.5
        made = local_shifts(compared(gradient, true, noise), points, 4.0, correlated=1.0)
        vector, variance = made.without_prior()
        found.append(vector[0])
    np.testing.assert_allclose(np.mean(found, axis=0), true, atol=0.08)
    np.testing.assert_allclose(np.var(found, axis=0), variance[0], rtol=0.3)
    posterior = np.diag(made.covariance[0])
    assert (posterior < variance[0]).all()


def test_blocks_without_structure_stay_at_zero() -> None:
    points = np.random.default_rng(0).uniform(0, 30, (1000, 3))
    gradient = np.full(points.shape, 1e-4)
    made = local_shifts(compared(gradient, np.full(3, 2.0)), points, 3.0, CORRELATED)
    assert made.length.max() < 0.01 * SHIFT_SD_MM
    np.testing.assert_allclose(made.covariance[0], np.eye(3) * SHIFT_SD_MM**2, rtol=1e-4, atol=1e-3)
    assert (made.without_prior()[1] > 1e3).all()


def test_nothing_measured_is_no_shift() -> None:
    points = np.random.default_rng(0).uniform(0, 30, (50, 3))
    made = local_shifts(compared(np.ones(points.shape), np.ones(3)), points, 3.0, CORRELATED)
    assert len(made.length) == 0
    assert made.mean is None


def test_filled_blocks_are_those_that_can_be_measured() -> None:
    axis = np.arange(-30, 60, 3.0)
    points = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    points = points[(points[:, 0] < 6)]  # a fifth of the blocks at 0 to 30 mm
    made = filled_blocks(points, 3.0)
    assert set(made[:, 0].tolist()) == {-1}
    assert len(made) == 9


def test_common_blocks_come_in_equal_order() -> None:
    blocks = lattice(-1, 1)
    first = measured(np.zeros((8, 3)), blocks, 0).restricted(np.array([3, 0, 5, 6]))
    second = measured(np.ones((8, 3)), blocks, 1).restricted(np.array([6, 1, 0, 3, 2]))
    a, b = measured_in_both(first, second)
    assert a.block.tolist() == b.block.tolist() == blocks[[0, 3, 6]].tolist()
    np.testing.assert_array_equal(b.vector[2], second.vector[0])
    both = Shifts.joined([a, b])
    np.testing.assert_array_equal(both.vector, np.concatenate([a.vector, b.vector]))
    empty = measured_in_both(first.restricted(np.zeros(4, bool)), second)
    assert [len(one.block) for one in empty] == [0, 0]
