"""Peak memory of the commands, estimated from the sizes of their scans.

Upper bounds: bytes per voxel from what is held at once, checked against the peaks
(ru_maxrss) that ``benchmarks/memory.py`` measures, which lie between 1 / 1.5 and 1
of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from distcorr.apply import Interpolation
from distcorr.batch.formats import ImageFormat
from distcorr.memory import Extent

STARTED_BYTES = 380_000_000
"""Of a process that has imported and read a correction: 290 to 340 MB measured."""

PAGE_BYTES = 510_000_000
"""Of a process that draws pages, whatever their number of scans: 503 MB measured."""

_FLOAT = 4
_TRUTH = 1

_NIFTI_BUFFER = 3
"""Bytes a voxel by which NIfTI files, zipped in memory, exceed others: 2.9 measured."""


def applying(
    scan: Extent,
    interpolation: Interpolation,
    image_format: ImageFormat,
    like_voxels: int | None = None,
    *,
    nifti: bool = False,
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
    nifti : bool
        Whether the scan comes from NIfTI.

    Returns
    -------
    int
        Bytes.
    """
    item = scan.itemsize
    needs_coefficients = interpolation is Interpolation.BSPLINE
    coefficients = max(item, _FLOAT) if needs_coefficients else 0
    given = scan.voxels * (2 * item + coefficients + _TRUTH)
    made = (like_voxels or scan.voxels) * (item + 2 * _TRUTH)
    if nifti or image_format is ImageFormat.NIFTI:
        made += _NIFTI_BUFFER * max(scan.voxels, like_voxels or 0)
    return STARTED_BYTES + max(given + made, _loading(scan))


def converting(scan: Extent) -> int:
    """Peak of converting a DICOM series, bytes: the array, ITK's copy, and where pixels are."""
    return STARTED_BYTES + max(2 * scan.bytes + _TRUTH * scan.voxels, _loading(scan))


def _loading(scan: Extent) -> int:
    return scan.bytes + scan.decoding_bytes


def is_nifti(path: Path) -> bool:
    """Whether a file name is that of a NIfTI volume."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


@dataclass(frozen=True, slots=True)
class Export:
    """What of a transform decides how much memory its export takes.

    Attributes
    ----------
    file_name : str
    inverse : bool
        Whether the map is solved for shown places.
    """

    file_name: str
    inverse: bool = False

    @property
    def bytes_per_voxel(self) -> int:
        """Of the field's grid; measured are 72 for .h5, 36 for .dcm, 26 and inverse 37."""
        name = self.file_name.lower()
        if name.endswith(".h5"):
            return 80
        if name.endswith(".tfm"):
            return 0  # a lattice, whatever the grid
        return 42 if self.inverse or name.endswith(".dcm") else 32

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
    def most_samples(self) -> float:
        """Samples of the finest stage, were the common box full of body."""
        common_mm3 = min(self.axial.volume_mm3, self.coronal.volume_mm3)
        voxel_mm3 = math.sqrt(self.axial.voxel_mm3 * self.coronal.voxel_mm3)
        return common_mm3 / max(voxel_mm3, FINEST_STEP_MM**3)


FINEST_STEP_MM = 2.0
"""Distance of samples in the finest stage, unless voxels are larger."""

_SAMPLE_BYTES = 150
"""Of a sample's place, values, gradients and windows."""


def learning(pairs: Sequence[Pair]) -> int:
    """Peak of learning, bytes.

    Held are all scans, the coefficients of both scans of every pair, and the samples of
    every pair.
    """
    voxels = sum(pair.axial.voxels + pair.coronal.voxels for pair in pairs)
    scans = sum(pair.axial.bytes + pair.coronal.bytes for pair in pairs)
    samples = sum(pair.most_samples for pair in pairs)
    return PAGE_BYTES + scans + _FLOAT * voxels + int(_SAMPLE_BYTES * samples)
