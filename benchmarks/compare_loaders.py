"""Readers of DICOM on every series of the test data: right, refused, or silently wrong.

A series is judged stack by stack: its slices of one orientation and size. The truth is
each frame's own header (``geometry_truth.py``); a reader is right if the corner pixels
of every slice lie within ``TOLERANCE_MM`` of it in one of the volumes that it makes
(``geometry_referee.py``). Without headers that say where the slices are, a stack is
undecidable. Usage:

    python benchmarks/compare_loaders.py --data FOLDER [--markdown FILE]
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from geometry_referee import Placement, place_all
from geometry_truth import Stack, read_stacks
from loader_notes import NOTES, UNRELATED
from loader_tools import Tool, linked, tools
from pages import Section, Table, publish

from tests.oracles import Folder, folders

TOLERANCE_MM = 0.1
"""Largest distance of a corner that is right: a quarter of the smallest pixel in use, and
ten times what headers round."""


class Verdict(StrEnum):
    """How a reader has dealt with a stack, the best first."""

    RIGHT = "right"
    RIGHT_WARNED = "right, warned"
    REFUSED = "refused"
    WRONG_WARNED = "wrong, warned"
    SILENT = "silently wrong"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A reader's dealing with one stack.

    Attributes
    ----------
    verdict : Verdict or None
        None where the headers do not say what is right.
    placement : Placement or None
    said : tuple of str
        What it said that could concern geometry.
    """

    verdict: Verdict | None
    placement: Placement | None
    said: tuple[str, ...]

    def text(self) -> str:
        """Show it in a cell."""
        if self.verdict is None or self.placement is None:
            return "undecidable"
        found, parts = self.placement, [str(self.verdict)]
        if self.verdict in (Verdict.WRONG_WARNED, Verdict.SILENT):
            if found.off_mm > TOLERANCE_MM:
                parts.append(f"{found.off_mm:.1f} mm")
            if found.lost:
                parts.append(f"{found.lost} of {found.slices} slices lost")
        if found.resampled and found.lost < found.slices:
            parts.append("resampled")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Row:
    """One stack and what each reader made of it."""

    stack: Stack
    outcomes: tuple[Outcome, ...]

    @property
    def differs(self) -> bool:
        """Whether the readers do not all end alike."""
        return len({outcome.verdict for outcome in self.outcomes}) > 1

    @property
    def note(self) -> str:
        """Explain what was found by hand."""
        by_stack = NOTES.get((self.stack.folder, self.stack.name))
        note = by_stack or NOTES.get((self.stack.folder, "*"), "")
        silent = any(one.verdict is Verdict.SILENT for one in self.outcomes)
        return note or ("not looked into by hand" if silent else "")


def judge(placement: Placement, said: Sequence[str]) -> Verdict:
    """Weigh where the slices of a stack were put, and what was said of it.

    Parameters
    ----------
    placement : Placement
    said : sequence of str
        Messages that may concern geometry. They are of all that was read together:
        that they concern another stack of it is not held against the reader.
    """
    right = placement.lost == 0 and placement.off_mm <= TOLERANCE_MM
    if right:
        return Verdict.RIGHT_WARNED if said else Verdict.RIGHT
    if said:
        return Verdict.REFUSED if placement.lost == placement.slices else Verdict.WRONG_WARNED
    return Verdict.SILENT


def related(tool: str, said: Sequence[str]) -> tuple[str, ...]:
    """Messages of a tool, each once, but for those known to concern something else."""
    patterns = [re.compile(pattern) for pattern in UNRELATED[tool]]
    return tuple(
        one for one in dict.fromkeys(said) if not any(pattern.search(one) for pattern in patterns)
    )


