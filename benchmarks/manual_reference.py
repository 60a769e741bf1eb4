"""Write the parts of the manual that are made from the code.

    python benchmarks/manual_reference.py            # writes docs/
    python benchmarks/manual_reference.py --check    # names the pages that are stale

Sections between marks (see ``manual_sections.py``) and the pages of the Python
interface. The pictures are made by ``manual_figures.py``.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import manual_api
import manual_commands
import manual_revealed
import manual_tables
from manual_sections import Makers, filled, pages_with_sections

from distcorr.errors import Severity

DOCS = Path(__file__).resolve().parents[1] / "docs"

MAKERS: Makers = {
    "command line": manual_commands.reference,
    **{
        f"codes, {severity.name.lower()}": partial(manual_tables.error_codes, severity)
        for severity in Severity
    },
    "vendor states": manual_tables.vendor_states,
    "vendor silence": manual_tables.vendor_silence,
    "table positions": manual_tables.table_positions,
    "origins": manual_tables.origins,
    "components": manual_tables.components,
    "patient positions": manual_tables.patient_positions,
    **{
        f"keys of {table}": partial(manual_tables.manifest_keys, table)
        for table in ("reference", "scan", "points", "scanner")
    },
    "revealed": manual_revealed.table,
    "public names": manual_api.tables,
    "pages of rooms": manual_api.contents,
}
"""Who makes a section, by its name."""


def made(docs: Path) -> dict[Path, str]:
    """Return all pages that are made, as they have to be."""
    pages = {page: filled(page.read_text("utf-8"), MAKERS) for page in pages_with_sections(docs)}
    for room in map(manual_api.Room, manual_api.ROOMS):
        pages[docs / "reference" / "api" / f"{room.name}.md"] = room.page()
    return pages


def stale(docs: Path) -> list[Path]:
    """Name the pages that do not say what the code says."""
    return [
        page
        for page, text in made(docs).items()
        if not page.is_file() or page.read_text("utf-8") != text
    ]


def main() -> None:
    """Write or check the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if any is stale")
    if parser.parse_args().check:
        late = stale(DOCS)
        for page in late:
            print(f"stale: {page.relative_to(DOCS)}")
        sys.exit(bool(late))
    for page, text in made(DOCS).items():
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
