"""What is known at a lattice's nodes, between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from distcorr.field import Lattice


def at_nodes(
    lattice: Lattice, values: NDArray[Any], points_scanner: ArrayLike, outside: float
) -> NDArray[np.float64]:
    """Interpolate values at the nodes, trilinear.

    Parameters
    ----------
    lattice : Lattice
    values : ndarray, shape (z, y, x)
        One for each node.
    points_scanner : array_like, shape (..., 3)
        mm.
    outside : float
        Value beyond the outermost nodes.

    Returns
    -------
    ndarray, shape (...)
    """
    points = np.asarray(points_scanner, dtype=np.float64)
    index = (points - lattice.origin) / lattice.spacing
    coordinates = index.reshape(-1, 3)[:, ::-1].T
    sampled = map_coordinates(
        values.astype(np.float64), coordinates, order=1, mode="constant", cval=outside
    )
    return np.asarray(sampled, dtype=np.float64).reshape(points.shape[:-1])
