"""Images and points in one fit."""

from __future__ import annotations

import numpy as np
import pytest

from distcorr.acquisition import Acquisition
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.learn import FitResult, Reference, learn
from distcorr.learn.point_pairs import PointPairs
from distcorr.phantom.pairs import AnatomyKind, Case, simulate_pair, subject
from tests.learn.conftest import RASTER_MM
from tests.learn.examples import FIELD, SETTINGS, protocol, reference_of

NORMAL = np.array([0.0, 0, 1])
COUNT = 250
NOISE_MM = 0.1


def markers(radius_mm: float = 190.0) -> PointPairs:
    """Markers of a ball larger than any body, one of them mislabelled."""
    g = np.random.default_rng(0)
    direction = g.normal(size=(COUNT, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    true = direction * radius_mm * np.cbrt(g.uniform(0.05, 1, (COUNT, 1)))
    acquisition = Acquisition(VendorState.ND, np.eye(4), NORMAL)
    shown = acquisition.true_to_shown(FIELD, true) + g.normal(0, NOISE_MM, true.shape)
    shown[3] += 9.0
    return PointPairs("phantom", acquisition, true, shown, sd_mm=NOISE_MM)


@pytest.fixture(scope="module")
def together(references: list[Reference]) -> FitResult:
    return learn(references[:1], SETTINGS, points=[markers()])


def error_mm(result: FitResult, low: float, high: float) -> float:
    g = np.random.default_rng(1)
    direction = g.normal(size=(2000, 3))
    p = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    p *= g.uniform(low, high, (len(p), 1))
    off = result.state.harmonics.displacement(p) - FIELD.displacement(p)
    return float(np.linalg.norm(off, axis=1).mean())


def test_markers_reach_where_the_body_does_not(
    together: FitResult, fitted_from_one: FitResult
) -> None:
    assert error_mm(together, 100, 180) < 0.5 * error_mm(fitted_from_one, 100, 180)
    assert error_mm(together, 100, 180) < 0.25


def test_both_have_motions_of_their_own(together: FitResult) -> None:
    subject, phantom = together.state.motions
    assert np.abs(subject.translation).max() > 0.2
    assert np.abs(phantom.translation).max() < 1e-3  # one frame: nothing to move
    assert [one.id for one in together.references] == ["ref01"]


def test_the_mislabelled_marker_is_named(together: FitResult) -> None:
    (finding,) = together.findings
    assert finding.code is Code.POINTS_DISAGREE
    assert "pair 4: " in finding.evidence
    assert any(line.startswith("phantom: 250 pairs") for line in together.history)


def test_pairs_that_show_nothing_are_taken_with_points_that_do() -> None:
    """Two scans that show D alike know nothing of it and must not disturb who does."""
    anatomy = subject(AnatomyKind.LEGS, 1, raster_mm=RASTER_MM)
    pair = simulate_pair(anatomy, protocol(Case.ND_BOTH), FIELD, seed=1, id="ref01")
    with pytest.raises(DistcorrError, match="agree with each other"):
        learn([reference_of(pair)], SETTINGS)
    result = learn([reference_of(pair)], SETTINGS, points=[markers()])
    assert result.gain.revealed == (True, True, True)
    assert error_mm(result, 50, 180) < 0.3
