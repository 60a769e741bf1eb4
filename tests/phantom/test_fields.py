"""The simulated fields against published magnitudes and measured markers."""

import csv

import numpy as np
import pytest

from distcorr.errors import Code, DistcorrError
from distcorr.phantom.fields import (
    STRONG_RIM_MM,
    FieldName,
    default_field,
    largest_at_rim,
    linac_1t,
    named_field,
    random_field,
    scaled_to_rim,
)


def size(field, points):
    return np.linalg.norm(field.displacement(np.array(points, dtype=float)), axis=-1)


def directions(count):
    direction = np.random.default_rng(0).normal(size=(count, 3))
    return direction / np.linalg.norm(direction, axis=1, keepdims=True)


def test_default_field_has_the_published_size_at_the_edges():
    """10 to 25 mm at the edges of 400 to 480 mm (Wang 2004, MRI 22:1211)."""
    field = default_field()
    for edge in ((0, 0, 200), (200, 0, 200), (0, 0, 240), (150, 100, 200)):
        assert 10 < size(field, edge) < 25, edge


def test_default_field_is_small_near_the_isocentre():
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(500, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    assert size(default_field(), 50 * direction).mean() < 0.5
    assert size(default_field(), np.zeros(3)) == 0


def test_the_3t_field_reproduces_its_published_distances():
    """3 T, 2,554 markers: 2.0 mm in the mean at 100-125 mm, 8.2 at 175-200."""
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(4000, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    field = named_field(FieldName.CLINICAL_3T)
    near, far = size(field, 112 * direction).mean(), size(field, 187 * direction).mean()
    assert 1.3 < near < 3.0
    assert 6.5 < far < 11.5


def test_the_strong_field_reaches_30_mm_at_the_rim():
    assert largest_at_rim(named_field(FieldName.STRONG)) == pytest.approx(30, abs=1.5)


@pytest.mark.parametrize("name", FieldName)
def test_every_field_can_be_made_a_strong_one(name):
    """30 mm on the sphere of 200 mm, nowhere folded within, and of the same shape."""
    field = named_field(name, 2)
    strong = scaled_to_rim(field)
    direction = directions(4000)
    assert size(strong, 200 * direction).max() == pytest.approx(STRONG_RIM_MM, abs=0.3)
    points = direction * np.random.default_rng(1).uniform(0, 200, (4000, 1))
    assert (np.linalg.det(np.eye(3) + strong.jacobian(points)) > 0).all()
    ratio = strong.displacement(points) / field.displacement(points)
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-6)


@pytest.mark.parametrize("name", FieldName)
def test_fields_do_not_fold_within_200_mm(name):
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(4000, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    points = direction * rng.uniform(0, 200, (4000, 1))
    stretch = np.linalg.det(np.eye(3) + named_field(name, 3).jacobian(points))
    assert stretch.min() > 0.05


def test_irregular_terms_of_a_random_field_are_small():
    points = 200 * np.array([[0.6, 0.0, 0.8], [0.0, 0.6, 0.8], [0.0, 1.0, 0.0]])
    for seed in range(5):
        field = random_field(seed)
        c = field.coefficients.copy()
        for a, component in enumerate("xyz"):
            for t, term in enumerate(field.basis.terms):
                coil = (
                    term.n % 2 == 1
                    and {
                        "x": term.m > 0 and term.m % 2 == 1,
                        "y": term.m < 0 and term.m % 2 == 1,
                        "z": term.m == 0,
                    }[component]
                )
                if coil:
                    c[a, t] = 0
        rest = field.basis.displacement(c, points)
        assert 0.05 < np.abs(rest).mean() < 0.6


def test_random_fields_depend_on_their_seed_alone():
    np.testing.assert_array_equal(random_field(4).coefficients, random_field(4).coefficients)
    assert np.abs(random_field(4).coefficients - random_field(5).coefficients).max() > 0.1


def test_linac_field_matches_its_markers(data):
    folder = data / "gnl_linac1T"
    field = linac_1t(folder)
    with (folder / "MatchedMarkerVolume.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    true = np.array([[float(r[f"{a}_gt"]) for a in "xyz"] for r in rows])
    shown = np.array([[float(r[f"{a}_gnl"]) for a in "xyz"] for r in rows])
    left = shown - field.displacement(true)
    linear = np.c_[np.ones(len(true)), true]  # placement and calibration are not the field's
    residual = left - linear @ np.linalg.lstsq(linear, left, rcond=None)[0]
    rms = np.sqrt((residual**2).mean(axis=0))
    raw = shown - linear @ np.linalg.lstsq(linear, shown, rcond=None)[0]
    assert (rms < [0.45, 0.95, 0.5]).all()
    assert (np.sqrt((raw**2).mean(axis=0)) > 2 * rms).all()


def test_linac_files_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(DistcorrError) as refusal:
        linac_1t(tmp_path)
    assert refusal.value.code is Code.NOT_FOUND


def test_linac_files_of_something_else_are_refused(tmp_path):
    for axis in "xyz":
        (tmp_path / f"G_{axis}_Harmonics.csv").write_text(",0\nnot_a_term,1\n")
    with pytest.raises(DistcorrError) as refusal:
        linac_1t(tmp_path)
    assert refusal.value.code is Code.BAD_FORMAT
