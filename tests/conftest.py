"""Fixtures that all tests share."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Before NumPy is imported, and for the processes that tests start: threads of BLAS that
# wait for each other busily cost ten times what small products take. Numba keeps its
# threads, but they sleep while they wait.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Machines that are shared or cold miss any deadline; speed is not what these tests check.
settings.register_profile("distcorr", deadline=None)
settings.load_profile("distcorr")

DATA_VARIABLE = "DISTCORR_DATA"


def absent(what: str, *, promised: bool = False) -> None:
    """Skip for want of something, or fail where it is promised: continuous integration has all."""
    if promised or os.environ.get("CI", "").lower() == "true":
        pytest.fail(what)
    pytest.skip(what)


def data_folder() -> Path | None:
    """Find the folder with the test data; None if there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get(DATA_VARIABLE, beside))
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder with the test data."""
    folder = data_folder()
    if folder is None:
        absent(f"no test data: set {DATA_VARIABLE}", promised=DATA_VARIABLE in os.environ)
    assert folder is not None
    return folder


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Find an external program, or skip."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            absent(f"{name} is not installed")
        assert path is not None
        return path

    return find
