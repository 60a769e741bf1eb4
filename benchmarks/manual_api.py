"""The Python interface as Markdown: public names with their summaries, room by room."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from pages import Table

import distcorr

ROOMS = (
    "batch",
    "learn",
    "apply",
    "transforms",
    "correction",
    "acquisition",
    "field",
    "dicom",
    "images",
    "meshes",
    "points",
    "roundness",
    "report",
    "phantom",
    "data",
    "facts",
    "space",
    "errors",
)
"""Rooms that other programs may import from, in the order in which a user meets them."""

PRIVATE_ROOMS = frozenset({"cli", "display", "labels", "memory", "outputs"})
"""Rooms that serve the others alone."""

_ROLE = re.compile(r":(?:py:)?[a-z]+:`~?\.?([^`<]+)`")
_LITERAL = re.compile(r"``([^`]+)``")


@dataclass(frozen=True, slots=True)
class Name:
    """A public name of a room.

    Attributes
    ----------
    name, kind, summary : str
        ``kind`` is a class, a function, an exception or a constant.
    """

    name: str
    kind: str
    summary: str


@dataclass(frozen=True, slots=True)
class Room:
    """A room of the package.

    Attributes
    ----------
    name : str
        Within ``distcorr``.
    """

    name: str

    @property
    def module(self) -> ModuleType:
        """The module."""
        return import_module(f"{distcorr.__name__}.{self.name}")

    @property
    def summary(self) -> str:
        """First paragraph of the module's documentation."""
        return summary_of(self.module)

    def names(self) -> Iterator[Name]:
        """Public names, sorted; of a room without ``__all__`` what it defines itself."""
        for name in sorted(public_names(self.module), key=str.casefold):
            value = getattr(self.module, name)
            told = summary_of(value) if _documents(value) else _constant(self.module, name, value)
            yield Name(name, _kind(value), told)

    def _is_of_another(self, name: str) -> bool:
        """Whether a name is another room's, whose page documents it."""
        home: str = getattr(getattr(self.module, name), "__module__", self.module.__name__)
        return home.split(".")[:2] != self.module.__name__.split(".")

    def page(self) -> str:
        """Documentation by Sphinx, and a link to the source for those who read without it."""
        source = _source(self.module).relative_to(Path(distcorr.__file__).parents[1]).as_posix()
        others = [name for name in public_names(self.module) if self._is_of_another(name)]
        left_out = f"   :exclude-members: {', '.join(others)}\n" if others else ""
        return (
            f"# distcorr.{self.name}\n\n"
            f"[All rooms](../api.md), [source](../../../{source})\n\n"
            "```{eval-rst}\n"
            f".. automodule:: distcorr.{self.name}\n"
            "   :members:\n"
            f"{left_out}"
            "```\n"
        )


def public_names(module: ModuleType) -> list[str]:
    """Names that a module offers: ``__all__``, or public classes and functions of its own."""
    named: list[str] | None = getattr(module, "__all__", None)
    if named is not None:
        return list(named)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and _documents(value)
        and getattr(value, "__module__", "") == module.__name__
    ]


def summary_of(value: object) -> str:
    """First paragraph of a documentation, as one line of Markdown."""
    return _plain(inspect.getdoc(value) or "")


def _plain(documentation: str) -> str:
    """Turn the first paragraph of a documentation into one line of Markdown."""
    text = documentation.split("\n\n")[0]
    text = _ROLE.sub(lambda match: f"`{match[1]}`", " ".join(text.split()))
    return _LITERAL.sub(r"`\1`", text)


def tables() -> str:
    """List the public names of all rooms."""
    parts = []
    for room in map(Room, ROOMS):
        rows = tuple((f"`{one.name}`", one.kind, one.summary) for one in room.names())
        link = f"[Shapes, units and errors in full](api/{room.name}.md)"
        parts += [f"## distcorr.{room.name}", f"{room.summary} {link}"]
        parts.append(Table(("name", "", "what it is"), rows, numbers=False).markdown())
    return "\n\n".join(parts)


def contents() -> str:
    """List the rooms' pages for Sphinx, which hides the list."""
    pages = "\n".join(f"api/{room}" for room in ROOMS)
    return f"```{{toctree}}\n:hidden:\n\n{pages}\n```"


def _constant(room: ModuleType, name: str, value: object) -> str:
    """Value of a constant, if it is short, and the text that stands below it in the source."""
    module, own = _defined(room, name)
    body = ast.parse(_source(module).read_text(encoding="utf-8")).body
    told = ""
    for statement, following in pairwise(body):
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        named = any(isinstance(target, ast.Name) and target.id == own for target in targets)
        if named and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            told = _plain(inspect.cleandoc(str(following.value.value)))
    shown = f"`{value!r}`" if isinstance(value, int | float | tuple) else ""
    return ": ".join(part for part in (shown, told) if part)


def _defined(room: ModuleType, name: str) -> tuple[ModuleType, str]:
    """Find the module in which a room's constant is defined, and its name there."""
    for statement in ast.parse(_source(room).read_text(encoding="utf-8")).body:
        for alias in statement.names if isinstance(statement, ast.ImportFrom) else ():
            if (alias.asname or alias.name) == name:
                assert isinstance(statement, ast.ImportFrom)
                return import_module(statement.module or ""), alias.name
    return room, name


def _source(module: ModuleType) -> Path:
    assert module.__file__ is not None
    return Path(module.__file__)


def _documents(value: object) -> bool:
    return inspect.isclass(value) or inspect.isfunction(value)


def _kind(value: object) -> str:
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if inspect.isfunction(value) else "constant"
