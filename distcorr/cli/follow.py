"""What ``distcorr apply --of SCAN`` does: correct what was drawn on one scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from distcorr.batch import Statement, load_scan
from distcorr.batch.attachments import Attachment, Kind, attachment_of, attachments_of
from distcorr.batch.follow import AttachmentOutcome, FollowOptions, follow
from distcorr.cli.statements import tell
from distcorr.correction import Correction
from distcorr.errors import DistcorrError
from distcorr.space import FileAxes

OfOption = Annotated[
    Path | None,
    typer.Option(
        "--of",
        metavar="SERIES",
        help="Scan as acquired on which the given label maps, points and meshes were drawn.",
    ),
]
SpaceOption = Annotated[
    FileAxes | None,
    typer.Option("--space", help="Axes of meshes whose files do not state them (LPS if absent)."),
]

OF_SCANS_ALONE = {
    "image_format": "--format",
    "interpolation": "--interpolation",
    "jacobian": "--jacobian",
    "jobs": "--jobs",
    "scheduler": "--scheduler",
    "outside": "--outside",
    "report": "--report",
}
"""Options of ``apply`` that mean nothing for what was drawn on a scan."""


def require_fitting_options(
    context: typer.Context, paths: Sequence[Path], of: Path | None, space: FileAxes | None
) -> None:
    """Refuse options that would be ignored, and drawings without their scan."""
    if of is None:
        if space is not None:
            raise typer.BadParameter("it is for meshes, with --of", param_hint="--space")
        for path in paths:
            if _is_drawn(path):
                raise typer.BadParameter(f"{path} needs the scan that it was drawn on: --of SERIES")
        return
    for name, option in OF_SCANS_ALONE.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter("it is for scans, without --of", param_hint=option)


def follow_scan(
    paths: Sequence[Path],
    of: Path,
    statement: Statement,
    part: str | None,
    correction: Correction,
    directory: Path,
    options: FollowOptions,
    *,
    quiet: bool,
) -> None:
    """Correct files that were drawn on one scan, and tell what became of them.

    Raises
    ------
    typer.Exit
        With status 1 if one was refused.
    """
    attachments = attachments_of(paths)
    loaded = load_scan(of, statement, part)
    tell(loaded.findings, of.name)
    outcomes = follow(attachments, loaded, correction, directory, options)
    failures = tell_outcomes(attachments, outcomes, quiet=quiet)
    if failures:
        typer.echo(f"{failures} of {len(attachments)} files were not corrected", err=True)
        raise typer.Exit(1)


def tell_outcomes(
    attachments: Sequence[Attachment],
    outcomes: Sequence[AttachmentOutcome | DistcorrError],
    *,
    quiet: bool,
) -> int:
    """Print one line for each file, and findings on stderr; returns the number of failures."""
    names = [one.name + one.suffix for one in attachments]
    width = max(map(len, names), default=0)
    failures = 0
    for name, outcome in zip(names, outcomes, strict=True):
        if isinstance(outcome, DistcorrError):
            failures += 1
            typer.echo(f"{name}: {outcome}", err=True)
        else:
            tell(outcome.findings, name)
        if not quiet:
            typer.echo(f"{name:{width}}  {_describe(outcome)}")
    return failures


def _is_drawn(path: Path) -> bool:
    try:
        return attachment_of(path).kind is not Kind.LABELS
    except DistcorrError:
        return False


def _describe(outcome: AttachmentOutcome | DistcorrError) -> str:
    if isinstance(outcome, DistcorrError):
        return f"failed     {outcome.code}"
    return (
        f"corrected  by up to {outcome.largest_displacement_mm:.1f} mm, "
        f"{outcome.supported_fraction:.1%} supported  {outcome.output}"
    )
