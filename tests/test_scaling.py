"""How cost grows: the fit, the log, the tables, and that measuring works at all."""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
START_S, SCAN_S, MILLION_S = 2.0, 0.1, 0.15


@pytest.fixture
def bench(monkeypatch):
    """Import a benchmark's module as its script sees it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module


def voxel_row(coarsen):
    million = 54.0 / coarsen**3
    run = {"wall_s": 9.0, "peak_mb": 200.0 + 13.0 * million}
    runs = [
        {"scans": n, "cpu_s": START_S + n * (SCAN_S + MILLION_S * million), **run} for n in (1, 2)
    ]
    return {
        "coarsen": coarsen,
        "axial_voxels": 64e6 / coarsen**3,
        "coronal_voxels": million * 1e6,
        "learn": {
            "phases": [["loading", 3.0, 2.0], ["fit", 90.0, 8.0 + 0.4 * million]],
            "peak_gb": 2.5,
        },
        "apply": {
            "runs": runs,
            "input_bytes": 100e6, "input_files": 210, "volume_bytes": 60e6, "mask_bytes": 1e6,
            "record_bytes": 2e3, "table_bytes": 500.0,
            "page": {"pictures": 2, "cpu_s": START_S + 2 * 0.5},
            "looks": {"read_cpu_s": 0.25, "known_cpu_s": 0.01},
        },
    }  # fmt: skip


def batch_run(new, reread, known):
    cpu = START_S + 0.5 * (new > 0) + 0.1 * new + 0.004 * reread + 0.001 * known
    return {
        "new": new, "reread": reread, "known": known,
        "cpu_s": cpu, "wall_s": 2 * cpu, "peak_mb": 300.0,
    }  # fmt: skip


VOXELS = [voxel_row(coarsen) for coarsen in (4.0, 2.0, 1.0)]
SCANS = {
    "runs": [
        batch_run(*found)
        for found in ((1, 0, 0), (100, 0, 0), (0, 100, 0), (0, 0, 100), (9, 9, 90), (3, 2, 1))
    ],
    "input_bytes": 2e5, "volume_bytes": 2e5, "mask_bytes": 2e3, "record_bytes": 1.6e3,
    "table_bytes": 500.0, "receipts_bytes": 170.0,
    "page": {"cpu_s": 9.0, "wall_s": 20.0, "peak_mb": 290.0},
    "books": [
        {"scans": 1000, "plan_s": 0.1, "table_s": 0.1, "page_s": 0.1, "table_mb": 0.4,
         "page_mb": 0.5, "peak_mb": 180.0},
        {"scans": 50_000, "plan_s": 1.0, "table_s": 2.0, "page_s": 0.3, "table_mb": 13.0,
         "page_mb": 2.0, "peak_mb": 400.0},
    ],
}  # fmt: skip
WORKERS = {
    "ways": [
        {"way": way, "workers": n, "scans": 100, "wall_s": 0.2, "processor_s": 0.1, "whole_s": 9.0}
        for way, n in (("ALONE", 1), ("POOL", 2), ("CLUSTER", 2))
    ],
    "empty": [{"scans": 1000, "wall_s": 10.0, "cpu_s": 7.0, "grown_mb": 12.0}],
}


def test_unit_costs_are_found_and_known_as_well_as_they_scatter(bench):
    growth = bench("growth").Growth
    rng = np.random.default_rng(0)
    causes = np.stack([np.ones(40), rng.uniform(1, 1000, 40)], axis=1)
    exact = causes @ [2.0, 0.03]
    found = growth.fitted(("start", "scan"), causes, exact)
    np.testing.assert_allclose(found.unit_cost, [2.0, 0.03], rtol=1e-9)
    np.testing.assert_allclose(found.residuals, 0.0, atol=1e-9)
    off = []
    for _ in range(200):
        noisy = growth.fitted(("start", "scan"), causes, exact * rng.normal(1.0, 0.05, 40))
        value, error = noisy.predicted((0.0, 100_000.0))
        off.append((value - 3000.0) / error)
    # One standard error, as often as the normal distribution says.
    assert 0.6 < np.mean(np.abs(off) < 1.0) < 0.76
    table = found.unit_table(1e3, "ms")
    assert table.header == ("cause", "ms", "standard error")
    assert table.rows[0][:2] == ("start", "2000")


def test_causes_that_always_come_together_are_refused(bench):
    growth = bench("growth").Growth
    with pytest.raises(ValueError, match="can't tell start, scan apart"):
        growth.fitted(("start", "scan"), [(1, 2), (2, 4), (3, 6)], [1.0, 2.0, 3.0])
    exact = growth.fitted(("start", "scan"), [(1, 1), (1, 2)], [1.0, 2.0])
    assert np.isnan(exact.standard_errors).all()  # as many measurements as causes tell nothing


def test_a_measurement_is_made_once(bench, tmp_path):
    made = []

    def measure():
        made.append(1)
        return {"cpu_s": 1.5}

    log = bench("timed").MeasurementLog(tmp_path / "log.jsonl")
    assert log.once("apply", {"sizes": (1, 2)}, measure) == {"cpu_s": 1.5}
    assert log.once("apply", {"sizes": (1, 2)}, measure) == {"cpu_s": 1.5}
    log.once("apply", {"sizes": (1, 3)}, measure)
    bench("timed").MeasurementLog(None).once("apply", {"sizes": (1, 2)}, measure)
    assert len(made) == 3
    record = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])
    record["run"]["software"] = "older"
    (tmp_path / "log.jsonl").write_text(json.dumps(record) + "\n")
    log.once("apply", {"sizes": (1, 2)}, measure)
    assert len(made) == 4


def test_a_command_is_timed_and_its_failure_is_told(bench):
    timed = bench("timed")
    used = timed.timed([sys.executable, "-c", "sum(range(10**6)); print('unheard')"], 1)
    assert used.cpu_s > 0
    assert used.peak_bytes > 1e6
    with pytest.raises(SystemExit, match="what went wrong"):
        timed.timed([sys.executable, "-c", "raise OSError('what went wrong')"], 1)


def test_the_sections_say_what_was_measured_and_what_was_not(bench, tmp_path):
    page = bench("scaling_page")
    growth = page.applying_growth(VOXELS)
    np.testing.assert_allclose(growth.unit_cost, [START_S, SCAN_S, MILLION_S], rtol=1e-6)
    subjects = [
        {"seed": seed, "subjects": n, "wall_s": 9.0, "cpu_s": 3.0 + n, "peak_mb": 300.0,
         "raw_mean_mm": 2.0, "left_mean_mm": 0.1 / n + 0.01 * seed, "left_p95_mm": 0.2}
        for seed in (0, 1) for n in (1, 2, 4)
    ]  # fmt: skip
    figures = {"voxels": VOXELS, "subjects": subjects, "scans": SCANS, "workers": WORKERS}
    scaling = bench("scaling")
    sections = scaling.sections_of(figures, scaling.QUICK)
    bench("pages").write_page(tmp_path / "page.md", page.HEAD, sections)
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Voxels", "## Subjects", "## Scans", "## Workers", "## Extrapolation to 100,000 scans",
    ]  # fmt: skip
    assert "| each million voxels | 0.15 |" in text
    assert "| 2 | 9.0 | 5.0 | 300 | 2.00 | 0.050 to 0.060 | 0.200 |" in text
    # 100,000 scans of 0.1 s and 54 million voxels of 0.15 s each.
    assert "| CPU of all | 228 ± 0 h |" in text
    assert "| wall with 1,000 workers, if they share nothing | 14 min |" in text
    assert "| workers that one scheduler can feed, at most | 1,171 |" in text
    assert "| read to correct | 26.1 TB |" in text
    assert "| CPU of every later run, by receipts | 0.28 h |" in text
    assert "| results.json | 26 MB |" in text
    assert "Nothing in this table was measured at this size" in text
    assert "`python benchmarks/scaling.py --parts subjects --quick`" in text
    assert "--quick" not in scaling.sections_of(figures, scaling.FULL)[0].markdown()
    few = scaling.sections_of({"scans": SCANS}, scaling.QUICK)
    assert [section.title for section in few] == ["Scans"]


def test_books_are_kept_without_images(bench, tmp_path):
    figures = bench("scaling_tasks").keep_books(str(tmp_path), 30)
    assert figures["table_mb"] > 0
    assert figures["page_mb"] > 0
    assert len(json.loads((tmp_path / "books-30" / "results.json").read_text())["scans"]) == 30
