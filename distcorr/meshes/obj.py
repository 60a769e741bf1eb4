"""Wavefront OBJ, line by line: groups, materials, colours and comments are kept.

VTK's writer keeps none of them and can't state the axes, so only the coordinates of
``v`` lines are exchanged here. ``vn`` lines are left out, and their numbers in faces
with them: one normal may serve many points, and viewers compute them anyway.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

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
from distcorr.space import FileAxes

Array = NDArray[np.float64]

_DRAWN = ("f", "l")
_TAG = re.compile(rf"\s*{SPACE}=(LPS|RAS)")
_NORMAL_OF_CORNER = re.compile(r"^(-?\d+)(?:/(-?\d*))?(?:/-?\d+)?$")


class ObjMesh(Mesh):
    """An OBJ file.

    Parameters
    ----------
    path : Path
    stated : FileAxes, optional
        What a person says of its axes.

    Raises
    ------
    DistcorrError
        ``unreadable``, ``mesh-invalid``.
    """

    def __init__(self, path: Path, stated: FileAxes | None) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as failure:
            raise DistcorrError(
                Code.UNREADABLE, "the mesh can't be read", f"{path}: {failure.strerror}"
            ) from failure
        # A backslash at the end continues a line.
        self._lines = text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines()
        comments = "\n".join(line for line in self._lines if line.startswith("#"))
        self.corrected = MARK in comments
        self.axes, findings = chosen_axes(path, comments, stated)
        self._vertices = [n for n, line in enumerate(self._lines) if _keyword(line) == "v"]
        self._points = np.array([self._coordinates(n) for n in self._vertices]).reshape(-1, 3)
        faces = sum(_keyword(line) in _DRAWN for line in self._lines)
        require_points(path, self._points, faces)
        self._require_corners()
        if any(_keyword(line) == "vn" for line in self._lines):
            what = "the normals of an OBJ file were left out"
            remedy = "nothing; viewers compute them"
            findings = (*findings, Finding(Code.DERIVED_DROPPED, what, str(path), remedy))
        self.findings = findings

    @property
    def points_lps(self) -> Array:
        """Points, shape (m, 3), patient LPS, mm."""
        return np.asarray(self._points * self.axes.signs)

    @property
    def centres_lps(self) -> Array:
        """Not needed, because no normals of cells are kept; none."""
        return np.empty((0, 3))

    def triangles(self) -> NDArray[np.intp]:
        """Cut the faces into fans of triangles: numbers of points, shape (t, 3)."""
        found = []
        for line in self._lines:
            if _keyword(line) != "f":
                continue
            named = [int(word.split("/")[0]) for word in line.split()[1:]]
            corners = [n - 1 if n > 0 else len(self._points) + n for n in named]
            found += [(corners[0], b, c) for b, c in pairwise(corners[1:])]
        return np.array(found, dtype=np.intp).reshape(-1, 3)

    def normals_lps(self, kind: NormalsKind) -> Array | None:  # noqa: ARG002
        """Return None: normals are left out."""
        return None

    def write(
        self,
        path: Path,
        points_lps: Array,
        normals_lps: dict[NormalsKind, Array],  # noqa: ARG002
    ) -> None:
        """Write the file with its points elsewhere."""
        lines = list(self._lines)
        for n, xyz in zip(self._vertices, self.axes.in_file(points_lps).tolist(), strict=True):
            # What follows the coordinates is a weight or a colour.
            lines[n] = " ".join(["v", *map(repr, xyz), *lines[n].split()[4:]])
        kept = (_without_normals(line) for line in lines if _keyword(line) != "vn")
        text = "\n".join([f"# {MARK}. {SPACE}={self.axes}", *kept]) + "\n"
        path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")

    def _coordinates(self, n: int) -> list[float]:
        try:
            x, y, z = (float(word) for word in self._lines[n].split()[1:4])
        except ValueError:
            raise invalid(
                self.path, "a point is not three numbers", f"line {n + 1}: {self._lines[n]!r}"
            ) from None
        return [x, y, z]

    def _require_corners(self) -> None:
        """Refuse faces that name points which are not there, as a cut file does."""
        for n, line in enumerate(self._lines):
            if _keyword(line) not in _DRAWN:
                continue
            for word in line.split()[1:]:
                match = _NORMAL_OF_CORNER.match(word)
                if match is None or not 1 <= abs(int(match[1])) <= len(self._points):
                    raise invalid(
                        self.path, "a face names no point of the file", f"line {n + 1}: {line!r}"
                    )


def _keyword(line: str) -> str:
    words = line.split(maxsplit=1)
    return words[0] if words else ""


def _without_normals(line: str) -> str:
    """Drop the numbers of normals from a face, and statements of axes from a comment."""
    if line.startswith("#"):
        return _TAG.sub("", line)
    if _keyword(line) not in _DRAWN:
        return line
    words = line.split()
    return " ".join([words[0], *(_corner(word) for word in words[1:])])


def _corner(word: str) -> str:
    match = _NORMAL_OF_CORNER.match(word)
    assert match is not None  # every corner was checked when the file was read
    return f"{match[1]}/{match[2]}" if match[2] else match[1]
