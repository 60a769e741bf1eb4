"""What was found when a scan's files were last read in full.

Scans of a study arrive over months, and every run makes sure of each finished scan
that its input, what was drawn on it and its outputs are still what they were. Were
they read each time, a study would be read as often as scans arrive. A receipt lets
sizes and times of the files stand for their contents, as ``git`` and ``make`` do:
each finished scan is read once more by the run after the one that made it, and then
only where something differs. Times are compared for equality alone.

Receipts lie in ``.distcorr/receipts.json`` of the output folder. They hold no path;
losing them costs time and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from distcorr.batch.folder import STATE
from distcorr.errors import DistcorrError
from distcorr.outputs import whole_output

_NAME = "receipts.json"


class Receipt(BaseModel):
    """One scan, found done and intact.

    Attributes
    ----------
    stamp : str
        Of all its files before they were read, see :func:`stamp_of`.
    contents : tuple of str
        SHA-256 of its input, then of each thing that was drawn on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stamp: str
    contents: tuple[str, ...]


_RECEIPTS = TypeAdapter(dict[str, Receipt])


def stamp_of(paths: Iterable[Path]) -> str | None:
    """SHA-256 of paths, sizes, and times of the last change of content and of the entry.

    The entry's time (ctime) can't be set back, as a file's time can by whoever copies
    or unpacks over it. A change within one tick of the file system's clock (some ms)
    that keeps the size shows in neither.

    Parameters
    ----------
    paths : iterable of Path
        Of files.

    Returns
    -------
    str or None
        None if one of them can't be looked at.
    """
    digest = hashlib.sha256()
    try:
        for path in paths:
            status = path.stat()
            line = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {path}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    except OSError:
        return None
    return digest.hexdigest()


def read_receipts(directory: Path) -> dict[str, Receipt]:
    """Read the receipts of an output folder by the names of its scans; none if there are none."""
    try:
        return _RECEIPTS.validate_json((directory / STATE / _NAME).read_bytes())
    except (OSError, ValidationError):
        return {}


def write_receipts(directory: Path, receipts: Mapping[str, Receipt]) -> None:
    """Keep receipts for the next run, which does without them where they can't be written."""
    with (
        suppress(DistcorrError),
        whole_output(directory / STATE / _NAME, overwrite=True) as temporary,
    ):
        temporary.write_bytes(_RECEIPTS.dump_json(dict(receipts)))
