"""Progress on a terminal; silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress

LINE_WIDTH = 60
"""Letters of the running text that are shown beside the bar."""


@contextmanager
def file_progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on stderr while files or scans are worked on, with their number.

    Parameters
    ----------
    what : str
        What is being done.
    quiet : bool
        Show nothing; nothing is shown either where stderr is no terminal.

    Yields
    ------
    callable or None
        To be called with the number done and the number of all.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def share_progress(what: str, *, quiet: bool) -> Iterator[Callable[[str, float], None] | None]:
    """Show a bar with a changing line of text on stderr.

    Parameters
    ----------
    what : str
        What is being done, until the work says more.
    quiet : bool
        Show nothing; nothing is shown either where stderr is no terminal.

    Yields
    ------
    callable or None
        To be called with a line of text and the share done, 0 to 1.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda text, share: bar.update(
            task, completed=share, description=escape(text[:LINE_WIDTH])
        )
