"""The command ``distcorr plan``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from distcorr.batch.proposal import Proposal, propose
from distcorr.batch.proposal_text import as_data, as_toml, counted, to_fill_in, verdict
from distcorr.cli.progress import file_progress
from distcorr.cli.statements import OverwriteOption
from distcorr.dicom import find_series
from distcorr.errors import Code, DistcorrError
from distcorr.outputs import refuse_existing, whole_output


def plan(
    roots: Annotated[list[Path], typer.Argument(help="Folders with DICOM images.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Manifest to write, cohort.toml.")],
    scanner: Annotated[
        str | None,
        typer.Option(
            "--scanner",
            metavar="SERIAL",
            help="Whose scans to take if there are several scanners: serial number or model.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write what was found to stdout, as JSON.")
    ] = False,
    overwrite: OverwriteOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Propose a manifest: reference pairs to learn from, and scans to correct."""
    if out.suffix.lower() != ".toml":
        raise typer.BadParameter(f"{out} does not end in .toml", param_hint="--out")
    refuse_existing(out, overwrite=overwrite)
    silent = quiet or as_json
    with file_progress("Reading headers", quiet=silent) as progress:
        found = find_series(roots, progress)
    if not found.series:
        raise DistcorrError(Code.NOT_DICOM, "no DICOM image was found", ", ".join(map(str, roots)))
    folder = out.absolute().parent
    with file_progress("Comparing series", quiet=silent) as progress:
        proposal = propose(found, folder, scanner, progress)
    with whole_output(out, overwrite=overwrite) as temporary:
        temporary.write_text(as_toml(proposal, folder), encoding="utf-8")
    for finding in found.findings:
        typer.echo(str(finding), err=True)
    _warn(proposal)
    if as_json:
        typer.echo(json.dumps(as_data(proposal, folder), indent=2, ensure_ascii=False))
    elif not quiet:
        _summarise(proposal)
        typer.echo(str(out))


def _warn(proposal: Proposal) -> None:
    """Say loudly what stands between the manifest and a correction."""
    if not proposal.shown:
        typer.echo(f"warning: {verdict(proposal)}", err=True)
    missing = to_fill_in(proposal)
    if missing:
        shown = ", ".join(missing[:6]) + (", ..." if len(missing) > 6 else "")
        typer.echo(
            f"warning: {len(missing)} facts are not in the headers, fill them in: {shown}",
            err=True,
        )


def _summarise(proposal: Proposal) -> None:
    machine = proposal.machine
    typer.echo(f"scanner    {machine.scanner if machine else 'none'}")
    for one in proposal.references:
        pair = one.pair
        if pair.gains is None:
            shows = "a vendor state is unknown"
        else:
            shows = f"shows {', '.join(pair.shown)}"
        typer.echo(
            f"{one.id}      {pair.axials[0].state or 'unknown'} axial, "
            f"{pair.coronal.state or 'unknown'} coronal, {shows}, {len(one.others)} alternatives"
        )
    number = len(proposal.scans)
    typer.echo(f"to correct {number} scan{'s' if number != 1 else ''}")
    if proposal.omissions:
        typer.echo(f"left out   {len(proposal.omissions)}: {counted(proposal.omissions)}")
