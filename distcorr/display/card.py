"""How an object shows itself in a notebook: pictures and a table of facts."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

Facts = Sequence[tuple[str, str]]
"""Names and values, as plain text."""

# No colours of its own: text takes the page's, and lines are grey on light and dark.
_CELL = "text-align:left;vertical-align:top;padding:2px 10px 2px 0;border:0"
_NAME = f"{_CELL};font-weight:600;white-space:nowrap"
_LINE = "border-bottom:1px solid rgba(128,128,128,.35)"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what it shows.

    Attributes
    ----------
    uri : str
        Data URI.
    caption : str
    description : str
        For those who don't see it.
    """

    uri: str
    caption: str
    description: str


def card(title: str, pictures: Sequence[Picture], facts: Facts) -> str:
    """Lay out pictures and facts as HTML without script, sources or colours of text.

    Parameters
    ----------
    title : str
    pictures : sequence of Picture
        Beside each other as far as there is room.
    facts : sequence of tuple of str
        Names and values; one row each.

    Returns
    -------
    str
        All text in it is escaped; equal input gives equal text.
    """
    shown = "".join(_figure(one) for one in pictures)
    rows = "".join(
        f'<tr style="background:none;{_LINE}"><th style="{_NAME}">'
        f'{html.escape(name)}</th><td style="{_CELL}">{html.escape(value)}</td></tr>'
        for name, value in facts
    )
    return (
        f"<div><strong>{html.escape(title)}</strong>"
        f'<div style="display:flex;flex-wrap:wrap;gap:10px;margin:6px 0">{shown}</div>'
        f'<table style="border-collapse:collapse;margin:0;max-width:60em">{rows}</table></div>'
    )


def _figure(one: Picture) -> str:
    return (
        '<figure style="margin:0;max-width:100%">'
        f'<img src="{html.escape(one.uri)}" alt="{html.escape(one.description)}" '
        'style="display:block;max-width:100%;height:auto">'
        f'<figcaption style="font-size:smaller">{html.escape(one.caption)}</figcaption></figure>'
    )
