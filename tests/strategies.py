"""Hypothesis strategies that all tests share."""

import numpy as np
from hypothesis import strategies as st

from distcorr.space import Grid


def _rotation(quaternion):
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotations():
    """Proper rotations, shape (3, 3)."""
    component = st.floats(-1, 1)
    quaternions = st.tuples(*[component] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)
    return quaternions.map(_rotation)


def points():
    """Points in mm, shape (3,)."""
    return st.tuples(*[st.floats(-1000, 1000)] * 3).map(np.array)


@st.composite
def grids(draw):
    size = draw(st.tuples(*[st.integers(1, 60)] * 3))
    spacing = draw(st.tuples(*[st.floats(0.2, 30)] * 3))
    return Grid(size, draw(points()), np.array(spacing), draw(rotations()))
