"""Run the command line as a user does, without the cost of a new process."""

import contextlib
import io
import subprocess
import sys
from dataclasses import dataclass
from unittest import mock

from distcorr.cli.main import main


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(*arguments, columns="120"):
    """Run in this process."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with (
        mock.patch.object(sys, "argv", ["distcorr", *map(str, arguments)]),
        mock.patch.dict("os.environ", {"COLUMNS": columns}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Done(status, out.getvalue(), err.getvalue())


def run_process(*arguments):
    """Run as a process of its own, warnings being errors."""
    code = "from distcorr.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )
