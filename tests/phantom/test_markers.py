"""Simulated markers: where they are drawn, lie and are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from distcorr.errors import Code, DistcorrError
from distcorr.phantom import FieldName, MarkerSettings, named_field, simulate_markers
from distcorr.points import read_pairs

FIELD = named_field(FieldName.CLINICAL_3T)
SETTINGS = MarkerSettings(radius_mm=150.0, spacing_mm=50.0)


def test_the_drawing_is_a_lattice_in_a_ball() -> None:
    markers = simulate_markers(FIELD, SETTINGS)
    assert len(markers) == 123  # integer points in a ball of radius 3
    assert np.linalg.norm(markers.drawn_lps, axis=1).max() == 150.0
    assert pdist(markers.drawn_lps).min() == 50.0
    assert len(set(markers.labels)) == len(markers)


def test_the_phantom_is_moved_as_a_whole() -> None:
    markers = simulate_markers(FIELD, SETTINGS)
    np.testing.assert_allclose(pdist(markers.true_lps), pdist(markers.drawn_lps))
    np.testing.assert_allclose(markers.true_lps.mean(axis=0), SETTINGS.shift_mm, atol=1e-9)


def test_markers_are_shown_where_the_field_puts_them() -> None:
    exact = simulate_markers(FIELD, replace(SETTINGS, localisation_mm=0.0))
    np.testing.assert_allclose(
        exact.shown_lps, exact.true_lps + FIELD.displacement(exact.true_lps), atol=1e-9
    )
    noisy = simulate_markers(FIELD, replace(SETTINGS, localisation_mm=0.3))
    assert (noisy.shown_lps - exact.shown_lps).std() == pytest.approx(0.3, rel=0.15)
    again = simulate_markers(FIELD, replace(SETTINGS, localisation_mm=0.3))
    np.testing.assert_array_equal(noisy.shown_lps, again.shown_lps)


def test_the_table_is_one_that_manifests_name(tmp_path: Path) -> None:
    markers = simulate_markers(FIELD, SETTINGS)
    path = tmp_path / "markers.csv"
    markers.write(path)
    read = read_pairs(path)
    assert read.labels == markers.labels
    np.testing.assert_allclose(read.true_lps, markers.drawn_lps, atol=1e-4)
    np.testing.assert_allclose(read.shown_lps, markers.shown_lps, atol=1e-4)
    with pytest.raises(DistcorrError) as refused:
        markers.write(path)
    assert refused.value.code is Code.OUTPUT_EXISTS
