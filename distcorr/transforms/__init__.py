"""Export a correction for one scan as a transform that other software reads.

One file for each foreign format; points and vectors leave patient LPS and
millimetres nowhere else. The usual direction takes a point of the corrected
(true) space to the point of the acquired (shown) space, which is what a
resampler asks for; the inverse can be had too, see :class:`Direction`.

================  ======================================================  ==============
``.nrrd .mha``    ITK displacement field on the scan's grid, float32      :mod:`itk`
``.nii.gz``       the same, or an FSL warp by :class:`NiftiConvention`    :mod:`itk`, :mod:`fsl`
``.h5``           ITK DisplacementFieldTransform on that grid, float64    :mod:`itk`
``.tfm``          ITK BSplineTransform of order 3                         :mod:`itk_bspline`
``.x5``           X5 displacement field on that grid, float32             :mod:`x5`
================  ======================================================  ==============

A displacement field is exact at voxel centres; between them its readers
interpolate, mostly linearly, which stays within ``OFF_GRID_TOLERANCE_MM`` for
voxels of some millimetres. DICOM's registration object is written by
:mod:`distcorr.dicom.registration`.
"""

from distcorr.transforms.displacement import (
    OFF_GRID_TOLERANCE_MM,
    axial_grid,
    displacement_field,
    solved_displacements,
)
from distcorr.transforms.formats import NiftiConvention, TransformFormat
from distcorr.transforms.itk_bspline import EXACT_MM, bspline_transform
from distcorr.transforms.scan_map import Direction, ScanMap
from distcorr.transforms.write import write_transform

__all__ = [
    "EXACT_MM",
    "OFF_GRID_TOLERANCE_MM",
    "Direction",
    "NiftiConvention",
    "ScanMap",
    "TransformFormat",
    "axial_grid",
    "bspline_transform",
    "displacement_field",
    "solved_displacements",
    "write_transform",
]
