"""A surface of which the points can be moved and nothing else changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError, Finding
from distcorr.space import FileAxes

Array = NDArray[np.float64]

MARK = "corrected by distcorr"
"""Stands in the header of every mesh file that was corrected."""

SPACE = "SPACE"
"""Name under which 3D Slicer states the axes: ``SPACE=LPS`` or ``SPACE=RAS`` in the
header or a comment, or a field of this name in ``.vtp``. Source: Slicer,
Libs/MRML/Core/vtkMRMLModelStorageNode.cxx."""

MAX_COORDINATE_MM = 5000.0
"""Farther from the origin no table goes; beyond it the unit is not mm."""


class NormalsKind(StrEnum):
    """What the normals of a mesh belong to."""

    POINTS = "points"
    CELLS = "cells"


class Mesh(ABC):
    """A surface mesh of a file.

    Attributes
    ----------
    path : Path
        File that it was read from.
    axes : FileAxes
        Axes of its coordinates in the file, and in the file that is written.
    findings : tuple of Finding
        What has to be known about the file.
    corrected : bool
        Whether distcorr has corrected it.
    """

    path: Path
    axes: FileAxes
    findings: tuple[Finding, ...]
    corrected: bool

    @property
    @abstractmethod
    def points_lps(self) -> Array:
        """Points, shape (m, 3), patient LPS, mm."""

    @abstractmethod
    def triangles(self) -> NDArray[np.intp]:
        """Cut the faces into triangles: numbers of points, shape (t, 3)."""

    @abstractmethod
    def normals_lps(self, kind: NormalsKind) -> Array | None:
        """Return the normals that the file holds for its points or cells, shape (m, 3)."""

    @property
    @abstractmethod
    def centres_lps(self) -> Array:
        """Mean of the corners of each cell, shape (cells, 3), patient LPS, mm."""

    @abstractmethod
    def write(self, path: Path, points_lps: Array, normals_lps: dict[NormalsKind, Array]) -> None:
        """Write the mesh with its points elsewhere, in the format it was read from.

        Parameters
        ----------
        path : Path
            Replaced if it exists.
        points_lps : ndarray, shape (m, 3)
        normals_lps : dict of NormalsKind to ndarray
            Of every kind that the mesh holds.

        Raises
        ------
        DistcorrError
            ``output-unwritable``.
        """

    def __repr__(self) -> str:
        return f"Mesh({self.path.name!r}, {len(self.points_lps)} points, {self.axes})"


def require_points(path: Path, points: Array, cells: int) -> None:
    """Refuse what is no surface.

    Parameters
    ----------
    path : Path
    points : ndarray, shape (m, 3)
        mm.
    cells : int
        Number of faces.

    Raises
    ------
    DistcorrError
        ``mesh-invalid`` if there are no points or faces, or a coordinate is no
        number or impossible.
    """
    if len(points) == 0 or cells == 0:
        raise invalid(path, "the file holds no surface", f"{len(points)} points, {cells} faces")
    bad = np.flatnonzero(~(np.abs(points) <= MAX_COORDINATE_MM).all(axis=1))
    if len(bad):
        raise invalid(
            path,
            "a point is not a number or impossible",
            f"point {bad[0] + 1}: {points[bad[0]].tolist()}; {len(bad)} such points; the unit has "
            f"to be mm, at most {MAX_COORDINATE_MM:g} from the origin",
        )
    if np.ptp(points, axis=0).max() == 0.0:
        raise invalid(path, "all points of the mesh lie at one place", str(points[0].tolist()))


def invalid(path: Path, what: str, evidence: str) -> DistcorrError:
    """Refusal of a mesh file."""
    return DistcorrError(Code.MESH_INVALID, what, f"{path}: {evidence}")


def chosen_axes(
    path: Path, header: str, stated: FileAxes | None
) -> tuple[FileAxes, tuple[Finding, ...]]:
    """Decide on the axes of a file as Slicer does, unless a person states them.

    Parameters
    ----------
    path : Path
    header : str
        Header or comments of the file.
    stated : FileAxes, optional

    Returns
    -------
    axes : FileAxes
    findings : tuple of Finding
        Where the header is silent or says otherwise.

    Raises
    ------
    DistcorrError
        ``mesh-invalid`` if it names both axes.
    """
    named = [axes for axes in FileAxes if f"{SPACE}={axes}" in header]
    if len(named) > 1 and stated is None:
        raise invalid(path, "the file states two systems of axes", header.strip())
    if stated is not None:
        if named and stated not in named:
            what = f"the stated axes {stated} contradict the file"
            return stated, (Finding(Code.STATED_OTHERWISE, what, f"{path}: {SPACE}={named[0]}"),)
        return stated, ()
    if named:
        return named[0], ()
    what = "the mesh file does not state the axes of its coordinates; LPS was taken"
    return FileAxes.LPS, (Finding(Code.AXES_ASSUMED, what, str(path)),)
