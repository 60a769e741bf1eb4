"""Independent readers to compare the loader with, and every series to compare on.

Shared by the tests and by ``benchmarks/loader_oracles.py``, which prints the table.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813 - its customary name

from distcorr.dicom import Layout, Series, find_series, load_series
from distcorr.errors import DistcorrError
from distcorr.space import Volume, transform_points

CORNER_TOLERANCE_MM = 0.01
"""Largest distance of corner voxels between two readers that agree."""

ONE_BY_ONE = "edge/pydicom_emri_multiframe"
"""A folder whose files are variants of one object, one of them damaged."""

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


class Oracle(StrEnum):
    DCM2NIIX = "dcm2niix"
    GDCM = "SimpleITK/GDCM"
    REFERENCE = "shipped NIfTI"


@dataclass(frozen=True)
class Folder:
    """Files that are loaded together, and the reference that came with them."""

    name: str
    files: tuple[Path, ...]
    references: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """One part of one series against one oracle."""

    folder: str
    part: str
    verdict: str
    oracle: Oracle | None = None
    corner_mm: float | None = None
    equal: bool | None = None
    problem: str = ""

    @property
    def agrees(self) -> bool:
        return (
            self.corner_mm is not None
            and self.corner_mm <= CORNER_TOLERANCE_MM
            and self.equal is True
        )


AVERAGED = "spreads the slices evenly over the stack, so that those between are misplaced"
CLOSED = "closes the hole, so that all slices behind it are misplaced"
TILTED = "ignores that the slices are shifted sideways and stacks them at a right angle"
UNEVEN = "takes the mean gap for all slices and resamples nothing"
MOSAIC = "GDCM reads the mosaic as one slice"
REASONS: dict[tuple[str, str, Oracle], str] = {
    ("edge/d2n_failing_gantrytilting_001", "all", Oracle.GDCM): TILTED,
    ("edge/d2n_failing_sliceincrement_001", "all", Oracle.DCM2NIIX): CLOSED,
    ("edge/d2n_failing_sliceincrement_001", "all", Oracle.GDCM): AVERAGED,
    ("edge/d2n_failing_sliceincrement_002", "all", Oracle.DCM2NIIX): TILTED,
    ("edge/d2n_failing_sliceincrement_002", "all", Oracle.GDCM): TILTED,
    ("edge/d2n_failing_sliceincrement_002", "all", Oracle.REFERENCE): (
        "dicom2nifti resamples tilt and hole by a spline onto a grid of its own"
    ),
    ("edge/d2n_generic_compressed_jpegls_001", "all", Oracle.DCM2NIIX): (
        "Debian builds it without JPEG-LS"
    ),
    ("edge/ge_mpr_wrong_spacing_tag", "all", Oracle.DCM2NIIX): UNEVEN,
    ("edge/ge_mpr_wrong_spacing_tag", "all", Oracle.GDCM): UNEVEN,
    ("edge/multiecho_irregular", "TE 20 ms", Oracle.DCM2NIIX): CLOSED,
    ("edge/multiecho_irregular", "TE 20 ms", Oracle.GDCM): AVERAGED,
    ("epi_3plane_mosaic/axasc35", "*", Oracle.GDCM): MOSAIC,
    ("epi_3plane_mosaic/corasc35", "*", Oracle.GDCM): MOSAIC,
    ("epi_3plane_mosaic/sagasc35", "*", Oracle.GDCM): MOSAIC,
}
"""Where an oracle deviates, and why it is the oracle that is wrong or can't tell. Keys
are folder, part (or "*") and oracle."""

REFUSED: dict[tuple[str, str], str] = {
    ("acr_nd_vs_dis2d/acr_sag_DIS2D", "all"): "not-a-volume",
    ("acr_nd_vs_dis2d/snr20ch_DIS2D_12coils", "all"): "not-a-volume",
    ("acr_nd_vs_dis2d/snr20ch_ND", "all"): "not-a-volume",
    ("edge/d2n_failing_notavolume_001", "all"): "not-a-volume",
    ("edge/d2n_ge_anatomical_001_single_slice", "all"): "not-a-volume",
    ("edge/pydicom_emri_multiframe", "*"): "geometry-missing",
    ("edge/pydicom_mr_variants", "all"): "pixels-unreadable",
    ("scout_dis3d/2001_AAHead_Scout", "sagittal 1"): "not-parallel",
    ("scout_dis3d/2001_AAHead_Scout", "sagittal 2"): "not-parallel",
    ("scout_dis3d/2001_AAHead_Scout", "sagittal 4"): "not-parallel",
    ("scout_dis3d/4001_AAHead_Scout", "*"): "not-parallel",
}
"""Parts that are no volume, and the code that says why."""


def folder_names(data: Path) -> list[str]:
    """List what is loaded together: folders with DICOM files, or single files."""
    names = []
    for folder in sorted({path.parent for path in data.rglob("*") if path.is_file()}):
        name = folder.relative_to(data).as_posix()
        if name == ONE_BY_ONE:
            names += [f"{name}/{path.name}" for path in sorted(folder.iterdir())]
        elif any(path.name.endswith(".dcm.gz") or _is_dicom(path) for path in _files(folder)):
            names.append(name)
    return names


def folders(data: Path, scratch: Path, only: str = "") -> list[Folder]:
    """Collect the files of every name; compressed files are unpacked to scratch."""
    found = []
    for name in [only] if only else folder_names(data):
        path = data / name
        if path.is_file():
            found.append(Folder(name, (path,)))
            continue
        packed = [file for file in _files(path) if file.name.endswith(".dcm.gz")]
        files = [_unpacked(file, scratch / name) for file in packed] or _files(path)
        dicom = tuple(file for file in files if _is_dicom(file))
        found.append(Folder(name, dicom, tuple(_references(path, data))))
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _unpacked(path: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name.removesuffix(".gz")
    with gzip.open(path) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    return target


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _references(folder: Path, data: Path) -> Iterator[Path]:
    yield from sorted((folder / "ref").glob("*.nii*"))
    yield from sorted((folder.parent / "ref").glob("*.nii*"))
    shared = {
        "axasc35": "ax_asc_35sl_6",
        "corasc35": "cor_asc_35sl_16",
        "sagasc35": "sag_asc_35sl_22",
    }
    if folder.name in shared:
        yield data / "epi_3plane_mosaic" / "ref_nifti" / f"{shared[folder.name]}.nii"


def compare_folder(folder: Folder, scratch: Path) -> list[Comparison]:
    """Compare every part of a folder with every oracle that can read it."""
    rows = []
    for number, series in enumerate(find_series(folder.files).series):
        if series.refusal is not None:
            rows.append(
                Comparison(folder.name, series.part, f"refused [{series.refusal.code}]",
                           problem=series.refusal.finding.what)
            )  # fmt: skip
            continue
        try:
            volume = load_series(folder.files, series.part).volume
        except DistcorrError as refusal:
            rows.append(Comparison(folder.name, series.part, f"refused [{refusal.code}]",
                                   problem=refusal.finding.what))  # fmt: skip
            continue
        rows += _against_oracles(folder, series, volume, scratch / f"part{number}")
    return rows


def _against_oracles(
    folder: Folder, series: Series, volume: Volume, scratch: Path
) -> Iterator[Comparison]:
    inputs = scratch / "in"
    inputs.mkdir(parents=True)
    for n, path in enumerate(reversed(series.files)):
        (inputs / f"f{n:04d}.dcm").symlink_to(path)
    verdict = f"loaded, {series.regularity}"
    for oracle, volumes in (
        (Oracle.DCM2NIIX, lambda: by_dcm2niix(inputs, scratch / "out")),
        (Oracle.GDCM, lambda: by_gdcm(inputs, series)),
        (Oracle.REFERENCE, lambda: [v for path in folder.references for v in by_nifti(path)]),
    ):
        if oracle is Oracle.REFERENCE and not folder.references:
            continue
        try:
            candidates = volumes()
        except (RuntimeError, subprocess.CalledProcessError) as failure:
            yield Comparison(folder.name, series.part, verdict, oracle, problem=str(failure)[:200])
            continue
        row = Comparison(folder.name, series.part, verdict, oracle)
        yield _best(row, volume, _slots(series), candidates)


def _slots(series: Series) -> list[int]:
    """Places of the measured slices on the grid; the oracles know nothing of the holes."""
    assert series.stack is not None
    if series.stack.slots is None:
        return list(range(series.stack.grid.size[2]))
    return list(series.stack.slots)


def _best(
    row: Comparison,
    ours: Volume,
    slots: list[int],
    candidates: list[tuple[np.ndarray, np.ndarray]],
) -> Comparison:
    """Compare with the nearest of the oracle's volumes."""
    results = [compare(ours, slots, array, affine) for array, affine in candidates]
    if not results:
        return replace(row, problem="nothing written")
    corner, equal = min(results, key=lambda result: (not result[1], result[0]))
    return replace(row, corner_mm=corner, equal=equal)


