"""One page about a batch of scans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from distcorr import __version__
from distcorr.errors import DistcorrError
from distcorr.outputs import whole_output
from distcorr.report.render import fill
from distcorr.report.results import Results, ScanResult, Status
from distcorr.report.thumbnails import Thumbnail, make_thumbnail
from distcorr.space import Volume

MAX_THUMBNAILS = 200
"""The worst scans get pictures, of some 30 kB each; a page of more opens slowly."""

MAX_ROWS = 5000
"""The worst scans get rows, of some 0.4 kB each without pictures. Chromium drew so many in
1.5 s of processor time, and had not drawn a hundred thousand when it was given up."""

GENERATOR = "distcorr batch page"
"""Stands in the head of every such page, so that it is known from other files."""

_HEAD_BYTES = 1024

LoadVolume = Callable[[Path], Volume]


@dataclass(frozen=True, slots=True)
class ScanView:
    """A row of the page.

    Attributes
    ----------
    scan : ScanResult
    thumbnail : Thumbnail or None
    """

    scan: ScanResult
    thumbnail: Thumbnail | None


def write_batch_report(
    results: Results,
    path: Path,
    load: LoadVolume,
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the page of a batch: one HTML file that needs nothing else, worst scans first.

    Parameters
    ----------
    results : Results
    path : Path
    load : callable
        Loads a volume, corrected or as acquired, from its path. One scan is in
        memory at a time.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : callable, optional
        Called with the number of pictures that were made and of all.

    Raises
    ------
    DistcorrError
        ``output-exists`` or ``output-unwritable``.
    """
    ordered = _listed(results.worst_first())
    pictured = [scan for scan in ordered if scan.corrected is not None][:MAX_THUMBNAILS]
    thumbnails: dict[str, Thumbnail | None] = {}
    for number, scan in enumerate(pictured, 1):
        thumbnails[scan.name] = _thumbnail(scan, load)
        if progress is not None:
            progress(number, len(pictured))
    text = render_batch(results, [ScanView(one, thumbnails.get(one.name)) for one in ordered])
    with whole_output(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def is_batch_page(path: Path) -> bool:
    """Whether a file is a page that :func:`write_batch_report` has written."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return f'content="{GENERATOR}"'.encode() in stream.read(_HEAD_BYTES)


def render_batch(results: Results, views: list[ScanView]) -> str:
    """Fill the page; equal input gives equal text."""
    counts = {status: sum(s.status is status for s in results.scans) for status in Status}
    return fill(
        "batch.html",
        {
            "generator": GENERATOR,
            "views": views,
            "counts": counts,
            "total": len(results.scans),
            "finished": results.finished,
            "largest": _extreme(results, "displacement_mm", max),
            "least": _extreme(results, "supported", min),
            "pictured": sum(view.thumbnail is not None for view in views),
            "version": __version__,
        },
    )


def _listed(ordered: list[ScanResult]) -> list[ScanResult]:
    """Choose the rows of the page; where there are too many, the worst that were tried."""
    # Of an interrupted batch, the unfinished would crowd out all that there is to see.
    tried_first = sorted(ordered, key=lambda scan: scan.status is Status.UNFINISHED)
    listed = {scan.name for scan in tried_first[:MAX_ROWS]}
    return [scan for scan in ordered if scan.name in listed]


def _thumbnail(scan: ScanResult, load: LoadVolume) -> Thumbnail | None:
    """Picture a scan; without what can't be read any more."""
    after = _loaded(scan.corrected, load)
    return None if after is None else make_thumbnail(_loaded(scan.input, load), after)


def _loaded(path: Path | None, load: LoadVolume) -> Volume | None:
    try:
        return None if path is None else load(path)
    except DistcorrError:
        return None


def _extreme(results: Results, name: str, choose: Callable[..., ScanResult]) -> ScanResult | None:
    known = [scan for scan in results.scans if getattr(scan, name) is not None]
    return choose(known, key=lambda scan: getattr(scan, name)) if known else None
