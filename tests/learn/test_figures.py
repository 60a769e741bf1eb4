"""The figures of a fit."""

from __future__ import annotations

from datetime import date

import pytest

from distcorr.correction import SHELL_EDGES_MM, Provenance, shell_figures
from distcorr.facts import Scanner
from distcorr.learn import FitResult

COARSE = 0.15
"""The nearest node of a lattice of 40 mm beside interpolation, as a share."""


def test_figures_by_distance_are_those_of_the_stored_correction(fitted: FitResult) -> None:
    provenance = Provenance(created=date(2026, 1, 1), distcorr="0")
    correction = fitted.correction(Scanner(), provenance)
    stored = correction.figures.shells
    assert [row.inner_mm for row in stored] == list(SHELL_EDGES_MM[:-1])
    for made, expected in zip(stored, shell_figures(correction), strict=True):
        if expected.supported > 0.5:
            assert made.supported == pytest.approx(expected.supported, abs=COARSE)
            assert made.mean_mm == pytest.approx(expected.mean_mm, rel=COARSE)
            assert made.sd_mm == pytest.approx(expected.sd_mm, rel=2 * COARSE)
