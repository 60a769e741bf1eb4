"""A simulated cohort on disk, and what commands learn of it, that tests of several share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numba
import pytest

from distcorr.batch.learning import Material
from distcorr.cli import learn as module
from distcorr.learn import FitResult, FitSettings
from distcorr.learn.fit import Progress
from distcorr.learn.validate import LeaveOneOut
from tests.cli.running import run

COARSE = ("--voxel", "6", "--fov", "330", "180", "240", "--field", "strong", "--quiet")
DEGREE = ("--degree", "5")


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


class Kept:
    """A function that keeps its last answer."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.answer: Any = None

    def __call__(self, *given: object) -> Any:
        self.answer = self._function(*given)
        return self.answer


@dataclass(frozen=True)
class Learned:
    """What ``distcorr learn`` wrote and told, and the fit of which it did."""

    cohort: Path
    correction: Path
    stdout: str
    fit: FitResult

    def again(self, material: Material, settings: FitSettings, _: Progress) -> FitResult:
        """Stand in for the fit where the same one is asked for once more."""
        assert settings == self.fit.settings
        assert [one.id for one in material.references] == [one.id for one in self.fit.references]
        return self.fit


@pytest.fixture(scope="session")
def learned(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    out = tmp_path_factory.mktemp("learned") / "scanner.dcorr"
    fitting = Kept(module.learn_from)
    with mock.patch.object(module, "learn_from", fitting):
        done = run("learn", cohort, "-o", out, *DEGREE)
    assert done.returncode == 0, done.stderr
    return Learned(cohort, out, done.stdout, fitting.answer)


@dataclass(frozen=True)
class Validated:
    """What ``distcorr learn --validate`` wrote, and what was found."""

    correction: Path
    found: LeaveOneOut


@pytest.fixture(scope="session")
def validated(learned: Learned, tmp_path_factory: pytest.TempPathFactory) -> Validated:
    out = tmp_path_factory.mktemp("validated") / "v.dcorr"
    validating = Kept(module.validate_fit)
    with mock.patch.multiple(module, learn_from=learned.again, validate_fit=validating):
        done = run("learn", learned.cohort, "-o", out, *DEGREE, "--validate", "--quiet")
    assert done.returncode == 0, done.stderr
    return Validated(out, validating.answer)
