"""Every real series through inspect, convert, learn and apply: the verdicts.

They stand in ``series_verdicts.csv``, which ``test_series_table.py`` holds; after a
change that is meant, ``python -m tests.robustness.series_table`` writes them anew.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from distcorr.apply import apply_correction
from distcorr.batch.load import Statement, load_scan
from distcorr.dicom import Series, find_series
from distcorr.errors import DistcorrError
from tests.cli.running import run
from tests.conftest import data_folder
from tests.correction.examples import correction_of, example_field
from tests.oracles import folder_names, folders
from tests.robustness.series_cases import check

TABLE = Path(__file__).with_name("series_verdicts.csv")

COHORT = """
[[reference]]
id = "ref01"
axial = {path}
coronal = {path}
axial_part = {part}
coronal_part = {part}
"""
"""A manifest that takes one series for both scans: nobody can learn from it, and it has
to be refused for the right reason."""


@dataclass(frozen=True)
class Row:
    """Verdicts on one volume of one folder: what became of it, or the code of the refusal.

    Attributes
    ----------
    folder, part : str
    inspect, convert, learn, apply : str
    """

    folder: str
    part: str
    inspect: str
    convert: str
    learn: str
    apply: str


def rows_of(name: str, data: Path, scratch: Path) -> list[Row]:
    """Put every volume of a folder through the commands."""
    (folder,) = folders(data, scratch / "unpacked", name)
    path = folder.files[0] if (data / name).is_file() else folder.files[0].parent
    check(run("inspect", path))
    return [_row(name, path, series, scratch) for series in find_series([path]).series]


def _row(name: str, path: Path, series: Series, scratch: Path) -> Row:
    inspected = str(series.regularity) if series.refusal is None else series.refusal.code
    out = scratch / "out.nrrd"
    converted = _by_command("convert", path, out, "--part", series.part, "--overwrite")
    cohort = scratch / "cohort.toml"
    cohort.write_text(COHORT.format(path=_quoted(path), part=_quoted(series.part)))
    learned = _by_command("learn", cohort, "-o", scratch / "out.distcorr")
    return Row(name, series.part, inspected, converted, learned, _applied(path, series))


def _quoted(value: object) -> str:
    return "'" + str(value) + "'"


def _by_command(*arguments: object) -> str:
    done = run(*arguments)
    codes = check(done)
    return codes[0] if codes else "done"


def _applied(path: Path, series: Series) -> str:
    correction = correction_of(example_field(), 240.0, 40.0, scanner=series.facts.scanner)
    try:
        scan = load_scan(path, Statement("the table"), series.part).scan
        apply_correction(scan, correction)
    except DistcorrError as refusal:
        return refusal.code
    return "corrected"


def read_table() -> list[Row]:
    with TABLE.open(newline="", encoding="utf-8") as stream:
        return [Row(**row) for row in csv.DictReader(stream)]


def write_table(rows: Iterable[Row]) -> None:
    with TABLE.open("w", newline="", encoding="utf-8") as stream:
        names = [item.name for item in fields(Row)]
        writer = csv.DictWriter(stream, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def main() -> int:
    data = data_folder()
    if data is None:
        print("no test data", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for name in folder_names(data):
        with tempfile.TemporaryDirectory() as scratch:
            rows += rows_of(name, data, Path(scratch))
    write_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
