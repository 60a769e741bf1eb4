"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
    import time

    _RETRY_S = 0.02
    """Between two attempts; a commit takes some milliseconds."""

    def _lock(stream: IO[bytes], *, wait: bool) -> None:
        while True:
            stream.seek(0)
            try:
                msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
            except PermissionError:
                if not wait:
                    raise BlockingIOError from None
                time.sleep(_RETRY_S)
            else:
                return
else:
    import fcntl

    def _lock(stream: IO[bytes], *, wait: bool) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock of a file, which is created if absent and never removed.

    The system releases it when the process ends, killed or not; no clock and no
    process number is consulted. Removing the file would let two processes hold
    the lock of one name.

    Parameters
    ----------
    path : Path
    wait : bool
        Wait for another holder, or fail at once.

    Raises
    ------
    BlockingIOError
        If another holds it and ``wait`` is False.
    OSError
        If the file can't be opened, or its file system has no locks.
    """
    with path.open("ab") as stream:
        _lock(stream, wait=wait)
        yield
