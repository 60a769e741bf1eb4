"""The local regression of one image on the other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from distcorr.learn.similarity import Comparison, compare
from distcorr.learn.windows import Windows

SHAPE = (16, 18, 20)
ALL = np.ones(int(np.prod(SHAPE)), bool)
WHERE = np.arange(len(ALL))


def texture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    smooth = gaussian_filter(noise, 1.0)
    return (100 * smooth / smooth.std()).reshape(-1).astype(np.float32)


AXIAL = texture(0)
ZERO = np.zeros((len(ALL), 3), np.float32)


def compared(
    axial: np.ndarray,
    coronal: np.ndarray,
    valid: np.ndarray = ALL,
    axial_gradient: np.ndarray = ZERO,
    coronal_gradient: np.ndarray = ZERO,
) -> Comparison:
    windows = Windows(SHAPE, WHERE, valid, 3)
    return compare(
        windows,
        valid,
        np.asarray(axial, np.float32),
        np.asarray(coronal, np.float32),
        np.asarray(axial_gradient, np.float32),
        np.asarray(coronal_gradient, np.float32),
    )


def unexplained(found: Comparison) -> float:
    used = found.weight > 0
    return float(np.abs(found.residual[used]).mean() / found.contrast[used].mean())


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (2.5, 40.0), (-0.7, 300.0)])
def test_a_linear_relation_leaves_nothing(slope: float, offset: float) -> None:
    """But for the floor under the variance, one in a thousand."""
    found = compared(AXIAL, slope * AXIAL + offset)
    assert unexplained(found) < 3e-3
    np.testing.assert_allclose(found.slope, slope, rtol=1e-2)
    np.testing.assert_allclose(found.correlation, np.sign(slope), atol=2e-3)


def test_a_curved_relation_leaves_nothing() -> None:
    """Rising, then falling: three tissues may differ as they like."""
    curved = 50 + 0.4 * AXIAL - 0.003 * AXIAL**2
    found = compared(AXIAL, curved)
    assert unexplained(found) < 0.02
    np.testing.assert_allclose(found.slope, 0.4 - 0.006 * AXIAL, atol=0.05)
    ramp = np.stack([AXIAL**2, AXIAL, np.ones_like(AXIAL)], axis=1).astype(np.float32)
    explained = compared(AXIAL, texture(1), coronal_gradient=2 * ramp / 100)
    assert np.abs(explained.gradient).mean() < 0.03 * np.abs(ramp / 100).mean()


def test_a_smooth_sensitivity_cancels() -> None:
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    sensitivity = np.exp(0.3 * x - 0.2 * y + 0.25 * z).reshape(-1)
    assert unexplained(compared(AXIAL, sensitivity * AXIAL)) < 0.05
    assert unexplained(compared(AXIAL, AXIAL + 500 * sensitivity)) < 0.3
    assert unexplained(compared(AXIAL, texture(1))) > 0.6


def test_gradients_that_the_regression_explains_vanish() -> None:
    explained = np.stack([np.full(len(ALL), 3.0), 0.04 * AXIAL, 1 - 0.02 * AXIAL], axis=1)
    found = compared(AXIAL, texture(1), coronal_gradient=2 * explained)
    assert np.abs(found.gradient).mean() < 0.01 * np.abs(explained).mean()
    other = np.stack([texture(s) for s in (5, 6, 7)], axis=1) / 100
    plain = compared(AXIAL, texture(1), coronal_gradient=2 * other)
    shifted = compared(AXIAL, texture(1), coronal_gradient=2 * (other + explained))
    np.testing.assert_allclose(shifted.gradient, plain.gradient, atol=0.03)
    assert 0.5 < plain.gradient.std() < 1.1


def test_the_gradient_is_the_mean_of_both_images() -> None:
    """The axial one counts by the slope of the regression."""
    slopes = np.stack([texture(s) for s in (5, 6, 7)], axis=1) / 100
    from_axial = compared(AXIAL, 2 * AXIAL, axial_gradient=slopes)
    from_coronal = compared(AXIAL, 2 * AXIAL, coronal_gradient=2 * slopes)
    np.testing.assert_allclose(from_axial.gradient, from_coronal.gradient, atol=0.02)


def test_what_was_not_measured_does_not_count() -> None:
    valid = ALL.reshape(SHAPE).copy()
    valid[:, :, 12:] = False
    valid = valid.reshape(-1)
    coronal = np.where(valid, 2 * AXIAL, 1e6)
    found = compared(AXIAL, coronal, valid)
    assert not found.weight[~valid].any()
    assert not found.residual[~valid].any()
    assert (found.weight[valid] > 0).mean() > 0.7  # windows at corners are too empty
    assert np.abs(found.residual[valid]).max() < 0.02 * found.contrast[valid].mean()


def test_outliers_lose_weight() -> None:
    coronal = AXIAL + 0.05 * texture(1)
    spoiled = coronal.copy()
    middle = int(np.ravel_multi_index([n // 2 for n in SHAPE], SHAPE))
    spoiled[middle] += 1000
    before, after = compared(AXIAL, coronal), compared(AXIAL, spoiled)
    assert after.weight[middle] < 0.05 * before.weight[middle]
