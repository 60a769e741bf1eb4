"""The command ``distcorr apply``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from distcorr.apply import ApplyOptions, Interpolation
from distcorr.batch.budget import Budget, Correcting, budget_of
from distcorr.batch.correct import Destination, Outcome
from distcorr.batch.folder import claimed
from distcorr.batch.follow import FollowOptions
from distcorr.batch.formats import ImageFormat
from distcorr.batch.jobs import Job, plan, refuse_outputs_in_inputs
from distcorr.batch.receipts import Receipt, read_receipts, write_receipts
from distcorr.batch.recipe import load_grid
from distcorr.batch.records import AttachmentRecord
from distcorr.batch.results import Row, Status, Table
from distcorr.batch.runner import cluster_pool, local_pool, run
from distcorr.batch.workers import Failure, Success, Work, cores
from distcorr.cli.batch_page import add_batch_page
from distcorr.cli.debug import debugging
from distcorr.cli.follow import OfOption, SpaceOption, follow_scan, require_fitting_options
from distcorr.cli.memory import MaxMemoryOption
from distcorr.cli.progress import file_progress
from distcorr.cli.statements import (
    ForceOption,
    IsocentreOption,
    OverwriteOption,
    PartOption,
    PositionOption,
    StateOption,
    statement_of,
    tell,
)
from distcorr.correction import Correction
from distcorr.errors import Code
from distcorr.memory import Allowance, shown
from distcorr.space import Grid

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells report it."""


def _finite(value: float) -> float:
    if not isfinite(value):
        raise typer.BadParameter("give a finite number")
    return value


def apply(
    context: typer.Context,
    correction: Annotated[Path, typer.Argument(help="Correction file.")],
    series: Annotated[
        list[Path],
        typer.Argument(
            help="DICOM folders or files, NRRD or NIfTI volumes, or manifests; "
            "with --of label maps, points and meshes."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")],
    of: OfOption = None,
    space: SpaceOption = None,
    image_format: Annotated[
        ImageFormat, typer.Option("--format", help="Format of the corrected volumes.")
    ] = ImageFormat.NRRD,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Scans corrected at once; all cores by default."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Dask scheduler to use instead."),
    ] = None,
    interpolation: Annotated[
        Interpolation, typer.Option(help="How the scan is sampled between its voxels.")
    ] = Interpolation.BSPLINE,
    jacobian: Annotated[
        bool, typer.Option("--jacobian", help="Undo the change of brightness by stretching.")
    ] = False,
    outside: Annotated[
        float, typer.Option(callback=_finite, help="Value where nothing was acquired.")
    ] = 0.0,
    like: Annotated[
        Path | None,
        typer.Option(metavar="SERIES", help="Scan whose grid the results get; by default theirs."),
    ] = None,
    force: ForceOption = None,
    state: StateOption = None,
    position: PositionOption = None,
    isocentre: IsocentreOption = None,
    part: PartOption = None,
    max_memory: MaxMemoryOption = None,
    overwrite: OverwriteOption = False,
    reread: Annotated[
        bool,
        typer.Option(
            "--reread",
            help="Read all files of finished scans, even where sizes and times are as before.",
        ),
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            "--report/--no-report",
            help="Draw the page report.html at the end: all scans, worst first, with pictures.",
        ),
    ] = True,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print refusals and warnings only.")
    ] = False,
) -> None:
    """Correct scans: each becomes a volume, a mask of where to trust it, and a record.

    The output folder also gets a table, results.csv, and a page about all scans, report.html.
    Run the same command again after an interruption: finished scans are skipped.
    """
    if jobs is not None and scheduler is not None:
        raise typer.BadParameter("the cluster decides, with --scheduler", param_hint="--jobs")
    require_fitting_options(context, series, of, space)
    statement = statement_of(state, position, isocentre, force)
    grid = None if like is None else load_grid(like)
    if of is not None:
        drawn = FollowOptions(space, like=grid, force_reason=force, overwrite=overwrite)
        learned = Correction.load(correction)
        follow_scan(series, of, statement, part, learned, out, drawn, quiet=quiet)
        return
    options = ApplyOptions(interpolation, jacobian, outside, force_reason=force)
    identifier = Correction.load(correction).identifier
    planned = plan(series, statement, part)
    refuse_outputs_in_inputs(planned, out)
    with claimed(out) as claim:
        destination = Destination(claim, image_format, overwrite)
        kind = Correcting(interpolation, image_format, _voxels(grid))
        if scheduler is None:
            wanted = max(1, min(jobs or cores(), len(planned)))
            budget = budget_of(planned, kind, Allowance.of(max_memory), wanted)
            _tell_fewer(budget, wanted)
        else:
            budget = Budget.of_workers(kind, max_memory)
        work = Work(correction.absolute(), identifier, options, grid, destination, budget)
        table = Table(claim.directory, planned, overwrite=overwrite)
        receipts = {} if reread else read_receipts(claim.directory)
        planned = [replace(job, receipt=receipts.get(job.name)) for job in planned]
        interrupted = False
        with file_progress("correcting", quiet=quiet) as progress:
            ear = _Ear(progress, len(planned))
            if scheduler is None:
                pool = local_pool(work, budget.at_once, len(planned))
            else:
                pool = cluster_pool(work, scheduler)
            try:
                run(planned, pool, table, claim, ear)
            except KeyboardInterrupt:
                interrupted = True
            finally:
                write_receipts(claim.directory, receipts | ear.receipts)
        if not quiet:
            _print(table, out, ear)
        if report and not interrupted:
            add_batch_page(out, overwrite=overwrite, quiet=quiet)
    _end(table.rows, ear.lost, interrupted=interrupted)


