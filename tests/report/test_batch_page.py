"""The page of a batch: worst first, with remedies, without paths."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from distcorr.dicom import load_series
from distcorr.errors import Code, DistcorrError
from distcorr.images import write_volume
from distcorr.report import batch_page
from distcorr.report.batch_page import ScanView, render_batch, write_batch_report
from distcorr.report.results import Results, Status, read_results
from distcorr.report.thumbnails import make_thumbnail
from distcorr.space import Volume
from tests.batch.examples import CORONAL, write_dicom
from tests.report.batches import GRID, RESULTS, corrected, load_example
from tests.report.test_report import Page, images, run, words


def table(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "scan": "a", "status": "failed", "error_code": "slices-missing",
        "what": "2 slices are missing; /home/me/DOE^JOHN/ser1 and /out/x", "seconds": 0.5,
        "supported_fraction": None, "largest_displacement_mm": None, "outputs": [],
        "input": "/home/me/DOE^JOHN/ser1", "added_later": 1,
    }  # fmt: skip
    return {"distcorr_results": 1, "finished": True, "scans": [row | changes]}


def stored(folder: Path, content: object) -> Path:
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_the_table_is_read(tmp_path: Path) -> None:
    (scan,) = read_results(stored(tmp_path, table())).scans
    assert scan.status is Status.FAILED
    assert "DOE" not in scan.what
    assert scan.what == "2 slices are missing"
    assert scan.remedy
    (scan,) = read_results(stored(tmp_path, table(what="/home/me/DOE^JOHN/ser1 is odd"))).scans
    assert scan.what == "the scan is odd"
    done = table(
        status="corrected", error_code="", what="", supported_fraction=0.9,
        largest_displacement_mm=4.0, outputs=["../a_corrected.nrrd", "a_supported.nrrd"],
    )  # fmt: skip
    (scan,) = read_results(stored(tmp_path, done)).scans
    assert scan.corrected == tmp_path / "a_corrected.nrrd"
    assert scan.remedy == ""


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, Code.NOT_FOUND),
        ({"scans": []}, Code.BAD_FORMAT),
        ([], Code.BAD_FORMAT),
        (table(status="odd"), Code.BAD_FORMAT),
        ({"distcorr_results": 2, "scans": []}, Code.SCHEMA_UNKNOWN),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, content: object, code: Code) -> None:
    if content is not None:
        stored(tmp_path, content)
    with pytest.raises(DistcorrError) as refusal:
        read_results(tmp_path)
    assert refusal.value.code is code


def test_the_worst_come_first() -> None:
    assert [scan.name for scan in RESULTS.worst_first()] == ["broken", "later", "far", "near"]
    scans = (
        corrected("middle", 5.0, 0.95),
        corrected("unseen", 1.0, 0.10),
        corrected("moved", 30.0, 0.99),
        corrected("fine", 2.0, 0.99),
    )
    named = [scan.name for scan in Results(True, scans).worst_first()]
    assert set(named[:2]) == {"unseen", "moved"}
    assert named[2:] == ["middle", "fine"]


def test_the_page(tmp_path: Path) -> None:
    path = tmp_path / "batch.html"
    write_batch_report(RESULTS, path, load_example)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags.count("script") == 1
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert "/data/" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert len(images(text)) == 3  # before and after of one, after of the other
    told = words(text)
    assert "2 corrected, 1 failed, 1 unfinished" in told
    assert "Tissue moved farthest in far, by 21.0 mm" in told
    assert "smallest part of far, 97.0 % of its voxels" in told
    assert "slices-missing 2 slices are missing. What to do: export it again." in told
    assert "The batch has not come to its end" in told
    with pytest.raises(DistcorrError):
        write_batch_report(RESULTS, path, load_example)


def test_a_page_of_too_many_scans_lists_the_worst_that_were_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_page, "MAX_ROWS", 2)
    write_batch_report(RESULTS, tmp_path / "batch.html", load_example)
    text = (tmp_path / "batch.html").read_text(encoding="utf-8")
    Page(text)
    assert re.findall(r'class="name" data-value="(\w+)"', text) == ["broken", "far"]
    assert len(images(text)) == 2  # before and after of the one corrected scan with a row
    told = words(text)
    assert "The 2 worst scans" in told
    assert "Of 4 scans these are the worst" in told
    assert "2 corrected, 1 failed, 1 unfinished" in told
    assert "One row for each scan;" in told


def test_names_are_escaped_and_nothing_corrected_is_said() -> None:
    hostile = corrected('<img src="http://x">', 1.0, 0.5)
    text = render_batch(Results(True, (hostile,)), [ScanView(hostile, None)])
    assert "<img" not in text
    empty = render_batch(Results(True, ()), [])
    Page(empty)
    assert "No scan was corrected" in words(empty)


def test_thumbnails_show_where_it_changed() -> None:
    before, after = load_example(Path("/data/far")), load_example(Path("far.nrrd"))
    made = make_thumbnail(before, after)
    assert (made.width_mm, made.height_mm) == (156.0, 117.0)
    first, second = images(f"{made.before} {made.after}")
    assert first.shape == second.shape
    # The cut meets the ball, and the squeezed one is smaller.
    assert 0.5 < first[..., 0].sum() / second[..., 0].sum() < 0.9
    assert make_thumbnail(None, after).before is None
    empty = Volume(np.zeros(GRID.shape, np.int16), GRID)
    assert make_thumbnail(empty, empty).before is not None


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stored(tmp_path, table())
    out = tmp_path / "page.html"
    assert run(monkeypatch, tmp_path, out) == 0
    assert "slices-missing" in out.read_text(encoding="utf-8")
    write_dicom(tmp_path / "in", CORONAL)
    write_volume(load_series(tmp_path / "in").volume, tmp_path / "a_corrected.nrrd")
    done = table(
        status="corrected", outputs=["a_corrected.nrrd"], input=str(tmp_path / "in"), what=""
    )
    stored(tmp_path, done)
    assert run(monkeypatch, tmp_path, out, "--overwrite") == 0
    before, after = images(out.read_text(encoding="utf-8"))
    assert np.abs(before - after).max() < 0.02  # nothing was corrected here
    assert run(monkeypatch, tmp_path, tmp_path / "p.html", "--cohort", "c.toml") == 2
    (tmp_path / "results.json").unlink()
    capsys.readouterr()
    assert run(monkeypatch, tmp_path, tmp_path / "p.html") == 1
    assert "error[not-found]" in capsys.readouterr().err
