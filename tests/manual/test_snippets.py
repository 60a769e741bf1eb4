"""Every command and every snippet of the manual does what the page shows."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest

from tests.conftest import absent
from tests.manual.blocks import Kind, blocks_of
from tests.manual.commands import ROOT, Shell
from tests.manual.pages import Reader, manual
from tests.manual.shared import Shared

MOST_NOT_RUN = 12
"""Blocks that no test machine can run; more would be a manual nobody has tried."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    # Parallel workers have folders of their own inside a common one.
    own = tmp_path_factory.getbasetemp()
    return Shared((own.parent if own.name.startswith("popen-") else own) / "manual")


@pytest.fixture
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait for each other cost more here than they save."""
    monkeypatch.setenv("NUMBA_NUM_THREADS", str(numba.config.NUMBA_NUM_THREADS))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread")
@pytest.mark.parametrize("page", manual(), ids=lambda page: str(page.relative_to(ROOT / "docs")))
def test_a_page_does_what_it_shows(
    page: Path, shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = blocks_of(page.read_text(encoding="utf-8"), str(page.relative_to(ROOT)))
    with Shell() as shell:
        reader = Reader(tmp_path, shared, shell)
        reader.follow(blocks)
    if reader.wanting:
        absent("; ".join(reader.wanting))


def test_few_blocks_are_not_run() -> None:
    left = [
        f"{block.where}: {block.notes['not run']}"
        for page in manual()
        for block in blocks_of(page.read_text(encoding="utf-8"), str(page.relative_to(ROOT)))
        if block.kind is Kind.NOT_RUN
    ]
    print(*left, sep="\n")
    assert len(left) <= MOST_NOT_RUN, "\n".join(left)
