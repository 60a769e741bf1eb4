"""Find the DICOM images of a folder tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from distcorr.dicom.header import FileHeader
from distcorr.dicom.read import read_header
from distcorr.errors import Code, DistcorrError, Finding

Progress = Callable[[int, int], None]
"""Called with the number of files read and the number of all files."""

_PREAMBLE = 128
_MAGIC = b"DICM"
# Files without preamble begin with an element of group 0002 or 0008.
_BARE_STARTS = (b"\x02\x00\x00\x00", b"\x02\x00\x01\x00", b"\x08\x00\x00\x00", b"\x08\x00\x05\x00",
                b"\x08\x00\x08\x00", b"\x08\x00\x16\x00")  # fmt: skip


class Skip(StrEnum):
    """Why a file was passed over."""

    NOT_DICOM = "not DICOM"
    DICOMDIR = "DICOMDIR"
    NO_IMAGE = "DICOM without an image"
    HIDDEN = "hidden file"
    EMPTY = "empty file"
    UNREADABLE = "damaged DICOM file"


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The images found and what was passed over.

    Attributes
    ----------
    headers : tuple of FileHeader
        In the order of their paths.
    skipped : dict
        Number of files for each reason.
    problems : tuple of DistcorrError
        One for each file that is damaged or empty where images are.
    """

    headers: tuple[FileHeader, ...]
    skipped: dict[Skip, int]
    problems: tuple[DistcorrError, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The problems as findings."""
        return tuple(problem.finding for problem in self.problems)


def scan(paths: Iterable[Path], progress: Progress | None = None) -> ScanResult:
    """Read the headers of all DICOM images at or below some paths.

    Parameters
    ----------
    paths : iterable of Path
        Folders and files; names and extensions do not matter.
    progress : callable, optional

    Returns
    -------
    ScanResult

    Raises
    ------
    DistcorrError
        ``not-found`` if a path does not exist.
    """
    files = _all_files(paths)
    headers: list[FileHeader] = []
    skipped: Counter[Skip] = Counter()
    problems: list[DistcorrError] = []
    for done, path in enumerate(files, start=1):
        found = _read(path)
        if isinstance(found, FileHeader):
            headers.append(found)
        elif isinstance(found, DistcorrError):
            skipped[Skip.UNREADABLE] += 1
            problems.append(found)
        else:
            skipped[found] += 1
            if found is Skip.EMPTY:
                problems.append(DistcorrError(Code.UNREADABLE, "a file is empty", str(path)))
        if progress is not None:
            progress(done, len(files))
    return ScanResult(tuple(headers), dict(skipped), tuple(problems))


def _all_files(paths: Iterable[Path]) -> list[Path]:
    files: dict[Path, Path] = {}
    for path in map(Path, paths):
        if not path.exists():
            raise DistcorrError(Code.NOT_FOUND, "no such file or folder", str(path))
        below = path.rglob("*") if path.is_dir() else [path]
        for file in below:
            if file.is_file():
                files.setdefault(file.resolve(), file)
    return sorted(files.values())


def _read(path: Path) -> FileHeader | Skip | DistcorrError:
    if path.name.startswith("."):
        return Skip.HIDDEN
    if path.name.upper() == "DICOMDIR":
        return Skip.DICOMDIR
    try:
        with path.open("rb") as stream:
            start = stream.read(_PREAMBLE + len(_MAGIC))
    except OSError as failure:
        return DistcorrError(Code.UNREADABLE, f"a file can't be read ({failure})", str(path))
    if not start:
        return Skip.EMPTY
    if start[_PREAMBLE:] != _MAGIC and not start.startswith(_BARE_STARTS):
        return Skip.NOT_DICOM
    try:
        header = read_header(path)
    except DistcorrError as refusal:
        return refusal if start[_PREAMBLE:] == _MAGIC else Skip.NOT_DICOM
    except Exception as failure:  # one damaged file must not end the search of a tree
        return DistcorrError(
            Code.UNREADABLE, f"the header can't be read ({type(failure).__name__})", str(path)
        )
    return Skip.NO_IMAGE if header is None else header
