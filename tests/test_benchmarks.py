"""The benchmarks' own logic: what they judge, log and time."""

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from distcorr.errors import Code
from distcorr.facts import VendorState
from distcorr.phantom.fields import default_field
from distcorr.phantom.pairs import (
    AnatomyKind,
    Case,
    simulate_case,
    simulate_new_scan,
    subject,
)
from tests.correction.examples import correction_of

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """Import a benchmark's module as its script sees it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module


@pytest.fixture
def outcome(bench):
    """Figures of a run that meets every target."""
    shells = (0.01, 0.02, 0.03)
    return bench("runs").Outcome(3.0, 9.0, 0.05, 0.2, shells, 0.95, 0.9, 0.1, 60.0, 900.0, 500.0)


def every_run(judged):
    return [
        row.run(anatomy, field, 2.0)
        for row in judged.ROWS
        for anatomy in judged.ANATOMIES
        for field in judged.FIELDS
    ]


def test_the_table_has_three_fields_and_seeds_for_each_row(bench):
    judged = bench("judged")
    assert len({f.name for f in judged.FIELDS}) == len({f.seed for f in judged.FIELDS}) == 3
    keys = [json.dumps(run.key(), sort_keys=True) for run in every_run(judged)]
    assert len(set(keys)) == len(keys) == 11 * 3 * 3


def test_the_worst_run_of_a_row_is_judged(bench, outcome):
    judged = bench("judged")
    runs = [run for run in every_run(judged) if run.row == "both DIS2D"]
    head = [run for run in runs if run.anatomy is AnatomyKind.HEAD]
    met = judged.verdicts((run, outcome) for run in runs)
    assert len(met) == 2
    assert all(" met " in line for line in met)
    one_bad = [
        (run, replace(outcome, left_p95_mm=0.36) if run is head[1] else outcome) for run in head
    ]
    (line,) = judged.verdicts(one_bad)
    assert "MISSED" in line
    assert "0.360 of 0.35 (head, wide-bore-1.5t seed 1)" in line


def test_a_refusal_is_wanted_where_nothing_is_seen_and_nowhere_else(bench, outcome):
    judged = bench("judged")
    refused = replace(outcome, refusal="error[...]", refusal_code=str(Code.NOTHING_TO_LEARN))
    other = replace(refused, refusal_code=str(Code.NOT_CONVERGED))

    def verdict(row, result):
        run = next(run for run in every_run(judged) if run.row == row)
        return judged.verdicts([(run, result)])[0]

    assert " met " in verdict("both DIS3D", refused)
    assert "MISSED" in verdict("both DIS3D", outcome)
    assert "MISSED" in verdict("both DIS3D", other)
    assert "MISSED" in verdict("strong field", refused)


def test_the_log_returns_what_was_appended_and_nothing_else(bench, outcome, tmp_path):
    runs = bench("runs")
    log = runs.Log(tmp_path / "log.jsonl")
    run, other = every_run(bench("judged"))[:2]
    assert log.find(run) is None
    log.append(run, outcome)
    assert log.find(run) == outcome
    assert log.find(other) is None
    assert log.find(replace(run, voxel_mm=3.0)) is None


def test_points_within_a_reference_body_are_told_from_those_outside(bench):
    """True points of the reference's own body lie in it; none far from it do."""
    case = simulate_case(
        AnatomyKind.LEGS, Case.ND_BOTH, default_field(), subjects=1, new=0, voxel_mm=8.0
    )
    axial = case.references[0].axial
    k, j, i = np.nonzero(axial.body)
    index = np.stack([i, j, k], axis=-1)[::50]
    true = axial.true_lps(axial.volume.grid.points_lps()[tuple(index[:, ::-1].T)])
    true = true[np.isfinite(true).all(axis=1)]
    runs = bench("runs")
    assert runs.in_bodies(case, true).mean() > 0.98
    assert not runs.in_bodies(case, true + np.array([0.0, 400.0, 0.0])).any()


def test_full_size_is_what_it_says(bench):
    pair = bench("full_size").full_size_pair(1.0)
    assert pair.axial.grid().size == (400, 400, 400)
    coronal = pair.coronal.grid()
    assert coronal.size == (480, 540, 210)
    np.testing.assert_allclose(coronal.spacing, (0.92, 0.92, 0.9))


def test_phases_are_timed_once_each(bench):
    phases = bench("full_size").Phases.begun("loading")
    for text in ("one", "one", "two"):
        phases.enter(text)
    durations = phases.durations()
    assert [text for text, _, _ in durations] == ["loading", "one", "two"]
    assert all(wall >= 0 and cpu >= 0 for _, wall, cpu in durations)


def test_applying_is_timed_against_simpleitk(bench):
    apply = bench("apply")
    scan, correction = apply.example_scan((40, 36, 20), VendorState.ND), apply.example_correction()
    for worst in apply.differences(scan, correction, slices=20).values():
        assert worst < 1.0
    clocks = apply.contestants(scan, correction)
    for clock in clocks.values():
        clock.round()
    lines = apply.table(clocks, scan.volume.array.size)
    assert sum("target" in line for line in lines) == 3


