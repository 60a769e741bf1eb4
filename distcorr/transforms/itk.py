# mypy: disable-error-code="no-untyped-call"
# (SimpleITK is typed in part only.)
"""Displacement fields of ITK, for SimpleITK, 3D Slicer and ANTs.

Vectors are in LPS in every file, in NIfTI too: ITK writes them unchanged with
intent code 1007 (vector), whose components ITK, ANTs and Slicer read as LPS
although the NIfTI header's own axes are RAS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.images import cut_short, probe_room, write_image
from distcorr.space import Grid
from distcorr.transforms.displacement import solved_displacements
from distcorr.transforms.hdf5_times import erase_times
from distcorr.transforms.scan_map import ScanMap

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813 - its customary name


def write_field_image(path: Path, scan_map: ScanMap, grid: Grid) -> None:
    """Write the displacements as an image of float32 vectors: NRRD, MetaImage or NIfTI.

    Raises
    ------
    DistcorrError
        ``folding`` or ``output-unwritable``.
    """
    write_image(_vector_image(solved_displacements(scan_map, grid, np.float32), grid), path)


def write_field_transform(path: Path, scan_map: ScanMap, grid: Grid) -> None:
    """Write a DisplacementFieldTransform in HDF5, float64, without the moment of writing.

    Raises
    ------
    DistcorrError
        ``folding`` or ``output-unwritable``.
    """
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    image = _vector_image(solved_displacements(scan_map, grid, np.float64), grid)
    transform = sitk.DisplacementFieldTransform(image)
    _reporting_failure(lambda: sitk.WriteTransform(transform, str(path)), path)
    erase_times(path)


def write_sitk_transform(path: Path, transform: sitk.Transform) -> None:
    """Write any transform of SimpleITK as text; ``output-unwritable`` if that fails."""
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    _reporting_failure(lambda: sitk.WriteTransform(transform, str(path)), path)
    # ITK reports no error for a text cut short.
    *_, last = path.read_bytes().split(b"\n#")[-1].splitlines(keepends=True) or [b""]
    if not (last.startswith(_LAST_LINE) and last.endswith(b"\n")):
        probe_room(path, _digits(transform))
        raise cut_short(path)


_LAST_LINE = b"FixedParameters: "


def _digits(transform: sitk.Transform) -> int:
    """Bytes that the text of a transform takes at most, 25 for each number."""
    return 25 * (len(transform.GetParameters()) + len(transform.GetFixedParameters()))


def _reporting_failure(write: Callable[[], object], path: Path) -> None:
    """Run a SimpleITK writer; it reports every failure as a RuntimeError."""
    try:
        write()
    except RuntimeError as error:
        raise DistcorrError(
            Code.OUTPUT_UNWRITABLE, f"{path} can't be written", str(error).splitlines()[-1]
        ) from error


def _vector_image(vectors_lps: NDArray[np.floating[Any]], grid: Grid) -> sitk.Image:
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    image = sitk.GetImageFromArray(vectors_lps, isVector=True)
    image.SetOrigin(grid.origin_lps.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image
