# mypy: disable-error-code="no-untyped-call"
# (nibabel is typed in part only.)
"""Warps of FSL (applywarp, convertwarp, invwarp), NIfTI of float32.

FSL knows no patient axes. Its coordinates are voxel indices times voxel sizes,
with the first index counted from the other end where the determinant of the
NIfTI affine is positive (FSL's FLIRT and FNIRT user guides; newimage stores such
images left-right reversed). A distcorr grid is right-handed, so its determinant
always is. A warp lies on the grid of the image to be made and holds for each of
its voxels, in FSL coordinates, the place in the input image (absolute) or how far
that is from the voxel's own place (relative). Input and output share the scan's
grid here, as ``distcorr convert`` writes it.

A relative warp carries intent code 2006: FSL's reader (fnirt_file_reader) takes
every field with that code for a relative one, whatever ``--abs`` says. So an
absolute warp must not carry it; it is a plain vector field (1007), to be used
with ``--abs``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distcorr.space import Grid
from distcorr.transforms.displacement import solved_displacements
from distcorr.transforms.scan_map import ScanMap

FNIRT_DISPLACEMENT_FIELD = 2006
VECTOR = 1007
_SCANNER_CODE = 1
_RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_relative_warp(path: Path, scan_map: ScanMap, grid: Grid) -> None:
    """Write a relative warp; ``folding`` if the map can't be solved on the grid."""
    vectors = _fsl_vectors(scan_map, grid)
    _save(path, vectors, grid, FNIRT_DISPLACEMENT_FIELD)


def write_absolute_warp(path: Path, scan_map: ScanMap, grid: Grid) -> None:
    """Write an absolute warp; ``folding`` if the map can't be solved on the grid."""
    vectors = _fsl_vectors(scan_map, grid)
    for axis, places in enumerate(_places(grid)):
        along = [1, 1, 1]
        along[2 - axis] = -1
        vectors[..., axis] += places.reshape(along)
    _save(path, vectors, grid, VECTOR)


def _fsl_vectors(scan_map: ScanMap, grid: Grid) -> NDArray[np.floating[Any]]:
    """Displacements in FSL coordinates, shape (k, j, i, 3), mm."""
    vectors = solved_displacements(scan_map, grid, np.float32)
    to_fsl = np.diag([-1.0, 1.0, 1.0]) @ grid.direction.T
    for k in range(len(vectors)):  # slice by slice: no second copy of the whole
        vectors[k] = vectors[k] @ to_fsl.T
    return vectors


def _places(grid: Grid) -> tuple[NDArray[np.float64], ...]:
    """FSL coordinates of the voxels along each axis, mm."""
    x, y, z = (np.arange(n) * spacing for n, spacing in zip(grid.size, grid.spacing, strict=True))
    return x[::-1], y, z


def _save(path: Path, vectors: NDArray[np.floating[Any]], grid: Grid, intent: int) -> None:
    import nibabel as nib  # slow to import

    affine = _RAS_LPS @ grid.T_lps_index
    image = nib.Nifti1Image(vectors.transpose(2, 1, 0, 3), affine)
    image.set_sform(affine, code=_SCANNER_CODE)
    image.set_qform(affine, code=_SCANNER_CODE)
    image.header.set_intent(intent)
    image.header.set_xyzt_units("mm")
    image.to_filename(path)
