"""What is known of a ball's surface: points on it, or voxels on either side of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.space import Volume, transform_points

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MIN_POINTS = 60
"""Below it the steps of the voxels, or the facets, decide the shape."""

MAX_LABELS = 32
"""More labels than this are no list of balls: the volume is an image."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Evidence of where a surface is.

    Attributes
    ----------
    points_lps : ndarray, shape (n, 3)
        Points of the surface, or centres of the voxels beside it, mm.
    inside : ndarray of bool, shape (n,), or None
        Of voxels, whether they belong to the ball; None for points of the surface.
    weights : ndarray, shape (n,)
        Of each point in a fit, 1 on average.
    edges_lps : ndarray, shape (3, 3)
        Columns are the ways from a point to its neighbours, mm.
    """

    points_lps: Array
    inside: Mask | None
    weights: Array
    edges_lps: Array

    def __post_init__(self) -> None:
        if len(self.points_lps) < MIN_POINTS:
            raise DistcorrError(
                Code.NO_CONTRAST,
                "the surface is too small for its shape to be measured",
                f"{len(self.points_lps)} points on it, {MIN_POINTS} needed",
                "give a finer label or mesh",
            )
        if not (np.isfinite(self.points_lps).all() and np.isfinite(self.weights).all()):
            raise DistcorrError(
                Code.POINTS_INVALID, "a point of the surface is not finite", "", "repair the mesh"
            )

    def steps_mm(self, directions: Array) -> Array:
        """How far apart neighbours are along each direction (n, 3), shape (n,)."""
        steps: Array = np.abs(directions @ self.edges_lps).max(axis=1)
        return steps

    def moved_to(self, points_lps: ArrayLike) -> Surface:
        """Return the surface with its points elsewhere; those without a place are left out."""
        moved = np.asarray(points_lps, dtype=np.float64)
        placed = np.asarray(np.isfinite(moved).all(axis=-1))
        return Surface(moved, self.inside, self.weights, self.edges_lps).where(placed)

    def where(self, kept: Mask) -> Surface:
        """Return a part of the surface."""
        inside = None if self.inside is None else self.inside[kept]
        return Surface(self.points_lps[kept], inside, self.weights[kept], self.edges_lps)


def labels_of(labels: Volume) -> tuple[int, ...]:
    """List the labels of a volume, 0 left out.

    Raises
    ------
    DistcorrError
        ``bad-format`` if the volume is an image and no label map.
    """
    found = np.unique(labels.array)
    whole = bool(np.isfinite(found).all()) and bool((found == np.rint(found)).all())
    if not whole or len(found) > MAX_LABELS + 1:
        raise DistcorrError(
            Code.BAD_FORMAT,
            "this is no label map of a few balls",
            f"{len(found)} different values" + ("" if whole else ", not whole numbers"),
            "give a label map or a mesh",
        )
    return tuple(int(value) for value in found if value != 0)


def surface_of_label(labels: Volume, label: int) -> Surface:
    """Find the voxels on either side of a label's surface.

    Parameters
    ----------
    labels : Volume
    label : int

    Returns
    -------
    Surface
        Voxels of which one belongs to the label and a neighbour does not. What
        touches the volume's border has no other side there.

    Raises
    ------
    DistcorrError
        ``no-contrast`` if the label is absent or tiny.
    """
    member = labels.array == label
    beside = np.zeros(member.shape, dtype=np.bool_)
    for axis in range(3):
        change = np.diff(member, axis=axis)
        first, second = [slice(None)] * 3, [slice(None)] * 3
        first[axis], second[axis] = slice(0, -1), slice(1, None)
        beside[tuple(first)] |= change
        beside[tuple(second)] |= change
    k, j, i = np.nonzero(beside)
    if len(i) == 0:
        raise DistcorrError(
            Code.NO_CONTRAST,
            f"label {label} is absent or fills the volume",
            f"labels present: {', '.join(map(str, labels_of(labels))) or 'none'}",
            "name another label",
        )
    points = transform_points(labels.grid.T_lps_index, np.stack([i, j, k], axis=1))
    edges = labels.grid.direction * labels.grid.spacing
    return Surface(points, member[k, j, i], np.ones(len(points)), edges)


def surface_of_triangles(points_lps: ArrayLike, triangles: ArrayLike) -> Surface:
    """Take the vertices of a mesh, each with its share of the area.

    Parameters
    ----------
    points_lps : array_like, shape (n, 3)
        Vertices, mm.
    triangles : array_like of int, shape (m, 3)

    Returns
    -------
    Surface

    Raises
    ------
    DistcorrError
        ``no-contrast`` if the mesh is tiny or has no area, ``points-invalid`` if
        a vertex is not finite.
    """
    points = np.asarray(points_lps, dtype=np.float64).reshape(-1, 3)
    corners = np.asarray(triangles, dtype=np.intp).reshape(-1, 3)
    a, b, c = (points[corners[:, n]] for n in range(3))
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    share = np.zeros(len(points))
    for n in range(3):
        np.add.at(share, corners[:, n], area / 3)
    used = share != 0  # NaN stays, to be refused
    if not used.any():
        raise DistcorrError(Code.NO_CONTRAST, "the mesh has no area", f"{len(corners)} triangles")
    edges = np.sqrt(np.median(area[area != 0])) * np.eye(3)
    return Surface(points[used], None, share[used] / share[used].mean(), edges)
