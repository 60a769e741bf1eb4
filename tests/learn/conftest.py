"""Simulated subjects that the tests of the estimator share; simulated once in a process."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import pytest

from distcorr.learn import FitResult, Reference, learn
from distcorr.phantom.pairs import (
    AnatomyKind,
    SimulatedPair,
    simulate_new_scan,
    simulate_pair,
    subject,
)
from distcorr.phantom.scanner import SimulatedScan
from tests.learn.examples import FIELD, SETTINGS, protocol, reference_of

RASTER_MM = 2.5


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more here than they save."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture(scope="session")
def pairs() -> list[SimulatedPair]:
    """Two subjects, coronal without vendor correction and axial right."""
    return [
        simulate_pair(
            subject(AnatomyKind.LEGS, seed, raster_mm=RASTER_MM),
            protocol(),
            FIELD,
            seed=seed,
            id=f"ref{seed:02d}",
        )
        for seed in (1, 2)
    ]


@pytest.fixture(scope="session")
def references(pairs: list[SimulatedPair]) -> list[Reference]:
    return [reference_of(pair) for pair in pairs]


@pytest.fixture(scope="session")
def new_scan() -> SimulatedScan:
    """A third subject, scanned coronally only."""
    anatomy = subject(AnatomyKind.LEGS, 3, raster_mm=RASTER_MM)
    return simulate_new_scan(anatomy, protocol(), FIELD, seed=3, id="new01")


@pytest.fixture(scope="session")
def fitted(references: list[Reference]) -> FitResult:
    """Learned from both subjects."""
    numba.set_num_threads(1)
    return learn(references, SETTINGS)


@pytest.fixture(scope="session")
def fitted_from_one(references: list[Reference]) -> FitResult:
    numba.set_num_threads(1)
    return learn(references[:1], SETTINGS)
