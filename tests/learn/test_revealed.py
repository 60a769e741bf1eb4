"""What the given pairs can show at all."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.field import HarmonicBasis, HarmonicField
from distcorr.learn import Reference
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.revealed import MIN_GAIN, Gain, gain_of, refuse_if_nothing
from distcorr.learn.rigid import Motion
from distcorr.phantom.fields import default_field
from tests.learn.examples import bare_reference

ND, DIS2D, DIS3D, TRUSTED = VendorState
PRIOR = HarmonicPrior(HarmonicBasis(5))
POINTS = np.random.default_rng(0).uniform([-150, -70, -130], [150, 70, 130], (1200, 3))
STILL = Motion.none(np.zeros(3))
MOVED = Motion(np.array([3.0, -2.0, 4.0]), np.deg2rad([1.0, -1.5, 0.5]), np.zeros(3))
TURNED = Motion(np.array([1.0, 2.0, -1.0]), np.deg2rad([0.5, -0.6, 0.4]), np.zeros(3))
NOTHING = HarmonicField.from_terms({}, {}, {})


def gain(reference: Reference, motion: Motion = STILL, field: HarmonicField = NOTHING) -> Gain:
    return gain_of([reference], [POINTS], [motion], field, PRIOR)


@pytest.mark.parametrize("axial", [TRUSTED, DIS3D])
@pytest.mark.parametrize("field", [NOTHING, default_field()], ids=["before", "after"])
def test_a_true_axial_scan_shows_all(axial: VendorState, field: HarmonicField) -> None:
    made = gain(bare_reference(axial, ND), MOVED, field)
    assert made.revealed == (True, True, True)
    assert np.allclose(made.components, 1, atol=0.25)


@pytest.mark.parametrize("motion", [STILL, TURNED], ids=["still", "moved"])
def test_two_uncorrected_scans_show_nothing(motion: Motion) -> None:
    reference = bare_reference(ND, ND)
    made = gain(reference, motion)
    assert max(made.components) < (1e-9 if motion is STILL else MIN_GAIN)
    with pytest.raises(DistcorrError) as refusal:
        refuse_if_nothing([reference], made)
    assert refusal.value.code is Code.NOTHING_TO_LEARN
    assert "both are wrong" in str(refusal.value)
    assert "axial ND" in str(refusal.value)


def test_two_dimensional_correction_hides_left_and_right() -> None:
    """The coronal scan keeps the front-back error, the axial one the head-foot error."""
    made = gain(bare_reference(DIS2D, DIS2D))
    assert made.revealed == (False, True, True)
    assert made.components[0] < 1e-6
    assert np.allclose(made.components[1:], 1, atol=0.25)


def test_a_moved_table_shows_what_the_position_alone_hides() -> None:
    made = gain(bare_reference(ND, ND, axial_table_mm=100.0))
    assert min(made.components) > MIN_GAIN
    refuse_if_nothing([bare_reference(ND, ND, 100.0)], made)


def test_one_good_pair_is_enough() -> None:
    pairs = [bare_reference(ND, ND), bare_reference(TRUSTED, ND)]
    made = gain_of(pairs, [POINTS, POINTS], [STILL, STILL], NOTHING, PRIOR)
    assert made.revealed == (True, True, True)
    assert np.allclose(made.components, np.sqrt(0.5), atol=0.15)


def test_true_scans_leave_nothing_to_learn() -> None:
    reference = bare_reference(DIS3D, TRUSTED)
    with pytest.raises(DistcorrError, match="already right") as refusal:
        refuse_if_nothing([reference], gain(reference, MOVED))
    assert refusal.value.code is Code.NOTHING_TO_LEARN
