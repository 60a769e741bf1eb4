"""A ball as scanners show it: an ellipsoid, slightly bent.

In units of a sphere's radius, about its centre. Sixteen numbers: the centre, the six of
a symmetric matrix whose exponential A makes a unit ball of the ellipsoid, |A (p - c)| =
1, so that every step is an ellipsoid, and seven of its bend.

A field that is not linear across a ball gives it the form of a pear: its surface moves
by harmonics of degree 3 of the direction, to second order of the map. A part of a ball
can't be told from an ellipsoid of another axis ratio unless that is allowed for; the
whole ball hardly notices, as the harmonics are orthogonal to all that an ellipsoid is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ELLIPSOID_NUMBERS = 9
NUMBERS = 16

BEND_SD = 0.003
"""Standard deviation of each number of the bend, of the radius. Femoral heads 180 mm from
the isocentre are bent by 0.003 to 0.012 in all, root mean square over the surface."""


def inside_by(x: Array, points: Array) -> Array:
    """Signed distance inside of the surface, to first order, shape (n,).

    Of the ellipsoid it is (1 - |u|) |u| / |A u| with u = A (p - c) (Sampson 1982,
    Computer Graphics and Image Processing 18:97).
    """
    inside, u = _ellipsoid(x, points)
    if x[ELLIPSOID_NUMBERS:].any():
        inside = inside + bend_harmonics(u) @ x[ELLIPSOID_NUMBERS:]
    return inside


def inside_and_slopes(x: Array, points: Array) -> tuple[Array, Array]:
    """Return :func:`inside_by` and its derivatives, shape (n, 16).

    The bend is taken not to turn with the ellipsoid, which is true but for its own
    smallness.
    """
    d, u = _ellipsoid(x, points)
    small = 1e-6
    slopes = np.empty((len(points), NUMBERS))
    for n in range(ELLIPSOID_NUMBERS):
        moved = x.copy()
        moved[n] += small
        slopes[:, n] = (_ellipsoid(moved, points)[0] - d) / small
    slopes[:, ELLIPSOID_NUMBERS:] = bend_harmonics(u)
    return d + slopes[:, ELLIPSOID_NUMBERS:] @ x[ELLIPSOID_NUMBERS:], slopes


def bend_harmonics(u: Array) -> Array:
    """Cubic harmonics of degree 3 of the directions (n, 3), mean square 1, shape (n, 7)."""
    x, y, z = (u / np.maximum(np.linalg.norm(u, axis=1), 1e-12)[:, None]).T
    xx, yy, zz = x * x, y * y, z * z
    axial, planar = np.sqrt(7.0) / 2.0, np.sqrt(105.0) / 2.0
    return np.stack(
        [
            axial * x * (5 * xx - 3),
            axial * y * (5 * yy - 3),
            axial * z * (5 * zz - 3),
            planar * x * (yy - zz),
            planar * y * (zz - xx),
            planar * z * (xx - yy),
            2 * planar * x * y * z,
        ],
        axis=1,
    )


def radii_and_axes(x: Array) -> tuple[Array, Array]:
    """Semi-axes, ascending, and their directions as columns."""
    values, axes = np.linalg.eigh(-_symmetric(x[3:ELLIPSOID_NUMBERS]))
    return np.exp(values), axes


def numbers_of(centre: Array, radii: Array, axes: Array) -> Array:
    """Return the sixteen numbers of an ellipsoid that is not bent."""
    s = -(axes * np.log(radii)) @ axes.T
    x = np.zeros(NUMBERS)
    x[:ELLIPSOID_NUMBERS] = [*centre, s[0, 0], s[1, 1], s[2, 2], s[0, 1], s[0, 2], s[1, 2]]
    return x


def _ellipsoid(x: Array, points: Array) -> tuple[Array, Array]:
    values, axes = np.linalg.eigh(_symmetric(x[3:ELLIPSOID_NUMBERS]))
    A = (axes * np.exp(values)) @ axes.T
    u = (points - x[:3]) @ A
    length = np.linalg.norm(u, axis=1)
    slope = np.maximum(np.linalg.norm(u @ A, axis=1), 1e-12)
    return (1.0 - length) * length / slope, u


def _symmetric(x: Array) -> Array:
    a, b, c, d, e, f = x
    return np.array([[a, d, e], [d, b, f], [e, f, c]])
