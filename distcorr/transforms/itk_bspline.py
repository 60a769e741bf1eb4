# mypy: disable-error-code="no-untyped-call"
# (SimpleITK is typed in part only.)
"""ITK's B-spline transform.

For an uncorrected scan (ND), true to shown, it is the stored lattice itself,
turned to patient axes: exact everywhere. All other maps have no lattice of
their own; a finer one interpolates them, and the largest error is measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, Finding
from distcorr.field import Lattice
from distcorr.space import Grid, transform_points
from distcorr.transforms.displacement import folding
from distcorr.transforms.scan_map import ScanMap

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813 - its customary name

Array = NDArray[np.float64]

EXACT_MM = 0.01
"""Error above which a transform counts as inexact; a hundredth of the smallest voxels."""

REFINEMENTS = (2, 4, 6, 8)
"""How much finer the lattice of a map without its own is tried than the stored one."""

MAX_FINE_NODES = 1 << 22
"""Nodes of such a lattice; each needs a Newton solution, some 10 s in all."""

_CHECKED_POINTS = 1 << 17
"""Voxels at which the error of an inexact transform is measured, evenly strewn."""


def bspline_transform(scan_map: ScanMap, grid: Grid) -> tuple[sitk.Transform, tuple[Finding, ...]]:
    """Express the map of one scan as an ITK B-spline transform.

    Parameters
    ----------
    scan_map : ScanMap
    grid : Grid
        Where the transform has to hold; what is measured is the error there.

    Returns
    -------
    transform : SimpleITK.BSplineTransform
    findings : tuple of Finding
        ``transform-inexact`` if the largest error exceeds ``EXACT_MM``.

    Raises
    ------
    DistcorrError
        ``folding`` if the map can't be solved somewhere on the grid.
    """
    T_scanner_patient = scan_map.acquisition.T_scanner_patient
    if scan_map.is_the_lattice:
        return _in_patient(scan_map.correction.lattice, T_scanner_patient), ()
    lattice, error = _interpolated(scan_map, grid)
    findings: tuple[Finding, ...] = ()
    if error > EXACT_MM:
        what = "the B-spline transform approximates the map of this scan"
        findings = (Finding(Code.TRANSFORM_INEXACT, what, f"largest error {error:.3f} mm"),)
    return _in_patient(lattice, T_scanner_patient), findings


def _interpolated(scan_map: ScanMap, grid: Grid) -> tuple[Lattice, float]:
    """Interpolate the map on finer lattices until it is exact; give the largest error."""
    points = _checked_points(scan_map.acquisition.T_scanner_patient, grid)
    expected = scan_map.displacement(points)
    unsolved = ~np.isfinite(expected).all(axis=-1)
    if unsolved.any():
        raise folding(scan_map, points[unsolved], f"{len(points)} voxels tried")
    low, high = _region(scan_map, grid)
    for refinement in REFINEMENTS:
        spacing = float(scan_map.correction.lattice.spacing.min()) / refinement
        empty = Lattice.covering(low, high, spacing)
        if refinement > REFINEMENTS[0] and empty.coefficients[0].size > MAX_FINE_NODES:
            break
        # Far outside of the grid the map may have no solution and need not be right.
        lattice = empty.interpolating(lambda p: np.nan_to_num(scan_map.displacement(p), nan=0.0))
        miss = lattice.displacement(points) - expected
        error = float(np.linalg.norm(miss, axis=-1).max())
        if error <= EXACT_MM:
            break
    return lattice, error


def _region(scan_map: ScanMap, grid: Grid) -> tuple[Array, Array]:
    """Box in the scanner frame that holds the grid as far as the field is defined."""
    corners = transform_points(scan_map.acquisition.T_scanner_patient, grid.corners_lps)
    margin = float(grid.spacing.max())
    low, high = scan_map.correction.lattice.domain
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
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

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
