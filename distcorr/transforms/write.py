"""Write the transform of one scan in any of the formats."""

from __future__ import annotations

from pathlib import Path

from distcorr.errors import Finding
from distcorr.outputs import whole_output
from distcorr.space import Grid
from distcorr.transforms.formats import NiftiConvention, TransformFormat
from distcorr.transforms.fsl import write_absolute_warp, write_relative_warp
from distcorr.transforms.itk import write_field_image, write_field_transform, write_sitk_transform
from distcorr.transforms.itk_bspline import bspline_transform
from distcorr.transforms.scan_map import ScanMap
from distcorr.transforms.x5 import write_x5

_FIELD_WRITERS = {
    TransformFormat.NRRD: write_field_image,
    TransformFormat.MHA: write_field_image,
    TransformFormat.NIFTI: write_field_image,
    TransformFormat.H5: write_field_transform,
    TransformFormat.FSL: write_relative_warp,
    TransformFormat.FSL_ABSOLUTE: write_absolute_warp,
    TransformFormat.X5: write_x5,
}


def write_transform(
    path: Path,
    scan_map: ScanMap,
    grid: Grid,
    *,
    convention: NiftiConvention = NiftiConvention.ITK,
    overwrite: bool = False,
) -> tuple[Finding, ...]:
    """Write the transform of one scan; the suffix chooses the format.

    Parameters
    ----------
    path : Path
        Ends in one of the suffixes of :class:`TransformFormat`.
    scan_map : ScanMap
        The map of the scan, in the direction to write.
    grid : Grid
        Grid of the scan. The corrected image shares it, so displacement fields
        lie on it in both directions.
    convention : NiftiConvention
        Whose field a NIfTI file holds.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    tuple of Finding
        ``transform-inexact`` if a B-spline transform misses the map.

    Raises
    ------
    DistcorrError
        ``bad-format``, ``folding``, ``output-exists`` or ``output-unwritable``.
    """
    kind = TransformFormat.of(path, convention)
    findings: tuple[Finding, ...] = ()
    with whole_output(path, overwrite=overwrite) as temporary:
        if kind is TransformFormat.TFM:
            transform, findings = bspline_transform(scan_map, grid)
            write_sitk_transform(temporary, transform)
        else:
            _FIELD_WRITERS[kind](temporary, scan_map, grid)
    return findings
