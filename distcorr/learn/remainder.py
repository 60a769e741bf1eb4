"""What harmonics can't say: a B-spline remainder fitted jointly with them.

The remainder is one more block of unknowns, a cubic B-spline lattice for each
component with a smoothness prior of width tau, in the same linear system as the
harmonics and the motions. Tau is chosen by cross-validation between subjects:
what repeats in somebody who was left out belongs to the scanner, the rest to
the subject (susceptibility, motion of parts) or to the similarity. Unless every
left-out subject gains, there is no remainder; with one reference nobody can be
left out and there is none either. (The marginal likelihood was tried and takes
the similarity's systematic errors for signal: it doubled the error on legs.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri

from distcorr.field import Lattice
from distcorr.learn.bending import smoothness_precision
from distcorr.learn.normal import Probe
from distcorr.learn.pair import PairLevel, View
from distcorr.learn.rigid import PARAMETERS
from distcorr.learn.state import State

Array = NDArray[np.float64]

WIDTHS_MM = (0.05, 0.2, 0.8)
"""Widths tau that are tried beside none."""

MIN_GAIN = 0.01
"""Least gain, for every left-out subject, that a remainder has to bring."""

GAUGE_SD_MM = 1e-3
"""Width to which the remainder's value and slope (over one node distance) are held
to zero at the isocentre: there the coil is calibrated and D has neither."""

MAX_ROWS = 100_000
"""Residuals of one subject that take part; a regular subset is weighted up."""

BODY_MARGIN_MM = 20.0


@dataclass(frozen=True, eq=False)
class Remainder:
    """Fitted remainder.

    Attributes
    ----------
    lattice : Lattice
        Its mean.
    sd : ndarray, shape (3, z, y, x)
        Posterior standard deviation of its values at the nodes, mm.
    width_mm : float
        Chosen tau; 0 if the data want none.
    gains : dict of float to tuple of float
        For each tau tried, how much better each left-out subject is explained
        than without a remainder, as a share.
    """

    lattice: Lattice
    sd: Array
    width_mm: float
    gains: dict[float, tuple[float, ...]]


def fit_remainder(
    state: State, levels: Sequence[PairLevel], views: Sequence[View], spacing_mm: float
) -> tuple[State, Remainder]:
    """Fit the remainder, and the harmonics and motions with it.

    Parameters
    ----------
    state : State
        Converged harmonics and motions.
    levels, views : sequence
        The finest level and its comparison at ``state``.
    spacing_mm : float
        Node distance of the remainder's lattice.

    Returns
    -------
    state : State
        With harmonics, motions and covariance of the joint fit.
    remainder : Remainder
    """
    everywhere = np.concatenate([level.points for level in levels])
    lattice = Lattice.covering(
        everywhere.min(axis=0) - BODY_MARGIN_MM, everywhere.max(axis=0) + BODY_MARGIN_MM, spacing_mm
    )
    none = Remainder(lattice, np.zeros(lattice.coefficients.shape), 0.0, {})
    if len(levels) < 2:
        return state, none
    parts = [
        _normal_equations(state, levels, views, lattice, subject) for subject in range(len(levels))
    ]
    unit = _remainder_precision(lattice)
    scores = {
        tau: [_score(state, parts, left_out, unit, tau) for left_out in range(len(parts))]
        for tau in (0.0, *WIDTHS_MM)
    }
    gains = {
        tau: tuple(
            (without - own) / max(abs(without), 1e-9)
            for own, without in zip(scores[tau], scores[0.0], strict=True)
        )
        for tau in WIDTHS_MM
    }
    best = max(WIDTHS_MM, key=lambda tau: min(gains[tau]))
    if min(gains[best]) < MIN_GAIN:
        return state, replace(none, gains=gains)
    factor, x, first = _solved(state, parts, unit, best)
    covariance = _inverse(factor)
    moved = replace(state.moved(x[:first]), covariance=covariance[:first, :first])
    coefficients = x[first:].reshape(lattice.coefficients.shape)
    sd = _sd_at_nodes(covariance[first:, first:], lattice)
    fitted = Lattice(lattice.origin, lattice.spacing, coefficients)
    return moved, Remainder(fitted, sd, best, gains)


def _solved(
    state: State, parts: Sequence[tuple[Array, Array]], unit: Array, tau: float
) -> tuple[tuple[Array, bool], Array, int]:
    """Solve the joint system of some subjects; returns factor, step, first lattice unknown."""
    base = state.prior_precision
    first = len(base)
    A = np.sum([a for a, _ in parts], axis=0) / state.inflation
    b = np.sum([v for _, v in parts], axis=0) / state.inflation
    A[np.arange(first), np.arange(first)] += base
    b[:first] -= base * state.parameters
    if tau == 0.0:
        A, b = A[:first, :first], b[:first]
    else:
        n = len(unit)
        for a in range(3):
            block = slice(first + a * n, first + (a + 1) * n)
            A[block, block] += unit / tau**2
    factor = cho_factor(A, overwrite_a=True)
    return factor, cho_solve(factor, b), first


def _score(
    state: State, parts: Sequence[tuple[Array, Array]], left_out: int, unit: Array, tau: float
) -> float:
    """Misfit of a subject, its own motion adapted, with what the others teach."""
    others = [part for s, part in enumerate(parts) if s != left_out]
    _, x, first = _solved(state, others, unit, tau)
    A, b = parts[left_out]
    own = slice(first - PARAMETERS * (len(parts) - left_out), None)
    own = slice(own.start, own.start + PARAMETERS)
    taught = np.zeros(len(b))
    taught[: len(x)] = x
    taught[own] = 0.0
    pull = b[own] - A[own] @ taught
    taught[own] = np.linalg.solve(A[own, own], pull)
    return float(0.5 * taught @ A @ taught - b @ taught)


def _inverse(factor: tuple[Array, bool]) -> Array:
    """Invert a matrix from its Cholesky factor."""
    inverse, failed = dpotri(factor[0], lower=factor[1])
    if failed:
        raise np.linalg.LinAlgError("the covariance of the remainder is singular")
    triangle = np.tril(inverse) if factor[1] else np.triu(inverse).T
    return np.asarray(triangle + np.tril(triangle, -1).T)


def _remainder_precision(lattice: Lattice) -> Array:
    """Precision for tau = 1 mm, with the gauge at the isocentre."""
    nodes_zyx = lattice.nodes[::-1]
    spacing = float(lattice.spacing[0])
    precision = smoothness_precision(nodes_zyx, spacing)
    steps = np.vstack([np.zeros(3), np.eye(3) * spacing / 2, -np.eye(3) * spacing / 2])
    index, weights, inside = weights_at(lattice, steps)
    for i, w, ok in zip(index, weights, inside, strict=True):
        if ok:
            precision[np.ix_(i, i)] += np.outer(w, w) / GAUGE_SD_MM**2
    return precision


def weights_at(
    lattice: Lattice, points: Array
) -> tuple[NDArray[np.intp], Array, NDArray[np.bool_]]:
    """Find the 64 nodes that act at each point and their weights.

    Returns
    -------
    index : ndarray of int, shape (m, 64)
        Flat node indices in C order of (z, y, x).
    weights : ndarray, shape (m, 64)
    inside : ndarray of bool, shape (m,)
    """
    u = (points - lattice.origin) / lattice.spacing
    n = np.array(lattice.nodes)
    cell = np.clip(np.floor(u).astype(np.intp), 1, n - 3)
    t = (u - cell)[..., None]
    o = 1 - t
    w = np.concatenate(
        [o**3 / 6, 2 / 3 - t**2 * (2 - t) / 2, 2 / 3 - o**2 * (2 - o) / 2, t**3 / 6], axis=-1
    )
    weights = np.einsum("mk,mj,mi->mkji", w[:, 2], w[:, 1], w[:, 0]).reshape(len(u), 64)
    four = np.arange(-1, 3)
    i, j, k = (cell[:, a, None] + four for a in range(3))
    flat = (k[:, :, None, None] * n[1] + j[:, None, :, None]) * n[0] + i[:, None, None, :]
    return flat.reshape(len(u), 64), weights, lattice.inside(points)


def _normal_equations(
    state: State,
    levels: Sequence[PairLevel],
    views: Sequence[View],
    lattice: Lattice,
    subject: int,
) -> tuple[Array, Array]:
    """Sum one subject's normal equations of all unknowns, lattice last."""
    known = 3 * state.prior.basis.size
    nodes = int(np.prod(lattice.nodes))
    first = known + PARAMETERS * len(levels)
    A = np.zeros((first + 3 * nodes, first + 3 * nodes))
    b = np.zeros(len(A))
    view = views[subject]
    used = np.flatnonzero(view.comparison.weight)
    stride = max(1, int(np.ceil(len(used) / MAX_ROWS)))
    used = used[::stride]
    root = np.sqrt(view.comparison.weight[used] * stride)
    X = np.zeros((len(used), known + PARAMETERS), np.float32)
    for probe in view.probes:
        state.prior.basis.add_rows(probe.points[used], probe.vectors[used] * root[:, None], X)
    X[:, known:] = view.rigid_rows[used] * root[:, None]
    columns = np.r_[0:known, known + PARAMETERS * subject : known + PARAMETERS * (subject + 1)]
    e = view.comparison.residual[used] * root
    A[np.ix_(columns, columns)] += X.T @ X
    b[columns] -= X.T @ e
    _add_lattice(A, b, view.probes, used, root, X, e, columns, lattice, first)
    return A, b


