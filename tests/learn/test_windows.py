"""Window means, cubes and the thinning blur, against plain sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, uniform_filter

from distcorr.learn.blur import Thinning, blur
from distcorr.learn.cubes import Cubes
from distcorr.learn.windows import Windows

SHAPE = (24, 26, 28)
COUNT = int(np.prod(SHAPE))


@pytest.mark.parametrize("half_width", [2, 3, 5])
def test_means_are_those_of_a_twofold_box(half_width: int) -> None:
    g = np.random.default_rng(0)
    values = gaussian_filter(g.normal(size=SHAPE), 2.0).astype(np.float32).reshape(-1)
    valid = g.uniform(size=COUNT) < 0.8
    windows = Windows(SHAPE, np.arange(COUNT), valid, half_width)
    (mean,) = windows.means(values)

    def filtered(array: np.ndarray) -> np.ndarray:
        for _ in range(2):
            array = uniform_filter(array, 2 * half_width + 1, mode="constant")
        return array

    measured = filtered(valid.astype(float).reshape(SHAPE))
    plain = filtered((values * valid).reshape(SHAPE)) / np.maximum(measured, 1e-6)
    inner = (slice(4, -4),) * 3
    assert np.corrcoef(mean.reshape(SHAPE)[inner].ravel(), plain[inner].ravel())[0, 1] > 0.98
    assert np.abs(windows.share.reshape(SHAPE) - measured)[inner].max() < 0.1


def test_a_constant_keeps_its_mean_whatever_is_missing() -> None:
    g = np.random.default_rng(1)
    where = np.sort(g.permutation(COUNT)[: COUNT // 3])
    valid = g.uniform(size=len(where)) < 0.5
    windows = Windows(SHAPE, where, valid, 3)
    (mean,) = windows.means(np.full(len(where), 7.0, np.float32))
    np.testing.assert_allclose(mean, 7.0, rtol=1e-6)


def test_nothing_measured_has_mean_zero() -> None:
    windows = Windows(SHAPE, np.arange(COUNT), np.zeros(COUNT, bool), 3)
    assert not windows.share.any()
    assert not windows.means(np.ones(COUNT, np.float32))[0].any()


@given(seed=st.integers(0, 99), edge=st.floats(3, 60))
def test_cubes_partition_the_points(seed: int, edge: float) -> None:
    points = np.random.default_rng(seed).uniform(-100, 100, (300, 3))
    cubes = Cubes.of(points, edge)
    members = cubes.members()
    assert len(members) == cubes.count
    assert sorted(np.concatenate(members)) == list(range(300))
    for number, some in enumerate(members):
        assert (cubes.of_point[some] == number).all()
        assert (np.ptp(points[some], axis=0) <= edge).all()
        np.testing.assert_allclose(cubes.centres[number], points[some].mean(axis=0))


def test_no_points_make_no_cubes() -> None:
    assert Cubes.of(np.empty((0, 3)), 8.0).count == 0


@given(length=st.integers(1, 200), stride=st.integers(1, 9))
def test_thinning_stays_inside_and_in_the_middle(length: int, stride: int) -> None:
    thin = Thinning.of(length, stride)
    last = thin.first + (thin.count - 1) * thin.stride
    assert 0 <= thin.first <= last <= length - 1
    assert abs(thin.first - (length - 1 - last)) <= 1
    assert thin.first < stride


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64, np.bool_])
def test_the_blur_is_a_gaussian(dtype: type) -> None:
    array = (np.random.default_rng(2).uniform(0, 200, (20, 23, 26))).astype(dtype)
    made, kept = blur(array, (1.5, 0.0, 2.2), (1, 2, 3))
    plain = gaussian_filter(array.astype(np.float64), (1.5, 0, 2.2), mode="nearest", truncate=5)
    z, y, x = (t.first + t.stride * np.arange(t.count) for t in kept)
    expected = plain[np.ix_(z, y, x)]
    np.testing.assert_allclose(made, expected, atol=2e-3 * float(array.max()))
