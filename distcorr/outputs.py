"""Write outputs whole or not at all."""

from __future__ import annotations

import errno
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from distcorr.errors import Code, DistcorrError


@contextmanager
def whole_output(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary name beside ``path`` and move the file into place at the end.

    The temporary name keeps the suffixes of ``path``, because writers choose
    their format by them. If the block fails, nothing is left behind.

    Parameters
    ----------
    path : Path
        Final name; its folder is created if absent.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    Path
        Name to write to.

    Raises
    ------
    DistcorrError
        ``output-exists``, ``disk-full`` or ``output-unwritable``.
    """
    refuse_existing(path, overwrite=overwrite)
    temporary = path.parent / f".{uuid.uuid4().hex[:12]}-{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> DistcorrError:
    """Say why an output can't be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    code = Code.DISK_FULL if full else Code.OUTPUT_UNWRITABLE
    return DistcorrError(code, f"{path} can't be written", error.strerror or str(error))


def remove_temporaries(path: Path) -> None:
    """Remove what killed writers of ``path`` left; to be called when nobody writes it."""
    with suppress(OSError):
        for left in path.parent.glob(f".*-{path.name}"):
            if re.fullmatch(rf"\.[0-9a-f]{{12}}-{re.escape(path.name)}", left.name):
                left.unlink(missing_ok=True)


def refuse_existing(path: Path, *, overwrite: bool = False) -> None:
    """Raise ``output-exists`` if there is something at ``path`` that may not be replaced."""
    if path.is_dir() or (path.exists() and not overwrite):
        raise DistcorrError(Code.OUTPUT_EXISTS, f"{path} exists already")
