"""What harmonics can't say: a B-spline remainder fitted jointly with them.

The remainder is one more block of unknowns, a cubic B-spline lattice for each
component with a smoothness prior of width tau, in the same linear system as the
harmonics and the motions. It grows towards the rim as the harmonics do that are left
out: whatever differs in the middle is not the coil's. Tau is chosen by
cross-validation between subjects: what repeats in somebody who was left out
belongs to the scanner, the rest to the subject (susceptibility, motion of parts)
or to the similarity. Unless every left-out subject gains, there is no remainder;
with one reference nobody can be left out and there is none either. (The marginal
likelihood was tried and takes the similarity's systematic errors for signal: it
doubled the error on legs.)
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
from distcorr.learn.cubes import Cubes
from distcorr.learn.normal import Normal, design
from distcorr.learn.prior import PRIOR_RADIUS_MM
from distcorr.learn.rigid import PARAMETERS
from distcorr.learn.state import State
from distcorr.learn.view import Rows

Array = NDArray[np.float64]

WIDTHS_MM = (0.05, 0.2)
"""Widths tau that are tried beside none. What harmonics of degree 9 leave of a coil's
field is less; where contrasts differ much, the similarity's errors would fill more."""

MIN_GAIN = 0.1
"""Least gain, for every left-out subject, that a remainder has to bring. The
similarity's own errors, which subjects of one anatomy share, gain up to 0.08."""

GAUGE_SD_MM = 1e-3
"""Width to which the remainder's value and slope (over one node distance) are held
to zero at the isocentre: there the coil is calibrated and D has neither."""

SHARE_RANGE = (0.01, 2.0)
"""Limits of the width's share at a node: what harmonics leave of a field whose sources
lie outside the bore is nothing in the middle, and not known beyond the rim."""

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
    state: State, rows: Sequence[Rows], points: Normal, spacing_mm: float
) -> tuple[State, Remainder]:
    """Fit the remainder, and the harmonics and motions with it.

    Parameters
    ----------
    state : State
        Converged harmonics and motions.
    rows : sequence of Rows
        What each subject's pair says at ``state``.
    points : Normal
        What points say of harmonics and motions there; they choose no remainder.
    spacing_mm : float
        Node distance of the remainder's lattice.

    Returns
    -------
    state : State
        With harmonics, motions and covariance of the joint fit.
    remainder : Remainder
    """
    everywhere = np.concatenate([one.points for one in rows])
    lattice = Lattice.covering(
        everywhere.min(axis=0) - BODY_MARGIN_MM, everywhere.max(axis=0) + BODY_MARGIN_MM, spacing_mm
    )
    none = Remainder(lattice, np.zeros(lattice.coefficients.shape), 0.0, {})
    subjects = max(one.subject for one in rows) + 1
    if subjects < 2:
        return state, none
    parts = [_normal_equations(state, rows, lattice, subject) for subject in range(subjects)]
    unit = remainder_precision(lattice, state.prior.basis.max_degree + 1)
    scores = {
        tau: [_score(state, parts, points, left_out, unit, tau) for left_out in range(len(parts))]
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
    factor, x, first = _solved(state, parts, points, unit, best)
    covariance = _inverse(factor)
    moved = replace(state.moved(x[:first]), covariance=covariance[:first, :first])
    coefficients = x[first:].reshape(lattice.coefficients.shape)
    sd = _sd_at_nodes(covariance[first:, first:], lattice)
    fitted = Lattice(lattice.origin, lattice.spacing, coefficients)
    return moved, Remainder(fitted, sd, best, gains)


def _solved(
    state: State, parts: Sequence[tuple[Array, Array]], points: Normal, unit: Array, tau: float
) -> tuple[tuple[Array, bool], Array, int]:
    """Solve the joint system of some subjects; returns factor, step, first lattice unknown."""
    base = state.prior_precision
    first = len(base)
    A = np.sum([a for a, _ in parts], axis=0) / state.inflation
    b = np.sum([v for _, v in parts], axis=0) / state.inflation
    A[:first, :first] += points.matrix + np.diag(base)
    b[:first] += points.vector - base * state.parameters
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
    state: State,
    parts: Sequence[tuple[Array, Array]],
    points: Normal,
    left_out: int,
    unit: Array,
    tau: float,
) -> float:
    """Misfit of a subject, its own motion adapted, with what the others teach."""
    others = [part for s, part in enumerate(parts) if s != left_out]
    _, x, _ = _solved(state, others, points, unit, tau)
    A, b = parts[left_out]
    start = 3 * state.prior.basis.size + PARAMETERS * left_out
    own = slice(start, start + PARAMETERS)
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