def compare(
    ours: Volume, slots: list[int], array: np.ndarray, T_lps_index: np.ndarray
) -> tuple[float, bool]:
    """Worst distance of corner voxels (mm) and whether all voxels are equal.

    The other volume may have its axes flipped or exchanged; its array is indexed
    [i, j, k]. Its slices are those of ``slots``.
    """
    T = ours.grid.T_index_lps @ T_lps_index
    axes = np.argmax(np.abs(T[:3, :3]), axis=0)
    size = (*ours.grid.size[:2], len(slots))
    if sorted(axes) != [0, 1, 2] or tuple(np.array(array.shape)[np.argsort(axes)]) != size:
        return np.inf, False
    flips = [int(axes[n]) for n in range(3) if T[axes[n], n] < 0]
    theirs = np.flip(np.transpose(array, np.argsort(axes)), flips)
    # The four corners of every slice: readers that agree on the ends may differ between.
    last = np.array(size) - 1
    mine = np.array(
        [(a * last[0], b * last[1], k) for a in (0, 1) for b in (0, 1) for k in range(size[2])]
    )
    other = np.where(np.isin(np.arange(3), flips), last - mine, mine)[:, axes]
    mine[:, 2] = np.array(slots)[mine[:, 2]]
    apart = transform_points(T_lps_index, other) - transform_points(ours.grid.T_lps_index, mine)
    distance = float(np.linalg.norm(apart, axis=1).max())
    return distance, _equal(ours, slots, theirs)


