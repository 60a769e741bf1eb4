"""Maps that a field defines implicitly: ``b + sought D(b) = a + known D(a)``, solved for b.

``known`` and ``sought`` are 3 x 3 matrices, the part of the displacement that
acts on each side; :mod:`distcorr.acquisition` says which scan has which. Any
field is solved by array operations. B-spline lattices, where the time goes,
have kernels of their own that take each point through the same Newton steps.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from distcorr.field.bspline import BATCH, displacement_and_jacobian_at, displacement_at
from distcorr.field.scanner_field import LatticeField, ScannerField
from distcorr.space.linear import solve3, solve3_one

Array = NDArray[np.float64]

SOLVE_TOLERANCE_MM = 1e-5
"""Residual at which the map counts as solved; a hundredth of what any use needs."""

MAX_NEWTON_STEPS = 20
"""Newton needs 3 to 5 steps where the map is invertible; the rest is for the rim."""

MAX_STEP_MM = 20.0
"""Longest Newton step, so that a point near a fold can't be thrown across the bore."""

_BLOCK = 1 << 18
"""Points solved together by array operations; bounds their Jacobians to about 20 MB."""

_TINY_MM = 1e-12
"""Keeps a step of length zero from dividing by it."""


def solve_map(field: ScannerField, points: Array, known: Array, sought: Array) -> Array:
    """Solve ``b + sought D(b) = a + known D(a)`` for b by Newton's method from b = a + known D(a).

    Parameters
    ----------
    field : ScannerField
    points : ndarray, shape (m, 3)
        a, mm, scanner frame.
    known, sought : ndarray, shape (3, 3)

    Returns
    -------
    ndarray, shape (m, 3)
        b, mm; NaN where no solution is found (the field folds there).
    """
    if isinstance(field, LatticeField):
        lattice = field.lattice
        out = np.empty(points.shape)
        _solve_on_lattice(
            np.ascontiguousarray(points, dtype=np.float64),
            np.ascontiguousarray(known, dtype=np.float64),
            np.ascontiguousarray(sought, dtype=np.float64),
            (bool(np.any(known)), bool(np.any(sought))),
            lattice.origin,
            lattice.spacing,
            lattice.coefficients,
            out,
        )
        return out
    return solve_map_of_any(field, points, known, sought)


def solve_map_of_any(field: ScannerField, points: Array, known: Array, sought: Array) -> Array:
    """Do as :func:`solve_map` by array operations alone, for any field."""
    out = np.empty(points.shape)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        target = block + field.displacement(block) @ known.T if np.any(known) else block
        out[start : start + _BLOCK] = _newton(field, target, sought)
    return out


def map_jacobian(
    field: ScannerField, points: Array, mapped: Array, known: Array, sought: Array
) -> Array:
    """Differentiate the map of :func:`solve_map`.

    Parameters
    ----------
    field : ScannerField
    points, mapped : ndarray, shape (m, 3)
        a and b, mm, scanner frame.
    known, sought : ndarray, shape (3, 3)

    Returns
    -------
    ndarray, shape (m, 3, 3)
        db/da = ``(I + sought J(b))^-1 (I + known J(a))`` with J the Jacobian of D.
    """
    if isinstance(field, LatticeField):
        lattice = field.lattice
        out = np.empty((len(points), 3, 3))
        _differentiate_on_lattice(
            np.ascontiguousarray(points, dtype=np.float64),
            np.ascontiguousarray(mapped, dtype=np.float64),
            np.ascontiguousarray(known, dtype=np.float64),
            np.ascontiguousarray(sought, dtype=np.float64),
            (bool(np.any(known)), bool(np.any(sought))),
            lattice.origin,
            lattice.spacing,
            lattice.coefficients,
            out,
        )
        return out
    return map_jacobian_of_any(field, points, mapped, known, sought)


def map_jacobian_of_any(
    field: ScannerField, points: Array, mapped: Array, known: Array, sought: Array
) -> Array:
    """Do as :func:`map_jacobian` by array operations alone, for any field."""
    right = np.broadcast_to(np.eye(3), (len(points), 3, 3))
    if np.any(known):
        right = np.eye(3) + known @ field.jacobian(points)
    if not np.any(sought):
        return right.copy()
    return solve3(np.eye(3) + sought @ field.jacobian(mapped), right)


