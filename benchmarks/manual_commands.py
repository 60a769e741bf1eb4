"""The command line as Markdown, from the signatures that typer reads.

Not from ``--help``: its wording and width depend on typer, rich and the terminal.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer
from pages import Table
from typer.models import ArgumentInfo, OptionInfo, TyperInfo

from distcorr.cli.main import app

PROGRAM = "distcorr"
_VALUES = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or an option of a command.

    Attributes
    ----------
    name : str
        Of the function's parameter.
    kind : type
        Of one value.
    several : bool
        Whether it can be given more than once.
    info : ArgumentInfo or OptionInfo
    default : object
        ``inspect.Parameter.empty`` if it has to be given.
    """

    name: str
    kind: Any
    several: bool
    info: ArgumentInfo | OptionInfo
    default: object

    @property
    def required(self) -> bool:
        """Whether the command is wrong usage without it."""
        return self.default is inspect.Parameter.empty

    @property
    def flags(self) -> tuple[str, ...]:
        """Spellings of an option."""
        assert isinstance(self.info, OptionInfo)
        # Within Annotated, typer takes a first positional text for a spelling, too.
        first = (self.info.default,) if isinstance(self.info.default, str) else ()
        spellings = (*first, *(self.info.param_decls or ()))
        own = tuple(part for one in spellings for part in one.split("/"))
        if own:
            return own
        plain = self.name.replace("_", "-")
        return (f"--{plain}", f"--no-{plain}") if self.kind is bool else (f"--{plain}",)

    @property
    def value(self) -> str:
        """What stands for the value; empty for a switch."""
        if self.kind is bool:
            return ""
        if self.info.metavar:
            return self.info.metavar
        if isinstance(self.kind, type) and issubclass(self.kind, Enum):
            return " | ".join(str(member.value) for member in self.kind)
        if get_origin(self.kind) is tuple:
            return " ".join(_VALUES[part] for part in get_args(self.kind))
        return _VALUES[self.kind]

    @property
    def range(self) -> str:
        """Limits of a number, for people; empty if there are none."""
        low, high = self.info.min, self.info.max
        if low is not None and high is not None:
            return f"{low:g} to {high:g}"
        if low is not None:
            return f"at least {low:g}"
        return "" if high is None else f"at most {high:g}"

    @property
    def shown_default(self) -> str:
        """The default as it would be typed; empty for none."""
        if self.required:
            return "required"
        if isinstance(self.info.show_default, str):
            return self.info.show_default
        if isinstance(self.default, bool):
            return self.flags[0] if self.default else ""
        if self.default is None:
            return ""
        if isinstance(self.default, tuple):
            return " ".join(f"{part:g}" for part in self.default)
        if isinstance(self.default, Enum):
            return str(self.default.value)
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its full name, such as ``distcorr data fetch``."""

    name: str
    callback: Callable[..., object]

    @property
    def help(self) -> str:
        """What it does, in paragraphs."""
        return inspect.getdoc(self.callback) or ""

    def parameters(self) -> Iterator[Parameter]:
        """Arguments and options in the order of the signature."""
        yield from _parameters(self.callback)

    @property
    def arguments(self) -> list[Parameter]:
        """Parameters that are given by their place."""
        return [one for one in self.parameters() if isinstance(one.info, ArgumentInfo)]

    @property
    def options(self) -> list[Parameter]:
        """Parameters that are given by their name."""
        return [one for one in self.parameters() if isinstance(one.info, OptionInfo)]

    def markdown(self) -> str:
        """Describe the command in a section of its own."""
        usage = " ".join([self.name, "[OPTIONS]", *map(_usage, self.arguments)])
        parts = [f"## {self.name}", self.help, f"```text\n{usage}\n```"]
        if self.arguments:
            rows = tuple((f"`{_word(one)}`", _meaning(one)) for one in self.arguments)
            parts.append(Table(("argument", "meaning"), rows, numbers=False).markdown())
        if self.options:
            parts.append(_option_table(self.options))
        return "\n\n".join(parts)


def commands(group: typer.Typer = app, prefix: str = PROGRAM) -> Iterator[Command]:
    """All commands in the order of the program's own help."""
    for one in group.registered_commands:
        assert one.callback is not None
        yield Command(f"{prefix} {one.name or one.callback.__name__}", one.callback)
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from commands(inner.typer_instance, f"{prefix} {inner.name}")


def reference() -> str:
    """Describe the whole command line."""
    callback = app.registered_callback
    assert isinstance(callback, TyperInfo)
    assert callback.callback is not None
    common = [one for one in _parameters(callback.callback) if isinstance(one.info, OptionInfo)]
    intro = f"Before any command: `{PROGRAM} [OPTIONS] COMMAND ...`"
    parts = [intro, _option_table(common), *(one.markdown() for one in commands())]
    return "\n\n".join(parts)


def _option_table(options: Sequence[Parameter]) -> str:
    rows = []
    for one in options:
        flags = ", ".join(f"`{flag}`" for flag in one.flags)
        value = f" `{one.value}`" if one.value else ""
        rows.append((flags + value, _code(one.shown_default), _meaning(one)))
    return Table(("option", "default", "meaning"), tuple(rows), numbers=False).markdown()


def _code(default: str) -> str:
    return default if default in ("", "required") else f"`{default}`"


def _meaning(one: Parameter) -> str:
    parts = [one.info.help or ""]
    if one.range:
        parts.append(f"({one.range})")
    if one.several and isinstance(one.info, OptionInfo):
        parts.append("Can be given several times.")
    if isinstance(one.info, ArgumentInfo) and one.shown_default not in ("", "required"):
        parts.append(f"Default: `{one.shown_default}`.")
    return " ".join(part for part in parts if part)


def _word(one: Parameter) -> str:
    return one.info.metavar or one.name.upper()


def _usage(one: Parameter) -> str:
    word = _word(one) + ("..." if one.several else "")
    return word if one.required else f"[{word}]"


def _parameters(callback: Callable[..., object]) -> Iterator[Parameter]:
    hints = get_type_hints(callback, include_extras=True)
    for name, one in inspect.signature(callback).parameters.items():
        if get_origin(hints[name]) is not Annotated:
            continue  # the context, which nobody types
        annotation, info = get_args(hints[name])[:2]
        kind, several = _kind(annotation)
        yield Parameter(name, kind, several, info, one.default)


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Tell the type of one value, and whether there can be several."""
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not NoneType)
    if get_origin(annotation) is list:
        return get_args(annotation)[0], True
    return annotation, False
