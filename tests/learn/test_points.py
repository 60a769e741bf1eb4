"""Points as observations: exact derivatives, and fields that are found again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_t

from distcorr.acquisition import Acquisition
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.field import HarmonicBasis, HarmonicField
from distcorr.learn.calibration import (
    CALIBRATION_UNKNOWNS,
    Calibration,
    calibration_rows,
)
from distcorr.learn.point_figures import UNTRUSTED, gain_of_points
from distcorr.learn.point_fit import fit_points
from distcorr.learn.point_pairs import (
    CALIBRATION_SD,
    FREE_PLACEMENT,
    OFFSET_SD_MM,
    PointPairs,
)
from distcorr.learn.points import linearise
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.rigid import PARAMETERS, Motion
from distcorr.learn.student import STUDENT_NU, student_log_likelihood, student_scale
from distcorr.phantom.fields import FieldName, named_field
from distcorr.space import PatientPosition
from distcorr.space.frames import T_scanner_patient
from tests.learn.examples import unlearned

FIELD = named_field(FieldName.CLINICAL_3T)
OBLIQUE = np.array([0.1, 0.96, -0.2]) / np.linalg.norm([0.1, 0.96, -0.2])
STRAIN = np.array([[0.016, 0.002, 0.0], [0.002, 0.014, -0.003], [0.0, -0.003, -0.02]])
MOTION = Motion(np.array([1.5, -0.8, 2.0]), np.deg2rad([1.0, -0.5, 1.2]), np.array([5.0, 0, -3]))
NOISE_MM = 0.2


def acquisition(state=VendorState.ND):
    T = T_scanner_patient(PatientPosition.FFS, (4.0, -6.0, 20.0))
    return Acquisition(state, T, OBLIQUE)


def ball(count, radius=170.0, seed=0):
    generator = np.random.default_rng(seed)
    direction = generator.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction * radius * np.cbrt(generator.uniform(size=(count, 1)))


def simulated(
    acq, field=FIELD, count=250, strain=STRAIN, motion=MOTION, noise=NOISE_MM, seed=0, offset=0.0
):
    """Pairs in patient LPS whose scanner positions follow a known field."""
    T_patient_scanner = np.linalg.inv(acq.T_scanner_patient)
    place = lambda points: points @ T_patient_scanner[:3, :3].T + T_patient_scanner[:3, 3]  # noqa: E731
    true = ball(count, seed=seed)
    shown = acq.true_to_shown(field, motion.apply(true))
    shown = shown + shown @ strain + offset
    shown = shown + np.random.default_rng(seed + 1).normal(0, noise, shown.shape)
    return PointPairs("phantom", acq, place(true), place(shown), 0.05, FREE_PLACEMENT, 0.02)


def mislabelled(pairs, share, seed=3):
    """Exchange the shown places of a share of the pairs in a ring."""
    rows = np.random.default_rng(seed).permutation(len(pairs))[: int(share * len(pairs))]
    shown = pairs.shown_lps.copy()
    shown[rows] = shown[np.roll(rows, 1)]
    return replace(pairs, shown_lps=shown), rows


@pytest.mark.parametrize("state", [VendorState.ND, VendorState.DIS2D])
@pytest.mark.parametrize("calibration_sd", [0.0, CALIBRATION_SD])
def test_derivatives_agree_with_differences(state, calibration_sd):
    """Along random directions: downhill, and the curvature left by the best calibration."""
    acq = acquisition(state)
    pairs = replace(
        simulated(acq, count=40), calibration_sd=calibration_sd, offset_sd_mm=50 * calibration_sd
    )
    basis = HarmonicBasis(4)
    generator = np.random.default_rng(5)
    coefficients = generator.normal(0, 2.0, (3, basis.size))
    field, k3 = HarmonicField(basis, coefficients), 3 * basis.size
    view = linearise(pairs, HarmonicPrior(basis), field, MOTION)
    root = np.sqrt(view.weight)[:, None]

    def shown(step):
        moved = MOTION.stepped(step[k3:]).apply(pairs.true_scanner)
        now = HarmonicField(basis, coefficients + step[:k3].reshape(3, -1))
        return acq.true_to_shown(now, moved)

    def cost(step):
        """Weighted squares with the best S and o, their prior included."""
        s = shown(step)
        rows = (calibration_rows(s) * root[:, None]).reshape(-1, CALIBRATION_UNKNOWNS)
        left = ((s - pairs.shown_scanner) * root).reshape(-1)
        prior = np.diag(np.sqrt(pairs.calibration_precision))
        stacked, right = np.r_[rows, prior], np.r_[left, np.zeros(len(prior))]
        best = np.linalg.lstsq(stacked, -right, rcond=None)[0]
        return 0.5 * ((stacked @ best + right) ** 2).sum()

    for _ in range(6):
        direction = (
            generator.normal(size=k3 + PARAMETERS)
            * np.r_[np.full(k3 + 3, 1.0), np.full(3, 0.01), np.full(3, 1.0), np.full(3, 0.01)]
        )
        h = 1e-4
        slope = (cost(h * direction) - cost(-h * direction)) / (2 * h)
        assert -view.normal.vector @ direction == pytest.approx(slope, rel=1e-4, abs=1e-3)
        change = shown(h * direction) - shown(-h * direction)
        change = change / (2 * h) @ view.calibration.stretch
        rows = calibration_rows(shown(0 * direction)) * root[:, None]
        prior = np.diag(np.sqrt(pairs.calibration_precision))
        stacked = np.r_[rows.reshape(-1, len(prior)), prior]
        right = np.r_[(change * root).reshape(-1), np.zeros(len(prior))]
        best = np.linalg.lstsq(stacked, -right, rcond=None)[0]
        curvature = ((stacked @ best + right) ** 2).sum()
        assert direction @ view.normal.matrix @ direction == pytest.approx(curvature, rel=1e-4)


@pytest.mark.parametrize("calibration_sd", [0.0, 100.0])
def test_blocks_share_the_vector(calibration_sd):
    """Exactly so where the calibration's prior doesn't pull: fixed, or as good as free."""
    pairs = replace(
        simulated(acquisition()), calibration_sd=calibration_sd, offset_sd_mm=1e3 * calibration_sd
    )
    view = linearise(pairs, HarmonicPrior(HarmonicBasis(5)), FIELD, MOTION)
    np.testing.assert_allclose(view.gradients.sum(axis=0), view.normal.vector, atol=1e-4)
    assert len(view.gradients) > 50


def test_a_scan_that_is_right_tells_of_the_motion_alone():
    pairs = simulated(acquisition(VendorState.DIS3D))
    view = linearise(pairs, HarmonicPrior(HarmonicBasis(3)), FIELD, MOTION)
    assert not view.normal.matrix[:-PARAMETERS, :].any()
    assert view.normal.matrix[-PARAMETERS:, -PARAMETERS:].any()


def test_known_calibration_stays_at_zero():
    pairs = replace(simulated(acquisition()), calibration_sd=0.0)
    view = linearise(pairs, HarmonicPrior(HarmonicBasis(3)), FIELD, MOTION)
    assert np.abs(view.calibration.strain).max() < 1e-9
    assert np.abs(view.calibration.offset_mm).max() < 1e-6


def field_error(fit, field=FIELD, radius=150.0):
    points = ball(1500, radius, seed=9)
    return fit.field.displacement(points) - field.displacement(points), points


def test_a_field_is_found_again_through_noise_motion_calibration_and_wrong_labels():
    pairs, wrong = mislabelled(simulated(acquisition()), 0.05)
    fit = fit_points([pairs])
    error, points = field_error(fit)
    assert np.linalg.norm(error, axis=1).mean() < 0.25
    covered = np.abs(error) < 2 * fit.state.sd_of_field(points)
    assert covered.mean() > 0.8
    assert 5 <= fit.max_degree <= 7  # that of the truth, or little more
    assert np.abs(fit.views[0].calibration.strain - STRAIN).max() < 0.003
    assert fit.views[0].noise_sd_mm == pytest.approx(NOISE_MM, rel=0.5)
    assert set(np.flatnonzero(fit.views[0].trust < UNTRUSTED)) == set(wrong)
    (finding,) = fit.findings()
    assert finding.code is Code.POINTS_DISAGREE
    assert finding.what.startswith(f"{len(wrong)} of 250")


def test_points_in_one_frame_need_neither_motion_nor_calibration():
    still = Motion.none(np.zeros(3))
    pairs = simulated(acquisition(), strain=np.zeros((3, 3)), motion=still)
    fit = fit_points([replace(pairs, motion_sd=None, calibration_sd=0.0)], [5])
    assert np.abs(fit.state.motions[0].parameters).max() < 1e-4
    assert np.linalg.norm(field_error(fit)[0], axis=1).mean() < 0.15


OFFSET = np.array([2.6, -0.3, -2.4])
MAGNET = HarmonicField.from_terms({(2, 0): 3.5, (6, 0): -4.9, (8, 0): 31.8}, {}, {})
"""B0 of a 1 T magnet, compensated up to its sixth order, as published from a scan with
readout along x."""


class WithMagnet:
    """A field of coils and a magnet."""

    def displacement(self, points):
        return FIELD.displacement(points) + MAGNET.displacement(points)

    def jacobian(self, points):
        return FIELD.jacobian(points) + MAGNET.jacobian(points)


def test_the_magnets_shift_along_the_readout_leaves_the_coils_terms_alone():
    """One width for all terms that no coil makes leaves 0.12 and 0.26 mm."""
    truth = WithMagnet()
    pairs = simulated(Acquisition(VendorState.ND, np.eye(4), OBLIQUE), truth, count=170)
    fit = fit_points([pairs], [8])
    points = ball(1500, 150.0, seed=9)
    of_coils = fit.coil_field.displacement(points) - FIELD.displacement(points)
    of_magnet = fit.other_field.displacement(points) - MAGNET.displacement(points)
    assert np.linalg.norm(of_coils, axis=1).mean() < 0.06
    assert np.linalg.norm(of_magnet, axis=1).mean() < 0.1
    scales = fit.state.prior.scales
    assert scales.pop("magnet_x_zonal_terms") > 30
    assert max(scales.values()) < 2


def test_an_offset_of_the_shown_places_is_told_from_the_field():
    pairs = simulated(acquisition(), offset=OFFSET)
    free = fit_points([replace(pairs, offset_sd_mm=OFFSET_SD_MM)], [5])
    assert np.abs(free.views[0].calibration.offset_mm - OFFSET).max() < 0.5
    error = np.linalg.norm(field_error(free)[0], axis=1).mean()
    assert error < 0.08
    # Placement alone takes the field along with the phantom.
    bound = fit_points([pairs], [5])
    assert np.linalg.norm(field_error(bound)[0], axis=1).mean() > 3 * error
    assert bound.log_evidence[5] < free.log_evidence[5] - 10


def test_what_a_fit_predicts_is_where_points_are_shown():
    pairs = replace(simulated(acquisition(), offset=OFFSET), offset_sd_mm=OFFSET_SD_MM)
    fit = fit_points([pairs], [5])
    view, motion = fit.views[0], fit.state.motions[0]
    predicted = pairs.predicted(fit.field, motion, view.calibration)
    np.testing.assert_allclose(predicted - pairs.shown_scanner, view.residual, atol=1e-9)
    shown = pairs.acquisition.true_to_shown(fit.field, motion.apply(pairs.true_scanner))
    unknowns = np.arange(1.0, 1 + CALIBRATION_UNKNOWNS)
    made = Calibration.from_unknowns(unknowns)
    np.testing.assert_allclose(
        made.apply(shown) - shown, calibration_rows(shown) @ unknowns, rtol=1e-12, atol=1e-9
    )


def test_points_of_a_dis2d_scan_show_its_normal_component():
    across = Acquisition(VendorState.DIS2D, np.eye(4), np.array([0.0, 1.0, 0.0]))
    along = Acquisition(VendorState.DIS2D, np.eye(4), np.array([0.0, 0.0, 1.0]))
    sets = [simulated(across), replace(simulated(along, seed=7), id="second")]
    fit = fit_points(sets, [5])
    error, _ = field_error(fit)
    assert (np.abs(error).mean(axis=0)[1:] < 0.2).all()
    assert gain_of_points(sets, fit.state).revealed == (False, True, True)


def test_gain_of_uncorrected_points_is_whole():
    pairs = simulated(acquisition())
    state = unlearned(5, pairs.still.centre)
    gain = gain_of_points([pairs], state)
    assert gain.revealed == (True, True, True)
    assert min(gain.components) > 0.6


def test_points_that_show_nothing_are_refused():
    with pytest.raises(DistcorrError) as raised:
        fit_points([simulated(acquisition(VendorState.TRUSTED))])
    assert raised.value.code is Code.NOTHING_TO_LEARN


def test_too_few_points_are_refused():
    with pytest.raises(DistcorrError) as raised:
        fit_points([simulated(acquisition(), count=11)])
    assert raised.value.code is Code.POINTS_INVALID


@pytest.mark.parametrize(
    "wrong",
    [
        {"true_lps": np.zeros((3, 2))},
        {"shown_lps": np.full((250, 3), np.nan)},
        {"shown_lps": np.zeros((3, 3))},
        {"sd_mm": 0.0},
        {"calibration_sd": -1.0},
        {"offset_sd_mm": -1.0},
        {"motion_sd": np.zeros(6)},
    ],
)
def test_impossible_pairs_can_not_be_made(wrong):
    with pytest.raises(ValueError, match=r"shape|points|positive"):
        replace(simulated(acquisition()), **wrong)


def test_likelihood_is_students():
    residual = np.random.default_rng(0).normal(0, 0.4, (30, 3))
    expected = multivariate_t(np.zeros(3), 0.3**2 * np.eye(3), df=STUDENT_NU).logpdf(residual)
    assert student_log_likelihood(residual, 0.3) == pytest.approx(expected.sum())


@pytest.mark.parametrize("factor", [0.01, 1.0, 50.0])
def test_scale_follows_the_unit_and_stops_at_the_floor(factor):
    sample = multivariate_t(np.zeros(3), np.eye(3), df=STUDENT_NU, seed=0).rvs(4000)
    assert student_scale(factor * sample, 1e-9) == pytest.approx(factor, rel=0.05)
    assert student_scale(factor * sample, 1e3) == 1e3


def test_gross_errors_hardly_move_the_scale():
    residual = np.random.default_rng(0).normal(0, 0.2, (400, 3))
    before = student_scale(residual, 0.01)
    residual[:20] += 40.0
    assert student_scale(residual, 0.01) < 1.3 * before
