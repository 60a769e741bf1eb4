"""Values become stored integers without wrapping around, whatever the scaling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from distcorr.dicom.stored import Quantiser, StoredType
from distcorr.errors import Code, DistcorrError
from distcorr.space import Volume
from tests.dicom.examples import grid

TYPES = [StoredType(8, 8, False), StoredType(16, 12, False), StoredType(16, 12, True),
         StoredType(16, 16, False), StoredType(16, 16, True), StoredType(32, 32, True)]  # fmt: skip
GRID = grid((3, 4, 2))


class Source:
    """What the quantiser reads of a source slice."""

    def __init__(self, slope, intercept=0.0, padding=None):
        self.slope, self.intercept, self.padding = slope, intercept, padding


def decoded(quantiser, k, source):
    scaling = quantiser.scaling(k, source)
    pixels = quantiser.pixels(k, source)
    assert pixels.dtype == quantiser.stored.dtype
    return pixels.astype(np.float64) * scaling.slope + scaling.intercept, scaling


@given(
    st.sampled_from(TYPES),
    st.floats(1e-3, 1e3),
    st.floats(-1e4, 1e4),
    st.floats(1.0, 1e7),
    st.integers(0, 100),
)
def test_one_scaling_keeps_values_or_saturates(stored, slope, intercept, size, seed):
    values = np.random.default_rng(seed).normal(0, size, GRID.shape)
    source = Source(slope, intercept)
    quantiser = Quantiser(Volume(values, GRID), [source, source], stored)
    low, high = (slope * limit + intercept for limit in quantiser.stored.limits)
    for k in range(2):
        found, scaling = decoded(quantiser, k, source)
        assert not scaling.changed
        expected = np.clip(values[k], low, high)
        np.testing.assert_allclose(found, expected, atol=slope * (0.5 + 1e-6), rtol=1e-9)


@given(st.sampled_from(TYPES), st.floats(1.0, 1e7), st.integers(0, 100))
def test_several_scalings_lose_at_most_half_a_step(stored, size, seed):
    values = np.random.default_rng(seed).normal(0, size, GRID.shape)
    sources = [Source(1.0), Source(0.01)]
    quantiser = Quantiser(Volume(values, GRID), sources, stored)
    for k, source in enumerate(sources):
        found, scaling = decoded(quantiser, k, source)
        # Decimal strings of 16 characters round the ends of a spread scaling.
        rounding = 1e-9 * size
        np.testing.assert_allclose(found, values[k], atol=scaling.slope * 0.501 + rounding)


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_a_slope_of_zero_and_constant_slices_are_no_trap(value):
    quantiser = Quantiser(Volume(np.full(GRID.shape, value), GRID), [Source(0.0)] * 2, TYPES[3])
    found, scaling = decoded(quantiser, 0, Source(0.0))
    assert scaling.changed
    np.testing.assert_allclose(found, value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad):
    values = np.zeros(GRID.shape)
    values[1, 1, 1] = bad
    with pytest.raises(DistcorrError) as refusal:
        Quantiser(Volume(values, GRID), [Source(1.0)] * 2, TYPES[0])
    assert refusal.value.code is Code.BAD_FORMAT


@pytest.mark.parametrize("padding", [(-2000, -2000), (63536, 63536), (63536, 63600)])
def test_padding_is_written_in_the_stored_type(padding):
    valid = np.zeros(GRID.shape, bool)
    source = Source(1.0, padding=padding)
    quantiser = Quantiser(Volume(np.zeros(GRID.shape), GRID, valid), [source] * 2, TYPES[4])
    assert (quantiser.pixels(0, source) == -2000).all()


@pytest.mark.parametrize("change", [{"BitsAllocated": 64}, {"PixelRepresentation": None}])
def test_other_pixels_are_refused(change):
    ds = Dataset()
    ds.BitsAllocated, ds.BitsStored, ds.PixelRepresentation = 16, 12, 0
    assert StoredType.of(ds) == StoredType(16, 12, False)
    for keyword, value in change.items():
        setattr(ds, keyword, value)
    with pytest.raises(DistcorrError) as refusal:
        StoredType.of(ds)
    assert refusal.value.code is Code.BAD_FORMAT
    assert "NRRD" in str(refusal.value)
