"""The loader agrees with its oracles on every series of the data, or refuses with reason."""

from pathlib import Path

import pytest

from tests.conftest import data_folder
from tests.oracles import (
    CORNER_TOLERANCE_MM,
    REASONS,
    REFUSED,
    Comparison,
    Oracle,
    compare_folder,
    expected_refusal,
    folder_names,
    folders,
    reason_for,
)

NAMES = folder_names(data_folder()) if data_folder() else []


def test_data_holds_series(data):
    assert len(folder_names(data)) > 40


@pytest.mark.parametrize("name", NAMES)
def test_every_series_agrees_with_every_oracle(name, data, tool, tmp_path):
    tool("dcm2niix")
    [folder] = folders(data, tmp_path / "unpacked", only=name)
    rows = compare_folder(folder, tmp_path)
    assert rows
    for row in rows:
        refusal = expected_refusal(row.folder, row.part)
        if refusal or row.oracle is None:
            assert row.verdict == f"refused [{refusal}]", row
        elif reason_for(row):
            assert not row.agrees, f"{row}: the reason is out of date"
        else:
            assert row.agrees, row


def test_reasons_name_series_that_exist(data):
    names = set(folder_names(data))
    for folder, _, _ in REASONS:
        assert folder in names
    for folder, _ in REFUSED:
        assert any(name == folder or name.startswith(f"{folder}/") for name in names)


def test_agreement_needs_all_three():
    row = Comparison("f", "p", "loaded", Oracle.GDCM, corner_mm=CORNER_TOLERANCE_MM, equal=True)
    assert row.agrees
    assert not Comparison("f", "p", "loaded", Oracle.GDCM, corner_mm=0.02, equal=True).agrees
    assert not Comparison("f", "p", "loaded", Oracle.GDCM, corner_mm=0.0, equal=False).agrees
    assert not Comparison("f", "p", "loaded").agrees


def test_oracles_do_not_touch_the_input(data, tmp_path):
    folder = data / "knee_axcor" / "cor_pd_fs"
    before = {path: path.stat().st_mtime_ns for path in sorted(folder.iterdir())}
    [one] = folders(data, tmp_path / "unpacked", only="knee_axcor/cor_pd_fs")
    compare_folder(one, tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in sorted(folder.iterdir())}
    assert isinstance(one.files[0], Path)