def _tell_fewer(budget: Budget, wanted: int) -> None:
    """Say why fewer scans are corrected at once than asked for."""
    if budget.at_once < wanted:
        typer.echo(
            f"memory: {budget.at_once} of {wanted} scans at once, {wanted} would take about "
            f"{shown(budget.needed(wanted))}; {budget.allowed}",
            err=True,
        )


def _voxels(grid: Grid | None) -> int | None:
    return None if grid is None else math.prod(grid.size)


class _Ear:
    """Tells a person what becomes of each scan, at once."""

    def __init__(self, progress: Callable[[int, int], None] | None, total: int) -> None:
        self._progress, self._total, self._ended = progress, total, 0
        self.outcomes: dict[str, Outcome] = {}

    @property
    def done_before(self) -> int:
        """Scans that an earlier run had corrected."""
        return sum(outcome.done_before for outcome in self.outcomes.values())

    @property
    def receipts(self) -> dict[str, Receipt]:
        """Of scans that were found done."""
        found = ((name, outcome.receipt) for name, outcome in self.outcomes.items())
        return {name: receipt for name, receipt in found if receipt is not None}

    @property
    def lost(self) -> int:
        """Things drawn on scans that could not be corrected."""
        return sum(len(outcome.lost) for outcome in self.outcomes.values())

    def __call__(self, job: Job, ending: Success | Failure) -> None:
        if isinstance(ending, Failure):
            found = ending.error.finding
            needless = found.code is Code.NOTHING_TO_CORRECT
            typer.echo(f"{job.name}: {'note' if needless else 'error'}{found}", err=True)
            if ending.traceback and debugging():
                typer.echo(ending.traceback, err=True)
        else:
            outcome = self.outcomes[job.name] = ending.outcome
            tell(outcome.findings, job.name)
            for name, findings in outcome.attachment_findings:
                tell(findings, name)
            for one in outcome.lost:
                typer.echo(f"{one.name}: error[{one.error_code}]: {one.what}", err=True)
        self._ended += 1
        if self._progress is not None:
            self._progress(self._ended, self._total)


def _print(table: Table, out: Path, ear: _Ear) -> None:
    lines = []
    for row in table.rows:
        outcome = ear.outcomes.get(row.scan)
        lines.append((row.scan, _describe(row, out, outcome)))
        lines += [
            (one.name, _describe_drawn(one, out))
            for one in (outcome.attachments if outcome else ())
        ]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        typer.echo(f"{name:{width}}  {text}")
    typer.echo(f"{_summary(table.rows, ear.done_before)}  {out / table.csv_path.name}")


def _describe(row: Row, out: Path, outcome: Outcome | None) -> str:
    if row.status is not Status.CORRECTED:
        return f"{row.status:10} {row.error_code}".rstrip()
    return (
        f"{row.status:10} by up to {row.largest_displacement_mm:.1f} mm, "
        f"{row.supported_fraction:.1%} supported  {out / row.outputs[0]}"
        + (" (already done)" if outcome is not None and outcome.done_before else "")
    )


def _describe_drawn(one: AttachmentRecord, out: Path) -> str:
    if one.error_code:
        return f"{Status.FAILED:10} {one.error_code}"
    return (
        f"{Status.CORRECTED:10} by up to {one.largest_displacement_mm:.1f} mm, "
        f"{one.supported_fraction:.1%} supported  {out / one.output}"
    )


def _summary(rows: Sequence[Row], done_before: int) -> str:
    counts = Counter(row.status for row in rows)
    parts = [f"{counts[status]} {status}" for status in Status if counts[status]]
    if done_before:
        parts[0] += f" ({done_before} already done)"
    return ", ".join(parts)


def _end(rows: Sequence[Row], lost: int, *, interrupted: bool) -> None:
    counts = Counter(row.status for row in rows)
    left = len(rows) - counts[Status.CORRECTED] - counts[Status.NOT_NEEDED]
    if interrupted:
        typer.echo(
            f"interrupted: {counts[Status.UNFINISHED]} of {len(rows)} scans are unfinished; "
            "the same command continues",
            err=True,
        )
        raise typer.Exit(INTERRUPTED)
    if left:
        typer.echo(f"{left} of {len(rows)} scans were not corrected", err=True)
    if lost:
        typer.echo(f"{lost} files drawn on scans were not corrected", err=True)
    if left or lost:
        raise typer.Exit(1)
