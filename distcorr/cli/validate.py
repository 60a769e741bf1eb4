"""The command ``distcorr validate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from distcorr.batch import read_cohort
from distcorr.cli.learn import (
    DEFAULTS,
    DegreeOption,
    QuietOption,
    load_and_tell,
    require_references,
)
from distcorr.cli.memory import MaxMemoryOption
from distcorr.cli.progress import share_progress
from distcorr.cli.statements import OverwriteOption
from distcorr.cli.validation import data_of, sentences_of, tables_of
from distcorr.learn import FitSettings
from distcorr.learn.validate import validate as run
from distcorr.memory import Allowance
from distcorr.outputs import refuse_existing, whole_output


def validate(
    cohort: Annotated[Path, typer.Argument(help="Manifest of the references, cohort.toml.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for validation.json.")
    ] = None,
    degree: DegreeOption = DEFAULTS.max_degree,
    max_memory: MaxMemoryOption = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Leave one subject out and separate what is the scanner's from what is the subject's.

    With one reference, parts of its body are left out instead (spatial
    cross-validation), which can't separate the two.
    """
    target = None if out is None else out / "validation.json"
    if target is not None:
        refuse_existing(target, overwrite=overwrite)
    settings = FitSettings(max_degree=degree)
    material = load_and_tell(read_cohort(cohort), settings, Allowance.of(max_memory))
    require_references(material, cohort)
    with share_progress("validating", quiet=quiet) as progress:
        validation = run(material.pairs, settings, progress, material.point_pairs)
    if target is not None:
        data = {"scanner": str(material.scanner), **data_of(validation)}
        with whole_output(target, overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    console = Console(highlight=False)
    for table in tables_of(validation):
        console.print(table)
    for sentence in sentences_of(validation):
        typer.echo(sentence)