def _newton(field: ScannerField, target: Array, sought: Array) -> Array:
    found = target.copy()
    if not np.any(sought):
        return found
    open_ = np.arange(len(target))
    for _ in range(MAX_NEWTON_STEPS):
        at = found[open_]
        miss = at + field.displacement(at) @ sought.T - target[open_]
        left = (miss**2).sum(axis=1) > SOLVE_TOLERANCE_MM**2
        open_, at, miss = open_[left], at[left], miss[left]
        if not len(open_):
            return found
        step = solve3(np.eye(3) + sought @ field.jacobian(at), miss)
        length = np.linalg.norm(step, axis=1, keepdims=True)
        found[open_] = at - step * np.minimum(1.0, MAX_STEP_MM / np.maximum(length, _TINY_MM))
    found[open_] = np.nan
    return found


@njit(cache=True, parallel=True, error_model="numpy")
def _solve_on_lattice(points, known, sought, acts, origin, spacing, c, out):  # type: ignore[no-untyped-def]
    count = points.shape[0]
    for batch in prange((count + BATCH - 1) // BATCH):
        w, d = np.empty((3, 4)), np.empty((3, 4))
        D, J, A = np.empty(3), np.empty((3, 3)), np.empty((3, 3))
        target, miss, step = np.empty(3), np.empty(3), np.empty(3)
        for p in range(batch * BATCH, min(count, (batch + 1) * BATCH)):
            target[:] = points[p]
            if acts[0]:
                displacement_at(points[p, 0], points[p, 1], points[p, 2], origin, spacing, c, w, D)
                for a in range(3):
                    target[a] += known[a, 0] * D[0] + known[a, 1] * D[1] + known[a, 2] * D[2]
            b = out[p]
            b[:] = target
            if acts[1]:
                _newton_at(b, target, sought, origin, spacing, c, w, d, D, J, A, miss, step)


@njit(cache=True, error_model="numpy")
def _newton_at(b, target, sought, origin, spacing, c, w, d, D, J, A, miss, step):  # type: ignore[no-untyped-def]
    for _ in range(MAX_NEWTON_STEPS):
        displacement_and_jacobian_at(b[0], b[1], b[2], origin, spacing, c, w, d, D, J)
        square = 0.0
        for a in range(3):
            moved = sought[a, 0] * D[0] + sought[a, 1] * D[1] + sought[a, 2] * D[2]
            miss[a] = b[a] + moved - target[a]
            square += miss[a] * miss[a]
        # Written so that NaN ends the search.
        if not square > SOLVE_TOLERANCE_MM * SOLVE_TOLERANCE_MM:
            return
        _one_plus_product(sought, J, A)
        solve3_one(A, miss, step)
        length = np.sqrt(step[0] * step[0] + step[1] * step[1] + step[2] * step[2])
        share = min(1.0, MAX_STEP_MM / max(length, _TINY_MM))
        for a in range(3):
            b[a] -= step[a] * share
    b[:] = np.nan


@njit(cache=True, parallel=True, error_model="numpy")
def _differentiate_on_lattice(points, mapped, known, sought, acts, origin, spacing, c, out):  # type: ignore[no-untyped-def]
    count = points.shape[0]
    for batch in prange((count + BATCH - 1) // BATCH):
        w, d, D = np.empty((3, 4)), np.empty((3, 4)), np.empty(3)
        J, A, R = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
        column = np.empty(3)
        for p in range(batch * BATCH, min(count, (batch + 1) * BATCH)):
            x, y, z = points[p, 0], points[p, 1], points[p, 2]
            if acts[0]:
                displacement_and_jacobian_at(x, y, z, origin, spacing, c, w, d, D, J)
            else:
                J[:, :] = 0.0
            _one_plus_product(known, J, R)
            if not acts[1]:
                out[p] = R
                continue
            x, y, z = mapped[p, 0], mapped[p, 1], mapped[p, 2]
            displacement_and_jacobian_at(x, y, z, origin, spacing, c, w, d, D, J)
            _one_plus_product(sought, J, A)
            for b in range(3):
                solve3_one(A, R[:, b], column)
                out[p, :, b] = column


@njit(cache=True, inline="always")
def _one_plus_product(P, J, A):  # type: ignore[no-untyped-def]
    """Write I + P J into ``A``."""
    for a in range(3):
        for b in range(3):
            A[a, b] = P[a, 0] * J[0, b] + P[a, 1] * J[1, b] + P[a, 2] * J[2, b]
        A[a, a] += 1.0