def _add_lattice(
    A: Array,
    b: Array,
    probes: Sequence[Probe],
    used: NDArray[np.intp],
    root: NDArray[np.floating],
    X: NDArray[np.float32],
    e: NDArray[np.floating],
    columns: NDArray[np.intp],
    lattice: Lattice,
    first: int,
) -> None:
    """Add the remainder's rows, cell of the first probe by cell.

    Probes of one residual lie within millimetres of each other; where they fall
    into neighbouring cells, their nodes are simply united.
    """
    nodes = int(np.prod(lattice.nodes))
    cell = np.floor((probes[0].points[used] - lattice.origin) / lattice.spacing).astype(np.intp)
    flat = (cell[:, 2] * 4096 + cell[:, 1]) * 4096 + cell[:, 0]
    order = np.argsort(flat, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(flat[order])) + 1):
        parts = [weights_at(lattice, probe.points[used[rows]]) for probe in probes]
        united = np.unique(np.concatenate([index for index, _, _ in parts]))
        Y = np.zeros((len(rows), 3, len(united)), np.float32)
        line = np.arange(len(rows))[:, None] * len(united)
        for probe, (index, weights, inside) in zip(probes, parts, strict=True):
            at = (line + np.searchsorted(united, index)).reshape(-1)
            vectors = probe.vectors[used[rows]] * (root[rows] * inside)[:, None]
            for a in range(3):
                values = (vectors[:, a, None] * weights).reshape(-1)
                summed = np.bincount(at, values, len(rows) * len(united))
                Y[:, a] += summed.reshape(len(rows), -1)
        Z = Y.reshape(len(rows), -1)
        where = (first + nodes * np.arange(3)[:, None] + united).reshape(-1)
        A[np.ix_(where, where)] += Z.T @ Z
        cross = X[rows].T @ Z
        A[np.ix_(columns, where)] += cross
        A[np.ix_(where, columns)] += cross.T
        b[where] -= Z.T @ e[rows]


def _sd_at_nodes(covariance: Array, lattice: Lattice) -> Array:
    """Return the standard deviation of the field's value at each node (not of its coefficient)."""
    n = int(np.prod(lattice.nodes))
    shape = lattice.coefficients.shape[1:]
    index, weights, _ = weights_at(lattice, lattice.node_points().reshape(-1, 3))
    sd = np.empty((3, n))
    for a in range(3):
        block = covariance[a * n : (a + 1) * n, a * n : (a + 1) * n]
        for start in range(0, n, 256):
            i, w = index[start : start + 256], weights[start : start + 256]
            local = block[i[:, :, None], i[:, None, :]]
            sd[a, start : start + 256] = np.einsum("mi,mij,mj->m", w, local, w)
    return np.sqrt(np.maximum(sd, 0)).reshape(3, *shape)
