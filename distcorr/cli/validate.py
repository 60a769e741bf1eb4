"""The command ``distcorr validate``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from distcorr.batch import load_references, read_cohort
from distcorr.batch.learning import pack, references_of
from distcorr.cli.learn import DEFAULTS, DegreeOption, QuietOption
from distcorr.cli.progress import share_progress
from distcorr.cli.statements import OverwriteOption, tell
from distcorr.errors import Code, DistcorrError, in_order_of_harm
from distcorr.learn import FitSettings, learn
from distcorr.learn.validate import LeftOut, leave_one_out
from distcorr.outputs import refuse_existing, whole_output


def validate(
    cohort: Annotated[Path, typer.Argument(help="Manifest of the references, cohort.toml.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for validation.json.")
    ] = None,
    degree: DegreeOption = DEFAULTS.max_degree,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Leave one subject out: correct each reference with what the others teach."""
    target = None if out is None else out / "validation.json"
    if target is not None:
        refuse_existing(target, overwrite=overwrite)
    settings = FitSettings(max_degree=degree)
    loaded = load_references(read_cohort(cohort))
    for one in loaded:
        tell(in_order_of_harm(one.findings), one.id)
    references = references_of(loaded)
    if len(references) < 2:
        raise DistcorrError(
            Code.TOO_FEW_REFERENCES,
            "leaving one subject out needs at least two references",
            f"{cohort} names {len(references)}",
        )
    with share_progress("learning from all", quiet=quiet) as progress:
        full = learn(references, settings, progress)
    with share_progress("leaving one out", quiet=quiet) as progress:
        rows = leave_one_out(references, settings, full, progress)
    if target is not None:
        scanner = str(pack(full, loaded, settings).scanner)
        _write(target, {"scanner": scanner, "left_out": [_data(r) for r in rows]}, overwrite)
    Console().print(_table(rows))


def _data(left_out: LeftOut) -> dict[str, Any]:
    return {
        **left_out.row.model_dump(),
        "shift_before_mm": left_out.before_mm,
        "shift_after_mm": left_out.after_mm,
        "shells": [asdict(shell) for shell in left_out.shells],
    }


def _write(target: Path, data: dict[str, Any], overwrite: bool) -> None:
    with whole_output(target, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _table(rows: tuple[LeftOut, ...]) -> Table:
    table = Table(title="Shift of tissue between the two scans of the subject left out, mm")
    for name in ("left out", "shell, mm", "blocks", "before", "after"):
        table.add_column(name, justify="left" if name == "left out" else "right")
    for row in rows:
        name = row.row.left_out
        table.add_row(name, "all", "", _mm(row.before_mm), _mm(row.after_mm))
        for shell in row.shells:
            table.add_row(
                "",
                f"{shell.inner_mm:.0f}-{shell.outer_mm:.0f}",
                str(shell.blocks),
                f"{shell.before_mm:.2f}",
                f"{shell.after_mm:.2f}",
            )
    return table


def _mm(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
