"""Write outputs whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
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


@contextmanager
def whole_directory(
    directory: Path, *, overwrite: bool = False, suffix: str = ""
) -> Iterator[Path]:
    """Give a temporary folder beside ``directory`` and move it into place at the end.

    If the block fails, nothing is left behind and an existing folder stays.

    Parameters
    ----------
    directory : Path
        Final name; its parent is created if absent.
    overwrite : bool
        Whether an existing folder may be replaced.
    suffix : str
        What the names of all files in a folder that is replaced end in; a folder
        that holds anything else is somebody's and stays.

    Yields
    ------
    Path
        Empty folder to write to.

    Raises
    ------
    DistcorrError
        ``output-exists`` or ``output-unwritable``.
    """
    refuse_existing_directory(directory, overwrite=overwrite, suffix=suffix)
    mark = uuid.uuid4().hex[:12]
    temporary = directory.parent / f".{mark}-{directory.name}"
    replaced = directory.parent / f".{mark}-old-{directory.name}"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if directory.exists():
            directory.replace(replaced)
        temporary.replace(directory)
    except OSError as error:
        raise unwritable(directory, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if directory.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        elif replaced.exists():
            replaced.replace(directory)


def refuse_existing_directory(
    directory: Path, *, overwrite: bool = False, suffix: str = ""
) -> None:
    """Raise ``output-exists`` if there is something that :func:`whole_directory` won't replace."""
    if not directory.exists() and not directory.is_symlink():
        return
    if not overwrite or directory.is_symlink() or not directory.is_dir():
        raise DistcorrError(Code.OUTPUT_EXISTS, f"{directory} exists already")
    foreign = [path for path in directory.iterdir() if not _replaceable(path, suffix)]
    if foreign:
        raise DistcorrError(
            Code.OUTPUT_EXISTS,
            f"{directory} holds more than an earlier output and is not replaced",
            str(min(foreign)),
        )


def _replaceable(path: Path, suffix: str) -> bool:
    return path.is_file() and path.name.endswith(suffix)


def unwritable(path: Path, error: OSError) -> DistcorrError:
    """Say why an output can't be written."""
    number = _number_of(error)
    full = number in (errno.ENOSPC, errno.EDQUOT)
    code = Code.DISK_FULL if full else Code.OUTPUT_UNWRITABLE
    reason = os.strerror(number) if number else (str(error).splitlines() or [""])[0]
    return DistcorrError(code, f"{path} can't be written", reason)


def _number_of(error: OSError) -> int | None:
    """Of the system's reason; HDF5 and pydicom tell it in their text alone."""
    if error.errno is not None:
        return error.errno
    found = re.search(r"errno = (\d+)|\[Errno (\d+)\]", str(error), re.IGNORECASE)
    return int(found[1] or found[2]) if found else None


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
