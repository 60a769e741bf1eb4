"""A correction shows its field, where it holds, and its figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from distcorr.correction import Correction, planes
from distcorr.correction.drawing import displacement_of, supported_values, three_planes
from distcorr.correction.show import MOST_REFERENCES
from distcorr.facts import Scanner
from tests.correction.examples import correction_of, example_correction, example_field
from tests.display.reading import Card

BOX = np.full(3, -100.0), np.full(3, 100.0)


def made() -> Correction:
    return correction_of(example_field(), 240.0, 30.0, support_mm=150.0)


def test_the_card_tells_and_shows() -> None:
    correction = made()
    text = correction._repr_html_()
    card = Card(text)
    assert card.facts["scanner"] == "SIEMENS Prisma serial 12345 3 T"
    assert card.facts["references"] == "2"
    assert card.facts["support"].startswith("100% at 0 to 100 mm, ")
    assert "mm at 100 to 150 mm" in card.facts["standard deviation"]
    assert card.facts["component x"] == "The pairs show the x component."
    assert card.facts["left in ref01"] == "0.20 mm, 6% of local contrast (31% before)"
    assert card.facts["left out"].startswith("leaving one subject out changes the field by 0.10")
    assert card.facts["settings"] == "max_degree 7, robust True"
    assert card.facts["identifier"] == correction.identifier
    (picture,) = card.pictures
    assert picture.shape[1] > 900
    assert np.ptp(picture[..., :3].reshape(-1, 3), axis=0).min() > 0.8
    assert text == made()._repr_html_()
    assert len(text) < 300_000


def test_hostile_names_and_empty_figures() -> None:
    correction = example_correction()
    figures = correction.figures.model_copy(
        update={"references": (), "revealed": (), "leave_one_out": (), "hyperparameters": {}}
    )
    correction = replace(
        correction, scanner=Scanner("<script>", '"><img src=x>'), figures=figures,
        support=np.zeros_like(correction.support),
    )  # fmt: skip
    card = Card(correction._repr_html_())
    assert card.facts["standard deviation"] == "nowhere known"
    assert card.facts["left out"] == "not tried on a subject left out of the fit"
    assert "&lt;script&gt;" in card.facts["scanner"]


def test_many_references_are_cut_short_worst_first() -> None:
    correction = example_correction()
    row = correction.figures.references[0]
    rows = tuple(
        row.model_copy(update={"id": f"r{n:02d}", "residual_after": n / 100})
        for n in range(MOST_REFERENCES + 3)
    )
    figures = correction.figures.model_copy(update={"references": rows})
    facts = Card(replace(correction, figures=figures)._repr_html_()).facts
    named = [name.removeprefix("left in ") for name in facts if name.startswith("left in ")]
    assert named == [f"r{n:02d}" for n in range(MOST_REFERENCES + 2, 2, -1)]
    assert facts[""] == "less in 3 others"


def test_the_scale_fits_what_is_supported() -> None:
    correction = made()
    quantity = displacement_of(correction, BOX)
    points = planes.plane_points(BOX, next(iter(planes.LAYOUTS)), 20.0)[0]
    lengths = np.linalg.norm(correction.field.displacement(points), axis=-1)
    np.testing.assert_allclose(quantity.value(points), lengths)
    drawn = supported_values(correction, quantity.value, BOX)
    low, high = quantity.colours.get_clim()
    assert low == 0
    assert 0.5 * drawn.max() < high <= drawn.max()


def test_the_edge_of_the_lattice_is_an_edge_of_the_support() -> None:
    """Nodes have weights one spacing beyond the domain, where the field is zero."""
    correction = correction_of(example_field(), 60.0, 30.0)
    box = np.full(3, -95.0), np.full(3, 95.0)
    quantity = displacement_of(correction, box)
    figure = three_planes(correction, quantity, box, step_mm=10.0, arrows=False)
    image = figure.axes[0].images[0].get_array()
    domain = correction.lattice.domain[1]
    _, right, up = planes.plane_points(box, next(iter(planes.LAYOUTS)), 10.0)
    outside = np.abs(right)[None, :] > domain[0]
    assert outside.any()
    grey = (np.asarray(image) == 0.9).all(axis=-1)
    assert np.array_equal(grey, outside | (np.abs(up)[:, None] > domain[2]))
