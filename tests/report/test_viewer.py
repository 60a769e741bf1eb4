"""Linked cuts: a picture everywhere, sliders where ipywidgets is installed."""

from __future__ import annotations

import base64
import io
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from distcorr.report import viewer
from distcorr.report.viewer import LinkedCuts
from distcorr.space import Grid, Volume

WIDGET = "application/vnd.jupyter.widget-view+json"


def ball(centre: tuple[float, float, float], spacing: float = 4.0) -> Volume:
    grid = Grid((24, 20, 22), np.array([-46.0, -38.0, -42.0]), np.full(3, spacing), np.eye(3))
    inside = np.linalg.norm(grid.points_lps() - centre, axis=-1) < 20
    return Volume(100.0 * inside, grid)


@pytest.fixture
def cuts() -> LinkedCuts:
    return LinkedCuts({"one": ball((10, 0, 0)), "other": ball((-10, 0, 0))}, (10.0, 0.0, 0.0))


def drawn(png: bytes) -> np.ndarray:
    return np.asarray(imread(io.BytesIO(png), format="png"))


def test_without_ipywidgets_it_is_a_picture_of_all_volumes(
    cuts: LinkedCuts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # importing it fails
    bundle = cuts._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/png"}
    assert bundle["text/plain"] == "LinkedCuts(one, other; LPS 10, 0, 0 mm)"
    both = drawn(base64.b64decode(bundle["image/png"]))
    assert both.shape[0] > 1.8 * drawn(cuts.picture(("one",))).shape[0]
    assert both.std() > 0.1


def test_the_picture_shows_the_place_and_the_volume(cuts: LinkedCuts) -> None:
    here = cuts.picture(("one",))
    assert here == cuts.picture(("one",), (10.0, 0.0, 0.0))
    assert here != cuts.picture(("other",))
    assert here != cuts.picture(("one",), (10.0, 0.0, 12.0))


def test_cuts_are_linked() -> None:
    """Through the ball's centre all three show it; beside it the two that cut it do not."""
    pytest.importorskip("ipywidgets")
    controls = LinkedCuts({"one": ball((0, 0, 0))}, (0.0, 0.0, 0.0)).controls()
    assert controls is not None
    seen = [controls.image.value]
    for slider in controls.sliders:
        start = slider.value
        slider.value = max(value for _, value in slider.options if value < 30)
        seen.append(controls.image.value)
        slider.value = start
        assert controls.image.value == seen[0]
    assert len(set(seen)) == 4


def test_buttons_flicker_between_volumes_at_one_place(cuts: LinkedCuts) -> None:
    pytest.importorskip("ipywidgets")
    controls = cuts.controls()
    assert controls is not None
    first = controls.image.value
    assert first == cuts.picture(("one",))
    controls.volume.value = "other"
    assert controls.image.value == cuts.picture(("other",))
    controls.volume.value = "one"
    assert controls.image.value == first


def test_a_front_end_may_choose_sliders_or_picture(cuts: LinkedCuts) -> None:
    pytest.importorskip("ipywidgets")
    bundle = cuts._repr_mimebundle_()
    assert {WIDGET, "image/png"} <= set(bundle)
    assert base64.b64decode(bundle["image/png"]) == cuts.picture()


def test_volumes_may_lie_on_any_grid() -> None:
    turned = ball((0, 0, 0))
    flip = np.diag([-1.0, -1.0, 1.0])
    grid = Grid(turned.grid.size, np.array([46.0, 38.0, -42.0]), turned.grid.spacing, flip)
    same = Volume(turned.array[:, ::-1, ::-1], grid)
    cuts = LinkedCuts({"a": turned, "b": same}, (4.0, -8.0, 12.0))
    a, b = (cuts._arrays[name] for name in cuts.names)
    np.testing.assert_allclose(a, b, atol=1e-3)


def test_the_cursor_stays_within_the_volumes(cuts: LinkedCuts) -> None:
    x, y, z = cuts.places
    assert cuts.picture(("one",), (1e3, 1e3, 1e3)) == cuts.picture(("one",), (x[-1], y[-1], z[-1]))
    with pytest.raises(ValueError, match="three coordinates"):
        cuts.picture(("one",), (1.0, 2.0))
    with pytest.raises(ValueError, match="no volume"):
        LinkedCuts({})
