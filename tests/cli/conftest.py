"""A simulated cohort on disk that tests of several commands share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numba
import pytest

from tests.cli.running import run

COARSE = ("--voxel", "6", "--fov", "330", "180", "240", "--field", "strong", "--quiet")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more here than they save."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of two subjects and a new one; one for each process."""
    folder = tmp_path_factory.mktemp("cohort") / "simulated"
    done = run("simulate", folder, *COARSE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(folder / "cohort.toml")
    return folder / "cohort.toml"
