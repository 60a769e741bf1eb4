"""What residuals say of the field: probes against finite differences, sums against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.acquisition import Acquisition
from distcorr.facts import VendorState
from distcorr.field import HarmonicBasis, HarmonicField
from distcorr.learn import normal
from distcorr.learn.normal import Normal, Probe, accumulate, embed, probes_of
from distcorr.learn.rigid import PARAMETERS
from distcorr.phantom.fields import default_field, random_field
from distcorr.space import PatientPosition
from distcorr.space.frames import T_scanner_patient

OBLIQUE = np.array([0.25, 0.9, -0.35]) / np.linalg.norm([0.25, 0.9, -0.35])
NORMALS = {"axial": np.array([0.0, 0, 1]), "coronal": np.array([0.0, 1, 0]), "oblique": OBLIQUE}
GENERATOR = np.random.default_rng(0)
TRUE = GENERATOR.uniform(-130, 130, (200, 3))
SLOPES = GENERATOR.normal(size=(200, 3))


@pytest.mark.parametrize("position", list(PatientPosition))
@pytest.mark.parametrize("plane", NORMALS)
@pytest.mark.parametrize("state", [VendorState.ND, VendorState.DIS2D])
def test_probes_predict_what_a_change_of_the_field_does(
    state: VendorState, plane: str, position: PatientPosition
) -> None:
    """An image of constant slope g in shown space changes by g . ds as D changes."""
    field, other = default_field(), random_field(1)
    change = HarmonicField(other.basis, 0.2 * other.coefficients)
    acquisition = Acquisition(state, T_scanner_patient(position, [3.0, -5.0, 20.0]), NORMALS[plane])

    def shown(share: float) -> np.ndarray:
        return acquisition.true_to_shown(_Sum(field, change, share), TRUE)

    h = 0.25
    measured = np.einsum("mi,mi->m", SLOPES, shown(h) - shown(-h)) / (2 * h)
    ds_dr = acquisition.jacobian(field, TRUE, shown(0.0))
    by_tissue = np.einsum("mab,ma->mb", ds_dr, SLOPES)
    probes = probes_of(acquisition, field, TRUE, shown(0.0), by_tissue)
    predicted = sum(
        np.einsum("mi,mi->m", probe.vectors, change.displacement(probe.points)) for probe in probes
    )
    assert len(probes) == (1 if state is VendorState.ND else 2)
    assert np.abs(measured).max() > 0.5
    np.testing.assert_allclose(predicted, measured, atol=2e-3)


class _Sum:
    def __init__(self, first: HarmonicField, second: HarmonicField, share: float) -> None:
        self.first, self.second, self.share = first, second, share

    def displacement(self, points: np.ndarray) -> np.ndarray:
        return self.first.displacement(points) + self.share * self.second.displacement(points)

    def jacobian(self, points: np.ndarray) -> np.ndarray:
        return self.first.jacobian(points) + self.share * self.second.jacobian(points)


@pytest.mark.parametrize("state", [VendorState.DIS3D, VendorState.TRUSTED])
def test_a_true_scan_has_no_probes(state: VendorState) -> None:
    acquisition = Acquisition(state, np.eye(4), OBLIQUE)
    assert probes_of(acquisition, default_field(), TRUE, TRUE, SLOPES) == []


def test_a_flat_slice_hides_what_the_vendor_corrected() -> None:
    """To first order a DIS2D scan sees D along its normal alone."""
    nothing = HarmonicField.from_terms({}, {}, {})
    acquisition = Acquisition(VendorState.DIS2D, np.eye(4), OBLIQUE)
    at_true, at_shown = probes_of(acquisition, nothing, TRUE, TRUE, SLOPES)
    along = (SLOPES @ OBLIQUE)[:, None] * OBLIQUE
    np.testing.assert_allclose(at_true.vectors + at_shown.vectors, along, atol=1e-12)


@pytest.mark.parametrize("chunk", [10, 10_000])
def test_the_sums_equal_brute_force(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(normal, "_CHUNK", chunk)
    basis, m = HarmonicBasis(4), 60
    g = np.random.default_rng(3)
    probes = [Probe(g.uniform(-200, 200, (m, 3)), g.normal(size=(m, 3))) for _ in range(2)]
    rigid = g.normal(size=(m, PARAMETERS))
    residual = g.normal(size=m)
    order = g.permutation(m)
    blocks = [order[:7], order[7:30], order[30:31], order[31:]]
    X = np.concatenate(
        [
            sum(
                (p.vectors[:, :, None] * basis.values(p.points)[:, None, :]).reshape(m, -1)
                for p in probes
            ),
            rigid,
        ],
        axis=1,
    )
    made, spread = accumulate(basis, probes, rigid, residual, blocks)
    scale = np.abs(X.T @ X).max()
    np.testing.assert_allclose(made.matrix, X.T @ X, atol=1e-5 * scale)
    np.testing.assert_allclose(made.vector, -X.T @ residual, atol=1e-4)
    for row, block in zip(spread, blocks, strict=True):
        expected = -X[block].T @ residual[block]
        np.testing.assert_allclose(row, expected, atol=1e-4)


def test_subjects_share_the_field_and_nothing_else() -> None:
    field, own = 5, 5 + PARAMETERS
    g = np.random.default_rng(4)
    part = Normal(g.normal(size=(own, own)), g.normal(size=own))
    placed, spread = embed(part, g.normal(size=(3, own)), 1, 3)
    where = np.r_[0:field, field + PARAMETERS : field + 2 * PARAMETERS]
    np.testing.assert_array_equal(placed.matrix[np.ix_(where, where)], part.matrix)
    np.testing.assert_array_equal(placed.vector[where], part.vector)
    elsewhere = np.delete(np.arange(field + 3 * PARAMETERS), where)
    assert len(elsewhere) == 2 * PARAMETERS
    assert not placed.matrix[elsewhere].any()
    assert not placed.matrix[:, elsewhere].any()
    assert not spread[:, elsewhere].any()
