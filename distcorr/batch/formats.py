"""How a corrected scan becomes files: one writer per format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np

from distcorr.apply import ApplyOptions, Corrected
from distcorr.batch.dicom_out import require_series, write_dicom
from distcorr.batch.load import LoadedScan
from distcorr.correction import Correction
from distcorr.images import write_volume
from distcorr.space import Volume


class ImageFormat(StrEnum):
    """Format of corrected scans."""

    NRRD = "nrrd"
    NIFTI = "nifti"
    DICOM = "dicom"


@dataclass(frozen=True, eq=False)
class Product:
    """What a writer writes.

    Attributes
    ----------
    loaded : LoadedScan
        The scan as acquired.
    corrected : Corrected
    correction : Correction
    options : ApplyOptions
        With which it was corrected.
    """

    loaded: LoadedScan
    corrected: Corrected
    correction: Correction
    options: ApplyOptions


class Writer(Protocol):
    """Writes the outputs of one scan."""

    def outputs(self, name: str) -> tuple[str, ...]:
        """Names of the files and folders of scan ``name``, the main one first."""

    def require_writable(self, loaded: LoadedScan) -> None:
        """Refuse a scan that can't be written in this format, before any work is done.

        Raises
        ------
        DistcorrError
            ``bad-format``.
        """

    def write(self, product: Product, folder: Path, name: str) -> None:
        """Write exactly :meth:`outputs` into an empty folder.

        Raises
        ------
        DistcorrError
            ``disk-full`` or ``output-unwritable``.
        """


@dataclass(frozen=True, slots=True)
class ImageWriter:
    """Writes a volume and the mask of where to trust it.

    Attributes
    ----------
    suffix : str
        Of an image format, with its dot.
    """

    suffix: str

    def outputs(self, name: str) -> tuple[str, ...]:
        """Name the volume and the mask."""
        return f"{name}_corrected{self.suffix}", f"{name}_supported{self.suffix}"

    def require_writable(self, loaded: LoadedScan) -> None:
        """Accept every scan: what was loaded has a grid and voxels."""

    def write(self, product: Product, folder: Path, name: str) -> None:
        """Write both."""
        volume, mask = self.outputs(name)
        mark = product.correction.identifier
        write_volume(product.corrected.volume, folder / volume, correction=mark)
        write_volume(_supported(product.corrected), folder / mask)


@dataclass(frozen=True, slots=True)
class DicomWriter:
    """Writes a derived series as a folder, and the mask as NRRD."""

    def outputs(self, name: str) -> tuple[str, ...]:
        """Name the folder and the mask."""
        return f"{name}_corrected", f"{name}_supported.nrrd"

    def require_writable(self, loaded: LoadedScan) -> None:
        """Ask for a scan that came from DICOM."""
        require_series(loaded)

    def write(self, product: Product, folder: Path, name: str) -> None:
        """Write both."""
        series, mask = self.outputs(name)
        write_dicom(
            product.loaded, product.corrected, product.correction, product.options, folder / series
        )
        write_volume(_supported(product.corrected), folder / mask)


def _supported(corrected: Corrected) -> Volume:
    """1 where the correction holds in full and something was acquired."""
    supported = corrected.supported
    if corrected.volume.valid is not None:
        supported = supported & corrected.volume.valid
    return Volume(supported.view(np.uint8), corrected.volume.grid)


WRITERS: dict[ImageFormat, Writer] = {
    ImageFormat.NRRD: ImageWriter(".nrrd"),
    ImageFormat.NIFTI: ImageWriter(".nii.gz"),
    ImageFormat.DICOM: DicomWriter(),
}
