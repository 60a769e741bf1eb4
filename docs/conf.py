"""How Sphinx builds the manual: python -m sphinx -W --keep-going -b html docs build/docs."""

import re
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert as mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "distcorr"
author = project_copyright = "The distcorr developers"
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
napoleon_use_param = napoleon_use_ivar = False  # "shape (m, 3)" names no object to link to

copybutton_prompt_text = "$ "

html_theme = "furo"
html_math_renderer = "mathml"  # every browser shows it; MathJax would come from the network
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


def _show_inline(translator: HTML5Translator, formula: nodes.math) -> None:
    translator.body.append(mathml(formula.astext()))
    raise nodes.SkipNode


def _show_block(translator: HTML5Translator, formula: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{mathml(formula.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register what is ours."""
    app.add_html_math_renderer("mathml", (_show_inline, None), (_show_block, None))
    app.connect("source-read", _offer_pages_of_the_repository)
