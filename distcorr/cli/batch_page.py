"""The page of a batch, for the commands that write it."""

from __future__ import annotations

from pathlib import Path

import typer

from distcorr.cli.progress import file_progress
from distcorr.cli.statements import tell
from distcorr.dicom import load_series
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.images import SUFFIXES, read_volume
from distcorr.space import Volume

PAGE = "report.html"
"""Name of the page in the output folder of a run."""


def write_batch_page(folder: Path, out: Path, *, overwrite: bool, quiet: bool) -> None:
    """Write the page about the batch whose results are in a folder.

    Raises
    ------
    DistcorrError
        As :func:`distcorr.report.read_results` and
        :func:`distcorr.report.write_batch_report`.
    """
    from distcorr.report import read_results, write_batch_report  # much is imported to draw

    results = read_results(folder)
    with file_progress("drawing", quiet=quiet) as progress:
        write_batch_report(results, out, load_volume, overwrite=overwrite, progress=progress)


def add_batch_page(folder: Path, *, overwrite: bool, quiet: bool) -> None:
    """Put the page beside the results of a run that has ended.

    The page of an earlier run is replaced; a file that is none, only with
    ``overwrite``. Whatever prevents the page is a warning: the scans are corrected.
    """
    page = folder / PAGE
    try:
        from distcorr.report import is_batch_page  # much is imported to draw

        replaced = overwrite or is_batch_page(page)
        write_batch_page(folder, page, overwrite=replaced, quiet=quiet)
    except (Exception, KeyboardInterrupt) as failure:
        tell((Finding(Code.PAGE_NOT_WRITTEN, "no page shows this batch", _reason(failure)),), PAGE)
        return
    if not quiet:
        typer.echo(str(page))


def load_volume(path: Path) -> Volume:
    """Load a scan for a thumbnail, which needs none of the facts of its acquisition."""
    if path.name.lower().endswith(SUFFIXES) and not path.is_dir():
        return read_volume(path)
    return load_series(path).volume


def _reason(failure: BaseException) -> str:
    if isinstance(failure, DistcorrError):
        found = failure.finding
        return "; ".join(part for part in (found.what, found.evidence) if part)
    return f"{type(failure).__name__}: {failure}".removesuffix(": ")
