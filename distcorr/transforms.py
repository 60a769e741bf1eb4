# mypy: disable-error-code="no-untyped-call"
# (SimpleITK is typed in part only.)
"""Export a correction for one scan as a transform that other software reads.

All exports follow ITK: they take a point of the corrected (true) space to the
point of the acquired (shown) space, both in patient LPS and millimetres, which
is what a resampler asks for.

=========================  =====================================================
``.nrrd .mha .nii.gz``     displacement field on the scan's own grid, float32
``.h5``                    ITK DisplacementFieldTransform on that grid, float64
``.tfm``                   ITK BSplineTransform of order 3
=========================  =====================================================

A displacement field is exact at voxel centres; between them its readers
interpolate linearly, which stays within ``OFF_GRID_TOLERANCE_MM`` for voxels of
some millimetres. Vectors are in LPS in every format, in NIfTI too: ITK writes
them unchanged with intent code 1007 (vector), whose components ITK, ANTs and
Slicer read as LPS although the NIfTI header's own axes are RAS.

For an uncorrected scan (ND) the ``.tfm`` is the stored lattice itself, turned
to patient axes: exact everywhere. For DIS2D a finer lattice interpolates the
map, and the largest error is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its customary name
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition
from distcorr.correction import Correction
from distcorr.correction.blocks import blocks, points_of_block
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.facts import VendorState
from distcorr.field import Lattice
from distcorr.hdf5_times import erase_times
from distcorr.outputs import whole_output
from distcorr.space import Grid, transform_points, transform_vectors

Array = NDArray[np.float64]

EXACT_MM = 0.01
"""Error above which a transform counts as inexact; a hundredth of the smallest voxels."""

OFF_GRID_TOLERANCE_MM = 0.05
"""What linear interpolation between voxels may add to a displacement field."""

REFINEMENTS = (2, 4)
"""How much finer the lattice of a DIS2D map is tried than the stored one."""

MAX_FINE_NODES = 1 << 22
"""Nodes of such a lattice; each needs a Newton solution, some 10 s in all."""

_CHECKED_POINTS = 1 << 17
"""Voxels at which the error of an inexact transform is measured, evenly strewn."""


class TransformFormat(Enum):
    """File formats of an exported transform, by their suffix."""

    NRRD = ".nrrd"
    MHA = ".mha"
    NIFTI = ".nii.gz"
    H5 = ".h5"
    TFM = ".tfm"

    @classmethod
    def of(cls, path: Path) -> TransformFormat:
        """Choose by the suffix of a file name.

        Raises
        ------
        DistcorrError
            ``bad-format`` if the suffix is not one of these.
        """
        for kind in cls:
            if path.name.lower().endswith(kind.value):
                return kind
        known = ", ".join(kind.value for kind in cls)
        raise DistcorrError(
            Code.BAD_FORMAT, f"{path.name} names no format of a transform", f"known: {known}"
        )


def displacement_field(correction: Correction, acquisition: Acquisition, grid: Grid) -> Array:
    """Displacement from true to shown at every voxel centre.

    Parameters
    ----------
    correction : Correction
    acquisition : Acquisition
        Map of the scan.
    grid : Grid
        Grid of the corrected image.

    Returns
    -------
    ndarray, shape (k, j, i, 3)
        mm, patient LPS. NaN where the map can't be solved.
    """
    out = np.empty((*grid.shape, 3))
    flat = out.reshape(-1, 3)
    T_patient_scanner = np.linalg.inv(acquisition.T_scanner_patient)
    for block in blocks(grid):
        true = points_of_block(acquisition.T_scanner_patient, grid, block)
        moved = acquisition.true_to_shown(correction.field, true) - true
        flat[block] = transform_vectors(T_patient_scanner, moved)
    return out


def write_transform(
    path: Path,
    correction: Correction,
    acquisition: Acquisition,
    grid: Grid,
    *,
    overwrite: bool = False,
) -> tuple[Finding, ...]:
    """Write the transform of one scan; the suffix chooses the format.

    Parameters
    ----------
    path : Path
        Ends in one of the suffixes of :class:`TransformFormat`.
    correction : Correction
    acquisition : Acquisition
        Map of the scan.
    grid : Grid
        Grid of the corrected image, usually the scan's own.
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
    kind = TransformFormat.of(path)
    findings: tuple[Finding, ...] = ()
    with whole_output(path, overwrite=overwrite) as temporary:
        if kind is TransformFormat.TFM:
            transform, findings = bspline_transform(correction, acquisition, grid)
            _written(lambda: sitk.WriteTransform(transform, str(temporary)), path)
        else:
            field = _solved(displacement_field(correction, acquisition, grid), grid)
            if kind is TransformFormat.H5:
                moved = sitk.DisplacementFieldTransform(_vector_image(field, grid))
                _written(lambda: sitk.WriteTransform(moved, str(temporary)), path)
                erase_times(temporary)
            else:
                image = _vector_image(field.astype(np.float32), grid)
                _written(lambda: sitk.WriteImage(image, str(temporary), useCompression=True), path)
    return findings


