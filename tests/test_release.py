"""The version stands in one place, and whatever names it agrees."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from distcorr import __version__
from tests.cli.running import run

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_distributions_take_the_version_from_the_package() -> None:
    project = PYPROJECT["project"]
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "distcorr.__version__"}


def test_the_command_line_names_it() -> None:
    assert run("version").stdout == f"{__version__}\n"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("CITATION.cff", r"^version: (\S+)$"), ("CHANGELOG.md", r"^## \[(\d[^\]]*)\]")],
)
def test_documents_name_it(name: str, pattern: str) -> None:
    newest, *_ = re.findall(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert newest == __version__


def pins(folder: Path, dependencies: str) -> subprocess.CompletedProcess[str]:
    """What ``.ci/lower_bounds test`` says of a project with these dependencies."""
    (folder / ".ci").mkdir()
    script = folder / ".ci" / "lower_bounds"
    script.write_bytes((ROOT / ".ci" / "lower_bounds").read_bytes())
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["setuptools>=77"]\n[project]\n{dependencies}\n'
        '[project.optional-dependencies]\ntest = ["pytest>=8.2,<10"]\ndocs = ["sphinx"]\n',
        encoding="utf-8",
    )
    return subprocess.run(
        [sys.executable, str(script), "test"], capture_output=True, text=True, timeout=60
    )


def test_lower_bounds_are_pinned(tmp_path: Path) -> None:
    done = pins(tmp_path, 'dependencies = ["numpy>=2.0,<3", "pylibjpeg-libjpeg>=2.3,<3"]')
    assert done.stdout.split() == [
        "setuptools==77", "numpy==2.0", "pylibjpeg-libjpeg==2.3", "pytest==8.2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("dependencies", "reason"),
    [
        ('["numpy"]', "not of the form"),
        ('["numpy<3"]', "not of the form"),
        ('["numpy>=2,<3", "pytest>=8,<10"]', "two lower bounds: pytest 8 and 8.2"),
    ],
)
def test_what_can_not_be_pinned_is_an_error(tmp_path: Path, dependencies: str, reason: str) -> None:
    done = pins(tmp_path, f"dependencies = {dependencies}")
    assert done.returncode == 1
    assert reason in done.stderr
