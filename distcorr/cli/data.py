"""The commands ``distcorr data list``, ``fetch`` and ``verify``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from distcorr.batch import Cohort, read_cohort
from distcorr.cli.progress import file_progress
from distcorr.cli.statements import OverwriteOption
from distcorr.correction import Correction
from distcorr.data import (
    Change,
    Checksums,
    Dataset,
    FolderOrigin,
    WebOrigin,
    choose,
    compare_files,
    compare_with_correction,
    fetch,
    hash_files,
    input_files,
    public_datasets,
    record_path,
)
from distcorr.errors import Code, DistcorrError, printable
from distcorr.outputs import refuse_existing

MAX_NAMED = 5
"""Differing files that the final message names; all are listed before."""

data = typer.Typer(
    no_args_is_help=True,
    help="Public data for checks, and whether a study's files are what they were.",
)
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print refusals alone.")]


@data.command("list")
def list_public(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")] = False,
) -> None:
    """List public, openly licensed data: source, licence, what it shows and checks."""
    datasets = public_datasets()
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in datasets], indent=2))
        return
    console = Console(highlight=False)
    for one in datasets:
        console.print(Padding(_dataset_table(one), (0, 0, 1, 0)))


@data.command(
    "fetch",
    epilog="Examples: distcorr data fetch ge-localizer-table --into public; "
    "without a network, distcorr data fetch --from copies --into public.",
)
def fetch_public(
    names: Annotated[
        list[str] | None, typer.Argument(help="Datasets, as list names them; all by default.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="Folder to put them in; a cache of this user by default."),
    ] = None,
    from_folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="Copy from a folder, not from the web: a clone of the repository, or copies "
            "of any names, which are found by their content.",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Fetch public data, verify every file by SHA-256, and say how to look at it."""
    chosen = choose(public_datasets(), names or ())
    target = _cache() if into is None else into
    origin = WebOrigin() if from_folder is None else FolderOrigin.holding(from_folder, chosen)
    for one in chosen:
        with file_progress(f"Fetching {one.name}", quiet=quiet) as progress:
            folder = fetch(one, target, origin, progress)
        if not quiet:
            typer.echo(f"{folder}: {len(one.members)} files verified, {one.licence}")
            typer.echo(f"  look at it there: {one.command}")


@data.command(
    "verify",
    epilog="Examples: distcorr data verify cohort.toml --record, later "
    "distcorr data verify cohort.toml; and "
    "distcorr data verify cohort.toml --correction scanner.distcorr.",
)
def verify(
    cohort: Annotated[Path, typer.Argument(help="Manifest of the study, cohort.toml.")],
    record: Annotated[
        bool, typer.Option("--record", help="Write the record beside the manifest: cohort.sha256.")
    ] = False,
    correction: Annotated[
        Path | None,
        typer.Option(
            "--correction",
            help="Tell, too, whether this correction was learned from exactly these references "
            "and points.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Record the SHA-256 of all files that a manifest names, or compare them with the record.

    The record, cohort.sha256 beside cohort.toml, can be checked by sha256sum -c, too.
    With --correction a missing record is no error.
    """
    if overwrite and not record:
        raise typer.BadParameter("belongs to --record", param_hint="--overwrite")
    path = record_path(cohort)
    if record:
        refuse_existing(path, overwrite=overwrite)
    study = read_cohort(cohort)
    differing = [] if correction is None else _verify_learned(study, correction, quiet=quiet)
    if record and not differing:
        _record(study, path, overwrite=overwrite, quiet=quiet)
    elif not record and (correction is None or path.exists()):
        differing += _verify_files(study, path, quiet=quiet)
    if differing:
        raise _refusal(differing, str(path) if correction is None else f"{path} or {correction}")


def _refusal(differing: Sequence[str], against: str) -> DistcorrError:
    number = "1 input is" if len(differing) == 1 else f"{len(differing)} inputs are"
    named = ", ".join(differing[:MAX_NAMED]) + (", ..." if len(differing) > MAX_NAMED else "")
    return DistcorrError(Code.INPUTS_DIFFER, f"{number} not as in {against}", named)


def _record(study: Cohort, path: Path, *, overwrite: bool, quiet: bool) -> None:
    with file_progress("Finding files", quiet=quiet) as progress:
        inputs = input_files(study, progress)
    with file_progress("Hashing files", quiet=quiet) as progress:
        hash_files(inputs, progress).write(path, overwrite=overwrite)
    if not quiet:
        typer.echo(f"{path}: {len(inputs.files)} files recorded")


def _verify_files(study: Cohort, path: Path, *, quiet: bool) -> list[str]:
    """Compare with the record, print what differs, and return its names."""
    recorded = Checksums.read(path)
    with file_progress("Finding files", quiet=quiet) as progress:
        inputs = input_files(study, progress)
    with file_progress("Hashing files", quiet=quiet) as progress:
        changes = compare_files(recorded, inputs, study.path.parent, progress)
    if not quiet:
        _tell(changes.items())
        for refusal in inputs.refused.values():
            typer.echo(printable(str(refusal.finding)))
        typer.echo(f"files of {path}: {_counted(changes.values())}")
    return [printable(name) for name, one in changes.items() if one is not Change.UNCHANGED]


def _verify_learned(study: Cohort, path: Path, *, quiet: bool) -> list[str]:
    """Compare with a correction's inputs, print what differs, and return its names."""
    correction = Correction.load(path)
    with file_progress("Loading inputs", quiet=quiet) as progress:
        told = compare_with_correction(study, correction, progress)
    if not quiet:
        _tell((f"{one.name}  {one.evidence}".rstrip(), one.change) for one in told)
        masked = [one.id for one in study.references if one.mask is not None]
        if masked:
            typer.echo(f"a correction does not record masks: not compared for {', '.join(masked)}")
        typer.echo(f"inputs of {path}: {_counted(one.change for one in told)}")
    return [one.name for one in told if one.change is not Change.UNCHANGED]


def _tell(changes: Iterable[tuple[str, Change]]) -> None:
    for name, change in changes:
        if change is not Change.UNCHANGED:
            typer.echo(f"{change}  {printable(name)}")


def _counted(changes: Iterable[Change]) -> str:
    counts = Counter(changes)
    shown = [f"{counts[change]} {change}" for change in Change if counts[change]]
    return ", ".join(shown) or "none"


def _dataset_table(one: Dataset) -> Table:
    table = Table(title=one.name, title_justify="left", show_header=False, expand=False)
    table.add_column("property", style="bold", no_wrap=True)
    table.add_column("value", overflow="fold")
    for name, value in _dataset_rows(one):
        table.add_row(name, Text(value))
    return table


def _dataset_rows(one: Dataset) -> Sequence[tuple[str, str]]:
    return (
        ("shows", one.shows),
        ("checks", one.checks),
        ("look at it", one.command),
        ("files", f"{len(one.members)}, {one.bytes / 1e6:.1f} MB"),
        ("source", one.repository),
        ("commits", ", ".join(dict.fromkeys(folder.commit for folder in one.folder))),
        ("folders", ", ".join(dict.fromkeys(folder.path for folder in one.folder))),
        ("licence", f"{one.licence}; {one.credit}"),
    )


def _cache() -> Path:
    import pooch  # slow to import, and most commands do without

    return Path(pooch.os_cache("distcorr"))
