"""Meshes that VTK reads and writes: STL, PLY, legacy VTK and VTP.

The package is imported where it is used: it takes half a second, and most work
needs none of it. Only its input and output modules are, which need no display.

Kept: points in their precision, faces, all arrays of points, cells and the whole,
PLY comments, text or binary as read (VTP is written compressed). Normals are turned by
the caller. The headers of STL and legacy files are exchanged. Lost, because
VTK does not carry them: the two attribute bytes of each face of a binary STL, and
properties of a PLY beyond coordinates, normals, colours and texture; these are told.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError, Finding
from distcorr.meshes.mesh import (
    MARK,
    SPACE,
    Mesh,
    NormalsKind,
    chosen_axes,
    invalid,
    require_points,
)
from distcorr.meshes.ply_size import is_whole_ply
from distcorr.space import FileAxes

Array = NDArray[np.float64]

LEGACY_VERSION = 42
"""Version 4.2 of the legacy format, as Slicer writes it: older software reads it too."""

_LEGACY_ARRAYS = ("Scalars", "Vectors", "Normals", "Tensors", "ColorScalars", "TCoords", "Fields")

_TEXT, _BINARY = 1, 2
"""File types of VTK's writers."""

_PLY_KNOWN = frozenset(
    (
        *("x", "y", "z", "nx", "ny", "nz", "red", "green", "blue", "alpha", "intensity"),
        *("diffuse_red", "diffuse_green", "diffuse_blue", "u", "v", "s", "t"),
        *("texture_u", "texture_v", "texcoord", "texnumber", "vertex_indices", "vertex_index"),
    )
)
"""Properties of a PLY that VTK's reader takes over."""

_HEAD_BYTES = 64 << 10
"""Headers are shorter."""

_MESSAGES = threading.Lock()
"""VTK has one place for its messages in a process."""


class VtkFormat(StrEnum):
    """Formats by suffix."""

    STL = ".stl"
    PLY = ".ply"
    LEGACY = ".vtk"
    XML = ".vtp"


