"""Read cards as a browser does: nesting, texts, pictures."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
from matplotlib.image import imread

VOID_ELEMENTS = {"img"}
HARMLESS = {"div", "strong", "figure", "img", "figcaption", "table", "tr", "th", "td"}


class Card(HTMLParser):
    """Checks that a card is well nested, self-contained and without script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.descriptions: list[str] = []
        self.pictures: list[np.ndarray] = []
        self.feed(text)
        assert self.open == []
        assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
        cells = re.findall(r"<th[^>]*>(.*?)</th><td[^>]*>(.*?)</td>", text)
        self.facts = dict(cells)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in HARMLESS
        assert {name for name, _ in attrs} <= {"style", "src", "alt"}
        given = dict(attrs)
        # Colours of text or ground would be illegible in one of the themes.
        assert not re.search(r"(^|;)(color|background-color):", given.get("style") or "")
        if tag == "img":
            assert given["alt"]
            self.descriptions.append(given["alt"])
            kind, _, data = str(given["src"]).partition(",")
            assert kind == "data:image/png;base64"
            self.pictures.append(imread(io.BytesIO(base64.b64decode(data)), format="png"))
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
