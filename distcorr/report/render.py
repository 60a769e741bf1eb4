"""Fill the pages' templates; everything that is filled in is escaped."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import jinja2


def fill(page: str, context: dict[str, Any]) -> str:
    """Fill a template of this room, with the style that all pages share.

    Parameters
    ----------
    page : str
        File name of the template.
    context : dict
    """
    room = files("distcorr.report")

    def text_of(name: str) -> str:
        return room.joinpath(name).read_text(encoding="utf-8")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(text_of),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(page).render(style=text_of("page.css"), **context)
