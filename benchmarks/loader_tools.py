"""Readers of DICOM as their careful users call them: what they write, and what they say.

Each gets a folder with all files that are stored together, and returns every volume it
makes of it with every message of its own. Nothing is filtered here but what is no
message at all.
"""

from __future__ import annotations

import io
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813 - its customary name
from geometry_referee import Candidate

from distcorr import __version__
from distcorr.dicom import find_series
from distcorr.dicom.pixels import load_stack
from distcorr.errors import DistcorrError

UNKNOWN = "of unknown version"
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tool made of a folder.

    Attributes
    ----------
    volumes : tuple of Candidate
    said : tuple of str
        Warnings and errors, in the tool's words.
    """

    volumes: tuple[Candidate, ...]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A reader.

    Attributes
    ----------
    name : str
    version : str
    options : str
        How it is called.
    read : callable
        Takes a folder.
    """

    name: str
    version: str
    options: str
    read: Callable[[Path], Reading]


def by_distcorr(folder: Path) -> Reading:
    """Load every volume that ``distcorr inspect`` lists, as ``distcorr convert`` would."""
    found = find_series([folder])
    volumes, said = [], [str(finding) for finding in found.findings]
    for series in found.series:
        said += [str(finding) for finding in series.findings]
        if series.stack is None:
            said.append(str(series.refusal))
            continue
        try:
            volume = load_stack(series.stack)
        except DistcorrError as refusal:
            said.append(str(refusal))
            continue
        valid = None if volume.valid is None else volume.valid.transpose(2, 1, 0)
        volumes.append(Candidate(volume.array.transpose(2, 1, 0), volume.grid.T_lps_index, valid))
    return Reading(tuple(volumes), tuple(said))


def by_dcm2niix(program: str, folder: Path) -> Reading:
    """Run dcm2niix; slices that were shifted or resampled come as files beside the plain ones."""
    with tempfile.TemporaryDirectory() as out:
        options = ["-g", "i", "-b", "n", "-z", "n", "-f", "%s_%d", "-o", out, str(folder)]
        ended = subprocess.run(
            [program, *options], capture_output=True, text=True, errors="replace", timeout=300
        )
        lines = (ended.stdout + ended.stderr).splitlines()
        told = [line for line in lines if not line.startswith(("Chris Rorden", "Found", "Conver"))]
        if ended.returncode:
            told.append(f"exit status {ended.returncode}")
        return Reading(_niftis(Path(out)), tuple(line for line in told if line.strip()))


def by_simpleitk(folder: Path) -> Reading:
    """Read every series that GDCM lists with details; multi-frame files as images."""
    volumes: list[Candidate] = []
    said: list[str] = []
    with _itk_messages(said):
        reader = sitk.ImageSeriesReader
        for uid in reader.GetGDCMSeriesIDs(str(folder), True):
            names = reader.GetGDCMSeriesFileNames(str(folder), uid, True)
            try:
                image = _itk_image(names)
            except RuntimeError as failure:
                said.append(str(failure))
                continue
            volumes.append(_of_itk(image))
        if not volumes and not said:
            said.append("no series was listed")
    return Reading(tuple(volumes), tuple(said))


def _itk_image(names: Sequence[str]) -> sitk.Image:
    if len(names) == 1:
        return sitk.ReadImage(names[0], imageIO="GDCMImageIO")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    return reader.Execute()


