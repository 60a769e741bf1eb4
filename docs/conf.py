"""How Sphinx builds the manual: python -m sphinx -W --keep-going -b html docs build/docs."""

import re
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx

project = "distcorr"
author = "The distcorr developers"
version = release = installed_version("distcorr")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
myst_enable_extensions = ["dollarmath"]
myst_dmath_allow_space = False
suppress_warnings = ["myst.header"]  # what benchmarks write starts with a section
myst_heading_anchors = 3  # links to headings work as on GitHub

autodoc_typehints = "none"  # the docstrings state types, with shapes and units
napoleon_google_docstring = False
napoleon_use_rtype = False

copybutton_prompt_text = "$ "

html_theme = "furo"
html_title = f"distcorr {version}"
html_copy_source = False

_LINK_TO_MARKDOWN = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<path>[^)#:]+\.md)(#[^)]*)?\)")


def _offer_pages_of_the_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """Make links to Markdown that is no page here, such as CONTRIBUTING.md, downloads.

    On GitHub they are plain links; MyST takes each for a page that is missing.
    """
    folder = Path(app.env.doc2path(page)).parent

    def offered(link: re.Match[str]) -> str:
        target = (folder / link["path"]).resolve()
        if target.is_relative_to(app.srcdir) or not target.is_file():
            return link[0]
        return f"{{download}}`{link['text']} <{link['path']}>`"

    source[0] = _LINK_TO_MARKDOWN.sub(offered, source[0])


def setup(app: Sphinx) -> None:
    """Register what is ours."""
    app.connect("source-read", _offer_pages_of_the_repository)
