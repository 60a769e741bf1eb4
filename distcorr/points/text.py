"""What all readers of points share."""

from __future__ import annotations

from pathlib import Path

from distcorr.errors import Code, DistcorrError, Finding

MAX_FILE_BYTES = 64 << 20
"""A million points; a larger file was given by mistake."""


def read_text(path: Path) -> str:
    """Read a whole text file.

    Raises
    ------
    DistcorrError
        ``not-found``, ``too-large``, or ``unreadable`` if it is not UTF-8.
    """
    if not path.is_file():
        raise DistcorrError(Code.NOT_FOUND, "there is no such file of points", str(path))
    if path.stat().st_size > MAX_FILE_BYTES:
        raise DistcorrError(Code.TOO_LARGE, "this is too large for a list of points", str(path))
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as failure:
        raise DistcorrError(
            Code.UNREADABLE, "the file can't be read as text", f"{path}: {failure}"
        ) from failure


def skipped(source: str, count: int) -> tuple[Finding, ...]:
    """Tell that points without a position were passed over."""
    if count == 0:
        return ()
    what = f"{count} points of a list have no position and were passed over"
    return (Finding(Code.POINTS_UNUSED, what, source, "place them, or remove them from the list"),)
