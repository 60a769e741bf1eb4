"""Cohorts on disk: what the loader reads is what was simulated."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from distcorr.batch.cohort import read_cohort
from distcorr.cli.main import app
from distcorr.dicom import load_series
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.field import HarmonicField
from distcorr.images import read_volume
from distcorr.phantom.cohort import CohortSettings, manifest, simulate_cohort
from distcorr.phantom.fields import default_field
from distcorr.phantom.maps import true_to_shown
from distcorr.phantom.pairs import (
    AnatomyKind,
    Case,
    PairSettings,
    case_settings,
    simulate_case,
    simulate_pair,
)
from distcorr.space import PatientPosition, transform_points
from tests.phantom.examples import Ball


def coarse(**choices):
    pair = PairSettings()
    small = {"pixel_mm": 8.0, "slice_spacing_mm": 8.0, "slice_thickness_mm": 8.0} | choices
    return PairSettings(replace(pair.axial, **small), replace(pair.coronal, **small))


SETTINGS = CohortSettings(subjects=1, new=1, pair=coarse(), seed=3)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "cohort"
    simulate_cohort(SETTINGS, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def truth(folder: Path):
    return json.loads((folder / "truth" / "truth.json").read_text())


def stored_field(folder: Path) -> HarmonicField:
    record = json.loads((folder / "truth" / "field.json").read_text())
    components = {"x": {}, "y": {}, "z": {}}
    for term in record["terms"]:
        components[term["component"]][term["n"], term["m"]] = term["mm"]
    return HarmonicField.from_terms(**components, radius_mm=record["reference_radius_mm"])


def test_the_manifest_names_series_that_load(cohort):
    read = read_cohort(cohort / "cohort.toml")
    assert [r.id for r in read.references] == ["ref01"]
    assert read.references[0].axial_state is VendorState.TRUSTED
    assert read.references[0].coronal_state is None
    assert [s.id for s in read.scans] == ["new01"]
    coronal = load_series(read.resolve(read.references[0].coronal))
    assert coronal.volume.grid.same_as(SETTINGS.pair.coronal.grid())
    assert coronal.series.facts.state.value is VendorState.ND
    assert coronal.series.facts.isocentre_lps.value == (0, 0, 0)


def test_truth_points_follow_the_stored_field(cohort):
    field = stored_field(cohort)
    np.testing.assert_array_equal(field.coefficients, default_field().coefficients)
    for record in truth(cohort)["scans"]:
        points = np.load(cohort / "truth" / record["files"]["points"])
        T = np.array(record["T_scanner_patient"])
        shown = true_to_shown(
            field, VendorState(record["state"]), [0, 1, 0], transform_points(T, points["true_lps"])
        )
        np.testing.assert_allclose(shown, transform_points(T, points["shown_lps"]), atol=1e-6)


def test_sphere_labels_are_centred_where_the_truth_says(cohort):
    record = next(r for r in truth(cohort)["scans"] if r["plane"] == "axial")
    labels = read_volume(cohort / "truth" / record["files"]["spheres_true"])
    for sphere in record["spheres"]:
        index = np.argwhere(labels.array == sphere["label"])[:, ::-1]
        centre = transform_points(labels.grid.T_lps_index, index).mean(axis=0)
        assert np.linalg.norm(centre - sphere["centre_true_lps"]) < 2.0


def test_equal_seeds_give_equal_bytes(cohort, tmp_path):
    simulate_cohort(SETTINGS, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(cohort)


def test_file_names_say_nothing_of_the_order(cohort):
    names = sorted(path.name for path in (cohort / "ref01" / "axial").iterdir())
    assert len(names) == 50
    assert not any(name.startswith("slice") for name in names)


def test_an_existing_folder_is_not_touched(cohort):
    before = contents(cohort)
    with pytest.raises(DistcorrError) as refusal:
        simulate_cohort(SETTINGS, cohort)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    assert contents(cohort) == before


def test_nothing_is_left_behind_by_a_failure(tmp_path):
    beside = coarse(centre_scanner_mm=(0.0, 900.0, 0.0))
    with pytest.raises(DistcorrError):
        simulate_cohort(replace(SETTINGS, pair=beside), tmp_path / "cohort")
    assert list(tmp_path.iterdir()) == []


def test_a_moved_table_is_stated_where_its_sign_is_not_documented():
    feet_first = coarse(patient_position=PatientPosition.FFS, table_mm=(0.0, 0.0, 40.0))
    assert "isocentre_lps = [" in manifest(replace(SETTINGS, pair=feet_first))
    head_first = coarse(table_mm=(0.0, 0.0, 40.0))
    assert "isocentre_lps" not in manifest(replace(SETTINGS, pair=head_first))


@pytest.mark.parametrize("wrong", [{"subjects": 0}, {"new": 100}, {"seed": -1}], ids=str)
def test_impossible_cohorts_are_refused(wrong):
    with pytest.raises(DistcorrError) as refusal:
        CohortSettings(**wrong)
    assert refusal.value.code is Code.BAD_FORMAT


def test_two_table_positions_need_a_head_first_patient():
    pair = coarse(patient_position=PatientPosition.FFS)
    moved = replace(pair, axial=replace(pair.axial, table_mm=(0.0, 0.0, 40.0)))
    with pytest.raises(DistcorrError, match="moves between two scans"):
        CohortSettings(pair=moved)


def test_the_command_writes_a_cohort(tmp_path):
    folder = tmp_path / "cohort"
    options = ["--subjects", "1", "--new", "0", "--voxel", "10", "--axial-state", "DIS2D"]
    options += ["--coronal-state", "DIS2D", "--table", "20", "--coronal-contrast", "PD-fs"]
    result = CliRunner().invoke(app, ["simulate", str(folder), *options])
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(folder / "cohort.toml")
    record = truth(folder)["scans"]
    assert {r["state"] for r in record} == {"DIS2D"}
    assert {r["contrast"] for r in record} == {"T1w", "PD-fs"}
    loaded = load_series(folder / "ref01" / "axial")
    assert loaded.series.facts.isocentre_lps.value == (0, 0, 20)


def test_stations_are_series_of_their_own(tmp_path):
    folder = tmp_path / "cohort"
    options = ["--subjects", "1", "--new", "1", "--voxel", "10", "--axial-state", "ND"]
    options += ["--stations", "2", "--axial-cover", "-150", "130", "--side-motion", "2", "1"]
    options += ["--fat-shift", "0.5"]
    result = CliRunner().invoke(app, ["simulate", str(folder), *options])
    assert result.exit_code == 0, result.output
    entry = tomllib.loads((folder / "cohort.toml").read_text())["reference"][0]
    assert entry["axial"] == ["ref01/axial-1", "ref01/axial-2"]
    stations = [load_series(folder / path) for path in entry["axial"]]
    assert [s.series.facts.isocentre_lps.value[2] for s in stations] == [-75, 55]
    assert len({s.series.facts.frame_of_reference for s in stations}) == 2
    heights = np.concatenate([s.volume.grid.corners_lps[:, 2] for s in stations])
    assert (heights.min(), heights.max()) == pytest.approx((-145, 125))
    record = {r["name"]: r for r in truth(folder)["scans"]}
    assert record["ref01/axial-1"]["side_motion"] is None
    assert np.shape(record["ref01/coronal"]["side_motion"]["T_left"]) == (4, 4)
    assert {r["fat_shift_pixels"] for r in record.values()} == {0.5}


def test_new_subjects_can_lie_otherwise(tmp_path):
    folder = tmp_path / "cohort"
    options = ["--subjects", "1", "--voxel", "20", "--new-position", "FFS"]
    result = CliRunner().invoke(app, ["simulate", str(folder), *options])
    assert result.exit_code == 0, result.output
    positions = {r["name"]: r["patient_position"] for r in truth(folder)["scans"]}
    assert positions == {"ref01/axial": "HFS", "ref01/coronal": "HFS", "new01/coronal": "FFS"}
    new = load_series(folder / "new01" / "coronal")
    assert new.series.facts.patient_position.value is PatientPosition.FFS


@pytest.mark.parametrize("cover", [("100", "-100"), ("40", "40")])
def test_coverage_from_high_to_low_is_refused(tmp_path, cover):
    options = ["simulate", str(tmp_path / "x"), "--axial-cover", *cover]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 1
    assert "fov_mm" in str(result.exception)


def test_the_command_refuses_unknown_modes(tmp_path):
    result = CliRunner().invoke(app, ["simulate", str(tmp_path / "x"), "--axial-state", "maybe"])
    assert result.exit_code == 2


@pytest.mark.parametrize("case", Case)
def test_cases_in_memory_give_pairs(case):
    settings = case_settings(case, 10.0)
    # Large enough for every station to see something of it.
    pair = simulate_pair(Ball(150.0, (0.0, 0.0, 0.0)), settings, default_field(), seed=1)
    assert pair.axial.facts.state.value is settings.axial.state
    assert pair.coronal.facts.state.value is settings.coronal.state
    assert pair.coronal.body.any()
    # The subject moved between the scans.
    assert not np.allclose(pair.axial.T_patient_subject, pair.coronal.T_patient_subject)


def test_new_scans_are_of_other_subjects():
    simulated = simulate_case(
        AnatomyKind.LEGS, Case.ND_TRUSTED, default_field(), subjects=1, new=1, voxel_mm=10.0
    )
    reference, other = simulated.references[0].coronal, simulated.new[0]
    assert other.settings == reference.settings
    assert (other.body != reference.body).mean() > 0.01
