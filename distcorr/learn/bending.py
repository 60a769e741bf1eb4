"""The smoothness prior of a B-spline lattice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import cho_factor, cho_solve

Array = NDArray[np.float64]

CORRELATION_MM = 80.0
"""Distance over which what harmonics can't say is expected to hang together."""


def gram_1d(nodes: int, spacing_mm: float, derivative: int) -> Array:
    """Integrate products of derivatives of the cubic B-splines of one axis.

    Parameters
    ----------
    nodes : int
    spacing_mm : float
    derivative : int
        0, 1 or 2.

    Returns
    -------
    ndarray, shape (nodes, nodes)
        ``int b_i^(d) b_j^(d) dx`` over the domain 1 <= u <= nodes - 2.
    """
    spline = BSpline.basis_element(np.arange(-2.0, 3.0), extrapolate=False)
    if derivative:
        spline = spline.derivative(derivative)
    abscissae, weights = np.polynomial.legendre.leggauss(4)
    cells = np.arange(1, nodes - 2)
    u = (cells[:, None] + 0.5 + 0.5 * abscissae).reshape(-1)
    w = np.tile(0.5 * weights, len(cells))
    values = np.nan_to_num(spline(u[:, None] - np.arange(nodes)))
    gram = (values * w[:, None]).T @ values
    return np.asarray(gram * spacing_mm ** (1 - 2 * derivative))


def smoothness_precision(nodes_zyx: tuple[int, int, int], spacing_mm: float) -> Array:
    """Build the precision of one component's coefficients, for unit variance.

    Bending energy (Rueckert et al. 1999, IEEE Trans Med Imaging 18:712) plus a
    term of value that makes it a proper prior with the stated correlation
    length, scaled so that the middle of the lattice has variance 1 mm^2.

    Parameters
    ----------
    nodes_zyx : tuple of int
    spacing_mm : float

    Returns
    -------
    ndarray, shape (n, n)
        1/mm^2, nodes in C order of (z, y, x).
    """
    g = [[gram_1d(n, spacing_mm, d) for d in range(3)] for n in nodes_zyx]
    terms = []
    for orders, factor in (
        ((2, 0, 0), 1.0),
        ((0, 2, 0), 1.0),
        ((0, 0, 2), 1.0),
        ((1, 1, 0), 2.0),
        ((1, 0, 1), 2.0),
        ((0, 1, 1), 2.0),
    ):
        terms.append(factor * _product(g, orders))
    precision = np.sum(terms, axis=0) + _product(g, (0, 0, 0)) / CORRELATION_MM**4
    # Edge splines reach into the domain with a corner only; hold them lightly.
    precision = precision + 1e-6 * np.trace(precision) / len(precision) * np.eye(len(precision))
    middle = np.ravel_multi_index(tuple(n // 2 for n in nodes_zyx), nodes_zyx)
    unit = np.zeros(len(precision))
    unit[middle] = 1.0
    return np.asarray(precision * cho_solve(cho_factor(precision), unit)[middle])


def _product(grams: list[list[Array]], orders: tuple[int, int, int]) -> Array:
    z, y, x = (grams[axis][order] for axis, order in enumerate(orders))
    return np.asarray(np.kron(np.kron(z, y), x), dtype=np.float64)
