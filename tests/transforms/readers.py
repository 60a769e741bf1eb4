"""Read exported transforms back, each with the tool it is for or by its documented convention.

Every reader becomes a function that takes points in patient LPS to points in patient LPS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from nitransforms.nonlinear import DenseFieldTransform
from scipy.ndimage import map_coordinates

from distcorr.transforms import TransformFormat

PointMap = Callable[[np.ndarray], np.ndarray]
_LPS_RAS = np.array([-1.0, -1.0, 1.0])


def read_back(path: Path, kind: TransformFormat) -> PointMap:
    """Read any format."""
    if kind is TransformFormat.X5:
        return by_nitransforms(path)
    if kind is TransformFormat.FSL:
        return by_fsl_convention(path, absolute=False)
    if kind is TransformFormat.FSL_ABSOLUTE:
        return by_fsl_convention(path, absolute=True)
    return by_simpleitk(read_sitk(path, kind))


def read_sitk(path: Path, kind: TransformFormat) -> sitk.Transform:
    if kind in (TransformFormat.TFM, TransformFormat.H5):
        return sitk.ReadTransform(str(path))
    return sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))


def by_simpleitk(transform: sitk.Transform) -> PointMap:
    return lambda points: np.array([transform.TransformPoint(p) for p in points.tolist()])


def by_nitransforms(path: Path) -> PointMap:
    """NiTransforms maps RAS to RAS; between voxels it interpolates by cubic splines."""
    transform = DenseFieldTransform.from_filename(path, fmt="X5")
    return lambda points: transform.map(points * _LPS_RAS) * _LPS_RAS


def by_fsl_convention(path: Path, *, absolute: bool) -> PointMap:
    """FSL's user guide: scaled voxel coordinates, first axis reversed if det(affine) > 0."""
    image = nib.load(path)
    size, zooms = np.array(image.shape[:3]), np.array(image.header.get_zooms()[:3], dtype=float)
    ras_of_voxel = np.asarray(image.affine, dtype=float)
    warp = np.asarray(image.dataobj, dtype=float)
    reversed_first = np.linalg.det(ras_of_voxel) > 0

    def voxel_or_fsl(coordinates: np.ndarray) -> np.ndarray:
        """Reverse the first axis of scaled voxel coordinates; its own inverse."""
        out = coordinates.copy()
        if reversed_first:
            out[:, 0] = (size[0] - 1) * zooms[0] - out[:, 0]
        return out

    def move(points: np.ndarray) -> np.ndarray:
        ras = points * _LPS_RAS
        voxel = (ras - ras_of_voxel[:3, 3]) @ np.linalg.inv(ras_of_voxel[:3, :3]).T
        value = _linear([warp[..., a] for a in range(3)], voxel)
        fsl = value if absolute else voxel_or_fsl(voxel * zooms) + value
        source_voxel = voxel_or_fsl(fsl) / zooms
        return (source_voxel @ ras_of_voxel[:3, :3].T + ras_of_voxel[:3, 3]) * _LPS_RAS

    return move


def by_dicom_equation(path: Path) -> PointMap:
    """PS3.3 C.20.3.1.1: source = M_post (M_pre registered + vector)."""
    item = pydicom.dcmread(path).DeformableRegistrationSequence[0]
    grid = item.DeformableRegistrationGridSequence[0]
    pre, post = (
        np.array(sequence[0].FrameOfReferenceTransformationMatrix, dtype=float).reshape(4, 4)
        for sequence in (
            item.PreDeformationMatrixRegistrationSequence,
            item.PostDeformationMatrixRegistrationSequence,
        )
    )
    row, column = np.array(grid.ImageOrientationPatient, dtype=float).reshape(2, 3)
    axes = np.stack([row, column, np.cross(row, column)], axis=1)
    start = np.array(grid.ImagePositionPatient, dtype=float)
    resolution = np.array(grid.GridResolution, dtype=float)
    x, y, z = grid.GridDimensions
    vectors = np.frombuffer(grid.VectorGridData, dtype="<f4").reshape(z, y, x, 3)

    def move(points: np.ndarray) -> np.ndarray:
        index = (points - start) @ axes / resolution
        value = _linear([vectors[..., a].transpose(2, 1, 0) for a in range(3)], index)
        moved = points @ pre[:3, :3].T + pre[:3, 3] + value
        return moved @ post[:3, :3].T + post[:3, 3]

    return move


def _linear(components: list[np.ndarray], index: np.ndarray) -> np.ndarray:
    # "nearest" keeps voxel centres at the rim inside in spite of rounding.
    return np.stack(
        [
            map_coordinates(component.astype(float), index.T, order=1, mode="nearest")
            for component in components
        ],
        axis=-1,
    )
