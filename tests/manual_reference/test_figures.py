"""The manual's pictures: there, small, used, and drawn by their script."""

import re
import struct

import pytest

from distcorr.phantom import FieldName, named_field
from tests.correction.examples import correction_of

MAX_BYTES = 60_000
COARSE_MM = 12.0


def references(docs):
    """Pictures that pages show, by the page."""
    return [
        (page, (page.parent / target).resolve())
        for page in sorted(docs.rglob("*.md"))
        for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text("utf-8"))
    ]


def test_every_picture_exists_and_is_shown(docs, bench):
    shown = references(docs)
    assert [f"{page.name}: {path}" for page, path in shown if not path.is_file()] == []
    drawn = {path.stem for path in (docs / "figures").iterdir()}
    assert drawn == {path.stem for _, path in shown if path.parent == docs / "figures"}
    assert drawn == set(bench("manual_figures").figures(COARSE_MM))


def test_pictures_are_small_and_of_the_page_s_width(docs, bench):
    drawing = bench("manual_drawing")
    for path in (docs / "figures").iterdir():
        content = path.read_bytes()
        assert len(content) < MAX_BYTES, path.name
        width, _ = struct.unpack(">II", content[16:24])
        assert width == drawing.WIDTH_IN * drawing.DPI, path.name


def test_links_between_pages_lead_somewhere(docs):
    pages = [*docs.glob("explanation/*.md"), *docs.glob("reference/**/*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.fixture
def small_figures(bench):
    """All figures, those of a fit on a coarse cohort with the known field as its result."""
    fits = bench("manual_fit_figures")
    field = named_field(FieldName.CLINICAL_3T)
    known = correction_of(field, reach_mm=300.0, spacing_mm=25.0, support_mm=180.0)
    figures = bench("manual_figures").figures(COARSE_MM)
    study = fits.Study(fits.simulated_case(COARSE_MM), known)
    figures["sd-and-support"] = lambda: fits.sd_and_support(study)
    figures["error-by-distance"] = lambda: fits.error_by_distance(study)
    return figures


def test_the_script_draws_every_picture(bench, small_figures, tmp_path):
    written = bench("manual_drawing").write_figures(small_figures, tmp_path)
    assert {path.stem for path in written} == set(small_figures)
    assert all(path.stat().st_size > 5000 for path in written)
