"""Figures that notebooks and report share: they draw, and draw what differs differently."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from distcorr.display import png
from distcorr.facts import VendorState
from distcorr.field import HarmonicField
from distcorr.learn.separation import separate
from distcorr.learn.shifts import BLOCK_MM, Shifts
from distcorr.report import Captioned, match_volumes
from distcorr.report.marker_figures import error_figure, harmonics_figure
from distcorr.report.separation_figures import repetition_figure, separation_figure
from distcorr.report.shift_figures import (
    SubjectShifts,
    component_figure,
    shift_map_figure,
    worst_place,
)
from tests.batch.examples import AXIAL, CORONAL
from tests.learn.shifts_examples import bump, centres, lattice, measured, nothing, wave
from tests.report.examples import STRONG, scan

BLOCKS = lattice(-3, 3)


@pytest.fixture(scope="module", autouse=True)
def coarse() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "DPI", 40)
        yield


def shifts(*parts, seed: int = 0) -> Shifts:
    return measured(sum(part(centres(BLOCKS)) for part in parts), BLOCKS, seed)


def drawn(uri: str) -> np.ndarray:
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(imread(io.BytesIO(base64.b64decode(data)), format="png"))


def subject(name: str, *own) -> SubjectShifts:
    return SubjectShifts(name, shifts(wave(1, 3.0), *own), shifts(nothing, *own, seed=1))


def test_the_worst_place_is_where_most_is_left() -> None:
    place = (75.0, 15.0, -45.0)
    found = worst_place(shifts(bump(2, 5.0, centre=place, width_mm=20.0)))
    np.testing.assert_allclose(found, place)
    assert np.all(found % BLOCK_MM == BLOCK_MM / 2)


def test_components_are_drawn_for_every_subject() -> None:
    one, two = subject("ref01"), subject("ref02", bump(2, 5.0))
    alone, both = component_figure([one]), component_figure([one, two])
    assert drawn(alone).shape == drawn(both).shape
    assert alone != both
    assert both == component_figure([one, two])


def test_the_map_shows_the_block_that_is_left() -> None:
    place = (15.0, 15.0, 15.0)
    axial = scan(AXIAL, VendorState.DIS3D)
    clean = drawn(shift_map_figure(subject("ref01"), axial, place, 5.0))
    spotted = drawn(
        shift_map_figure(subject("ref01", bump(2, 5.0, place, 15.0)), axial, place, 5.0)
    )
    assert clean.shape == spotted.shape
    assert np.abs(clean - spotted).max() > 0.2


def test_a_map_scales_itself() -> None:
    axial = scan(AXIAL, VendorState.DIS3D)
    one = subject("ref01")
    assert shift_map_figure(one, axial, (0, 0, 0)) != shift_map_figure(one, axial, (0, 0, 0), 50.0)


def test_repetition_is_drawn_for_shared_places_only() -> None:
    a, b = shifts(wave(0, 1.0)), shifts(wave(0, 1.0), seed=3)
    some = b.restricted(np.arange(0, len(b.block), 2))
    assert repetition_figure(("a", a), ("b", b)) != repetition_figure(("a", a), ("b", some))
    apart = replace(b, block=b.block + 100)
    assert drawn(repetition_figure(("a", a), ("b", apart))).std() > 0.01


def test_separations_are_drawn_even_where_nothing_can_be_told() -> None:
    told = separate([shifts(wave(1, 1.0)), shifts(wave(1, 1.0), seed=2)])
    untold = separate([shifts(wave(1, 1.0))])
    assert separation_figure([("a", told)]) != separation_figure([("a", untold)])
    two = drawn(separation_figure([("as scanned", told), ("learned", untold)]))
    assert two.shape[0] > drawn(separation_figure([("a", told)])).shape[0]


def test_errors_of_markers_by_distance() -> None:
    radius = np.linspace(0, 220, 200)
    raw = 1e-7 * radius**3 + 0.1
    good = error_figure(radius, raw, np.full(200, 0.2))
    assert good == error_figure(radius, raw, np.full(200, 0.2))
    assert good != error_figure(radius, raw, raw)
    assert drawn(error_figure(radius, raw, np.zeros(200))).std() > 0.01


def test_harmonics_beside_the_truth() -> None:
    learned = HarmonicField.from_terms(
        {(3, 1): -10.0, (5, 1): 0.01}, {(3, -1): -9.0}, {(3, 0): 4.0}
    )
    truth = HarmonicField.from_terms({(3, 1): -9.0}, {(3, -1): -9.0}, {(3, 0): 5.0})
    assert harmonics_figure(learned) != harmonics_figure(learned, truth)
    assert harmonics_figure(learned) != harmonics_figure(learned, least_mm=0.001)


def test_a_caption_is_text() -> None:
    shown = Captioned("data:image/png;base64,QUJD", 'less < "more"')
    assert "less &lt; &quot;more&quot;" in shown._repr_html_()
    assert shown._repr_png_() == "QUJD"
    assert repr(shown) == "Captioned('less < \"more\"')"


def test_matched_volumes_agree_after_and_not_before() -> None:
    motion = STRONG.figures.references[0].T_moved_still
    axial, coronal = scan(AXIAL, VendorState.DIS3D), scan(CORONAL, VendorState.ND, motion)
    found = match_volumes("ref01", axial, coronal, STRONG)
    assert found.coronal_after.grid is axial.volume.grid
    np.testing.assert_array_equal(found.axial_before.array, found.axial_after.array)

    def apart(coronal: np.ndarray) -> float:
        both = np.isfinite(coronal) & np.isfinite(found.axial_after.array)
        return float(np.abs(coronal - found.axial_after.array)[both].mean())

    assert apart(found.coronal_after.array) < 0.5 * apart(found.coronal_before.array)
