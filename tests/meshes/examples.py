"""Mesh files to read, made by VTK itself and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from vtkmodules.util import numpy_support
from vtkmodules.vtkCommonCore import vtkPoints, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkIOGeometry import vtkSTLReader, vtkSTLWriter
from vtkmodules.vtkIOLegacy import vtkPolyDataReader, vtkPolyDataWriter
from vtkmodules.vtkIOPLY import vtkPLYReader, vtkPLYWriter
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader, vtkXMLPolyDataWriter

WRITERS = {
    ".stl": vtkSTLWriter,
    ".ply": vtkPLYWriter,
    ".vtk": vtkPolyDataWriter,
    ".vtp": vtkXMLPolyDataWriter,
}
READERS = {
    ".stl": vtkSTLReader,
    ".ply": vtkPLYReader,
    ".vtk": vtkPolyDataReader,
    ".vtp": vtkXMLPolyDataReader,
}
FACES = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [0, 2, 3]])
CORNERS = np.array([[0.0, 0, 0], [10, 0, 0], [0, 20, 0], [1, 2, 30]]) + np.array([5.25, -7.5, 11])


def polydata(points: np.ndarray = CORNERS, faces: np.ndarray = FACES) -> Any:
    """A surface in the precision of ``points``."""
    data, held, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
    held.SetData(numpy_support.numpy_to_vtk(np.ascontiguousarray(points), deep=True))
    data.SetPoints(held)
    for face in faces:
        cells.InsertNextCell(len(face), [int(corner) for corner in face])
    data.SetPolys(cells)
    return data


def array(data: Any, name: str, values: np.ndarray, of_points: bool = True) -> None:
    held = numpy_support.numpy_to_vtk(np.ascontiguousarray(values), deep=True)
    held.SetName(name)
    (data.GetPointData() if of_points else data.GetCellData()).AddArray(held)


def normals(data: Any, values: np.ndarray, of_points: bool = True) -> None:
    array(data, "Normals", values, of_points)
    (data.GetPointData() if of_points else data.GetCellData()).SetActiveNormals("Normals")


def write(path: Path, data: Any, space: str | None = "LPS", text: bool = False) -> Path:
    """Write as Slicer does: SPACE in header, comment or field."""
    if path.suffix == ".obj":
        return write_obj(path, data, space)
    writer = WRITERS[path.suffix]()
    if path.suffix != ".vtp":
        writer.SetFileType(1 if text else 2)
    header = "3D Slicer output." + (f" SPACE={space}" if space else "")
    if path.suffix == ".ply":
        writer.AddComment(header)
        if data.GetPointData().GetArray("RGB"):
            writer.SetArrayName("RGB")
    elif path.suffix == ".vtp":
        if space:
            held = vtkStringArray()
            held.SetName("SPACE")
            held.InsertNextValue(space)
            data.GetFieldData().AddArray(held)
    else:
        writer.SetHeader(header)
    writer.SetInputData(data)
    writer.SetFileName(str(path))
    assert writer.Write()
    return path


def write_obj(path: Path, data: Any, space: str | None) -> Path:
    points = numpy_support.vtk_to_numpy(data.GetPoints().GetData())
    lines = [f"# 3D Slicer output. SPACE={space}"] if space else ["# no axes"]
    lines += [f"v {x!r} {y!r} {z!r}" for x, y, z in points.tolist()]
    for number in range(data.GetNumberOfCells()):
        ids = data.GetCell(number).GetPointIds()
        corners = [str(ids.GetId(c) + 1) for c in range(ids.GetNumberOfIds())]
        lines.append("f " + " ".join(corners))
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path) -> tuple[Any, Any]:
    """Read by VTK, not by the package; returns the data and the reader."""
    reader = READERS[path.suffix]()
    reader.SetFileName(str(path))
    if path.suffix == ".stl":
        reader.MergingOff()
    reader.Update()
    return reader.GetOutput(), reader


def points_of(data: Any) -> np.ndarray:
    return np.array(numpy_support.vtk_to_numpy(data.GetPoints().GetData()))


def array_of(data: Any, name: str, of_points: bool = True) -> np.ndarray:
    held = (data.GetPointData() if of_points else data.GetCellData()).GetArray(name)
    return np.array(numpy_support.vtk_to_numpy(held))


def slicer_axes(path: Path) -> str:
    """The axes that Slicer takes a file to have: substring of header, comment or field."""
    if path.suffix == ".obj":
        head = next(line for line in path.read_text().splitlines() if line.startswith("#"))
    else:
        data, reader = read(path)
        if path.suffix == ".vtp":
            held = data.GetFieldData().GetAbstractArray("SPACE")
            assert isinstance(held, vtkStringArray)
            return str(held.GetValue(0))
        if path.suffix == ".ply":
            comments = reader.GetComments()
            values = [comments.GetValue(n) for n in range(comments.GetNumberOfValues())]
            head = next(value for value in values if "SPACE=" in value)
        else:
            head = reader.GetHeader()
    return "RAS" if "SPACE=RAS" in head else "LPS" if "SPACE=LPS" in head else "none"
