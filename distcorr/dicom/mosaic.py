"""Siemens mosaics: all slices of a volume tiled into one image.

The header describes the mosaic as if it were one huge slice. Where the slices
really are follows from the CSA header (its own normal may run against row x
column) and the protocol, which lists every slice's centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from distcorr.dicom import tags
from distcorr.dicom.csa import read_csa, slice_positions
from distcorr.dicom.header import Frame
from distcorr.dicom.tags import Array
from distcorr.dicom.vendors import SIEMENS_CSA
from distcorr.errors import Code, DistcorrError

_PARALLEL_TOLERANCE = 1e-3
"""Largest departure of the CSA normal from +- row x column (sine of the angle)."""


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """The slices of a mosaic.

    Attributes
    ----------
    rows, columns : int
        Size of one tile.
    positions_lps : tuple of ndarray
        Centre of the first pixel of each tile, mm.
    """

    rows: int
    columns: int
    positions_lps: tuple[Array, ...]


def mosaic_positions(ds: Dataset, whole: Frame) -> Tiles:
    """Find where the slices of a mosaic are.

    Parameters
    ----------
    ds : Dataset
        Full header of the file.
    whole : Frame
        The mosaic read as if it were one slice.

    Returns
    -------
    Tiles

    Raises
    ------
    DistcorrError
        ``geometry-missing`` if the CSA header lacks what is needed,
        ``geometry-invalid`` if it contradicts the image.
    """
    image = read_csa(_csa_bytes(ds, 0x10))
    count, normal = _count(image, whole), _normal(image, whole)
    per_side = math.ceil(math.sqrt(count))
    rows, columns = whole.rows // per_side, whole.columns // per_side
    if rows * per_side != whole.rows or columns * per_side != whole.columns:
        raise DistcorrError(
            Code.GEOMETRY_INVALID,
            "the mosaic does not divide into its slices",
            f"{whole.columns} x {whole.rows} pixels for {count} slices in {whole.path}",
        )
    # ImagePositionPatient is that of a slice as large as the mosaic around the
    # same centre; step from its corner to the corner of one tile.
    row_spacing, column_spacing = whole.pixel_spacing
    first = (
        whole.position_lps
        + whole.row_lps * column_spacing * (whole.columns - columns) / 2
        + whole.column_lps * row_spacing * (whole.rows - rows) / 2
    )
    step = _step(ds, normal, count, whole)
    positions = tuple(first + normal * step * index for index in range(count))
    return Tiles(rows, columns, positions)


def _csa_bytes(ds: Dataset, element: int) -> bytes:
    tag = tags.private(ds, 0x0029, SIEMENS_CSA, element)
    values = [] if tag is None else tags.raw_values(ds, tag)
    return values[0] if values and isinstance(values[0], bytes) else b""


def _count(image: dict[str, tuple[str, ...]], whole: Frame) -> int:
    values = image.get("NumberOfImagesInMosaic", ())
    try:
        count = int(values[0])
    except (IndexError, ValueError):
        count = 0
    if count < 1:
        raise _missing("NumberOfImagesInMosaic", whole)
    return count


def _normal(image: dict[str, tuple[str, ...]], whole: Frame) -> Array:
    """Direction in which the tiles follow each other, freed of rounding."""
    values = image.get("SliceNormalVector", ())
    try:
        stated = np.array([float(value) for value in values], dtype=np.float64)
    except ValueError:
        stated = np.empty(0)
    if stated.shape != (3,) or not np.isfinite(stated).all():
        raise _missing("SliceNormalVector", whole)
    cosine = float(stated @ whole.normal_lps)
    if abs(abs(cosine) - 1) > _PARALLEL_TOLERANCE:
        raise DistcorrError(
            Code.GEOMETRY_INVALID,
            "the mosaic's slice normal is not perpendicular to its rows and columns",
            f"SliceNormalVector in {whole.path} is {stated}, cosine {cosine:.4f}",
        )
    return whole.normal_lps * math.copysign(1.0, cosine)


def _step(ds: Dataset, normal: Array, count: int, whole: Frame) -> float:
    """Find the distance of neighbouring slices, mm, from the protocol's slice centres."""
    centres = slice_positions(_csa_bytes(ds, 0x20))
    if len(centres) >= count > 1:
        along = np.sort(np.array(centres[:count]) @ normal)
        return float(np.median(np.diff(along)))
    if count == 1:
        return 0.0
    raise _missing("slice positions (MrPhoenixProtocol)", whole)


def _missing(name: str, whole: Frame) -> DistcorrError:
    return DistcorrError(
        Code.GEOMETRY_MISSING,
        f"a Siemens mosaic lacks {name}",
        f"CSA header (0029,xx10) or (0029,xx20) in {whole.path}",
        "export the series again with its private tags",
    )
