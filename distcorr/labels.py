"""Label maps in files, with the names and colours that 3D Slicer keeps in them.

A ``.seg.nrrd`` is an NRRD whose header describes segments: name, colour, label value,
layer and extent [1]_. Overlapping segments lie in several layers, which are the
components of its voxels. All of the header is kept; extents are counted anew.

.. [1] Slicer, Libs/MRML/Core/vtkMRMLSegmentationStorageNode.cxx
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.images import from_sitk, read_image, suffix_of, to_sitk, write_image
from distcorr.space import Grid, Volume, transform_points

MARK = "corrected by distcorr"
"""Stands in the header of every label map that was corrected."""

_MARK_KEYS = {".nrrd": "distcorr", ".nii": "ITK_FileNotes", ".nii.gz": "ITK_FileNotes"}
"""Where it stands; the second is NIfTI's ``descrip``."""

_EXTENT = re.compile(r"Segment(?P<number>\d+)_Extent")
_OFFSET = "Segmentation_ReferenceImageExtentOffset"


@dataclass(frozen=True, eq=False)
class LabelFile:
    """A label map as its file holds it.

    Attributes
    ----------
    path : Path
    layers : tuple of Volume
        On one grid; one unless segments overlap.
    header : dict of str to str
        Everything else that the file says.
    corrected : bool
        Whether distcorr has corrected it.
    """

    path: Path
    layers: tuple[Volume, ...]
    header: dict[str, str]
    corrected: bool

    @property
    def grid(self) -> Grid:
        """Grid of all layers."""
        return self.layers[0].grid

    def write(self, path: Path, layers: Sequence[Volume]) -> None:
        """Write the file with other voxels, on whatever grid.

        Parameters
        ----------
        path : Path
            Replaced if it exists.
        layers : sequence of Volume
            As many, on one grid.

        Raises
        ------
        DistcorrError
            ``output-unwritable``.
        OSError
            If the system has a reason, such as a full disk.
        """
        image = to_sitk(layers[0])
        if len(layers) > 1:
            image = _joined(layers)
        for key, value in (self.header | self._changed(layers)).items():
            image.SetMetaData(key, value)
        write_image(image, path)

    def _changed(self, layers: Sequence[Volume]) -> dict[str, str]:
        changed = {_MARK_KEYS[suffix_of(self.path)]: MARK}
        if _OFFSET in self.header:
            changed[_OFFSET] = _offset(self.header[_OFFSET], self.grid, layers[0].grid)
        for key in self.header:
            match = _EXTENT.fullmatch(key)
            if match:
                segment = f"Segment{match['number']}"
                layer = int(self.header.get(f"{segment}_Layer", "0"))
                value = int(self.header.get(f"{segment}_LabelValue", "1"))
                changed[key] = _extent(layers[layer].array == value)
        return changed


def read_labels(path: Path) -> LabelFile:
    """Read a label map.

    Parameters
    ----------
    path : Path
        NRRD (``.seg.nrrd`` included) or NIfTI.

    Raises
    ------
    DistcorrError
        ``not-found``, ``unreadable``, ``bad-format`` if it is not
        three-dimensional, ``geometry-invalid``.
    """
    path = Path(path)
    suffix = suffix_of(path)
    image = read_image(path)
    if image.GetDimension() != 3:
        raise DistcorrError(
            Code.BAD_FORMAT, "the label map is not three-dimensional",
            f"{path} has {image.GetDimension()} dimensions", "give one volume a file",
        )  # fmt: skip
    header = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    corrected = MARK in header.get(_MARK_KEYS[suffix], "")
    # Its own keys describe the grid and are written anew.
    kept = {
        key: value
        for key, value in header.items()
        if suffix == ".nrrd" and not key.startswith(("NRRD_", "ITK_"))
    }
    parts = _parts_of(image)
    return LabelFile(path, tuple(from_sitk(part) for part in parts), kept, corrected)


def _parts_of(image: Any) -> list[Any]:
    """Take the components of an image apart."""
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    components = image.GetNumberOfComponentsPerPixel()
    if components == 1:
        return [image]
    select: Any = sitk.VectorIndexSelectionCast
    return [select(image, n) for n in range(components)]


def _joined(layers: Sequence[Volume]) -> Any:
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    compose: Any = sitk.Compose
    return compose([to_sitk(layer) for layer in layers])


def _offset(written: str, before: Grid, after: Grid) -> str:
    """Place of the map in the image that it was drawn on, in voxels of that image."""
    origin = transform_points(before.T_index_lps, after.origin_lps)
    same_voxels = np.allclose(before.spacing, after.spacing) and np.allclose(
        before.direction, after.direction
    )
    if not same_voxels:
        return "0 0 0"
    moved = np.array([int(word) for word in written.split()]) + np.rint(origin).astype(int)
    return " ".join(str(n) for n in moved)


def _extent(mask: NDArray[np.bool_]) -> str:
    """First and last index along i, j, k, as Slicer writes them; 0 to -1 if empty."""
    k, j, i = np.nonzero(mask)
    if len(i) == 0:
        return "0 -1 0 -1 0 -1"
    return " ".join(f"{axis.min()} {axis.max()}" for axis in (i, j, k))