def remainder_precision(lattice: Lattice, degree: int) -> Array:
    """Precision of one component for tau = 1 mm, with the gauge at the isocentre.

    Parameters
    ----------
    lattice : Lattice
    degree : int
        Of the first harmonics that are left out: the width grows with the radius as
        they do.

    Returns
    -------
    ndarray, shape (nodes, nodes)
    """
    nodes_zyx = lattice.nodes[::-1]
    spacing = float(lattice.spacing[0])
    radius = np.linalg.norm(lattice.node_points().reshape(-1, 3), axis=1)
    share = np.clip((radius / PRIOR_RADIUS_MM) ** degree, *SHARE_RANGE)
    precision = smoothness_precision(nodes_zyx, spacing) / np.outer(share, share)
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
    state: State, rows: Sequence[Rows], lattice: Lattice, subject: int
) -> tuple[Array, Array]:
    """Sum one subject's normal equations of all unknowns, lattice last."""
    known = 3 * state.prior.basis.size
    first = known + PARAMETERS * len(state.motions)
    columns = np.r_[0:known, known + PARAMETERS * subject : known + PARAMETERS * (subject + 1)]
    nodes = int(np.prod(lattice.nodes))
    A, b = np.zeros((first + 3 * nodes, first + 3 * nodes)), np.zeros(first + 3 * nodes)
    for own in rows:
        if own.subject != subject:
            continue
        X = design(state.prior.basis, own.probes, own.by_motion, np.arange(len(own.residual)))
        A[np.ix_(columns, columns)] += X.T @ X
        b[columns] -= X.T @ own.residual
        for members in Cubes.of(own.probes[0].points, float(lattice.spacing[0])).members():
            acting, Z = _lattice_rows(own, members, lattice)
            where = (first + nodes * np.arange(3)[:, None] + acting).reshape(-1)
            A[np.ix_(where, where)] += Z.T @ Z
            cross = X[members].T @ Z
            A[np.ix_(columns, where)] += cross
            A[np.ix_(where, columns)] += cross.T
            b[where] -= Z.T @ own.residual[members]
    return A, b


def _lattice_rows(
    own: Rows, members: NDArray[np.intp], lattice: Lattice
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Write the derivatives of some residuals by the lattice.

    Probes of one residual lie within millimetres of each other; where they fall
    into neighbouring cells, their nodes are simply united.

    Returns
    -------
    nodes : ndarray of int, shape (n,)
    rows : ndarray of float32, shape (members, 3 n)
        Component slowest.
    """
    parts = [weights_at(lattice, probe.points[members]) for probe in own.probes]
    nodes = np.unique(np.concatenate([index for index, _, _ in parts]))
    Y = np.zeros((len(members), 3, len(nodes)), np.float32)
    line = np.arange(len(members))[:, None] * len(nodes)
    for probe, (index, weights, inside) in zip(own.probes, parts, strict=True):
        at = (line + np.searchsorted(nodes, index)).reshape(-1)
        vectors = probe.vectors[members] * inside[:, None]
        for a in range(3):
            values = (vectors[:, a, None] * weights).reshape(-1)
            summed = np.bincount(at, values, len(members) * len(nodes))
            Y[:, a] += summed.reshape(len(members), -1)
    return nodes, Y.reshape(len(members), -1)


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
