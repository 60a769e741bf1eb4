"""Print the verdict on every series of the test data against independent readers.

Run as ``python benchmarks/loader_oracles.py [DATA]``; DATA is the folder with the
test data, by default that of the environment variable DISTCORR_DATA. Exit status 1
if any series disagrees without a known reason.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.conftest import DATA_VARIABLE, data_folder
from tests.oracles import Comparison, compare_folder, expected_refusal, folders, reason_for


def main() -> int:
    if len(sys.argv) > 1:
        os.environ[DATA_VARIABLE] = sys.argv[1]
    data = data_folder()
    if data is None:
        print(f"no test data: give its folder or set {DATA_VARIABLE}", file=sys.stderr)
        return 2
    table = Table(title="The loader against its oracles, every series of the data")
    for column in ("series", "part", "verdict", "oracle", "corner mm", "voxels", "", "why"):
        table.add_column(column, overflow="fold")
    wrong = total = 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, folder in enumerate(folders(data, Path(scratch) / "unpacked")):
            for row in compare_folder(folder, Path(scratch) / str(number)):
                accepted, why = judge(row)
                wrong, total = wrong + (not accepted), total + 1
                table.add_row(*cells(row, accepted, why))
    Console(width=200 if not sys.stdout.isatty() else None).print(table)
    print(f"{total} comparisons, {wrong} without an accepted reason")
    return 1 if wrong else 0


def judge(row: Comparison) -> tuple[bool, str]:
    """Whether a row is as it has to be, and the reason if it is not plain agreement."""
    refusal = expected_refusal(row.folder, row.part)
    if row.oracle is None or refusal:
        return row.verdict == f"refused [{refusal}]", row.problem
    why = reason_for(row) or row.problem
    return row.agrees != bool(reason_for(row)), why


def cells(row: Comparison, accepted: bool, why: str) -> list[Text]:
    corner = "" if row.corner_mm is None else f"{row.corner_mm:.5f}"
    equal = {None: "", True: "equal", False: "differ"}[row.equal]
    mark = "ok" if row.agrees else "as due" if accepted else "WRONG"
    values = [row.folder, row.part, row.verdict, row.oracle or "", corner, equal, mark, why]
    return [Text(str(value)) for value in values]


if __name__ == "__main__":
    sys.exit(main())
