"""Get public data, from the web or from a folder, and verify every file of it.

In the folder it is fetched to, ``DATASET/FOLDER/FILE`` is what readers take. Where
files are packed, they are kept as distributed below ``as-distributed/``, so that what
is there can be verified again.
"""

from __future__ import annotations

import gzip
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from distcorr.batch.record_parts import file_sha256
from distcorr.data.public import DataFile, DataFolder, Dataset, piece_place
from distcorr.dicom.scan import Progress
from distcorr.errors import Code, DistcorrError
from distcorr.outputs import unwritable, whole_output

GITHUB_RAW = "https://raw.githubusercontent.com"
"""Where GitHub gives out single files of a commit."""

TIMEOUT_S = 30
"""Silence of a server after which it counts as gone; a slow line still says something."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a dataset.

    Attributes
    ----------
    dataset : Dataset
    folder : DataFolder
    file : DataFile
    """

    dataset: Dataset
    folder: DataFolder
    file: DataFile

    def ready(self, into: Path) -> Path:
        """Name the file that readers take."""
        return into / self.dataset.name / piece_place(self.dataset, self.folder, self.file)

    def distributed(self, into: Path) -> Path:
        """Name the file as distributed."""
        if self.dataset.packing is None:
            return self.ready(into)
        return into / "as-distributed" / self.dataset.name / self.folder.name / self.file.name

    def is_at(self, path: Path) -> bool:
        """Whether a file is there and holds what the list says."""
        try:
            return (
                path.is_file()
                and path.stat().st_size == self.file.bytes
                and file_sha256(path) == self.file.sha256
            )
        except OSError:
            return False

    def mismatch(self, where: str) -> DistcorrError:
        """Refuse a file that is not the listed one."""
        return DistcorrError(
            Code.HASH_MISMATCH,
            f"{where} is not the listed file",
            f"{self.file.name} has {self.file.bytes} bytes, SHA-256 {self.file.sha256}",
        )


class Origin(Protocol):
    """Where files come from."""

    def obtain(self, piece: Piece, target: Path) -> None:
        """Put a verified file at ``target``, whole or not at all."""
        ...


@dataclass(frozen=True, slots=True)
class WebOrigin:
    """GitHub, over https.

    Attributes
    ----------
    host : str
        Address below which ``owner/name/commit/path`` are.
    """

    host: str = GITHUB_RAW

    def obtain(self, piece: Piece, target: Path) -> None:
        """Download a file.

        Raises
        ------
        DistcorrError
            ``download-failed``, ``hash-mismatch``, ``output-unwritable``, ``disk-full``.
        """
        import pooch  # it and requests are slow to import
        from requests import RequestException

        url = piece.dataset.address(self.host, piece.folder, piece.file)
        # Not streamed, so that the connection is closed whatever happens; files are small.
        download = pooch.HTTPDownloader(timeout=TIMEOUT_S, stream=False)
        try:
            with _silent(pooch.get_logger()):
                pooch.retrieve(
                    url,
                    known_hash=f"sha256:{piece.file.sha256}",
                    fname=target.name,
                    path=target.parent,
                    downloader=download,
                )
        except RequestException as failure:
            what = f"{url} can't be fetched"
            raise DistcorrError(Code.DOWNLOAD_FAILED, what, _why(failure)) from failure
        except OSError as failure:
            raise unwritable(target, failure) from failure
        except ValueError as failure:  # so pooch says that the hash differs
            raise piece.mismatch(url) from failure


@dataclass(frozen=True)
class FolderOrigin:
    """A folder that holds copies: clones of the repositories, or files of any names.

    Attributes
    ----------
    root : Path
    sizes : frozenset of int
        Sizes of the files that may be wanted; others are not read.
    """

    root: Path
    sizes: frozenset[int]

    @classmethod
    def holding(cls, root: Path, datasets: tuple[Dataset, ...]) -> FolderOrigin:
        """Take a folder as origin of some datasets.

        Raises
        ------
        DistcorrError
            ``not-found`` if it is no folder.
        """
        if not root.is_dir():
            raise DistcorrError(Code.NOT_FOUND, "no such folder", str(root))
        return cls(root, frozenset(file.bytes for one in datasets for _, file in one.members))

    def obtain(self, piece: Piece, target: Path) -> None:
        """Copy a file, found by its path in the repository or else by its content.

        Raises
        ------
        DistcorrError
            ``not-found``, ``hash-mismatch`` if the file of that path is another one,
            ``unreadable``, ``output-unwritable``, ``disk-full``.
        """
        source = self._find(piece)
        if _digest(source) != piece.file.sha256:
            raise piece.mismatch(str(source))
        with whole_output(target, overwrite=True) as temporary:
            shutil.copyfile(source, temporary)
            if not piece.is_at(temporary):
                raise piece.mismatch(str(source))

    def _find(self, piece: Piece) -> Path:
        named = f"{piece.folder.path}/{piece.file.name}"
        if (self.root / named).is_file():
            return self.root / named
        if piece.file.sha256 in self._by_content:
            return self._by_content[piece.file.sha256]
        raise DistcorrError(
            Code.NOT_FOUND,
            f"{self.root} does not hold {piece.file.name}",
            f"neither as {named} nor by its SHA-256 {piece.file.sha256}",
            f"give a clone of {piece.dataset.repository} at {piece.folder.commit}",
        )

    @cached_property
    def _by_content(self) -> dict[str, Path]:
        """Files below the folder by SHA-256."""
        wanted = (
            path
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.stat().st_size in self.sizes
        )
        return {_digest(path): path for path in wanted}


def fetch(dataset: Dataset, into: Path, origin: Origin, progress: Progress | None = None) -> Path:
    """Make sure that a dataset is complete in a folder, and as listed.

    Parameters
    ----------
    dataset : Dataset
    into : Path
        Folder of all datasets; created if absent.
    origin : Origin
        Where to get what is missing or damaged; what is there already is verified, and
        not fetched again.
    progress : callable, optional

    Returns
    -------
    Path
        Folder of the dataset.

    Raises
    ------
    DistcorrError
        As the origin does. What was fetched until then stays.
    """
    pieces = [Piece(dataset, folder, file) for folder, file in dataset.members]
    for done, piece in enumerate(pieces, start=1):
        target = piece.distributed(into)
        if not piece.is_at(target):
            origin.obtain(piece, target)
        if dataset.packing is not None:
            _unpack(target, piece.ready(into))
        if progress is not None:
            progress(done, len(pieces))
    return into / dataset.name


def _unpack(packed: Path, ready: Path) -> None:
    """Unpack a verified file; always anew, as nothing vouches for one that is there."""
    with (
        whole_output(ready, overwrite=True) as temporary,
        gzip.open(packed) as source,
        temporary.open("wb") as sink,
    ):
        shutil.copyfileobj(source, sink)


def _digest(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as failure:
        reason = failure.strerror or str(failure)
        raise DistcorrError(
            Code.UNREADABLE, "a file can't be read", f"{path}: {reason}", "check its rights"
        ) from failure


def _why(failure: Exception) -> str:
    """Say in one line why a download failed, without the layers of the libraries."""
    response = getattr(failure, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    root: BaseException = failure
    while root.__context__ is not None:
        root = root.__context__
    return f"{type(failure).__name__}: {root}"


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """Keep a library from telling what our own messages and progress tell."""
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
