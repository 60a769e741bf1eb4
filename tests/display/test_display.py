"""Pictures hold the pixels that they were given, and cards the text, as text."""

from __future__ import annotations

import base64
import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from matplotlib.figure import Figure
from matplotlib.image import imread

from distcorr.display import (
    EdgeLetters,
    Picture,
    card,
    figure_image,
    framed,
    grey_image,
    grey_pixels,
    pixel_image,
    robust_window,
)
from distcorr.display.letters import MARGIN_PIXELS
from distcorr.display.png import OUTSIDE
from tests.display.reading import Card

EMPTY = pixel_image(np.zeros((2, 3, 3), np.uint8))
EDGES = EdgeLetters("R", "L", "A", "P")


def decoded(uri: str) -> np.ndarray:
    kind, _, data = uri.partition(",")
    assert kind == "data:image/png;base64"
    return np.rint(255 * imread(io.BytesIO(base64.b64decode(data)), format="png"))


@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))))
def test_a_png_holds_its_pixels(pixels: np.ndarray) -> None:
    assert np.array_equal(decoded(pixel_image(pixels)), pixels)
    assert pixel_image(pixels) == pixel_image(pixels.copy())


def test_grey_runs_over_the_window_and_nothing_is_no_grey() -> None:
    image = np.array([[-5.0, 0.0, 50.0, 100.0, 105.0, np.nan, np.inf, -np.inf]], np.float32)
    pixels = decoded(grey_image(image, (0.0, 100.0)))[0]
    assert pixels[:, 0].tolist() == [0, 0, 127, 255, 255, OUTSIDE[0], 255, 0]
    assert tuple(pixels[5]) == OUTSIDE
    assert len(set(OUTSIDE)) == 3


@given(
    npst.arrays(
        np.float32, (6, 5), elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([np.nan])
    )
)
def test_every_image_has_a_window(image: np.ndarray) -> None:
    low, high = robust_window([image, image[:1]])
    assert high > low
    pixels = grey_pixels(image, (low, high))
    assert (pixels == OUTSIDE).all(axis=-1).sum() >= np.isnan(image).sum()


def test_a_few_bright_voxels_do_not_darken_the_rest() -> None:
    image = np.tile(np.linspace(0, 100, 1000), (4, 1))
    image[0, 0] = 1e9
    low, high = robust_window([image])
    assert 0 <= low < 5
    assert 95 < high <= 101
    assert robust_window([np.full((2, 2), np.inf)]) == (0.0, 1.0)


def test_letters_stand_at_their_edges_and_keep_the_picture() -> None:
    pixels = np.full((40, 30, 3), 77, np.uint8)
    made = framed(pixels, EDGES)
    m = MARGIN_PIXELS
    assert made.shape == (40 + 2 * m, 30 + 2 * m, 3)
    assert np.array_equal(made[m:-m, m:-m], pixels)
    frames = [made[:, :m], made[:, -m:], made[:m], made[-m:]]
    assert all(frame.max() > 200 for frame in frames)
    other = framed(pixels, EdgeLetters("L", "R", "A", "P"))
    assert not np.array_equal(made[:, :m], other[:, :m])
    assert np.array_equal(made[:m], other[:m])
    assert np.array_equal(made[:, :m], other[:, -m:])


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1)])
def test_letters_fit_any_picture(shape: tuple[int, int]) -> None:
    made = framed(np.zeros((*shape, 3), np.uint8), EdgeLetters("RA", "LP", "SA", "IP"))
    assert made[:, :1].max() == made[:1].max() == 0


HOSTILE = '<script>alert("1")</script>&\'"'


def test_all_text_is_escaped() -> None:
    text = card(HOSTILE, [Picture(EMPTY, HOSTILE, HOSTILE)], [(HOSTILE, HOSTILE)])
    assert "<script" not in text
    read = Card(text)
    assert read.words == [HOSTILE] * 4
    assert read.descriptions == [HOSTILE]
    assert text == card(HOSTILE, [Picture(EMPTY, HOSTILE, HOSTILE)], [(HOSTILE, HOSTILE)])


def test_equal_figures_give_equal_bytes() -> None:
    def drawn(dpi: int | None) -> str:
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([0, 1])
        return figure_image(figure, dpi)

    assert drawn(None) == drawn(None)
    assert decoded(drawn(50)).shape[:2] == (50, 50)


def test_what_shows_itself_does_not_import_what_draws() -> None:
    code = "import sys, distcorr.learn, distcorr.report; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