class VtkMesh(Mesh):
    """A file that VTK reads.

    Parameters
    ----------
    path : Path
    kind : VtkFormat
    stated : FileAxes, optional
        What a person says of its axes.

    Raises
    ------
    DistcorrError
        ``unreadable``, ``bad-format`` for other data sets than surfaces,
        ``mesh-invalid``.
    """

    def __init__(self, path: Path, kind: VtkFormat, stated: FileAxes | None) -> None:
        self.path, self._kind = path, kind
        with path.open("rb") as stream:
            self._head = stream.read(_HEAD_BYTES)
        if kind is VtkFormat.LEGACY:
            _require_surface(path, self._head)
        elif kind is VtkFormat.STL:
            self._require_whole_stl()
        self._data, header = _read(path, kind)
        self.corrected = MARK in header
        self.axes, findings = chosen_axes(path, header, stated)
        self._points = _numpy(self._data.GetPoints().GetData()) if _has_points(self._data) else None
        found = np.empty((0, 3)) if self._points is None else self._points
        require_points(path, np.asarray(found, dtype=np.float64), self._data.GetNumberOfCells())
        self._header = header
        self.findings = (*findings, *self._not_carried())

    @property
    def points_lps(self) -> Array:
        """Points, shape (m, 3), patient LPS, mm."""
        return np.asarray(np.asarray(self._points, dtype=np.float64) * self.axes.signs)

    @property
    def centres_lps(self) -> Array:
        """Mean of the corners of each cell, shape (cells, 3), patient LPS, mm."""
        points = self.points_lps
        centres = np.empty((self._data.GetNumberOfCells(), 3))
        for number in range(len(centres)):
            ids = self._data.GetCell(number).GetPointIds()
            corners = [ids.GetId(corner) for corner in range(ids.GetNumberOfIds())]
            centres[number] = points[corners].mean(axis=0)
        return centres

    def triangles(self) -> NDArray[np.intp]:
        """Cut the faces into triangles: numbers of points, shape (t, 3)."""
        cut = _triangles(self._data).GetPolys()
        return _numpy(cut.GetConnectivityArray()).astype(np.intp).reshape(-1, 3)

    def normals_lps(self, kind: NormalsKind) -> Array | None:
        """Return the normals that the file holds for its points or cells, shape (m, 3)."""
        array = self._attributes(self._data, kind).GetNormals()
        if array is None or array.GetNumberOfComponents() != 3:
            return None
        return np.asarray(_numpy(array).astype(np.float64) * self.axes.signs)

    def write(self, path: Path, points_lps: Array, normals_lps: dict[NormalsKind, Array]) -> None:
        """Write the mesh with its points elsewhere."""
        data = self._data.NewInstance()
        data.DeepCopy(self._data)
        _fill(data.GetPoints().GetData(), self.axes.in_file(points_lps))
        for kind, normals in normals_lps.items():
            _fill(self._attributes(data, kind).GetNormals(), self.axes.in_file(normals))
        with _messages() as told:
            done = self._writer(path, data).Write()
        if not done:
            raise DistcorrError(
                Code.OUTPUT_UNWRITABLE, "the mesh can't be written", f"{path}: {_last(told())}"
            )
        corners = data.GetPolys().GetNumberOfConnectivityIds()
        if self._kind is VtkFormat.PLY and not is_whole_ply(path, corners):
            what = "the output was cut short while it was written"
            raise DistcorrError(Code.OUTPUT_UNWRITABLE, what, str(path))

    def _require_whole_stl(self) -> None:
        """Refuse a binary STL cut short, which some versions of VTK read as far as it goes."""
        head = self._head.lstrip().lower()
        if self._is_text() and not (head.startswith(b"solid") and b"facet" in head):
            faces, size = _stl_count(self._head), self.path.stat().st_size
            raise invalid(
                self.path,
                "this is no STL file, or not all of it",
                f"{size} bytes, where {faces} triangles take {84 + 50 * faces}",
            )

    def _writer(self, path: Path, data: Any) -> Any:
        from vtkmodules.vtkIOGeometry import vtkSTLWriter
        from vtkmodules.vtkIOLegacy import vtkPolyDataWriter
        from vtkmodules.vtkIOPLY import vtkPLYWriter
        from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter

        writer: Any
        header = f"{MARK}. {SPACE}={self.axes}"
        match self._kind:
            case VtkFormat.STL:
                data = _triangles(data)
                writer = vtkSTLWriter()
                writer.SetHeader(header)
            case VtkFormat.PLY:
                writer = vtkPLYWriter()
                self._describe_ply(writer, data, header)
            case VtkFormat.LEGACY:
                writer = vtkPolyDataWriter()
                writer.SetHeader(header)
                writer.SetFileVersion(LEGACY_VERSION)
            case VtkFormat.XML:
                writer = vtkXMLPolyDataWriter()
                _set_field(data, SPACE, str(self.axes))
                _set_field(data, "distcorr", MARK)
        if self._kind is not VtkFormat.XML:
            writer.SetFileType(_TEXT if self._is_text() else _BINARY)
        writer.SetInputData(data)
        writer.SetFileName(str(path))
        return writer

    def _describe_ply(self, writer: Any, data: Any, header: str) -> None:
        writer.AddComment(header)
        for line in self._header.splitlines():
            if f"{SPACE}=" not in line and not line.startswith("VTK generated"):
                writer.AddComment(line)
        for name, components in (("RGB", 3), ("RGBA", 4)):
            for attributes in (data.GetPointData(), data.GetCellData()):
                array = attributes.GetArray(name)
                if array is not None and array.GetNumberOfComponents() == components:
                    writer.SetArrayName(name)
                    writer.SetEnableAlpha(components == 4)

    def _is_text(self) -> bool:
        match self._kind:
            case VtkFormat.STL:
                # Some binary headers begin with "solid", too; their size tells.
                return self.path.stat().st_size != 84 + 50 * _stl_count(self._head)
            case VtkFormat.PLY:
                return b"format ascii" in self._head.split(b"end_header")[0]
            case _:
                return b"ASCII" in b"\n".join(self._head.split(b"\n")[2:3]).upper()

    def _not_carried(self) -> tuple[Finding, ...]:
        lost: list[str] = []
        if self._kind is VtkFormat.PLY:
            lines = self._head.split(b"end_header")[0].decode("latin-1").splitlines()
            words = [line.split() for line in lines if line.startswith("property")]
            lost = [word[-1] for word in words if word and word[-1] not in _PLY_KNOWN]
        elif self._kind is VtkFormat.STL and not self._is_text():
            lost = ["attribute bytes"] if _stl_attributes(self.path).any() else []
        if not lost:
            return ()
        what = "properties of the mesh file could not be carried over"
        return (
            Finding(
                Code.DERIVED_DROPPED,
                what,
                f"{self.path}: {', '.join(lost)}",
                "give the mesh as .vtp if they matter",
            ),
        )

    @staticmethod
    def _attributes(data: Any, kind: NormalsKind) -> Any:
        return data.GetPointData() if kind is NormalsKind.POINTS else data.GetCellData()


