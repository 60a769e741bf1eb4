"""A fit shows its field and what was revealed."""

from __future__ import annotations

from distcorr.learn import FitResult
from tests.display.reading import Card


def test_a_fit_shows_itself(fitted: FitResult) -> None:
    text = fitted._repr_html_()
    card = Card(text)
    assert len(card.pictures) == 1
    assert card.facts["references"] == "2"
    assert card.facts["components revealed"] == "D_x, D_y, D_z"
    assert card.facts["component z"].startswith("D_z (head-foot) is shown")
    assert card.facts["degree"] == "harmonics up to degree 5"
    assert "before)" in card.facts["left in ref01"]
    assert card.facts["support"].startswith("100% at 0 to 100 mm")
    assert "max_degree 5" in card.facts["settings"]
    assert text == fitted._repr_html_()
    assert repr(fitted).startswith("FitResult(references: 2; components revealed: D_x")
    assert len(repr(fitted)) < 300
