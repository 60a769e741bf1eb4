"""The adapters to other registration tools: frames, directions, averaging, verdicts.

A sign or an axis gone wrong here would make a tool look bad that is not.
"""

from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from distcorr.facts import VendorState
from distcorr.phantom import maps
from distcorr.phantom.fields import default_field
from distcorr.phantom.pairs import AnatomyKind, Case, case_settings, simulate_pair, subject
from distcorr.space import Grid, Volume, transform_points
from tests.conftest import absent

FOLDER = Path(__file__).parents[1] / "benchmarks"

REACH_MM = 72.0
RECOVERED_MM = 2.0
"""Mean error at body points allowed for a displacement of 5 mm and voxels of 6 mm: a
wrong sign leaves 10 mm, swapped axes 5. Stochastic tools leave 1 mm, and smoothing that
is made for a whole body 1.7 mm in this small ball."""

MOTION_MM = 0.75
"""Error allowed within 100 mm of the isocentre for a motion found in voxels of 8 mm. Legs
hardly tell how far they moved along their axis."""

BIAS_LEFT = 0.25
"""Share of a linear bias that may stay in a ball of random tissue, where N4 can't tell the
tissue's own unevenness."""

ROAD_MM = 0.02
"""Mean error that averaging and interpolating between voxels of 8 mm may add."""


