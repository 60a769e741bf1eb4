"""Entry point: registers the commands and turns refusals into one message.

Exit status 0 done, 1 refused or failed, 2 wrong usage. A traceback reaches the
user with ``--debug`` alone.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer

from distcorr import __version__
from distcorr.cli.apply import apply
from distcorr.cli.convert import convert
from distcorr.cli.data import data
from distcorr.cli.debug import DEBUG_VARIABLE, debugging
from distcorr.cli.demo import demo
from distcorr.cli.field import field
from distcorr.cli.inspect import inspect
from distcorr.cli.learn import learn
from distcorr.cli.plan import plan
from distcorr.cli.report import report
from distcorr.cli.roundness import roundness
from distcorr.cli.simulate import simulate
from distcorr.cli.validate import validate
from distcorr.errors import Code, DistcorrError

_NO_SUCH_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)

app = typer.Typer(
    name="distcorr",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=__doc__ and "Learn a scanner's geometric distortion from patients and correct its scans.",
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of failures.")] = False,
) -> None:
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


app.command("inspect")(inspect)
app.command("convert")(convert)
app.command("plan")(plan)
app.command("learn")(learn)
app.command("validate")(validate)
app.command("apply")(apply)
app.command("field")(field)
app.command("report")(report)
app.command("roundness")(roundness)
app.command("simulate")(simulate)
app.command("demo")(demo)
app.add_typer(data, name="data")


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line; ends the process with status 0, 1 or 2."""
    try:
        app()
    except DistcorrError as refusal:
        _fail(str(refusal))
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(1)
    except OSError as failure:  # a name that is too long, a folder that may not be entered
        _fail(str(_refused_by_system(failure)))
    except Exception as failure:  # the last line of defence: users never see a traceback unasked
        _fail(str(DistcorrError(Code.INTERNAL, f"{type(failure).__name__}: {failure}")))


def _refused_by_system(failure: OSError) -> DistcorrError:
    """Say what the system would not do, and with which file."""
    code = Code.NOT_FOUND if failure.errno in _NO_SUCH_FILE else Code.UNREADABLE
    what = f"the system refuses a file or folder ({failure.strerror or failure})"
    return DistcorrError(code, what, str(failure.filename or ""))


def _fail(message: str) -> None:
    if debugging():
        raise
    typer.echo(message, err=True)
    sys.exit(1)