def _equal(ours: Volume, slots: list[int], theirs: np.ndarray) -> bool:
    """Whether voxels are equal; interpolated ones up to the rounding of integers."""
    values = ours.array[slots].transpose(2, 1, 0).astype(np.float64)
    interpolated = ours.array.dtype.kind == "f" and ours.valid is not None
    tolerance = 0.5 if interpolated else 1e-4
    close = np.isclose(values, theirs, rtol=2e-6, atol=tolerance)
    if ours.valid is not None and interpolated:
        close |= ~ours.valid[slots].transpose(2, 1, 0)
    return bool(close.all())


def by_dcm2niix(inputs: Path, output: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    output.mkdir(parents=True)
    command = [
        "dcm2niix",
        "-b",
        "n",
        "-z",
        "n",
        "-p",
        "n",
        "-f",
        "%s_%e_%t",
        "-o",
        str(output),
        str(inputs),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return [volume for path in sorted(output.glob("*.nii")) for volume in by_nifti(path)]


def by_nifti(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    image = nib.load(path)
    data = np.asanyarray(image.dataobj)
    if data.ndim < 3:
        return []
    stack = data.reshape(*data.shape[:3], -1)
    affine = RAS_FROM_LPS @ image.affine
    return [(stack[..., n], affine) for n in range(stack.shape[3])]


def by_gdcm(inputs: Path, series: Series) -> list[tuple[np.ndarray, np.ndarray]]:
    if series.layout is Layout.CLASSIC:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(inputs), series.uid))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(next(inputs.iterdir())), imageIO="GDCMImageIO")
    array = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    T = np.eye(4)
    T[:3, :3] = direction * np.array(image.GetSpacing())
    T[:3, 3] = image.GetOrigin()
    return [(array, T)]


_OWN_UID = re.compile(r'"[0-9.]+" in .*')


def dciodvfy_errors(path: Path) -> set[str]:
    """Errors that dciodvfy finds; which UID is illegal and where it stands is left out."""
    found = subprocess.run(
        ["dciodvfy", str(path)], capture_output=True, text=True, errors="replace"
    )
    said = (found.stdout + found.stderr).splitlines()
    return {_OWN_UID.sub("", line) for line in said if line.startswith("Error")}


def all_comparisons(data: Path, scratch: Path) -> Iterator[Comparison]:
    """Compare everything; used by the table."""
    for number, folder in enumerate(folders(data, scratch / "unpacked")):
        yield from compare_folder(folder, scratch / f"folder{number}")


def reason_for(row: Comparison) -> str:
    """Why an oracle deviates, empty if no reason is known."""
    if row.oracle is None:
        return ""
    exact = REASONS.get((row.folder, row.part, row.oracle), "")
    return exact or REASONS.get((row.folder, "*", row.oracle), "")


def expected_refusal(folder: str, part: str) -> str:
    """Code with which a part has to be refused, empty if it is a volume."""
    for (name, which), code in REFUSED.items():
        if which in (part, "*") and (folder == name or folder.startswith(f"{name}/")):
            return code
    return ""