@pytest.fixture
def bench(monkeypatch):
    """Import a benchmark's module as its script sees it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module


def known_u(points):
    """Smooth displacement, mm; every component differs in size, sign and direction."""
    x, y, z = (points / 90.0).T
    return np.stack([3 + 2 * y, -2 + 1.5 * x * z, 3.5 - 2 * x], axis=-1)


def texture(points):
    """Random tissue within a ball, the same at every call."""
    noise = gaussian_filter(np.random.default_rng(5).normal(size=(48, 48, 48)), 2.2)
    noise = 100 + 40 * noise / noise.std()
    at = (points / 4.0 + 23.5).T
    inside = np.clip((REACH_MM - np.linalg.norm(points, axis=-1)) / 4.0 + 0.5, 0, 1)
    return map_coordinates(noise, at, order=3, mode="nearest") * inside


def laid_out(direction, size, spacing):
    spacing = np.array(spacing)
    return Grid(size, -direction @ ((np.array(size) - 1) * spacing / 2), spacing, direction)


@pytest.fixture(scope="module")
def images():
    """An oblique axial grid of the tissue, and a coronal one that shows it displaced."""
    tilt = Rotation.from_euler("xyz", [5, -8, 6], degrees=True).as_matrix()
    coronal = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    fixed = laid_out(tilt, (32, 31, 29), (6.0, 6.0, 6.5))
    moving = laid_out(coronal, (33, 31, 32), (6.0, 6.2, 6.0))
    x = fixed.points_lps().reshape(-1, 3)
    y = moving.points_lps().reshape(-1, 3)
    origin = y.copy()
    for _ in range(30):
        origin = y - known_u(origin)
    return (
        Volume(texture(x).reshape(fixed.shape).astype(np.float32), fixed),
        Volume(texture(origin).reshape(moving.shape).astype(np.float32), moving),
        (np.linalg.norm(x, axis=-1) < REACH_MM).reshape(fixed.shape),
    )


PEERS = (
    "simpleitk-bspline",
    "elastix-default",
    "elastix-tuned",
    "ants-syn",
    "ants-bspline-syn",
    "greedy",
)


def test_every_peer_is_tested(bench):
    assert {str(method) for method in bench("peers.methods").PEERS} == set(PEERS)


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.filterwarnings("ignore")  # the tools' own
def test_a_peer_recovers_a_known_displacement(bench, images, name, monkeypatch):
    """In direction, sign and frame, on oblique grids whose axes are permuted."""
    elastix = bench("peers.elastix")
    shorter = elastix.TUNED.changes | {"MaximumNumberOfIterations": "300"}
    brief = replace(elastix.TUNED, changes=shorter)
    monkeypatch.setattr(elastix, "TUNED", brief)
    monkeypatch.setattr(elastix, "DEFAULT", brief)  # whose own finds nothing in so small a ball
    methods = bench("peers.methods")
    peer = methods.PEERS[methods.Method(name)]
    if peer.version is None:
        absent(f"{peer.distribution} is not installed; it comes with the extra 'peers'")
    field = peer.register(bench("peers.pairs").AlignedPair(*images))
    draw = np.random.default_rng(2).normal(size=(500, 3))
    radius = 0.8 * REACH_MM * np.random.default_rng(3).uniform(0, 1, (500, 1)) ** (1 / 3)
    points = radius * draw / np.linalg.norm(draw, axis=1, keepdims=True)
    error = np.linalg.norm(field.at(points) - known_u(points), axis=1)
    assert np.linalg.norm(known_u(points), axis=1).mean() > 5.0
    assert error.mean() < RECOVERED_MM


def test_the_bias_is_taken_out_and_nothing_else(bench, images):
    """Of both scans; the grid, the body and the scans that came in stay as they were."""
    fixed, moving, body = images
    z = fixed.grid.points_lps()[..., 2]
    biased = Volume((fixed.array * np.exp(z / 150.0)).astype(np.float32), fixed.grid)
    before = biased.array.copy()
    pair = bench("peers.pairs").AlignedPair(biased, moving, body)
    found = bench("peers.bias").without_bias(pair)
    tissue = body & (fixed.array > 20.0)
    kept = found.fixed.array[tissue] / fixed.array[tissue]
    slope = np.polyfit(z[tissue], np.log(kept), 1)[0]
    assert abs(slope) < BIAS_LEFT / 150.0
    assert found.fixed.grid is biased.grid
    assert found.fixed_body is body
    np.testing.assert_array_equal(biased.array, before)


@pytest.fixture(scope="module")
def person():
    return subject(AnatomyKind.LEGS, 1, raster_mm=2.5)


@pytest.fixture(scope="module")
def moved(person):
    """A pair of which the coronal scan is distorted, with motion in between."""
    return simulate_pair(person, case_settings(Case.ND_TRUSTED, 8.0), default_field(), seed=1)


@pytest.fixture(scope="module")
def still(person):
    """A pair that is distorted through the slices of both scans, without motion."""
    settings = replace(case_settings(Case.DIS2D_BOTH, 8.0), motion_mm=0.0, motion_deg=0.0)
    return simulate_pair(person, settings, default_field(), seed=1)


def test_alignment_takes_the_motion_out_exactly(bench, moved):
    """The voxel of the axial scan that shows some tissue lies where the coronal body has it."""
    pairs = bench("peers.pairs")
    aligned = pairs.aligned(moved, pairs.true_motion(moved))
    tissue = np.array([[30.0, -20.0, 90.0], [-60.0, 10.0, -120.0]])
    in_axial, in_coronal = (scan.true_of_subject(tissue) for scan in (moved.axial, moved.coronal))
    assert np.linalg.norm(in_axial - in_coronal, axis=1).min() > 0.5
    voxel = transform_points(moved.axial.volume.grid.T_index_lps, in_axial)
    placed = transform_points(aligned.fixed.grid.T_lps_index, voxel)
    expected = transform_points(moved.coronal.T_scanner_patient, in_coronal)
    np.testing.assert_allclose(placed, expected, atol=1e-9)


def test_the_estimated_motion_is_the_simulated_one(bench, person):
    """Both scans are right, so that nothing but the motion differs."""
    pairs, rigid = bench("peers.pairs"), bench("peers.simpleitk_rigid")
    moved = simulate_pair(person, case_settings(Case.DIS3D_BOTH, 8.0), default_field(), seed=1)
    points = np.random.default_rng(4).uniform(-60, 60, (200, 3))
    true = transform_points(pairs.true_motion(moved), points)
    found = transform_points(rigid.estimated_motion(moved), points)
    assert np.linalg.norm(true - points, axis=1).mean() > 1.0
    assert np.linalg.norm(found - true, axis=1).mean() < MOTION_MM


def test_a_registration_without_fault_undoes_all_but_the_axial_error(bench, still):
    """The road from a pair's field to a corrected scan adds no error of its own."""
    reduction = bench("peers.reduction")
    pairs, trials = bench("peers.pairs"), bench("peers.trials")
    one = pairs.aligned(still, pairs.true_motion(still))
    field = trials.faultless(still, one)
    points = bench("runs").JudgedPoints.of(still.coronal)
    axial = np.array([0.0, 0.0, 1.0])
    imported = maps.true_to_shown(
        still.coronal.field, VendorState.DIS2D, axial, points.true_scanner
    )
    assert np.linalg.norm(imported - points.true_scanner, axis=1).mean() > 0.5
    for how in reduction.Reduction:
        mean = reduction.reduce_fields([field], [one.fixed_body], how)
        found = reduction.shown_to_true(mean, points.shown_lps)
        left = np.linalg.norm(found - imported, axis=1).mean()
        assert left < (ROAD_MM if how is reduction.Reduction.EVERYWHERE else 0.5)


def constant(bench, grid, u):
    field = np.broadcast_to(np.float32(u), (*grid.shape, 3)).copy()
    return bench("peers.pairs").PairField(grid, field)


