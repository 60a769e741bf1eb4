"""Time and memory of a command in a process of its own, and a log of what was measured.

This module imports little on purpose: a child's peak of memory starts at its parent's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from records import Records, sources_digest

Figures = dict[str, Any]
"""What a measurement gives; goes to JSON and back."""

_THREADS = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
"""Variables that tell a process how many threads to use."""

_COMMAND = "import sys; from distcorr.cli.main import main; sys.argv[0] = 'distcorr'; main()"


@dataclass(frozen=True, slots=True)
class Used:
    """What one process took.

    Attributes
    ----------
    seconds : float
        Wall time.
    cpu_s : float
        Of the process and the children that it waited for.
    peak_bytes : int
        Largest resident memory of any of them.
    """

    seconds: float
    cpu_s: float
    peak_bytes: int

    @property
    def figures(self) -> Figures:
        """For a log."""
        return {"wall_s": self.seconds, "cpu_s": self.cpu_s, "peak_mb": self.peak_bytes / 1e6}


def with_threads(threads: int) -> dict[str, str]:
    """Environment in which kernels, BLAS and ITK use so many threads."""
    return os.environ | dict.fromkeys(_THREADS, str(threads))


def timed_command(arguments: Sequence[str], threads: int) -> Used:
    """Run ``distcorr`` with these arguments; kernels use so many threads."""
    return timed([sys.executable, "-c", _COMMAND, *arguments], threads)


def timed(command: Sequence[str], threads: int) -> Used:
    """Run a command and wait for its end; what it says is shown only if it fails.

    Raises
    ------
    SystemExit
        If it fails.
    """
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        child = subprocess.Popen(command, env=with_threads(threads), stdout=said, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            last = said.read()[-2000:].decode(errors="replace")
            raise SystemExit(f"{last}\nfailed with {child.returncode}")
    return Used(seconds, used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss)


@dataclass(frozen=True, slots=True)
class MeasurementLog:
    """Measurements as JSON lines; one that is there is not made again by the same software.

    Attributes
    ----------
    path : Path or None
        None to keep nothing.
    """

    path: Path | None

    def once(self, what: str, settings: Figures, measure: Callable[[], Figures]) -> Figures:
        """Return the logged figures, or measure and log them."""
        key = {"what": what, **settings, "software": sources_sha256()}
        records = None if self.path is None else Records(self.path)
        logged = None if records is None else records.find(key)
        if logged is not None:
            return logged
        print(f"measuring {what} {settings}", file=sys.stderr, flush=True)
        figures = measure()
        if records is not None:
            records.append(key, figures)
        return figures


def sources_sha256() -> str:
    """Digest of the package's sources, found without importing them."""
    found = find_spec("distcorr")
    assert found is not None  # benchmarks need the package
    assert found.origin is not None  # a package has an __init__
    return sources_digest(Path(found.origin).parent)
