"""List the files that reading a manifest touches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from distcorr.batch import Cohort, CohortReference, CohortScan
from distcorr.batch.sidecar import sidecar_path
from distcorr.data.detached import detached_files
from distcorr.dicom.scan import Progress, scan
from distcorr.errors import Code, DistcorrError
from distcorr.images import SUFFIXES


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files of a study at one moment.

    Attributes
    ----------
    files : dict
        Path of each file by its name: relative to the folder of the manifest, with
        slashes, or absolute where the manifest says so. The manifest is one of them.
    refused : dict
        Why a path could not be listed, or not completely, by its name.
    """

    files: dict[str, Path]
    refused: dict[str, DistcorrError]


def input_files(cohort: Cohort, progress: Progress | None = None) -> Inputs:
    """List the manifest and all files that it makes distcorr read.

    Of folders these are all files with a DICOM image, whatever they are called; of
    NRRD and NIfTI scans the sidecars, too, and of an NRRD header that stands alone the
    files with the voxels. Symbolic links count as what they lead to;
    pipes and other special files are never opened.

    Parameters
    ----------
    cohort : Cohort
    progress : callable, optional

    Returns
    -------
    Inputs
    """
    folder = cohort.path.parent.absolute()
    named = list(dict.fromkeys(_named_paths(cohort)))
    files = {cohort.path.name: cohort.path}
    refused: dict[str, DistcorrError] = {}
    for done, (written, is_scan) in enumerate(named, start=1):
        path = cohort.resolve(written)
        # As written: names must depend neither on the working folder nor on its path.
        base = None if Path(written).expanduser().is_absolute() else folder
        found = _scan_files(path) if is_scan else _plain_file(path)
        files |= {_name(file, base): file for file in found.files}
        if found.refusal is not None:
            refused[_name(path, base)] = found.refusal
        if progress is not None:
            progress(done, len(named))
    return Inputs(files, refused)


def _named_paths(cohort: Cohort) -> Iterator[tuple[str, bool]]:
    """Give all paths as written, and whether each is a scan or a plain file."""
    for reference in cohort.references:
        yield from _of_reference(reference)
    for entry in cohort.scans:
        yield from _of_scan(entry)
    for points in cohort.points:
        yield from ((path, False) for path in (points.pairs, points.true, points.shown) if path)


def _of_reference(reference: CohortReference) -> Iterator[tuple[str, bool]]:
    yield from ((path, True) for path in (*reference.axials, reference.coronal))
    yield from ((path, False) for path in (reference.mask, reference.head) if path)


def _of_scan(entry: CohortScan) -> Iterator[tuple[str, bool]]:
    yield entry.path, True
    yield from ((path, False) for path in (*entry.labels, *entry.points, *entry.meshes))


@dataclass(frozen=True, slots=True)
class _Found:
    files: tuple[Path, ...]
    refusal: DistcorrError | None = None


def _scan_files(path: Path) -> _Found:
    """List the files of a scan as :func:`distcorr.batch.load_scan` reads it."""
    if path.name.lower().endswith(SUFFIXES) and not path.is_dir():
        sidecar = _plain_file(sidecar_path(path))
        volume = _plain_file(path)
        return _Found((*volume.files, *sidecar.files), volume.refusal)
    try:
        found = scan([path])
    except DistcorrError as refusal:
        return _Found((), refusal)
    images = tuple(sorted({image.path for image in found.headers}))
    if found.problems:
        return _Found(images, found.problems[0])
    if not images:
        return _Found((), DistcorrError(Code.NOT_DICOM, "no DICOM image was found", str(path)))
    return _Found(images)


def _plain_file(path: Path) -> _Found:
    if path.is_file():
        return _with_detached(path)
    return _Found((), DistcorrError(Code.NOT_FOUND, "no such file", str(path)))


def _with_detached(path: Path) -> _Found:
    """Add the files that a volume takes its voxels from."""
    try:
        voxels = detached_files(path)
    except OSError:
        return _Found((path,))  # hashing it tells why
    absent = [one for one in voxels if not one.is_file()]
    files = (path, *(one for one in voxels if one not in absent))
    if not absent:
        return _Found(files)
    evidence = f"{absent[0]}, named by {path}"
    return _Found(files, DistcorrError(Code.NOT_FOUND, "no such file", evidence))


def _name(path: Path, base: Path | None) -> str:
    absolute = path.absolute()
    if base is None or not absolute.is_relative_to(base):
        return absolute.as_posix()
    return absolute.relative_to(base).as_posix()
