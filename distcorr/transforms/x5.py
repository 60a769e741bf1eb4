"""X5, the HDF5 layout of NiTransforms (``nitransforms.io.x5``, format version 1).

A displacement field in RAS on a grid whose affine goes to RAS, from points of
the image to be made to points of the input image::

    /                       Format = "X5", Version = 1
    /TransformGroup/0       Type, SubType, Representation, ArrayLength, Metadata
    /TransformGroup/0/Transform        float32, (i, j, k, 3), mm
    /TransformGroup/0/DimensionKinds
    /TransformGroup/0/Domain           Grid, Size, Mapping (4 x 4), Coordinates

The layout is a draft of BIDS; what the tests hold it to is NiTransforms' reader.
Between voxels that reader interpolates the places themselves by cubic splines that
are mirrored at the rim, where a place is no even function; up to 0.2 voxels are
lost there, falling by the spline's pole 0.268 from voxel to voxel. So the grid
reaches ``RIM_VOXELS`` beyond the scan's on every side, where the displacements are
continued by reflecting them oddly at the rim; within, its voxels are the scan's.
h5py writes no times: equal content gives equal bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distcorr.space import Grid, transform_points
from distcorr.transforms.displacement import solved_displacements
from distcorr.transforms.scan_map import Direction, ScanMap

if TYPE_CHECKING:
    import h5py

RIM_VOXELS = 6
"""Voxels added on every side: 0.2 voxels x 0.268^6 is below a ten-thousandth voxel."""

_VERSION = 1
_RAS_OVER_LPS = np.array([-1.0, -1.0, 1.0])


def write_x5(path: Path, scan_map: ScanMap, scan_grid: Grid) -> None:
    """Write the displacements; ``folding`` if the map can't be solved on the grid."""
    vectors = solved_displacements(scan_map, scan_grid, np.float32)
    vectors *= _RAS_OVER_LPS.astype(np.float32)
    margins = [(RIM_VOXELS, RIM_VOXELS)] * 3
    vectors = np.pad(vectors, [*margins, (0, 0)], mode="reflect", reflect_type="odd")
    grid = _widened(scan_grid)
    import h5py  # slow to import, and large

    try:
        with h5py.File(path, "w") as file:
            _fill(file, vectors, grid, scan_map.direction)
    except RuntimeError as failure:  # h5py's, where closing the file fails once more
        raise OSError(str(failure)) from failure


def _fill(
    file: h5py.File, vectors: NDArray[np.floating[Any]], grid: Grid, direction: Direction
) -> None:
    file.attrs["Format"] = "X5"
    file.attrs["Version"] = np.uint16(_VERSION)
    node = file.create_group("TransformGroup").create_group("0")
    node.attrs["Type"] = "nonlinear"
    node.attrs["SubType"] = "densefield"
    node.attrs["Representation"] = "displacements"
    node.attrs["ArrayLength"] = 1
    node.attrs["Metadata"] = json.dumps({"WrittenBy": "distcorr", "Direction": direction.value})
    node.create_dataset("Transform", data=vectors.transpose(2, 1, 0, 3))
    node.create_dataset("DimensionKinds", data=np.array([b"space"] * 3 + [b"vector"]))
    domain = node.create_group("Domain")
    domain.attrs["Coordinates"] = "cartesian"
    domain.create_dataset("Grid", data=np.uint8(1))
    domain.create_dataset("Size", data=np.array(grid.size))
    domain.create_dataset("Mapping", data=np.diag([*_RAS_OVER_LPS, 1.0]) @ grid.T_lps_index)


def _widened(grid: Grid) -> Grid:
    i, j, k = (n + 2 * RIM_VOXELS for n in grid.size)
    first = transform_points(grid.T_lps_index, np.full(3, -float(RIM_VOXELS)))
    return Grid((i, j, k), first, grid.spacing, grid.direction)
