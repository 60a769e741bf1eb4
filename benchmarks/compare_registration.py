"""Accuracy and cost against other registration tools, on cohorts with known truth.

Simulates two references and a new subject, lets each tool register the pairs, averages
its fields the way a careful user would build a scanner's correction, and measures on
the references and on the new subject how far tissue is from its true place. Points:
inside the body, within 200 mm of the isocentre, the same for all. Every method has a
process of its own. The tools are optional (``pip install 'distcorr[peers]'``); those
that are absent are reported as such. Usage:

    python benchmarks/compare_registration.py --data FOLDER [--voxel 4]
        [--anatomy legs head calves] [--case nd-trusted dis2d-both]
        [--field default] [--seeds 0] [--methods ...] [--motion known]
        [--threads 1] [--log FILE] [--markdown FILE]

With --log, finished trials are kept as JSON lines and not repeated by the same
versions; --markdown writes the section of the benchmarks' page.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from itertools import product
from pathlib import Path

from pages import publish
from peers.methods import PEERS, Method
from peers.page import HEADER, Results, row, section, verdict
from peers.trials import REFERENCES, CohortKey, Figures, MotionSource, Trial, carry_out
from records import Records
from runs import LINAC_NAME, FieldSeed, apart
from timed import with_threads

from distcorr.phantom.fields import FieldName
from distcorr.phantom.pairs import AnatomyKind, Case, SimulatedCase, simulate_case


def simulate(cohort: CohortKey, data: Path) -> SimulatedCase:
    """Simulate the cohort of a comparison."""
    return simulate_case(
        cohort.anatomy,
        cohort.case,
        cohort.field.field(data),
        subjects=REFERENCES,
        voxel_mm=cohort.voxel_mm,
        seed=cohort.field.seed,
        data=data / "anatomy",
    )


def compare(
    cohort: CohortKey, chosen: argparse.Namespace, records: Records | None
) -> Iterator[tuple[Method, Figures | None]]:
    """Try every method on one cohort, or take its figures from the log."""
    case: SimulatedCase | None = None
    for method in map(Method, chosen.methods):
        if method in PEERS and PEERS[method].version is None:
            yield method, None
            continue
        trial = Trial(cohort, method, MotionSource(chosen.motion), chosen.threads)
        key = trial.key()
        record = None if records is None else records.find(key)
        if record is not None:
            yield method, Figures.from_record(record)
            continue
        if case is None:
            case = simulate(cohort, chosen.data)
        figures = apart(f"{cohort.text()}, {method}", carry_out, trial, case)
        if records is not None:
            records.append(key, asdict(figures))
        yield method, figures


def line(cells: tuple[str, ...]) -> str:
    """Format a row for the terminal."""
    return f"{cells[0]:34s} " + " ".join(f"{cell:>8s}" for cell in cells[1:])


def main() -> None:
    """Print the tables."""
    chosen = _parser().parse_args()
    os.environ.update(with_threads(chosen.threads))
    records = None if chosen.log is None else Records(chosen.log)
    groups: list[tuple[CohortKey, Results]] = []
    for anatomy, case, field, seed in product(
        chosen.anatomy, chosen.case, chosen.field, chosen.seeds
    ):
        cohort = CohortKey(AnatomyKind(anatomy), Case(case), FieldSeed(field, seed), chosen.voxel)
        print(f"\n{cohort.text()}; errors in mm\n{line(HEADER)}", flush=True)
        results: dict[Method, Figures | None] = {}
        for method, figures in compare(cohort, chosen, records):
            results[method] = figures
            print(line(row(method, figures)), flush=True)
        print(verdict(results))
        groups.append((cohort, results))
    if chosen.markdown is not None:
        trial = Trial(groups[0][0], Method.NOTHING, MotionSource(chosen.motion), chosen.threads)
        publish(section(_command(chosen), groups, trial), chosen.markdown)


def _command(chosen: argparse.Namespace) -> str:
    """Spell out all that the figures depend on, defaults too."""
    methods = [] if chosen.methods == [*Method] else ["--methods", *chosen.methods]
    options = [
        *("--voxel", f"{chosen.voxel:g}", "--anatomy", *chosen.anatomy, "--case", *chosen.case),
        *("--field", *chosen.field, "--seeds", *map(str, chosen.seeds), *methods),
        *("--motion", chosen.motion, "--threads", str(chosen.threads)),
    ]
    return shlex.join(
        ["python", "benchmarks/compare_registration.py", "--data", "FOLDER", *options]
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = os.environ.get("DISTCORR_DATA", "../shared/data")
    one_axial = [case for case in Case if case not in (Case.TABLE_STATIONS, Case.LEGS_MOVE)]
    parser.add_argument("--data", type=Path, default=Path(data))
    parser.add_argument("--voxel", type=float, default=4.0, help="mm")
    parser.add_argument("--anatomy", nargs="+", choices=[*AnatomyKind], default=[AnatomyKind.LEGS])
    usual = [Case.ND_TRUSTED, Case.DIS2D_BOTH]
    parser.add_argument("--case", nargs="+", choices=one_axial, default=usual)
    fields = [*FieldName, LINAC_NAME]
    parser.add_argument("--field", nargs="+", choices=fields, default=[FieldName.DEFAULT])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--methods", nargs="+", choices=[*Method], default=[*Method])
    parser.add_argument(
        "--motion",
        choices=[*MotionSource],
        default=MotionSource.KNOWN,
        help="where the tools have each pair's rigid motion from",
    )
    parser.add_argument("--threads", type=int, default=1, help="of every method")
    parser.add_argument("--log", type=Path, help="JSON lines to resume from and to add to")
    parser.add_argument("--markdown", type=Path, help="section to write")
    return parser


if __name__ == "__main__":
    main()
