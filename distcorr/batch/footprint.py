"""Peak memory of the commands, estimated from the sizes of their scans.

Upper bounds: bytes per voxel from what is held at once, fitted to peaks (ru_maxrss) of
scans of 1, 7 and 23 million voxels and to those of ``benchmarks/apply_folders.py`` and
``benchmarks/full_size.py``. The peaks are at least 1 / 1.5 of the bounds, to which
``tests/batch/test_budget.py`` holds them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from distcorr.apply import Interpolation
from distcorr.batch.formats import ImageFormat
from distcorr.batch.load import is_image
from distcorr.images import suffix_of
from distcorr.memory import Extent

STARTED_BYTES = 400_000_000
"""Of a process that has imported and read a correction: 290 to 350 MB measured."""

_FLOAT = 4
_TRUTH = 1

_NIFTI_BUFFER = 3
"""Bytes a voxel by which NIfTI files, zipped in memory, exceed others: 2.9 measured."""


class Source(Enum):
    """Kind of file that a scan comes from: ITK keeps a copy of what it has read."""

    DICOM = "DICOM"
    NRRD = "NRRD"
    NIFTI = "NIfTI"


def applying(
    scan: Extent,
    interpolation: Interpolation,
    image_format: ImageFormat,
    like_voxels: int | None = None,
    source: Source = Source.DICOM,
) -> int:
    """Peak of correcting one scan.

    Parameters
    ----------
    scan : Extent
    interpolation : Interpolation
    image_format : ImageFormat
        Of the results.
    like_voxels : int, optional
        Of the grid of the result; the scan's own by default.
    source : Source
        Kind of file that the scan comes from.

    Returns
    -------
    int
        Bytes.
    """
    item = scan.itemsize
    needs_coefficients = interpolation is Interpolation.BSPLINE
    coefficients = max(item, _FLOAT) if needs_coefficients else 0
    copies = 2 if source is Source.DICOM else 3
    given = scan.voxels * (copies * item + coefficients + _TRUTH)
    made = (like_voxels or scan.voxels) * (item + 2 * _TRUTH)
    if source is Source.NIFTI or image_format is ImageFormat.NIFTI:
        made += _NIFTI_BUFFER * max(scan.voxels, like_voxels or 0)
    return STARTED_BYTES + max(given + made, _loading(scan))


def converting(scan: Extent) -> int:
    """Peak of converting a DICOM series, bytes: the array, ITK's copy, and where pixels are."""
    return STARTED_BYTES + max(2 * scan.bytes + _TRUTH * scan.voxels, _loading(scan))


def _loading(scan: Extent) -> int:
    return scan.bytes + scan.decoding_bytes


def source_of(path: Path) -> Source:
    """Tell by its name what kind of file a scan comes from."""
    if not is_image(path):
        return Source.DICOM
    return Source.NRRD if suffix_of(path) == ".nrrd" else Source.NIFTI


@dataclass(frozen=True, slots=True)
class Export:
    """What of a transform decides how much memory its export takes.

    Attributes
    ----------
    file_name : str
    inverse : bool
        Whether the map is solved for shown places.
    fsl : bool
        Whether it is a warp of FSL's.
    """

    file_name: str
    inverse: bool = False
    fsl: bool = False

    @property
    def bytes_per_voxel(self) -> int:
        """Of the field's grid; measured: .h5 72, .dcm 36, FSL 10 to 19, others 26, inverse 37."""
        name = self.file_name.lower()
        if name.endswith(".h5"):
            return 80
        if name.endswith(".tfm"):
            return 0  # a lattice, whatever the grid
        if self.inverse or name.endswith(".dcm"):
            return 42
        return 24 if self.fsl else 32

    def bytes(self, voxels: int, scan_bytes: int) -> int:
        """Peak of the export of a field on so many voxels beside the scan."""
        return STARTED_BYTES + scan_bytes + voxels * self.bytes_per_voxel

    def bytes_with(self, scan: Extent) -> int:
        """Peak of loading a scan and exporting the field on its grid."""
        return max(self.bytes(scan.voxels, scan.bytes), STARTED_BYTES + _loading(scan))


@dataclass(frozen=True, slots=True)
class Pair:
    """Sizes of the two scans of a reference.

    Attributes
    ----------
    axial, coronal : Extent
    """

    axial: Extent
    coronal: Extent

    @property
    def common_mm3(self) -> float:
        """Volume that both scans may show: of the smaller."""
        return min(self.axial.volume_mm3, self.coronal.volume_mm3)

    @property
    def most_samples(self) -> float:
        """Samples of the finest stage, were all of the common volume body."""
        voxel_mm3 = math.sqrt(self.axial.voxel_mm3 * self.coronal.voxel_mm3)
        return self.common_mm3 / max(voxel_mm3, FINEST_STEP_MM**3)


FINEST_STEP_MM = 2.0
"""Distance of samples in the finest stage, unless voxels are larger."""

LEARNING_BYTES = 420_000_000
"""Of a process that begins to learn, with its page to come: 400 MB measured."""

_SAMPLE_BYTES = 130
"""Of a possible sample: two pairs of 400 mm in 1 mm voxels take 93."""

_ROWS_BYTES_PER_MM3 = 0.09
"""For each harmonic of a component, (degree + 1)^2: rows of equations, three for each cube
of 8 mm of body, times all coefficients; 0.05 to 0.074 measured with half of the volume body."""


def learning(pairs: Sequence[Pair], max_degree: int) -> int:
    """Peak of learning, bytes.

    Held are all scans, the coefficients of both scans of every pair, and either the
    samples or, at the end, the equations of every pair.

    Parameters
    ----------
    pairs : sequence of Pair
    max_degree : int
        Of the harmonics.
    """
    voxels = sum(pair.axial.voxels + pair.coronal.voxels for pair in pairs)
    scans = sum(pair.axial.bytes + pair.coronal.bytes for pair in pairs)
    samples = _SAMPLE_BYTES * sum(pair.most_samples for pair in pairs)
    harmonics = (max_degree + 1) ** 2
    rows = _ROWS_BYTES_PER_MM3 * harmonics * sum(pair.common_mm3 for pair in pairs)
    return LEARNING_BYTES + scans + _FLOAT * voxels + int(max(samples, rows))