def _of_itk(image: sitk.Image) -> Candidate:
    T = np.eye(4)
    T[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    T[:3, 3] = image.GetOrigin()
    return Candidate(sitk.GetArrayFromImage(image).transpose(2, 1, 0), T)


class _ItkLog(sitk.LoggerBase):
    """Takes down what ITK would print."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self._said = said

    def DisplayWarningText(self, text: str) -> None:
        """Keep a warning."""
        self._said.append(" ".join(text.split()))

    DisplayErrorText = DisplayText = DisplayGenericOutputText = DisplayWarningText


@contextmanager
def _itk_messages(said: list[str]) -> Iterator[None]:
    """Add to a list what ITK says, and what GDCM writes to the standard error stream."""
    log = _ItkLog(said)
    before = log.SetAsGlobalITKLogger()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as stream:
        os.dup2(stream.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            before.SetAsGlobalITKLogger()
            stream.seek(0)
            lines = stream.read().decode(errors="replace").splitlines()
            said += [line for line in lines if line.strip()]


def by_dicom2nifti(package: ModuleType, folder: Path, *, mend: bool) -> Reading:
    """Convert a folder.

    Parameters
    ----------
    package : module
    folder : Path
    mend : bool
        Whether to follow the advice of its manual for what it refuses by default:
        checks off, resampling on with linear interpolation.
    """
    settings = package.settings
    checks = ("slicecount", "orthogonal", "slice_increment")
    log = _Kept()
    logger = logging.getLogger(package.__name__)
    logger.addHandler(log)
    printed = io.StringIO()
    try:
        if mend:
            for check in checks:
                getattr(settings, f"disable_validate_{check}")()
            settings.enable_resampling()
            settings.set_resample_spline_interpolation_order(1)
        with (
            tempfile.TemporaryDirectory() as out,
            redirect_stderr(printed),
            redirect_stdout(printed),
        ):
            package.convert_directory(str(folder), out, compression=False)
            volumes = _niftis(Path(out))
    finally:
        logger.removeHandler(log)
        for check in checks:
            getattr(settings, f"enable_validate_{check}")()
        settings.disable_resampling()
        settings.set_resample_spline_interpolation_order(0)
    failures = [line for line in printed.getvalue().splitlines() if _is_exception(line)]
    return Reading(volumes, (*log.said, *failures))


def _is_exception(line: str) -> bool:
    """Whether a line of a traceback names the exception."""
    return bool(line) and not line.startswith((" ", "Traceback")) and (":" in line or "." in line)


class _Kept(logging.Handler):
    """Takes down warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.said.append(record.getMessage())


def _niftis(folder: Path) -> tuple[Candidate, ...]:
    found = []
    for path in sorted(folder.rglob("*.nii")):
        image: Any = nib.load(path)
        data = np.asanyarray(image.dataobj)
        if data.dtype.names is not None:
            continue  # colours
        data = data.reshape(*data.shape[:3], *[1] * (3 - data.ndim), -1)
        affine = RAS_FROM_LPS @ image.affine
        found += [Candidate(data[..., n], affine) for n in range(data.shape[3])]
    return tuple(found)


def tools() -> tuple[list[Tool], list[str]]:
    """All readers that are installed here, and the names of those that are not."""
    groups = {
        "distcorr": [
            Tool("distcorr", __version__, "`inspect`, then `convert --part`", by_distcorr)
        ],
        "dcm2niix": _dcm2niix(),
        "SimpleITK": [
            Tool(
                "SimpleITK",
                _version("SimpleITK"),
                "`ImageSeriesReader` with GDCM's file names, series details on",
                by_simpleitk,
            )
        ],
        "dicom2nifti": _dicom2nifti(),
    }
    found = [tool for group in groups.values() for tool in group]
    return found, [name for name, group in groups.items() if not group]


def _dcm2niix() -> list[Tool]:
    program = shutil.which("dcm2niix")
    if program is None:
        return []
    said = subprocess.run([program, "-v"], capture_output=True, text=True).stdout.split()
    number = next((word for word in reversed(said) if word.startswith("v")), UNKNOWN)
    return [Tool("dcm2niix", number, "defaults (`-m 2`, `-x n`)", partial(by_dcm2niix, program))]


def _dicom2nifti() -> list[Tool]:
    try:
        import dicom2nifti
        import dicom2nifti.settings
    except ImportError:
        return []
    number = _version("dicom2nifti")
    by_default = partial(by_dicom2nifti, dicom2nifti, mend=False)
    mending = partial(by_dicom2nifti, dicom2nifti, mend=True)
    options = "checks of slice count, tilt and increment off, resampling on, linear"
    return [
        Tool("dicom2nifti", number, "defaults", by_default),
        Tool("dicom2nifti, resampling", number, options, mending),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN


def linked(files: Sequence[Path], folder: Path) -> Path:
    """Lay files out in a folder under their own names."""
    folder.mkdir(parents=True)
    for path in files:
        (folder / path.name).symlink_to(path)
    return folder