def test_every_format_is_measured_in_both_directions_for_both_states(bench, tmp_path):
    transforms = bench("transforms")
    rows = list(transforms.rows(10.0, (100.0, 120.0, 80.0), tmp_path))
    assert len(rows) == 2 * 2 * 2 * 9
    assert len({(row.grid, row.state, row.direction, row.format) for row in rows}) == len(rows)
    assert len({row.format for row in rows}) == 9
    assert all(row.moved_mm > 0.1 for row in rows)
    # Near the isocentre fields are smooth enough for voxels of 10 mm.
    assert all(row.met for row in rows)
    assert not replace(rows[0], random_mm=0.06).met
    assert not replace(rows[0], voxel_mm=2.0, random_mm=0.02).met
    assert not replace(rows[0], centres_mm=0.02).met
    assert all(f"{row.random_mm:.5f}" in row.text() for row in rows)


def test_drawings_on_a_scan_come_back_with_a_known_correction(bench, tmp_path):
    """The whole road of the benchmark but learning: the field itself is the correction."""
    landmarks = bench("landmarks")
    field = default_field()
    settings = landmarks.settings_of(Case.ND_TRUSTED, 8.0, landmarks.TABLE_MM)
    person = subject(AnatomyKind.LEGS, 3, raster_mm=2.5)
    scan = simulate_new_scan(person, settings, field, seed=3)
    known = correction_of(field, reach_mm=300.0, scanner=scan.facts.scanner)
    rows = landmarks.measure(known, scan, person.spheres, tmp_path)
    assert len(rows) == 3 * len(person.spheres) == 6
    for row in rows:
        assert row.raw_mean > 3.0
        assert row.met
        assert row.max < 0.05
        assert " met" in row.text()
    assert not replace(rows[0], max=landmarks.TARGET_MM + 0.01).met


def test_a_small_batch_is_measured_killed_and_resumed(bench, tmp_path):
    """Few coarse scans; the cluster has tests of its own."""
    batch = bench("batch")
    batch.make_material(tmp_path, 12, 12.0)
    scans = batch.scans_of(tmp_path, 12)
    jobs = batch.plan(scans, batch.STATEMENT)
    speeds = {way: batch.measure(way, tmp_path, jobs) for way in (batch.Way.ALONE, batch.Way.POOL)}
    assert all(0 < speed.wall_s <= speed.whole_s * 2 for speed in speeds.values())
    assert batch.contents(tmp_path / "out-alone") == batch.contents(tmp_path / "out-pool")
    batch.verdicts(speeds)
    assert "the same bytes: met" in batch.survive(tmp_path, scans)


def test_a_pool_is_judged_by_its_rate_per_core(bench):
    batch = bench("batch")
    alone, fast, slow = (batch.Speed(wall, 1.0, 10.0) for wall in (1.0, 1.17, 1.19))
    lines = batch.verdicts({batch.Way.ALONE: alone, batch.Way.POOL: fast, batch.Way.CLUSTER: slow})
    assert [line.split()[-1] for line in lines[2:]] == ["met", "MISSED"]


def test_applying_is_measured_from_folder_to_folder(bench, tmp_path):
    folders = bench("apply_folders")
    folders.write_example((24, 20, 8), tmp_path)
    used = folders.run(tmp_path, "dicom", "linear", 1)
    assert len(list((tmp_path / "out" / "scan_corrected").glob("*.dcm"))) == 8
    assert used.seconds > 0
    assert used.peak_bytes > 1e7
    time_line, memory_line = folders.verdict(replace(used, seconds=9.9, peak_bytes=1000), 100)
    assert "met" in time_line
    assert "2.50 volumes" in memory_line
    assert "met" in memory_line
    assert "MISSED" in folders.verdict(replace(used, seconds=10.1), 10**9)[0]
    assert "MISSED" in folders.verdict(used, 1000)[1]


def test_the_count_of_damage_names_failures_and_what_nobody_can_notice(bench):
    robustness = bench("robustness")
    ending, verdict = robustness.Ending, robustness.Verdict
    text = robustness.summary(
        [
            (0, "slice-missing on coronal", verdict(ending.WARNED, "slices-missing")),
            (1, "Rows-zero/one on rle", verdict(ending.REFUSED, "geometry-invalid")),
            (2, "Rows-zero/every on rle", verdict(ending.REFUSED, "geometry-invalid")),
            (3, "places-reversed on siemens", verdict(ending.UNDETECTABLE, "", "mirrored")),
            (4, "pipe on coronal", verdict(ending.FAILED, "", "hangs")),
        ],
        seed=7,
    )
    assert text.startswith("5 cases of 4 named ways to damage, seed 7")
    assert "refused: geometry-invalid 2" in text
    assert "places-reversed: mirrored" in text
    assert "FAILED pipe on coronal: --seed 7 --only 4" in text
    assert text.endswith("failures=1")
