"""The correction as an object."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distcorr.correction import (
    ProvenanceInput,
    ReferenceFigures,
    ShellFigures,
    shell_figures,
)
from distcorr.errors import Code, DistcorrError
from distcorr.field import HarmonicField
from distcorr.space import transform_points
from tests.correction.examples import correction_of, example_correction, example_field


def test_support_and_uncertainty_are_trilinear_between_nodes() -> None:
    made = correction_of(example_field(), 90, 30, support_mm=60)
    node = made.lattice.node_points()
    assert np.array_equal(made.support_at(node), made.support)
    np.testing.assert_allclose(
        made.standard_deviation_at(node[2:-2, 2, 2]).T,
        made.standard_deviation[:, 2:-2, 2, 2],
        rtol=1e-6,
    )
    halfway = (node[4, 4, 5] + node[4, 4, 6]) / 2
    expected = (made.support[4, 4, 5] + made.support[4, 4, 6]) / 2
    assert made.support_at(halfway) == pytest.approx(expected)


def test_nothing_is_known_off_the_lattice() -> None:
    made = correction_of(example_field(), 90, 30)
    far = [[500.0, 0, 0], [0, 0, 0]]
    assert made.supported(far).tolist() == [False, True]
    assert np.isnan(made.standard_deviation_at(far)[0]).all()
    assert made.support_at(far).tolist() == [0, 1]
    assert not made.supported([np.nan, 0, 0])


def test_smallest_jacobian_of_a_known_field() -> None:
    """D_x = a (x^2 - z^2) / R^2 has det = 1 + 2 a x / R^2, smallest at the edge."""
    field = HarmonicField.from_terms(x={}, y={}, z={(2, 0): 40.0})
    made = correction_of(field, 90, 30)
    z = made.lattice.domain[0][2]
    assert made.min_jacobian() == pytest.approx(1 + 40.0 * 2 * z / 200**2, abs=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        {"support": np.zeros((2, 2, 2))},
        {"standard_deviation": np.zeros((3, 2, 2, 2))},
    ],
)
def test_wrong_shapes_are_refused(change: dict) -> None:
    with pytest.raises(DistcorrError) as refusal:
        replace(example_correction(), **change)
    assert refusal.value.code is Code.CORRECTION_INVALID


def test_it_shows_itself_and_escapes_what_it_shows() -> None:
    made = example_correction()
    made = replace(made, scanner=replace(made.scanner, model="<b>"))
    assert "references: 2" in repr(made)
    assert "&lt;b&gt;" in made._repr_html_()
    assert "<b>" not in made._repr_html_()


def test_arrays_are_read_only_and_records_closed() -> None:
    made = example_correction()
    with pytest.raises(ValueError, match="read-only"):
        made.support[0] = 0
    with pytest.raises(ValueError, match="extra"):
        ProvenanceInput(reference="a", role="axial", state="ND", sha256="0" * 64, name="x")


def test_shells_tell_displacement_support_and_uncertainty() -> None:
    field = HarmonicField.from_terms(x={}, y={}, z={(2, 0): 40.0})
    made = correction_of(field, 240.0, 20.0, support_mm=120.0)
    rows = shell_figures(made, (0, 50, 100, 150, 200))
    assert [row.supported for row in rows[:2]] == [1.0, 1.0]
    assert 0 < rows[2].supported < 1
    assert rows[3] == ShellFigures(
        inner_mm=150, outer_mm=200, supported=0, mean_mm=0, p95_mm=0, max_mm=0, sd_mm=0
    )
    # Inside 50 mm the term is largest on the polar axis: 40 (z / 200)^2 at z = 40.
    assert rows[0].max_mm == pytest.approx(40 * 0.2**2, rel=0.02)
    assert rows[1].sd_mm > rows[0].sd_mm > 0


def test_motion_as_a_transform() -> None:
    reference = ReferenceFigures(
        id="a",
        translation_mm=(1, 2, 3),
        rotation_deg=(0, 0, 90),
        centre_mm=(10, 0, 0),
        points=1,
        residual_before=1,
        residual_after=1,
    )
    moved = transform_points(reference.T_moved_still, [[10, 0, 0], [11, 0, 0]])
    np.testing.assert_allclose(moved, [[11, 2, 3], [11, 3, 3]], atol=1e-12)
