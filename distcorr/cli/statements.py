"""Options by which a person states what a scan does not say of itself."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

import typer

from distcorr.batch import Statement
from distcorr.batch.record_parts import severity_of
from distcorr.errors import Finding
from distcorr.facts import VendorState
from distcorr.space import PatientPosition

StateOption = Annotated[
    VendorState | None,
    typer.Option("--state", help="Vendor correction of the scan, if its header is silent."),
]
PositionOption = Annotated[
    PatientPosition | None, typer.Option("--position", help="Patient position, HFS to FFDL.")
]
IsocentreOption = Annotated[
    str | None,
    typer.Option("--isocentre", metavar="X,Y,Z", help="Isocentre in patient LPS, mm."),
]
PartOption = Annotated[
    str | None,
    typer.Option("--part", help="Which volume of a series that holds several."),
]


def _said(reason: str | None) -> str | None:
    if reason is not None and not reason.strip():
        raise typer.BadParameter("state the reason")
    return reason


ForceOption = Annotated[
    str | None,
    typer.Option(
        "--force",
        metavar="REASON",
        callback=_said,
        help="Go on for another scanner, without a component that was not shown, or with an "
        "assumed place of the patient (head first supine, isocentre at the origin); recorded.",
    ),
]
ForceLearningOption = Annotated[
    str | None,
    typer.Option(
        "--force",
        metavar="REASON",
        callback=_said,
        help="Store the correction although its fit is in doubt; the reason is recorded.",
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace existing outputs.")]


def statement_of(
    state: VendorState | None,
    position: PatientPosition | None,
    isocentre: str | None,
    force_reason: str | None = None,
) -> Statement:
    """Gather the options; wrong usage if ``isocentre`` is not three numbers."""
    return Statement("command line", state, position, _point(isocentre), force_reason)


def _point(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        x, y, z = (float(part) for part in text.split(","))
        if not isfinite(x + y + z):
            raise ValueError
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not X,Y,Z in mm", param_hint="--isocentre") from None
    return x, y, z


def tell(findings: tuple[Finding, ...], about: str) -> None:
    """Print findings on stderr, one line each."""
    for finding in findings:
        typer.echo(f"{about}: {severity_of(finding)}{finding}", err=True)
