"""Figures as Markdown: sections with a command, tables, and the machine they are from."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from distcorr import __version__


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as they are to be read; numbers arrive formatted.

    Attributes
    ----------
    header, rows
    numbers : bool
        Whether columns but the first hold numbers, which are set to the right.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: bool = True

    def markdown(self) -> str:
        """Render with pipes."""
        others = "---:" if self.numbers else "---"
        rule = ("---", *(others for _ in self.header[1:]))
        lines = (self.header, rule, *self.rows)
        return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


@dataclass(frozen=True, slots=True)
class Section:
    """One comparison on the page.

    Attributes
    ----------
    title : str
    command : str
        What makes the section again, as it is typed.
    packages : tuple of str
        Distributions whose versions the figures depend on.
    parts : tuple of str or Table
        Paragraphs and tables in reading order.
    """

    title: str
    command: str
    packages: tuple[str, ...]
    parts: tuple[str | Table, ...]

    def markdown(self) -> str:
        """Render the section, with the command and the environment of its figures."""
        body = [part.markdown() if isinstance(part, Table) else part for part in self.parts]
        made = f"Made by `{self.command}` on {environment(self.packages)}."
        return "\n\n".join([f"## {self.title}", *body, made]) + "\n"


def environment(packages: Iterable[str]) -> str:
    """Name machine, system, versions and date; an absent package is named as absent."""
    memory_gb = psutil.virtual_memory().total / 1e9
    machine = f"{os.cpu_count()} cores ({_processor()}), {memory_gb:.0f} GB, {platform.system()}"
    others = [f"{name} {_version(name)}" for name in ("numpy", *packages)]
    versions = ", ".join([f"distcorr {__version__}", *others])
    return f"{machine}, Python {platform.python_version()}; {versions}; {date.today().isoformat()}"


def publish(section: Section, path: Path | None) -> None:
    """Write a section where it was asked for, and print it otherwise."""
    if path is None:
        print(section.markdown())
    else:
        write_text(path, section.markdown())


def write_page(path: Path, head: str, sections: Sequence[Section]) -> None:
    """Write a page."""
    write_text(path, "\n".join([head.rstrip() + "\n", *(one.markdown() for one in sections)]))


def write_text(path: Path, text: str) -> None:
    """Write a file, moved into place when whole."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
