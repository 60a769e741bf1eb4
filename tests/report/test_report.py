"""The report: self-contained, escaped, repeatable, and its pictures show what they say."""

from __future__ import annotations

import base64
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from distcorr.acquisition import Scan
from distcorr.cli.main import main
from distcorr.correction import (
    Axis,
    ComponentRevealed,
    Correction,
    Figures,
    SpatialFigures,
    planes,
)
from distcorr.display import png
from distcorr.errors import Code, DistcorrError
from distcorr.facts import Plane, VendorState
from distcorr.report import ReferencePictures, make_pictures, write_report
from distcorr.report.build import render
from distcorr.report.figures import field_figure
from distcorr.report.summary import answers, supported_radius_mm
from distcorr.space import Grid, Volume
from tests.batch.examples import AXIAL, CORONAL, write_dicom
from tests.correction.examples import SCANNER, correction_of, example_correction, example_field
from tests.report.examples import (
    CORRECTION,
    HEADS,
    SHELLS,
    STRONG,
    VALIDATED,
    example_pictures,
    scan,
)

VOID_ELEMENTS = {"meta", "img", "br"}


@pytest.fixture(scope="module", autouse=True)
def coarse() -> Iterator[None]:
    """Draw fewer pixels: what the tests look at does not depend on them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "DPI", 40)
        patch.setattr(planes, "PLANE_STEP_MM", 8.0)
        yield


class Page(HTMLParser):
    """Checks nesting and gathers what the page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "img":
            assert dict(attrs).get("alt")
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def images(text: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", text)
    return [imread(io.BytesIO(base64.b64decode(one)), format="png") for one in found]


@pytest.fixture(scope="module")
def pictures(coarse: None) -> ReferencePictures:
    return example_pictures()


@pytest.fixture(scope="module")
def bare_page(coarse: None) -> str:
    """Return the page of a correction alone, without pictures or heads."""
    return render(CORRECTION)


def mismatch(a: np.ndarray, b: np.ndarray) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    return float(np.abs(a - b)[both].mean())


def test_pictures_agree_after_and_not_before(pictures: ReferencePictures) -> None:
    assert [cut.plane for cut in pictures.cuts] == [Plane.CORONAL, Plane.AXIAL, Plane.SAGITTAL]
    assert pictures.displacement_mm > 0.8
    for cut in pictures.cuts:
        shapes = {
            image.shape
            for image in (cut.axial_before, cut.axial_after, cut.coronal_before, cut.coronal_after)
        }
        assert len(shapes) == 1
        assert np.array_equal(cut.axial_before, cut.axial_after, equal_nan=True)
        after = mismatch(cut.axial_after, cut.coronal_after)
        assert after < 0.5 * mismatch(cut.axial_before, cut.coronal_before)
    low, high = pictures.window
    assert low == pytest.approx(0, abs=60)
    assert 900 < high < 1300


def test_pictures_without_common_body_are_left_out() -> None:
    axial = scan(AXIAL, VendorState.DIS3D)
    grid = axial.volume.grid
    far = Grid(grid.size, grid.origin_lps + 500, grid.spacing, grid.direction)
    away = Scan(Volume(axial.volume.array, far), axial.facts)
    assert make_pictures("ref01", axial, away, STRONG) is None


def test_the_page_needs_nothing_else(pictures: ReferencePictures) -> None:
    text = render(CORRECTION, [pictures])
    page = Page(text)
    assert "script" not in page.tags
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert "url(" not in text
    drawn = images(text)
    assert len(drawn) == 3 + 3 * 4
    assert all(image.std() > 0.01 for image in drawn)
    assert text == render(CORRECTION, [pictures])


def test_the_page_works_without_figures_and_without_support() -> None:
    bare = replace(CORRECTION, figures=Figures(min_jacobian=0.5))
    assert len(images(render(bare))) == 2
    nowhere = replace(bare, support=np.zeros_like(bare.support))
    page = render(nowhere)
    Page(page)
    assert "Nowhere near the isocentre" in page


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_what_is_left_in_whom_is_told_by_subject_and_shell() -> None:
    text = render(VALIDATED)
    Page(text)
    assert len(images(text)) == 4
    told = words(text)
    assert "What is left in subjects who were left out" in told
    # 10 blocks at 0.2 mm and 30 at 0.3 mm in ref01, the former alone in ref02.
    assert "ref01 raw 0.50 1.50 1.25 corrected 0.20 0.30 0.28" in told
    assert "ref02 raw 0.50 – 0.50 corrected 0.20 – 0.20" in told.replace("&ndash;", "–")
    assert "ref01: 0.28 mm are left (ref02 0.20 mm)" in told
    assert "It is largest 50 to 100 mm from the isocentre (0.30 mm there)" in told
    assert "Noise along y." in told


def test_a_single_subject_is_not_called_left_out() -> None:
    spatial = SpatialFigures(reference="ref01", folds=4, cube_mm=60.0, shells=SHELLS)
    figures = CORRECTION.figures.model_copy(update={"leave_one_out": (), "spatial": spatial})
    told = words(render(replace(CORRECTION, figures=figures)))
    assert "Spatial cross-validation within ref01, the only subject: cubes of 60 mm" in told
    assert "What is left in parts of the body that were left out" in told
    assert "subjects who were left out" not in told


def test_heads_are_told_before_and_after(bare_page: str) -> None:
    told = words(render(CORRECTION, heads=HEADS))
    assert "ref01 label 1 0.841 &plusmn; 0.010 0.995 front-back -" in told
    assert "femoral heads" not in words(bare_page)


def test_anatomy_lies_under_the_field(pictures: ReferencePictures) -> None:
    plain, drawn = field_figure(STRONG), field_figure(STRONG, pictures.anatomy)
    assert plain != drawn
    grey = pictures.anatomy.grey(Plane.AXIAL)
    inside = grey[np.isfinite(grey)]
    assert 0 <= inside.min() < 0.1 < 0.9 < inside.max() <= 1
    # The ball of 130 mm lies about the isocentre, where the planes cross.
    _, right, up = planes.plane_points(
        planes.supported_box(STRONG), Plane.AXIAL, planes.PLANE_STEP_MM
    )
    radius = np.hypot(right[None, :], up[:, None])
    assert np.nanmean(grey[radius < 40]) > 0.4
    assert np.nanmean(grey[radius > 75]) < 0.1


def test_hostile_names_are_escaped() -> None:
    hostile = "<script>alert(1)</script>"
    figures = CORRECTION.figures.references[0].model_copy(update={"id": hostile})
    made = replace(
        CORRECTION,
        scanner=replace(SCANNER, model=hostile),
        figures=CORRECTION.figures.model_copy(
            update={"references": (figures,), "notes": (hostile,)}
        ),
    )
    text = render(made)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 3


def test_every_quantity_has_its_unit(bare_page: str) -> None:
    text = re.sub(r"<[^>]+>", " ", bare_page)
    for words in ("mm from the isocentre", "motion, mm", "rotation, deg", "% of the shell"):
        assert words in text


def doubts(correction: Correction) -> list[str]:
    return [answer.question for answer in answers(correction) if answer.doubtful]


def test_the_answers_warn_where_they_must() -> None:
    assert doubts(CORRECTION) == []
    figures, provenance = CORRECTION.figures, CORRECTION.provenance
    unseen = ComponentRevealed(component=Axis.Z, revealed=False, information=0.0, text="")
    blind = replace(CORRECTION, figures=figures.model_copy(update={"revealed": (unseen,)}))
    assert doubts(blind) == ["What was learned?"]
    assert "do not show the z component" in answers(blind)[0].answer
    alone = provenance.model_copy(update={"inputs": provenance.inputs[:2]})
    assert doubts(replace(CORRECTION, provenance=alone)) == ["From whom?"]
    folded = figures.model_copy(update={"min_jacobian": -0.1})
    assert doubts(replace(CORRECTION, figures=folded)) == ["How good is it?"]


def test_the_supported_radius() -> None:
    small = correction_of(example_field(), 160.0, 10.0, support_mm=90.0)
    # Never more than is true; less by a step and by the corners of the lattice's cells.
    assert 75 < supported_radius_mm(small) <= 90
    assert supported_radius_mm(CORRECTION) == pytest.approx(160)


def test_writing_keeps_what_is_there(tmp_path: Path, bare_page: str) -> None:
    path = tmp_path / "r.html"
    write_report(CORRECTION, path)
    first = path.read_bytes()
    assert first == bare_page.encode()
    with pytest.raises(DistcorrError) as refusal:
        write_report(CORRECTION, path)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    path.write_text("older")
    write_report(CORRECTION, path, overwrite=True)
    assert path.read_bytes() == first


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["distcorr", "report", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code if isinstance(end.value.code, int) else 0


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.distcorr"
    example_correction().save(path)
    assert run(monkeypatch, path, tmp_path / "r.html") == 0
    assert run(monkeypatch, path, tmp_path / "r.html") == 1
    assert run(monkeypatch, path, tmp_path / "r.txt") == 1
    write_dicom(tmp_path / "ax", AXIAL, seed=1, state=VendorState.DIS3D)
    write_dicom(tmp_path / "cor", CORONAL)
    cohort = tmp_path / "cohort.toml"
    cohort.write_text('[[reference]]\nid = "r1"\naxial = "ax"\ncoronal = "cor"')
    capsys.readouterr()
    assert run(monkeypatch, path, tmp_path / "p.html", "--cohort", cohort) == 0
    assert "not among the scans" in capsys.readouterr().err
    assert len(images((tmp_path / "p.html").read_text())) == 3 + 12