def test_fields_are_averaged_where_each_has_seen_a_body(bench):
    """Two bodies that overlap: each alone, both, and none."""
    reduction = bench("peers.reduction")
    grid = laid_out(np.eye(3), (41, 11, 11), (4.0, 4.0, 4.0))
    x = grid.points_lps()[..., 0]
    fields = [constant(bench, grid, (2.0, 0.0, 1.0)), constant(bench, grid, (4.0, 0.0, -1.0))]
    bodies = [(x > -50) & (x < 20), (x > -20) & (x < 50)]
    places = np.array([[-40.0, 0, 0], [0, 0, 0], [40, 0, 0], [76, 0, 0]])
    first, both, second = (2.0, 0.0, 1.0), (3.0, 0.0, 0.0), (4.0, 0.0, -1.0)
    expected = {
        reduction.Reduction.EVERYWHERE: (both, both, both, both),
        reduction.Reduction.BODIES: (first, both, second, (0.0, 0.0, 0.0)),
        reduction.Reduction.FILLED: (first, both, second, second),
    }
    for how, values in expected.items():
        found = reduction.reduce_fields(fields, bodies, how).at(places)
        np.testing.assert_allclose(found, values, atol=0.1)


def test_displacements_are_undone_exactly(bench):
    reduction = bench("peers.reduction")
    grid = laid_out(np.eye(3), (41, 41, 41), (4.0, 4.0, 4.0))
    u = np.float32(known_u(grid.points_lps().reshape(-1, 3)).reshape(*grid.shape, 3))
    field = bench("peers.pairs").PairField(grid, u)
    x = np.random.default_rng(1).uniform(-50, 50, (200, 3))
    found = reduction.shown_to_true(field, x + field.at(x))
    np.testing.assert_allclose(found, x, atol=2e-3)


def test_a_field_of_another_shape_or_without_numbers_is_refused(bench):
    pairs = bench("peers.pairs")
    grid = laid_out(np.eye(3), (4, 5, 6), (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="on a grid of"):
        pairs.PairField(grid, np.zeros((4, 5, 6, 3), np.float32))
    with pytest.raises(ValueError, match="no numbers"):
        pairs.PairField(grid, np.full((6, 5, 4, 3), np.nan, np.float32))


@pytest.fixture
def figures(bench):
    trials = bench("peers.trials")
    errors = trials.Errors(1.0, 2.0, 3.0)
    return trials.Figures(errors, errors, 10.0, 20.0, 300.0)


def test_the_verdict_names_the_best_peer_and_the_factor(bench, figures):
    page, trials = bench("peers.page"), bench("peers.trials")
    method = bench("peers.methods").Method
    results = {
        method.ELASTIX_TUNED: figures,
        method.ANTS_SYN: replace(figures, new=trials.Errors(0.6, 2.5, 3.0)),
        method.GREEDY: None,
        method.DISTCORR_TWO: replace(figures, new=trials.Errors(0.1, 0.5, 1.0)),
    }
    text = page.verdict(results)
    assert "ANTs SyN, CC, 0.600 mm" in text
    assert "6.0 times lower in the mean (target 5: met), 4.0 times lower in p95" in text
    worse = {**results, method.ELASTIX_TUNED: replace(figures, new=trials.Errors(0.4, 1.0, 3.0))}
    assert "4.0 times lower in the mean (target 5: MISSED)" in page.verdict(worse)
    assert page.verdict({method.DISTCORR_TWO: figures}).startswith("No verdict")


def test_what_is_absent_or_refused_is_said_and_has_no_figures(bench, figures):
    page, method = bench("peers.page"), bench("peers.methods").Method
    absent = page.row(method.GREEDY, None)
    assert absent[0] == "greedy, NCC: not installed (picsl-greedy)"
    assert not any(absent[1:])
    refused = page.row(
        method.DISTCORR_ONE, replace(figures, references=None, new=None, refusal="error[x]: y")
    )
    assert refused[0] == "distcorr, one reference: error[x]: y"
    assert not any(refused[1:])


def test_figures_come_back_from_the_log(bench, figures, tmp_path):
    trials, runs = bench("peers.trials"), bench("runs")
    method, how = bench("peers.methods").Method, bench("peers.reduction").Reduction
    known, estimated = trials.MotionSource
    cohort = trials.CohortKey(AnatomyKind.LEGS, Case.ND_TRUSTED, runs.FieldSeed("default", 0), 6.0)
    trial = trials.Trial(cohort, method.SIMPLEITK_BSPLINE, known, 1)
    full = replace(figures, reduction=how.FILLED, by_reduction_mm={"filled": 1.0})
    records = bench("records").Records(tmp_path / "log.jsonl")
    records.append(trial.key(), asdict(full))
    assert trials.Figures.from_record(records.find(trial.key())) == full
    assert records.find(replace(trial, motion=estimated).key()) is None
    assert records.find(replace(trial, method=method.NOTHING).key()) is None


def test_errors_count_what_is_not_found(bench):
    errors = bench("peers.trials").Errors
    true = np.zeros((4, 3))
    found = np.array([[3.0, 0, 4], [0, 0, 0], [0, 1, 0], [np.nan, 0, 0]])
    judged = errors.between(found, true)
    assert judged.max == bench("runs").UNMAPPED_MM
    assert judged.mean == pytest.approx((5 + 0 + 1 + judged.max) / 4)
