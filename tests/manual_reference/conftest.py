"""Where the scripts that make the manual lie."""

from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bench(monkeypatch):
    """Import a module of the benchmarks as its script sees it."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module


@pytest.fixture
def docs():
    """Return the folder of the manual."""
    return ROOT / "docs"
