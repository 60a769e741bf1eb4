"""What the pages promise beside their commands: links, contents, completeness."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.manual.commands import ROOT
from tests.manual.pages import README, manual, name_of

_LINK = re.compile(r"\]\((?P<path>[^)#:\s]*)(?:#(?P<heading>[^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (.*)$", flags=re.MULTILINE)
_TEMPLATE = re.compile(r"{%.*?%}|{{.*?}}")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings as GitHub makes them."""
    headings = _HEADING.findall(text_of(page))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def leads_nowhere(page: Path, link: re.Match[str]) -> bool:
    target = (page.parent / link["path"]).resolve() if link["path"] else page
    if not target.exists():
        return True
    to_heading = link["heading"] and target.suffix == ".md"
    return bool(to_heading) and link["heading"] not in anchors(target)


@pytest.mark.parametrize("page", manual(), ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    links = _LINK.finditer(text_of(page))
    assert [link[0] for link in links if leads_nowhere(page, link)] == []


def test_the_first_page_and_the_readme_name_all_how_to_pages() -> None:
    how_to = {page.name for page in (ROOT / "docs" / "how-to").glob("*.md")}
    for page in (README, ROOT / "docs" / "index.md"):
        assert how_to <= {Path(link["path"]).name for link in _LINK.finditer(text_of(page))}


def test_every_section_of_the_report_is_explained() -> None:
    template = (ROOT / "distcorr" / "report" / "page.html").read_text(encoding="utf-8")
    explained = set(_HEADING.findall(text_of(ROOT / "docs" / "how-to" / "read-the-report.md")))
    sections = re.findall(r"<h2>(.*?)</h2>", template)
    assert len(sections) >= 8
    for section in sections:
        # A heading with a choice in it: what stands before it, and one of its words.
        start = _TEMPLATE.split(section)[0].strip()
        assert any(heading.startswith(start) for heading in explained), section
