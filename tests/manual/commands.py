"""Run what a reader types in."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sysconfig
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import TracebackType

from tests.cli.running import Done, run

ROOT = Path(__file__).resolve().parents[2]

TERMINAL_COLUMNS = "100"
"""Width of the terminal that the pages show."""

COMMAND_TIMEOUT_S = 300
"""Against commands that never end; the longest takes half a minute."""

STOP_TIMEOUT_S = 20
"""For background processes to end by themselves."""

_FOR_THE_SHELL = re.compile(r"[|&;<>$*?`(){}~#]")


def reader_environment() -> dict[str, str]:
    """Give the environment of a reader's shell: this interpreter's programs, this source."""
    scripts = [sysconfig.get_path("scripts"), os.environ.get("PATH", "")]
    source = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PATH": os.pathsep.join(filter(None, scripts)),
        "PYTHONPATH": os.pathsep.join(filter(None, source)),
        "COLUMNS": TERMINAL_COLUMNS,
    }


class Shell(AbstractContextManager["Shell"]):
    """A shell in the current folder; on leaving, what runs in the background is ended.

    ``distcorr`` runs in this process, where a command has no other word for a shell: its
    start alone would cost more than most commands do.
    """

    def __init__(self) -> None:
        self._background = ExitStack()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._background.close()

    def run(self, command: str) -> Done:
        """Run one line and return its exit status and what it printed."""
        if command.endswith(" &"):
            return self._start(command.removesuffix(" &"))
        if not _FOR_THE_SHELL.search(command):
            program, *arguments = shlex.split(command)
            if program == "distcorr":
                return run(*arguments, columns=TERMINAL_COLUMNS)
        done = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            env=reader_environment(),
            timeout=COMMAND_TIMEOUT_S,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _start(self, command: str) -> Done:
        process = subprocess.Popen(
            ["bash", "-c", command],
            env=reader_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._background.callback(_end, process)
        return Done(0, "", "")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
