"""What each real series has to end in, command by command."""

import pytest

from distcorr.errors import Code
from tests.cli.running import run
from tests.conftest import data_folder
from tests.oracles import folder_names
from tests.robustness.series_cases import check
from tests.robustness.series_table import read_table, rows_of

_DATA = data_folder()


@pytest.mark.parametrize("name", [] if _DATA is None else folder_names(_DATA))
def test_every_series_ends_as_the_table_says(name, data, tmp_path):
    assert rows_of(name, data, tmp_path) == [row for row in read_table() if row.folder == name]


def test_the_table_names_every_series_and_no_other(data):
    assert {row.folder for row in read_table()} == set(folder_names(data))


def test_no_verdict_is_an_accident():
    verdicts = {verdict for row in read_table() for verdict in (row.inspect, row.learn, row.apply)}
    assert not verdicts & {"internal", "done"}


PAIRS = [
    ("knee_axcor", "ax_pd_fs", "all", "cor_pd_fs", "all", Code.ISOCENTRE_UNKNOWN),
    ("epi_3plane_mosaic", "axasc35", "acquisition 1", "corasc35", "acquisition 1",
     Code.NOTHING_TO_LEARN),
    ("acr_ge_3plane", "05_3_Plane_Localizer_HF", "axial", "05_3_Plane_Localizer_HF", "coronal",
     Code.STATE_UNKNOWN),
]  # fmt: skip
"""Real axial and coronal scans of one subject, and why nothing is learned from them as
they are: nobody knows where the isocentre was, or both show the same error."""


@pytest.mark.parametrize(("folder", "axial", "axial_part", "coronal", "part", "code"), PAIRS)
def test_real_pairs_are_refused_for_the_right_reason(
    folder, axial, axial_part, coronal, part, code, data, tmp_path
):
    cohort = tmp_path / "cohort.toml"
    cohort.write_text(
        f"""
        [[reference]]
        id = "ref01"
        axial = '{data / folder / axial}'
        coronal = '{data / folder / coronal}'
        axial_part = '{axial_part}'
        coronal_part = '{part}'
        """
    )
    out = tmp_path / "out.distcorr"
    assert check(run("learn", cohort, "-o", out)) == [code]
    assert [path.name for path in tmp_path.iterdir()] == ["cohort.toml"]
