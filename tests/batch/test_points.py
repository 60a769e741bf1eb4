"""Points of a manifest: what is stated reaches the estimator, and the rest is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distcorr.batch import load_points, read_cohort
from distcorr.correction import InputRole
from distcorr.errors import DistcorrError
from distcorr.facts import VendorState
from distcorr.learn.point_pairs import CALIBRATION_SD, DEFAULT_SD_MM, FREE_PLACEMENT
from distcorr.points import PointList, write_points

TRUE = np.array([[10.0, 0, 0], [0, 20, 0], [0, 0, 30], [5, 5, 5], [-40, 0, 9]])
SHIFT = np.array([0.5, -1.0, 2.0])
LABELS = ("a", "b", "c", "d", "e")

ENTRY = """
[[points]]
id = "phantom"
shown_state = "ND"
patient_position = "HFS"
isocentre_lps = [0, 0, 0]
"""


def folder_with(path: Path, entry: str) -> Path:
    write_points(PointList("", LABELS, TRUE), path / "true.mrk.json")
    write_points(PointList("", LABELS[::-1], TRUE[::-1] + SHIFT), path / "shown.fcsv")
    write_points(PointList("", ("",) * 5, TRUE + SHIFT), path / "unnamed.csv")
    rows = [",".join(map(str, [*row, *(row + SHIFT)])) for row in TRUE]
    header = "true_x,true_y,true_z,shown_x,shown_y,shown_z"
    (path / "pairs.csv").write_text("\n".join([header, *rows]) + "\n")
    manifest = path / "cohort.toml"
    manifest.write_text(entry)
    return manifest


def loaded(path: Path, entry: str):
    return load_points(read_cohort(folder_with(path, entry)))


def refusal(path: Path, entry: str) -> str:
    with pytest.raises(DistcorrError) as raised:
        loaded(path, entry)
    return str(raised.value)


def test_one_table_and_two_lists_are_the_same_points(tmp_path: Path) -> None:
    (table,) = loaded(tmp_path, ENTRY + 'pairs = "pairs.csv"')
    other = tmp_path / "b"
    other.mkdir()
    (lists,) = loaded(other, ENTRY + 'true = "true.mrk.json"\nshown = "shown.fcsv"')
    for one in (table, lists):
        np.testing.assert_allclose(one.pairs.shown_lps - one.pairs.true_lps, [SHIFT] * 5)
        assert one.findings == ()
    assert lists.labels == LABELS
    assert table.input.role is InputRole.POINTS
    assert table.input.reference == table.id == "phantom"
    assert len(table.input.sha256) == 64


def test_defaults_estimate_placement_and_calibration(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, ENTRY + 'pairs = "pairs.csv"')
    assert one.pairs.sd_mm == DEFAULT_SD_MM
    np.testing.assert_array_equal(one.pairs.motion_sd, FREE_PLACEMENT)
    assert one.pairs.calibration_sd == CALIBRATION_SD


def test_everything_stated_is_taken(tmp_path: Path) -> None:
    entry = """
[[points]]
id = "p"
true = "true.mrk.json"
shown = "unnamed.csv"
pairing = "order"
shown_state = "DIS2D"
normal = [0, 2, 0]
patient_position = "FFS"
isocentre_lps = [1, 2, 3]
sd_mm = 0.7
placement = "known"
calibration = "known"
"""
    (one,) = loaded(tmp_path, entry)
    acquisition = one.pairs.acquisition
    assert acquisition.state is VendorState.DIS2D
    np.testing.assert_allclose(acquisition.normal_lps, [0, 1, 0])
    np.testing.assert_allclose(acquisition.T_scanner_patient @ [1, 2, 3, 1], [0, 0, 0, 1])
    np.testing.assert_allclose(one.pairs.true_scanner[0], [-9, -2, 3])  # feet first
    assert one.pairs.sd_mm == 0.7
    assert one.pairs.motion_sd is None
    assert one.pairs.calibration_sd == 0


TWO_LISTS = 'true = "true.mrk.json"\nshown = "unnamed.csv"\n'
WRONG = {
    ENTRY: "give either pairs, or true and shown",
    ENTRY + 'true = "true.mrk.json"': "give either pairs, or true and shown",
    ENTRY + TWO_LISTS + 'pairs = "pairs.csv"': "give either pairs, or true and shown",
    ENTRY + 'pairs = "pairs.csv"\npairing = "order"': "pairing is for two lists",
    ENTRY + 'pairs = "pairs.csv"\nnormal = [0, 0, 1]': "normal is needed for dis2d",
    ENTRY.replace('"ND"', '"DIS2D"') + 'pairs = "pairs.csv"': "normal is needed for dis2d",
    ENTRY.replace('"ND"', '"DIS2D"') + 'pairs = "pairs.csv"\nnormal = [0, 0, 0]': "no length",
    ENTRY.replace('patient_position = "HFS"', "") + 'pairs = "pairs.csv"': "field required",
    ENTRY.replace('shown_state = "ND"', "") + 'pairs = "pairs.csv"': "field required",
    ENTRY.replace("isocentre_lps = [0, 0, 0]", 'pairs = "pairs.csv"'): "isocentre_lps: field",
    ENTRY + 'pairs = "pairs.csv"\nsd_m = 1': "unknown key, did you mean sd_mm?",
    ENTRY + 'pairs = "pairs.csv"\nsd_mm = 0': "greater than 0",
    ENTRY + TWO_LISTS: "points without label",
    ENTRY + 'pairs = "absent.csv"': "there is no such file of points",
    ENTRY + 'pairs = "pairs.csv"' + ENTRY.replace("phantom", "b") + 'pairs = "pairs.csv"': (
        "b holds the same points as phantom"
    ),
    ENTRY + 'pairs = "pairs.csv"' + ENTRY + 'pairs = "pairs.csv"': "is also points[1].id",
    ENTRY + 'pairs = "pairs.csv"\n[scanner]\nmodell = "x"': "did you mean model?",
}


@pytest.mark.parametrize(("entry", "message"), WRONG.items())
def test_what_can_not_be_right_is_refused(tmp_path: Path, entry: str, message: str) -> None:
    assert message in refusal(tmp_path, entry)
