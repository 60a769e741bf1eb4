"""The option ``--max-memory``."""

from __future__ import annotations

from typing import Annotated

import typer

from distcorr.memory import parse_bytes


def _size(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as reason:
        raise typer.BadParameter(str(reason)) from None


MaxMemoryOption = Annotated[
    int | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        parser=_size,
        help="Memory that this may take, such as 4GB; 80 % of what is free by default.",
    ),
]