def _read(path: Path, kind: VtkFormat) -> tuple[Any, str]:
    """Read a file; returns the surface and its header or comments, one a line."""
    from vtkmodules.vtkIOGeometry import vtkSTLReader
    from vtkmodules.vtkIOLegacy import vtkPolyDataReader
    from vtkmodules.vtkIOPLY import vtkPLYReader
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    readers: dict[VtkFormat, Any] = {
        VtkFormat.STL: vtkSTLReader,
        VtkFormat.PLY: vtkPLYReader,
        VtkFormat.LEGACY: vtkPolyDataReader,
        VtkFormat.XML: vtkXMLPolyDataReader,
    }
    reader = readers[kind]()
    reader.SetFileName(str(path))
    if kind is VtkFormat.STL:
        reader.MergingOff()  # merging drops triangles without area
    elif kind is VtkFormat.LEGACY:
        for what in (
            "Scalars",
            "Vectors",
            "Normals",
            "Tensors",
            "ColorScalars",
            "TCoords",
            "Fields",
        ):
            getattr(reader, f"ReadAll{what}On")()
    with _messages() as told:
        reader.Update()
    if told():
        raise DistcorrError(
            Code.UNREADABLE, "the mesh can't be read", f"{path}: {_last(told())}",
            "open it in a viewer and save it again",
        )  # fmt: skip
    data = reader.GetOutput()
    if kind is VtkFormat.PLY:
        comments = reader.GetComments()
        return data, "\n".join(comments.GetValue(n) for n in range(comments.GetNumberOfValues()))
    if kind is VtkFormat.XML:
        return data, _fields_as_header(data)
    return data, reader.GetHeader() or ""


def _fields_as_header(data: Any) -> str:
    """Write the fields that state axes and origin as other formats' headers do."""
    axes, mark = (_field(data, name) for name in (SPACE, "distcorr"))
    return "\n".join(filter(None, [axes and f"{SPACE}={axes}", mark]))


def _field(data: Any, name: str) -> str:
    array = data.GetFieldData().GetAbstractArray(name)
    if array is None or array.GetNumberOfValues() == 0:
        return ""
    return str(array.GetVariantValue(0).ToString())


def _set_field(data: Any, name: str, value: str) -> None:
    from vtkmodules.vtkCommonCore import vtkStringArray

    array = vtkStringArray()
    array.SetName(name)
    array.InsertNextValue(value)
    data.GetFieldData().RemoveArray(name)
    data.GetFieldData().AddArray(array)


def _require_surface(path: Path, head: bytes) -> None:
    for line in head.upper().split(b"\n"):
        words = line.split()
        if words[:1] == [b"DATASET"]:
            if words[1:2] == [b"POLYDATA"]:
                return
            found = b" ".join(words[1:2]).decode("ascii", "replace")
            raise DistcorrError(
                Code.BAD_FORMAT, "the file holds no surface", f"{path}: {found}",
                "extract the surface and save it as polydata",
            )  # fmt: skip
    raise DistcorrError(Code.BAD_FORMAT, "this is no VTK file", str(path), "save the mesh again")


def _triangles(data: Any) -> Any:
    """Cut faces into triangles, which is all that STL holds."""
    from vtkmodules.vtkFiltersCore import vtkTriangleFilter

    cut = vtkTriangleFilter()
    cut.PassVertsOff()
    cut.PassLinesOff()
    cut.SetInputData(data)
    cut.Update()
    return cut.GetOutput()


def _has_points(data: Any) -> bool:
    return data is not None and data.GetPoints() is not None


def _numpy(array: Any) -> NDArray[Any]:
    return np.array(_view(array))


def _fill(array: Any, values: Array) -> None:
    """Put values into a VTK array in place, in the array's own precision."""
    _view(array)[:] = values
    array.Modified()


def _view(array: Any) -> NDArray[Any]:
    from vtkmodules.util import numpy_support

    view: NDArray[Any] = numpy_support.vtk_to_numpy(array)  # type: ignore[no-untyped-call]
    return view


def _stl_count(head: bytes) -> int:
    return int.from_bytes(head[80:84], "little")


def _stl_attributes(path: Path) -> NDArray[np.uint16]:
    faces = np.dtype([("numbers", "<f4", 12), ("attribute", "<u2")])
    stored = np.fromfile(path, dtype=faces, offset=84)
    return np.asarray(stored["attribute"])


@contextmanager
def _messages() -> Iterator[Any]:
    """Collect VTK's messages instead of printing them; yields a function for their text."""
    from vtkmodules.vtkCommonCore import vtkLogger, vtkOutputWindow, vtkStringOutputWindow

    with _MESSAGES:
        before, printed = vtkOutputWindow.GetInstance(), vtkLogger.GetCurrentVerbosityCutoff()
        listening = vtkStringOutputWindow()
        vtkOutputWindow.SetInstance(listening)
        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
        try:
            yield listening.GetOutput
        finally:
            vtkOutputWindow.SetInstance(before)
            vtkLogger.SetStderrVerbosity(printed)


def _last(messages: str) -> str:
    """Pick the first line of VTK's messages that says something."""
    lines = [line.strip() for line in messages.splitlines()]
    said = [line for line in lines if line and not line.startswith(("ERROR: In", "Warning: In"))]
    return said[0] if said else "VTK gives no reason"
