"""Sections of the manual that are made from the code, between two marks in a page.

    <!-- made: NAME -->
    what a function wrote
    <!-- end: NAME -->

All else in a page is written by hand, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

Makers = Mapping[str, Callable[[], str]]

_SECTION = re.compile(
    r"^<!-- made: (?P<name>.+?) -->\n(?P<body>.*?)^<!-- end: (?P=name) -->$",
    flags=re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"^<!-- (?:made|end): .*-->$", flags=re.MULTILINE)


def names_of(text: str) -> list[str]:
    """Name the sections of a page in reading order.

    Raises
    ------
    ValueError
        If a mark has no counterpart.
    """
    names = [match["name"] for match in _SECTION.finditer(text)]
    if len(_MARK.findall(text)) != 2 * len(names):
        raise ValueError("a mark of a section has no counterpart")
    return names


def filled(text: str, makers: Makers) -> str:
    """Return a page with its sections made anew; KeyError if nobody makes one."""
    names_of(text)

    def section(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- made: {name} -->\n\n{makers[name]().strip()}\n\n<!-- end: {name} -->"

    return _SECTION.sub(section, text)


def pages_with_sections(docs: Path) -> list[Path]:
    """Find the pages that have sections, sorted."""
    return [page for page in sorted(docs.rglob("*.md")) if _MARK.search(page.read_text("utf-8"))]
