"""What each real series has to end in, command by command."""

import pytest

from tests.conftest import data_folder
from tests.oracles import folder_names
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
