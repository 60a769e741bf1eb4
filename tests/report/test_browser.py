"""The pages in a real browser: nothing from outside, nothing cut off, flicker, order, print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from distcorr.correction import planes
from distcorr.display import png
from distcorr.report import write_report
from distcorr.report.batch_page import write_batch_report
from tests.report.batches import RESULTS, load_example
from tests.report.browser import Browser, installed
from tests.report.examples import HEADS, VALIDATED, example_pictures

pytestmark = pytest.mark.skipif(installed() is None, reason="no Chromium")

WIDTHS = (1280, 400)
FLICKER = "document.querySelector('.flicker .second')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "DPI", 60)
        patch.setattr(planes, "PLANE_STEP_MM", 8.0)
        write_report(VALIDATED, folder / "correction.html", [example_pictures()], HEADS)
    write_batch_report(RESULTS, folder / "batch.html", load_example)
    return {name: folder / f"{name}.html" for name in ("correction", "batch")}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["correction", "batch"])
def test_it_loads_from_disk_and_fits(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    browser.open(pages[name], width)
    outside = [url for url in browser.requests() if not url.startswith(("file:", "data:"))]
    assert outside == []
    assert browser.complaints() == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert browser.evaluate(broken) == 0
    # What is wider than the screen scrolls within itself, and the keyboard reaches it.
    reached = (
        "[...document.querySelectorAll('.wide')].filter("
        "e => e.scrollWidth > e.clientWidth && e.tabIndex !== 0).length"
    )
    assert browser.evaluate(reached) == 0
    smallest = (
        "Math.min(...[...document.querySelectorAll('body *')].filter(e => e.innerText)"
        ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
    )
    assert browser.evaluate(smallest) >= 10.5


def halves(browser: Browser) -> tuple[np.ndarray, np.ndarray]:
    """The first flicker picture in both halves of its cycle, whenever the test looks."""
    shown = []
    for moment in (100, 900):
        browser.evaluate(
            f"document.getAnimations().forEach(a => {{ a.pause(); a.currentTime = {moment}; }})"
        )
        shown.append(browser.picture(".flicker")[..., :3])
    return shown[0], shown[1]


def running(browser: Browser) -> int:
    return int(browser.evaluate("document.getAnimations().length"))


@pytest.mark.parametrize("name", ["correction", "batch"])
def test_pictures_flicker_under_the_pointer(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name], 1280)
    browser.point_away()
    assert running(browser) == 0
    still = browser.picture(".flicker")[..., :3]
    browser.point_at(".flicker")
    assert running(browser) == 1
    second, first = halves(browser)
    assert np.array_equal(first, still)
    assert np.abs(first - second).mean() > 0.005
    browser.point_away()
    assert running(browser) == 0


@pytest.mark.parametrize("name", ["correction", "batch"])
def test_pictures_flicker_by_keyboard(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name], 1280)
    browser.point_away()
    for _ in range(40):
        browser.press("Tab", 9)
        if browser.evaluate("document.activeElement.classList.contains('flicker')"):
            break
    assert browser.evaluate("document.activeElement === document.querySelector('.flicker')")
    assert running(browser) == 1
    second, first = halves(browser)
    assert np.abs(first - second).mean() > 0.005


def order(browser: Browser) -> list[str]:
    names = "[...document.querySelectorAll('tbody tr')].map(r => r.cells[0].innerText)"
    return list(browser.evaluate(names))


def test_the_batch_is_sorted_by_pointer_and_keyboard(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["batch"], 1280)
    assert order(browser)[0] == "broken"
    browser.evaluate("document.querySelector('th[data-kind=text] button').click()")
    assert order(browser) == sorted(order(browser))
    browser.evaluate("document.querySelectorAll('th[data-kind=number] button')[0].focus()")
    browser.press("Enter", 13, "\r")
    assert order(browser)[:2] == ["near", "far"]
    browser.press("Enter", 13, "\r")
    assert order(browser)[:2] == ["far", "near"]
    assert order(browser)[-2:] == ["broken", "later"] or order(browser)[-2:] == ["later", "broken"]
    assert browser.complaints() == []


@pytest.mark.parametrize("name", ["correction", "batch"])
def test_it_prints(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name], 1280)
    printed = browser.pdf()
    assert printed.startswith(b"%PDF-")
    count = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 1 <= count <= 14