def rows_of(folder: Folder, readers: Sequence[Tool], scratch: Path) -> Iterator[Row]:
    """Have every reader read a folder, and judge it stack by stack."""
    stacks = read_stacks(folder.name, folder.files)
    inputs = linked(folder.files, scratch)
    decidable = [stack for stack in stacks if stack.decidable]
    outcomes: dict[str, list[Outcome]] = {stack.name: [] for stack in stacks}
    for tool in readers:
        reading = tool.read(inputs)
        said = related(tool.name, reading.said)
        for stack in stacks:
            if not stack.decidable:
                outcomes[stack.name].append(Outcome(None, None, said))
        placements = place_all(decidable, reading.volumes, TOLERANCE_MM)
        for stack, placement in zip(decidable, placements, strict=True):
            outcomes[stack.name].append(Outcome(judge(placement, said), placement, said))
    for stack in stacks:
        yield Row(stack, tuple(outcomes[stack.name]))


def section(rows: Sequence[Row], readers: Sequence[Tool], absent: Sequence[str]) -> Section:
    """Put the tables together."""
    decided = [row for row in rows if row.stack.decidable]
    parts: list[str | Table] = [
        f"{len(decided)} stacks of slices (series, and within a series each orientation) of the "
        "test data are read by each tool. The truth is each frame's own position, orientation "
        "and pixel spacing, read with pydicom and independent of distcorr: a reader is right if "
        f"the corners of every slice lie within {TOLERANCE_MM} mm of it. Warnings that can't "
        "concern geometry are not counted. Many of the series were chosen, most of them by the "
        "makers of dicom2nifti and dcm2niix, because they are odd: these are no frequencies "
        "of clinical data.",
        "\n".join(f"- {tool.name} ({tool.version}): {tool.options}" for tool in readers),
    ]
    if absent:
        parts.append(f"Not installed and not compared: {', '.join(absent)}.")
    parts.append(_counts(decided, readers))
    header = ("stack", "slices", *(tool.name for tool in readers), "why")
    differing = [row for row in decided if row.differs]
    parts.append(
        "Where they differ, with the largest distance of a corner from its place. A tool that "
        "writes several volumes is judged by the best for each slice. Where slices were "
        "resampled, the shift is the one that makes the content most alike, less a tenth of the "
        "slices' distance, to which it is known."
    )
    parts.append(Table(header, tuple(_cells(row) for row in differing), numbers=False))
    if len(decided) < len(rows):
        parts.append(_undecidable(rows, readers))
    return Section(
        "Readers of DICOM",
        "python benchmarks/compare_loaders.py --data FOLDER",
        ("SimpleITK", "dicom2nifti", "pydicom", "nibabel"),
        tuple(parts),
    )


def _counts(rows: Sequence[Row], readers: Sequence[Tool]) -> Table:
    lines = []
    for n, tool in enumerate(readers):
        counted = Counter(row.outcomes[n].verdict for row in rows)
        lines.append((tool.name, *(str(counted[one]) for one in Verdict), str(len(rows))))
    return Table(("tool", *map(str, Verdict), "n"), tuple(lines))


def _cells(row: Row) -> tuple[str, ...]:
    name = row.stack.folder if row.stack.name == "all" else f"{row.stack.folder}, {row.stack.name}"
    texts = (outcome.text() for outcome in row.outcomes)
    return (name, str(len(row.stack.slices)), *texts, row.note)


def _undecidable(rows: Sequence[Row], readers: Sequence[Tool]) -> str:
    """Say of what the headers don't place who told so."""
    by_tellers: dict[str, list[str]] = {}
    for row in rows:
        if not row.stack.decidable:
            outcomes = zip(readers, row.outcomes, strict=True)
            tellers = ", ".join(tool.name for tool, outcome in outcomes if outcome.said)
            by_tellers.setdefault(tellers or "nobody", []).append(row.stack.folder)
    told = (f"{', '.join(names)} (told by {who})" for who, names in by_tellers.items())
    return "Undecidable, because no header says where the slices are: " + "; ".join(told) + "."


def main() -> None:
    """Print the section, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the test data")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the section there")
    chosen = parser.parse_args()
    readers, absent = tools()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for number, folder in enumerate(folders(chosen.data, scratch / "unpacked")):
            print(folder.name, file=sys.stderr, flush=True)
            rows += rows_of(folder, readers, scratch / str(number))
    publish(section(rows, readers, absent), chosen.markdown)


if __name__ == "__main__":
    main()
