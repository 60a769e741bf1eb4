"""The whole estimate on simulated legs with a known strong field, in 6 mm voxels."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from distcorr.acquisition import Scan
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.learn import FitResult, Reference, estimate, learn
from distcorr.phantom.scanner import SimulatedScan
from distcorr.phantom.truth import body_points
from distcorr.space import Grid, Volume, transform_points
from tests.learn.examples import FIELD, FOV_MM, SETTINGS

RADIUS_MM = 160.0
"""Beyond it the field of view of these coarse scans ends."""

SAME_MM = 1e-9
REORDERED_MM = 1e-6
"""Sums of another order."""


@pytest.fixture(scope="module")
def new_points(new_scan: SimulatedScan) -> tuple[np.ndarray, np.ndarray]:
    """Where the new subject's tissue is shown and where it is, patient LPS, mm."""
    shown, true = body_points(new_scan, 5000, seed=1)
    near = np.linalg.norm(true, axis=1) < RADIUS_MM
    return shown[near], true[near]


def lattices_differ(a: FitResult, b: FitResult) -> float:
    p = np.random.default_rng(0).uniform(-1, 1, (2000, 3)) * np.array(FOV_MM) / 2
    return float(np.abs(a.field.displacement(p) - b.field.displacement(p)).max())


@pytest.mark.parametrize(("result", "bound"), [("fitted", 0.6), ("fitted_from_one", 0.8)])
def test_a_new_subject_is_corrected(
    request: pytest.FixtureRequest,
    new_scan: SimulatedScan,
    new_points: tuple[np.ndarray, np.ndarray],
    result: str,
    bound: float,
) -> None:
    fit: FitResult = request.getfixturevalue(result)
    shown, true = new_points
    acquisition = Scan(new_scan.volume, new_scan.facts).acquisition
    found = acquisition.shown_to_true_patient(fit.field, shown)
    raw = np.linalg.norm(shown - true, axis=1)
    left = np.linalg.norm(found - true, axis=1)
    assert raw.mean() > 2.2
    assert left.mean() < bound
    assert np.percentile(left, 95) < 3 * bound
    # Nobody is made worse by more than the fit can be wrong.
    assert (left > raw + 2.0).mean() < 0.01


def test_the_uncertainty_is_positive_and_honest(
    fitted: FitResult, new_scan: SimulatedScan, new_points: tuple[np.ndarray, np.ndarray]
) -> None:
    at = transform_points(new_scan.T_scanner_patient, new_points[1])
    sd = fitted.standard_deviation_at(at)
    assert (sd > 0).all()
    assert np.isfinite(fitted.sd).all()
    assert (fitted.sd >= 0).all()
    error = np.abs(fitted.field.displacement(at) - FIELD.displacement(at))
    assert (error < 3 * sd + 0.3).mean() > 0.8
    far = fitted.standard_deviation_at(np.array([[0.0, 0, 20], [0, 0, 230]]))
    assert (far[1] > far[0]).all()


def test_motions_are_found(fitted: FitResult, pairs: list, references: list[Reference]) -> None:
    """A motion along the leg is the least certain: anatomy hardly changes that way."""
    p = np.random.default_rng(0).uniform(-80, 80, (500, 3))
    for motion, pair in zip(fitted.state.motions, pairs, strict=True):
        T = pair.coronal.T_patient_subject @ np.linalg.inv(pair.axial.T_patient_subject)
        off = motion.apply(p) - transform_points(T, p)
        assert np.linalg.norm(off, axis=1).mean() < 1.0


def test_the_outcome_says_what_happened(fitted: FitResult, references: list[Reference]) -> None:
    assert [outcome.id for outcome in fitted.references] == [one.id for one in references]
    for outcome in fitted.references:
        assert outcome.after.agreement.residual < 0.8 * outcome.before.agreement.residual
    assert fitted.gain.revealed == (True, True, True)
    assert min(fitted.information) > 0.9
    assert fitted.history
    assert fitted.supported.min_jacobian > 0
    assert not fitted.no_field.displacement(np.zeros((1, 3))).any()


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one processor")
def test_threads_and_repetition_change_nothing(
    fitted_from_one: FitResult, references: list[Reference]
) -> None:
    numba.set_num_threads(2)
    assert lattices_differ(fitted_from_one, learn(references[:1], SETTINGS)) < SAME_MM


def test_the_order_of_references_does_not_matter(
    fitted: FitResult, references: list[Reference]
) -> None:
    swapped = learn(references[::-1], SETTINGS)
    assert lattices_differ(fitted, swapped) < REORDERED_MM
    assert [one.id for one in swapped.references] == ["ref02", "ref01"]


def with_array(scan: Scan, array: np.ndarray) -> Scan:
    return replace(scan, volume=Volume(array, scan.volume.grid))


def elsewhere(scan: Scan) -> Scan:
    grid = scan.volume.grid
    far = Grid(grid.size, grid.origin_lps + np.array([0, 0, 900.0]), grid.spacing, grid.direction)
    return replace(scan, volume=Volume(scan.volume.array, far))


def refuse_to_fit(*arguments: object) -> None:
    raise AssertionError("the fit was begun")


def test_unrelated_images_are_refused(references: list[Reference]) -> None:
    coronal = references[0].coronal
    shuffled = np.random.default_rng(0).permutation(coronal.volume.array.reshape(-1))
    other = with_array(coronal, shuffled.reshape(coronal.volume.array.shape))
    with pytest.raises(DistcorrError) as refusal:
        learn([replace(references[0], coronal=other)], SETTINGS)
    assert refusal.value.code is Code.NOT_CONVERGED


@pytest.mark.parametrize("value", [0, 700], ids=["empty", "constant"])
@pytest.mark.parametrize("plane", ["axial", "coronal"])
def test_images_without_structure_are_refused(
    references: list[Reference], monkeypatch: pytest.MonkeyPatch, plane: str, value: int
) -> None:
    monkeypatch.setattr(estimate, "fit_harmonics", refuse_to_fit)
    scan = getattr(references[0], plane)
    flat = np.full_like(scan.volume.array, value)
    spoiled = replace(references[0], **{plane: with_array(scan, flat)})
    with pytest.raises(DistcorrError) as refusal:
        learn([spoiled, references[1]], SETTINGS)
    assert refusal.value.code is Code.NO_CONTRAST


def test_scans_of_different_places_are_refused(references: list[Reference]) -> None:
    apart = replace(references[0], coronal=elsewhere(references[0].coronal))
    with pytest.raises(DistcorrError) as refusal:
        learn([apart], SETTINGS)
    assert refusal.value.code is Code.NO_OVERLAP
    assert "ref01" in str(refusal.value)


@pytest.mark.parametrize("state", [VendorState.ND, VendorState.DIS3D])
def test_equal_states_teach_nothing(references: list[Reference], state: VendorState) -> None:
    def declared(scan: Scan) -> Scan:
        return Scan(scan.volume, scan.facts.stated("test", state=state))

    same = [Reference(one.id, declared(one.axial), declared(one.coronal)) for one in references]
    with pytest.raises(DistcorrError) as refusal:
        learn(same, SETTINGS)
    assert refusal.value.code is Code.NOTHING_TO_LEARN
