"""Runs of ``distcorr apply`` as processes of their own, to be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from distcorr.batch.locking import locked

CODE = "from distcorr.cli.main import main; main()"
PATIENCE_S = 120.0
"""Loaded machines take long to start processes; nothing waits that long on purpose."""


def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Begin a run; warnings are errors."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CODE, "apply", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
        preexec_fn=_hear_ctrl_c,
    )


def _hear_ctrl_c() -> None:
    """Whoever started the tests in the background had them ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end of a run."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.002)


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Worker processes of a run."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def records(folder: Path) -> list[Path]:
    """Records of finished scans."""
    return list(folder.glob("*_corrected.json"))


@contextmanager
def held(process: subprocess.Popen[str], out: Path, finished: int) -> Iterator[None]:
    """Stop a run as soon as so many scans are finished: no more of them can be."""
    wait_for(lambda: len(records(out)) >= finished or process.poll() is not None)
    with locked(out / ".distcorr" / "commit.lock", wait=True):
        assert process.poll() is None, finish(process)
        yield


def kill_when(process: subprocess.Popen[str], out: Path, finished: int) -> None:
    """Kill a run, and nothing else, once so many scans are finished."""
    wait_for(lambda: len(records(out)) >= finished or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
