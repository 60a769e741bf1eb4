"""Surface meshes in files: ``.stl``, ``.ply``, ``.vtk``, ``.vtp`` and ``.obj``."""

from distcorr.meshes.files import MESH_SUFFIXES, read_mesh
from distcorr.meshes.mesh import Mesh, NormalsKind

__all__ = ["MESH_SUFFIXES", "Mesh", "NormalsKind", "read_mesh"]
