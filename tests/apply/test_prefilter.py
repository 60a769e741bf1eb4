"""Coefficients of the cubic B-spline, against SciPy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import spline_filter

from distcorr.apply.prefilter import spline_coefficients
from distcorr.apply.weights import BSPLINE, BY_TAPS, SINC, lanczos_weights


@settings(max_examples=30)
@given(
    shape=st.tuples(st.integers(1, 50), st.integers(1, 20), st.integers(1, 70)),
    dtype=st.sampled_from([np.uint8, np.int16, np.float32, np.float64]),
)
def test_scipy_finds_the_same_coefficients(shape: tuple[int, int, int], dtype: type) -> None:
    array = np.random.default_rng(0).uniform(0, 200, shape).astype(dtype)
    expected = spline_filter(array, order=3, output=np.float64, mode="mirror")
    # The gain of the filter is 6 for each axis, so 216 times the rounding of 200.
    np.testing.assert_allclose(spline_coefficients(array, np.float64), expected, atol=1e-9)
    np.testing.assert_allclose(spline_coefficients(array, np.float32), expected, atol=5e-3)


@given(t=st.floats(0, 1))
def test_weights_sum_to_one(t: float) -> None:
    for table in BY_TAPS.values():
        powers = (t - 0.5) ** np.arange(len(table))
        assert abs((powers @ table).sum() - 1) < 1e-9


@given(t=st.floats(0, 1))
def test_polynomials_are_the_weights_they_stand_for(t: float) -> None:
    powers = (t - 0.5) ** np.arange(len(SINC))
    np.testing.assert_allclose(powers @ SINC, lanczos_weights(np.array([t]))[0], atol=1e-8)
    d = np.abs(t - np.array([-1.0, 0.0, 1.0, 2.0]))
    cubic = np.where(d < 1, 2 / 3 - d**2 + d**3 / 2, np.maximum(2 - d, 0) ** 3 / 6)
    np.testing.assert_allclose((t - 0.5) ** np.arange(4) @ BSPLINE, cubic, atol=1e-12)
