"""Read a mesh from any of the known formats."""

from __future__ import annotations

from pathlib import Path

from distcorr.errors import Code, DistcorrError
from distcorr.meshes.mesh import Mesh
from distcorr.meshes.obj import ObjMesh
from distcorr.meshes.vtk_files import VtkFormat, VtkMesh
from distcorr.space import FileAxes

OBJ = ".obj"
MESH_SUFFIXES = (*(str(kind) for kind in VtkFormat), OBJ)
"""File names that are read and written."""

MAX_FILE_BYTES = 4 << 30
"""Some eighty million triangles; a larger file was given by mistake."""


def read_mesh(path: Path, axes: FileAxes | None = None) -> Mesh:
    """Read a surface mesh.

    Parameters
    ----------
    path : Path
        ``.stl`` or ``.ply`` (text or binary), ``.vtk`` (legacy polydata), ``.vtp``
        or ``.obj``.
    axes : FileAxes, optional
        Axes of its coordinates. Without it they are taken from the file, where
        3D Slicer writes ``SPACE=LPS`` or ``SPACE=RAS``, and LPS is assumed where
        the file is silent, as Slicer does.

    Returns
    -------
    Mesh

    Raises
    ------
    DistcorrError
        ``not-found``, ``too-large``, ``bad-format``, ``unreadable``,
        ``mesh-invalid`` if it is empty or holds impossible points.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise DistcorrError(
            Code.BAD_FORMAT, "the file name names no known format of meshes", str(path),
            f"end it in one of {', '.join(MESH_SUFFIXES)}",
        )  # fmt: skip
    if not path.is_file():
        raise DistcorrError(Code.NOT_FOUND, "there is no such mesh", str(path))
    if path.stat().st_size > MAX_FILE_BYTES:
        raise DistcorrError(Code.TOO_LARGE, "this is too large for a mesh", str(path))
    if suffix == OBJ:
        return ObjMesh(path, axes)
    return VtkMesh(path, VtkFormat(suffix), axes)
