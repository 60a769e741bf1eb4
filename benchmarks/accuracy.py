"""Accuracy of learned corrections on new subjects, against known truth.

Simulates cohorts of digital legs and of real anatomy (from the data folder) as a
scanner with a known field shows them, learns a correction from the references,
and measures on a subject that took no part how far tissue is from its true
place, before and after. Points: inside the body, within 200 mm of the isocentre.
Every run has a process of its own. Usage:

    python benchmarks/accuracy.py --data FOLDER [--anatomy legs head calves]
        [--case nd-trusted dis2d-both ...] [--field default ...] [--seeds 0 1 2]
        [--voxel 2] [--subjects 2] [--log FILE]
    python benchmarks/accuracy.py --data FOLDER --table [--anatomy ...]
        [--rows WORDS ...] [--linac] [--log FILE]

The second prints the judged table: every row for head, legs and calves, each with
three fields and seeds, and at the end the worst run of each row with its target.
With --log, finished runs are kept as JSON lines and not repeated by the same
version; an interrupted table goes on where it stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from judged import ANATOMIES, FIELDS, LINAC, ROWS, verdicts
from runs import HEADING, LINAC_NAME, FieldSeed, Log, Outcome, Run, carry_out_apart

from distcorr.phantom.fields import FieldName
from distcorr.phantom.pairs import AnatomyKind, Case


def chosen_runs(chosen: argparse.Namespace) -> list[Run]:
    """List the runs that the command line asks for."""
    usual = ANATOMIES if chosen.table else (AnatomyKind.LEGS, AnatomyKind.HEAD)
    anatomies = [AnatomyKind(name) for name in chosen.anatomy or usual]
    if chosen.table:
        fields = (*FIELDS, LINAC) if chosen.linac else FIELDS
        rows = [
            row for row in ROWS if not chosen.rows or any(word in row.name for word in chosen.rows)
        ]
        return [row.run(a, f, chosen.voxel) for row, a, f in product(rows, anatomies, fields)]
    return [
        Run(case, anatomy, Case(case), FieldSeed(field, seed), chosen.voxel, chosen.subjects)
        for anatomy, case, field, seed in product(
            anatomies, chosen.case, chosen.field, chosen.seeds
        )
    ]


def carry_out_all(
    runs: Iterable[Run], data: Path, log: Log | None, *, verbose: bool
) -> list[tuple[Run, Outcome]]:
    """Carry out runs, or take them from the log, and print a line for each."""
    results = []
    print(HEADING)
    for run in runs:
        outcome = None if log is None else log.find(run)
        if outcome is None:
            outcome = carry_out_apart(run, data, _tell if verbose else None)
            if log is not None:
                log.append(run, outcome)
        results.append((run, outcome))
        print(f"{run.text():58s} | {outcome.text()}", flush=True)
    return results


def _tell(text: str, share: float) -> None:
    print(f"    {share:4.0%} {text}", file=sys.stderr)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("DISTCORR_DATA", "../shared/data")
    fields = [*FieldName, LINAC_NAME]
    parser.add_argument("--data", type=Path, default=Path(data))
    parser.add_argument("--anatomy", nargs="+", choices=[*AnatomyKind])
    usual = [Case.ND_TRUSTED, Case.DIS2D_BOTH]
    parser.add_argument("--case", nargs="+", choices=[*Case], default=usual)
    parser.add_argument("--field", nargs="+", choices=fields, default=[FieldName.DEFAULT])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--voxel", type=float, default=2.0, help="mm")
    parser.add_argument("--subjects", type=int, default=2, help="references")
    parser.add_argument("--table", action="store_true", help="the judged rows")
    parser.add_argument("--rows", nargs="+", help="rows of the table whose names hold these words")
    parser.add_argument("--linac", action="store_true", help="the table with a measured field, too")
    parser.add_argument("--log", type=Path, help="JSON lines to resume from and to add to")
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args()
    log = None if chosen.log is None else Log(chosen.log)
    results = carry_out_all(chosen_runs(chosen), chosen.data, log, verbose=chosen.verbose)
    if chosen.table:
        print("\nworst run of each row, and target (mm)")
        print("\n".join(verdicts(results)))


if __name__ == "__main__":
    main()
