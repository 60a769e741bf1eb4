"""Tolerances are data with sources, and verdicts follow from the numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from distcorr.correction import Correction
from distcorr.report.acceptance import Tolerance, Verdict, judge, tolerances
from tests.correction.examples import correction_of, example_field
from tests.report.examples import SHELLS

LIMIT = Tolerance("within 100 mm", 100.0, 1.0, "somebody 2020")


def expecting(sd_mm: float, support_mm: float | None = None) -> Correction:
    """A correction whose standard deviation has this length everywhere."""
    made = correction_of(example_field(), 160.0, 20.0, support_mm)
    sd = np.full_like(made.standard_deviation, sd_mm / np.sqrt(3))
    figures = made.figures.model_copy(update={"leave_one_out": ()})
    return replace(made, standard_deviation=sd, figures=figures)


def left_out(made: Correction, after_mm: float) -> Correction:
    shell = SHELLS[1].model_copy(update={"after_mm": after_mm})
    row = correction_of(example_field(), 90.0, 30.0).figures.leave_one_out[0]
    rows = (row.model_copy(update={"shells": (SHELLS[0], shell)}),)
    return replace(made, figures=made.figures.model_copy(update={"leave_one_out": rows}))


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (expecting(0.9), Verdict.PASS),
        (expecting(1.1), Verdict.FAIL),
        (expecting(0.9, support_mm=80.0), Verdict.UNKNOWN),
        (expecting(1.1, support_mm=80.0), Verdict.FAIL),
        (left_out(expecting(0.9), 0.9), Verdict.PASS),
        (left_out(expecting(0.9), 1.1), Verdict.FAIL),
    ],
)
def test_verdicts(made: Correction, verdict: Verdict) -> None:
    assert judge(made, LIMIT).verdict is verdict


def test_numbers() -> None:
    found = judge(left_out(expecting(0.9), 0.7), LIMIT)
    assert found.supported == 1.0
    assert found.within == 1.0
    assert found.mean_mm == pytest.approx(0.9)
    assert found.largest_mm == pytest.approx(0.9)
    assert found.left_out_mm == 0.7
    # The shell reaches beyond the sphere: it says nothing of what lies within.
    near = judge(left_out(expecting(0.9), 1.1), replace(LIMIT, radius_mm=90.0))
    assert near.left_out_mm == SHELLS[0].after_mm
    assert near.verdict is Verdict.PASS


def test_without_support_nothing_is_known() -> None:
    made = expecting(0.9)
    found = judge(replace(made, support=np.zeros_like(made.support)), LIMIT)
    assert found.verdict is Verdict.UNKNOWN
    assert found.mean_mm is None


def test_every_published_tolerance_has_its_source() -> None:
    rows = tolerances()
    assert len({(row.radius_mm, row.limit_mm, row.source) for row in rows}) == len(rows)
    for row in rows:
        assert 0 < row.limit_mm < row.radius_mm <= 250
        assert any(str(year) in row.source for year in range(2000, 2030))
