"""Heads that a simulated scan shows, against what is known of them without voxels."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from distcorr.facts import VendorState
from distcorr.phantom.fields import FieldName, named_field

TARGET = 0.005
"""Half a percent of the axis ratio."""

PHASE = np.array([0.31, -0.12, 0.44])


@pytest.fixture
def bench(monkeypatch):
    """Import a benchmark's module as its script sees it."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return import_module


@pytest.fixture
def head(bench):
    """A femoral head, cut from its neck, in a scan corrected within its slices only."""
    heads = bench("heads")
    field = named_field(FieldName.CLINICAL_3T)
    return heads.heads_of(1, heads.unpainted_scan(1, field, VendorState.DIS2D))[1]


def test_the_known_shape_is_that_of_an_exact_ellipsoid(bench):
    heads = bench("heads")
    points = heads.fibonacci(500) * (20.0, 24.0, 23.0) + (80.0, -5.0, 140.0)
    known = heads.known_shape(points)
    assert known.axis_ratio == pytest.approx(20.0 / 24.0, abs=1e-9)
    assert known.bent_mm < 1e-9
    np.testing.assert_allclose(np.abs(known.squeeze_lps), [1.0, 0.0, 0.0], atol=1e-6)


def test_two_definitions_of_the_known_axis_ratio_agree(bench, head):
    heads = bench("heads")
    mapping = head.scan.shown_lps
    known = heads.known_shape(mapping(head.ball(1000))).axis_ratio
    assert heads.second_moments(head, mapping) == pytest.approx(known, rel=0.001)


def test_the_head_is_as_round_as_known(bench, head):
    """As shown and moved back by the field itself, though it is cut and bent."""
    roundness = bench("roundness")
    rows = list(
        roundness.label_rows(head, "head", (2.0, 2.0, 2.0), {"field": head.scan.field}, PHASE)
    )
    rows += list(roundness.mesh_rows(head, "head", {"field": head.scan.field}))
    assert len(rows) == 6
    assert rows[1].known.axis_ratio < 0.86
    for row in rows:
        assert abs(row.difference) < TARGET, row.text()
        assert row.off_deg is None or row.off_deg < 3.0


def test_coarse_voxels_are_uncertain_and_say_so(bench, head):
    """The cap that is missing is little higher than a voxel."""
    heads = bench("heads")
    roundness = bench("roundness")
    label = heads.label_of(head, (4.0, 4.0, 4.0), shown=False, phase=PHASE)
    row = roundness.true_row("label", "head", head, roundness.surface_of_label(label, 1))
    assert abs(row.difference) < 0.02
    assert row.covered
    assert row.sd > 0.002
    assert not row.found.significant
