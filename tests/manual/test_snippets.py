"""Every command and every snippet of the manual does what the page shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numba
import pytest

from tests.conftest import absent
from tests.manual.blocks import Kind
from tests.manual.commands import Shell
from tests.manual.pages import Reader, blocks_on, manual, name_of
from tests.manual.shared import Shared

MOST_NOT_RUN = 12
"""Blocks that no test machine can run; more would be a manual nobody has tried."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Shared:
    # Parallel workers have folders of their own inside a common one.
    own = tmp_path_factory.getbasetemp()
    return Shared((own if worker_id == "master" else own.parent) / "manual")


@pytest.fixture
def _as_a_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Draw without a screen; threads that wait for each other cost more than they save."""
    monkeypatch.setenv("MPLBACKEND", "Agg")
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.mark.usefixtures("_as_a_test")
@pytest.mark.parametrize("page", manual(), ids=name_of)
def test_a_page_does_what_it_shows(
    page: Path, shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Shell() as shell:
        reader = Reader(tmp_path, shared, shell)
        reader.follow(blocks_on(page))
    if reader.wanting:
        absent("; ".join(reader.wanting))


def test_few_blocks_are_not_run() -> None:
    left = [
        f"{block.where}: {block.notes['not run']}"
        for page in manual()
        for block in blocks_on(page)
        if block.kind is Kind.NOT_RUN
    ]
    print(*left, sep="\n")
    assert len(left) <= MOST_NOT_RUN, "\n".join(left)
