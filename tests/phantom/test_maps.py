"""The referee's maps against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distcorr.facts import VendorState
from distcorr.field import HarmonicField
from distcorr.phantom.fields import FieldName, named_field, random_field
from distcorr.phantom.maps import shown_to_true, true_to_shown, volume_ratio

ROUND_TRIP_MM = 1e-6

states = st.sampled_from(VendorState)
seeds = st.integers(0, 40)


@st.composite
def normals(draw):
    v = np.array([draw(st.floats(-1, 1)) for _ in range(3)])
    length = np.linalg.norm(v)
    return v / length if length > 0.1 else np.array([0.0, 1.0, 0.0])


@st.composite
def points(draw, radius=190.0):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    direction = rng.normal(size=(20, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction * rng.uniform(0, radius, (20, 1))


def in_plane(n):
    return np.eye(3) - np.outer(n, n)


@given(states, normals(), points(), seeds)
@settings(max_examples=60, deadline=None)
def test_true_points_come_back_through_any_state_and_slice(state, n, r, seed):
    field = random_field(seed)
    shown = true_to_shown(field, state, n, r)
    back = shown_to_true(field, state, n, shown)
    assert np.abs(back - r).max() < ROUND_TRIP_MM


@given(normals(), points(), seeds)
@settings(max_examples=60, deadline=None)
def test_two_dimensional_correction_solves_its_definition(n, r, seed):
    field = random_field(seed)
    q = r + field.displacement(r)
    s = true_to_shown(field, VendorState.DIS2D, n, r)
    through = (s - q) @ n
    in_slice = (s + field.displacement(s) - q) @ in_plane(n)
    assert np.abs(through).max() < 1e-9
    assert np.abs(in_slice).max() < ROUND_TRIP_MM


@given(normals(), points())
@settings(max_examples=40, deadline=None)
def test_two_dimensional_correction_leaves_the_normal_component_to_first_order(n, r):
    strong = named_field(FieldName.CLINICAL_3T)
    small = 1e-4
    field = HarmonicField(strong.basis, small * strong.coefficients)
    shown = true_to_shown(field, VendorState.DIS2D, n, r)
    expected = r + np.outer(field.displacement(r) @ n, n)
    # What is left is of second order: displacement times its gradient.
    assert np.abs(shown - expected).max() < small**2 * 40


def test_states_without_error_show_the_truth():
    r = np.array([[100.0, 50.0, -120.0]])
    for state in (VendorState.DIS3D, VendorState.TRUSTED):
        shown = true_to_shown(named_field(FieldName.STRONG), state, [0, 0, 1], r)
        np.testing.assert_array_equal(shown, r)


@pytest.mark.parametrize("state", VendorState)
def test_volume_ratio_is_the_determinant_of_the_map(state):
    field, n, h = named_field(FieldName.CLINICAL_3T), np.array([0.36, 0.48, 0.8]), 1e-3
    rng = np.random.default_rng(1)
    shown = rng.uniform(-110, 110, (30, 3))
    true = shown_to_true(field, state, n, shown)
    columns = [
        (shown_to_true(field, state, n, shown + e) - shown_to_true(field, state, n, shown - e))
        / (2 * h)
        for e in h * np.eye(3)
    ]
    expected = np.linalg.det(np.stack(columns, axis=-1))
    np.testing.assert_allclose(volume_ratio(field, state, n, shown, true), expected, rtol=1e-5)


def test_points_beyond_the_fold_are_unknown_not_wrong():
    field = named_field(FieldName.STRONG)
    far = np.array([[0.0, 0.0, 400.0], [0.0, 0.0, 50.0]])
    true = shown_to_true(field, VendorState.ND, [0, 1, 0], far)
    assert np.isnan(true[0]).all()
    assert np.isfinite(true[1]).all()
    ratio = volume_ratio(field, VendorState.ND, [0, 1, 0], far, true)
    assert np.isnan(ratio[0])
    assert ratio[1] > 0
