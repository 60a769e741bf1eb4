"""Balls, squeezed and cut, as labels and as meshes."""

import numpy as np
from numpy.typing import NDArray

from distcorr.space import Grid, Volume

Array = NDArray[np.float64]

OBLIQUE = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def label_of(
    radii: tuple[float, float, float],
    spacing: tuple[float, float, float],
    centre: Array,
    direction: Array | None = None,
    cut: tuple[Array, float] | None = None,
) -> Volume:
    """Label an ellipsoid along LPS axes; ``cut`` (normal, height) takes away what is beyond."""
    turn = np.eye(3) if direction is None else direction
    size = np.ceil(2.8 * max(radii) / np.array(spacing)).astype(int)
    origin = centre - turn @ (np.array(spacing) * (size - 1) / 2) + 0.37
    grid = Grid(tuple(int(n) for n in size), origin, spacing, turn)
    away = grid.points_lps() - centre
    inside = ((away / np.array(radii)) ** 2).sum(axis=-1) < 1
    if cut is not None:
        normal, height = cut
        inside &= away @ (normal / np.linalg.norm(normal)) < height
    return Volume(inside.astype(np.uint8), grid)


def mesh_of(
    radii: tuple[float, float, float], centre: Array, rings: int = 20
) -> tuple[Array, Array]:
    """Triangulate an ellipsoid by circles of latitude, which are denser at its poles."""
    polar = np.linspace(0, np.pi, rings + 1)[1:-1]
    around = np.linspace(0, 2 * np.pi, 2 * rings, endpoint=False)
    t, a = np.meshgrid(polar, around, indexing="ij")
    ball = np.stack([np.sin(t) * np.cos(a), np.sin(t) * np.sin(a), np.cos(t)], axis=-1)
    points = np.concatenate([ball.reshape(-1, 3), [[0, 0, 1.0], [0, 0, -1.0]]])
    n = len(around)
    triangles = []
    for ring in range(len(polar) - 1):
        for s in range(n):
            p, q = ring * n + s, ring * n + (s + 1) % n
            triangles += [(p, p + n, q), (q, p + n, q + n)]
    top, bottom, last = len(points) - 2, len(points) - 1, (len(polar) - 1) * n
    triangles += [(top, s, (s + 1) % n) for s in range(n)]
    triangles += [(bottom, last + (s + 1) % n, last + s) for s in range(n)]
    return centre + points * np.array(radii), np.array(triangles)