def bspline_transform(
    correction: Correction, acquisition: Acquisition, grid: Grid
) -> tuple[sitk.Transform, tuple[Finding, ...]]:
    """Express the map of one scan as an ITK B-spline transform.

    Parameters
    ----------
    correction : Correction
    acquisition : Acquisition
    grid : Grid
        Where the transform has to hold; what is measured is the error there.

    Returns
    -------
    transform : SimpleITK.BSplineTransform
    findings : tuple of Finding
        ``transform-inexact`` if the largest error exceeds ``EXACT_MM``.
    """
    if acquisition.state is VendorState.ND:
        return _in_patient(correction.lattice, acquisition.T_scanner_patient), ()
    lattice, error = _interpolated(correction, acquisition, grid)
    findings: tuple[Finding, ...] = ()
    if error > EXACT_MM:
        what = "the B-spline transform approximates the map of this scan"
        findings = (Finding(Code.TRANSFORM_INEXACT, what, f"largest error {error:.3f} mm"),)
    return _in_patient(lattice, acquisition.T_scanner_patient), findings


def _interpolated(
    correction: Correction, acquisition: Acquisition, grid: Grid
) -> tuple[Lattice, float]:
    """Interpolate the map on finer lattices until it is exact; give the largest error."""
    points = _checked_points(acquisition.T_scanner_patient, grid)
    expected = _moved(correction, acquisition, points)
    unsolved = int((~np.isfinite(expected)).any(axis=-1).sum())
    if unsolved:
        raise _folding(unsolved, f"of {len(points)} voxels tried")
    low, high = _region(correction, acquisition, grid)
    for refinement in REFINEMENTS:
        spacing = float(correction.lattice.spacing.min()) / refinement
        empty = Lattice.covering(low, high, spacing)
        if refinement > REFINEMENTS[0] and empty.coefficients[0].size > MAX_FINE_NODES:
            break
        # Far outside of the grid the map may have no solution and need not be right.
        lattice = empty.interpolating(
            lambda p: np.nan_to_num(_moved(correction, acquisition, p), nan=0.0)
        )
        miss = lattice.displacement(points) - expected
        error = float(np.linalg.norm(miss, axis=-1).max())
        if error <= EXACT_MM:
            break
    return lattice, error


def _moved(correction: Correction, acquisition: Acquisition, points_scanner: Array) -> Array:
    return acquisition.true_to_shown(correction.field, points_scanner) - points_scanner


def _region(correction: Correction, acquisition: Acquisition, grid: Grid) -> tuple[Array, Array]:
    """Box in the scanner frame that holds the grid as far as the field is defined."""
    corners = transform_points(acquisition.T_scanner_patient, grid.corners_lps)
    margin = float(grid.spacing.max())
    low, high = correction.lattice.domain
    inner_low = np.clip(corners.min(axis=0) - margin, low, high)
    inner_high = np.clip(corners.max(axis=0) + margin, low, high)
    return inner_low, inner_high


def _checked_points(T_scanner_patient: Array, grid: Grid) -> Array:
    """Voxel centres strewn evenly over a grid, its corners among them."""
    per_axis = round(_CHECKED_POINTS ** (1 / 3))
    i, j, k = (np.unique(np.linspace(0, n - 1, min(n, per_axis)).round()) for n in grid.size)
    index = np.stack(np.meshgrid(i, j, k, indexing="ij"), axis=-1).reshape(-1, 3)
    return transform_points(T_scanner_patient @ grid.T_lps_index, index)


def _in_patient(lattice: Lattice, T_scanner_patient: Array) -> sitk.Transform:
    """Turn a lattice of the scanner frame to patient axes; no value is interpolated.

    ITK's B-spline transform places node (i, j, k) at origin + direction (spacing
    (i, j, k)) and is defined where ours is.
    """
    T_patient_scanner = np.linalg.inv(T_scanner_patient)
    rotation = T_patient_scanner[:3, :3]
    coefficients = np.einsum("ab,bzyx->azyx", rotation, lattice.coefficients)
    images = []
    for component in coefficients:
        image = sitk.GetImageFromArray(component)
        image.SetOrigin(transform_points(T_patient_scanner, lattice.origin).tolist())
        image.SetSpacing(lattice.spacing.tolist())
        image.SetDirection(rotation.ravel().tolist())
        images.append(image)
    return sitk.BSplineTransform(images, 3)


def _vector_image(field: NDArray[np.floating], grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(field, isVector=True)
    image.SetOrigin(grid.origin_lps.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    return image


def _solved(field: Array, grid: Grid) -> Array:
    unsolved = int((~np.isfinite(field)).any(axis=-1).sum())
    if unsolved:
        raise _folding(unsolved, f"of {int(np.prod(grid.size))} voxels")
    return field


def _folding(count: int, of: str) -> DistcorrError:
    return DistcorrError(
        Code.FOLDING, "the map from true to shown can't be solved", f"at {count} {of}"
    )


def _written(write: Callable[[], object], path: Path) -> None:
    """Run a SimpleITK writer; it reports every failure as a RuntimeError."""
    try:
        write()
    except RuntimeError as error:
        raise DistcorrError(
            Code.OUTPUT_UNWRITABLE, f"{path} can't be written", str(error).splitlines()[-1]
        ) from error
