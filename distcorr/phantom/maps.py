"""Where a scan shows tissue, exactly, for each state of the vendor's correction.

Scanner frame, mm. Tissue at true r appears without correction at q = r + D(r).

======== =================================================================
ND       shown = q
DIS2D    the slice normal's coordinate w = n.q stays; in the plane, u solves
         u + D_u(u, w) = q_u, as if the slice were flat
DIS3D    shown = r; so for a scan that is trusted
======== =================================================================

Written for the referee alone: it shares nothing with the estimator but the
evaluation of D, so that an error there can't cancel here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.facts import VendorState
from distcorr.field import ScannerField

Array = NDArray[np.float64]

TOLERANCE_MM = 1e-8
"""Residual at which an inversion counts as solved; a hundredth of what is promised (1e-6)."""

MAX_ITERATIONS = 25
MAX_STEP_MM = 25.0
"""Longest Newton step; a longer one leaves the region where the field is tame."""

MIN_STRETCH = 0.02
"""Below this the map is about to fold, and no inverse is unique."""

MAX_DISPLACEMENT_MM = 60.0
"""Twice the largest displacement published within a field of view; a solution
farther off lies on another sheet of the map."""

_BLOCK = 16384
"""Points per block: bounds the memory that the gradients of all terms take."""


def true_to_shown(
    field: ScannerField, state: VendorState, normal: ArrayLike, true_points: ArrayLike
) -> Array:
    """Say where tissue appears.

    Parameters
    ----------
    field : ScannerField
    state : VendorState
    normal : array_like, shape (3,)
        Unit slice normal, scanner frame.
    true_points : array_like, shape (..., 3)
        Scanner frame, mm.

    Returns
    -------
    ndarray, shape (..., 3)
        NaN where the vendor's two-dimensional correction has no solution.
    """
    return _by_blocks(lambda r: _true_to_shown(field, state, _unit(normal), r), true_points)


def shown_to_true(
    field: ScannerField, state: VendorState, normal: ArrayLike, shown_points: ArrayLike
) -> Array:
    """Say which tissue a scan shows at a point; inverse of :func:`true_to_shown`.

    Returns
    -------
    ndarray, shape (..., 3)
        NaN where no tissue is shown in a one-to-one way, beyond the place
        where the field folds.
    """
    return _by_blocks(lambda s: _shown_to_true(field, state, _unit(normal), s), shown_points)


def volume_ratio(
    field: ScannerField,
    state: VendorState,
    normal: ArrayLike,
    shown_points: ArrayLike,
    true_points: ArrayLike,
) -> Array:
    """Tell how much true volume one unit of shown volume holds: the brightness.

    From n.s = n.q and P s + P D(s) = P q follows (I + P J(s)) ds = (I + J(r)) dr.

    Parameters
    ----------
    field : ScannerField
    state : VendorState
    normal : array_like, shape (3,)
    shown_points, true_points : array_like, shape (..., 3)
        Corresponding points, scanner frame, mm.

    Returns
    -------
    ndarray, shape (...)
        det(d true / d shown); NaN where a point is.
    """
    shown = np.asarray(shown_points, dtype=np.float64)
    flat = shown.reshape(-1, 3)
    true = np.asarray(true_points, dtype=np.float64).reshape(-1, 3)
    known = np.flatnonzero(np.isfinite(flat).all(axis=1) & np.isfinite(true).all(axis=1))
    ratio = np.full(len(flat), np.nan)
    ratio[known] = 1.0
    if state in (VendorState.DIS3D, VendorState.TRUSTED):
        return ratio.reshape(shown.shape[:-1])
    n = _unit(normal)
    in_plane = np.eye(3) - np.outer(n, n)
    for start in range(0, len(known), _BLOCK):
        block = known[start : start + _BLOCK]
        ratio[block] /= np.linalg.det(np.eye(3) + field.jacobian(true[block]))
        if state is VendorState.DIS2D:
            ratio[block] *= np.linalg.det(np.eye(3) + in_plane @ field.jacobian(flat[block]))
    return ratio.reshape(shown.shape[:-1])


def _true_to_shown(field: ScannerField, state: VendorState, n: Array, r: Array) -> Array:
    if state in (VendorState.DIS3D, VendorState.TRUSTED):
        return r.copy()
    q = r + field.displacement(r)
    if state is VendorState.ND:
        return q
    return _solve_in_plane(field, n, q)


def _shown_to_true(field: ScannerField, state: VendorState, n: Array, s: Array) -> Array:
    if state in (VendorState.DIS3D, VendorState.TRUSTED):
        return s.copy()
    if state is VendorState.ND:
        return _solve(field, s)
    d = field.displacement(s)
    return _solve(field, s + d - np.outer(d @ n, n))


def _solve(field: ScannerField, q: Array) -> Array:
    """Solve r + D(r) = q by Newton's method; NaN where it fails or folds."""
    r = q - np.clip(field.displacement(q), -MAX_STEP_MM, MAX_STEP_MM)
    solved = np.zeros(len(q), dtype=bool)
    active = np.flatnonzero(np.isfinite(q).all(axis=1))
    for _ in range(MAX_ITERATIONS):
        at = r[active]
        residual = at + field.displacement(at) - q[active]
        stretch = np.eye(3) + field.jacobian(at)
        done = np.abs(residual).max(axis=1) < TOLERANCE_MM
        solved[active[done]] = _not_folded(stretch[done])
        go = ~done & np.isfinite(residual).all(axis=1)
        active, residual, stretch = active[go], residual[go], stretch[go]
        if active.size == 0:
            break
        r[active] -= _bounded_steps(stretch, residual)
    solved &= np.abs(r - q).max(axis=1) < MAX_DISPLACEMENT_MM
    r[~solved] = np.nan
    return r


def _solve_in_plane(field: ScannerField, n: Array, q: Array) -> Array:
    """Solve u + D_u(u, w) = q_u at the fixed w = n.q; NaN where it fails or folds."""
    plane = _plane_basis(n)
    s = q.copy()
    start = np.clip(field.displacement(q), -MAX_STEP_MM, MAX_STEP_MM)
    s -= (start @ plane) @ plane.T
    solved = np.zeros(len(q), dtype=bool)
    active = np.flatnonzero(np.isfinite(q).all(axis=1))
    for _ in range(MAX_ITERATIONS):
        at = s[active]
        residual = (at + field.displacement(at) - q[active]) @ plane
        stretch = np.eye(2) + plane.T @ field.jacobian(at) @ plane
        done = np.abs(residual).max(axis=1) < TOLERANCE_MM
        solved[active[done]] = _not_folded(stretch[done])
        go = ~done & np.isfinite(residual).all(axis=1)
        active, residual, stretch = active[go], residual[go], stretch[go]
        if active.size == 0:
            break
        s[active] -= _bounded_steps(stretch, residual) @ plane.T
    s[~solved] = np.nan
    return s


def _not_folded(stretch: Array) -> NDArray[np.bool_]:
    """Whether the map keeps its orientation along every axis.

    A determinant alone is positive again where two axes have folded; points
    that are found there belong to another sheet of the map.
    """
    symmetric = (stretch + np.swapaxes(stretch, -1, -2)) / 2
    return np.asarray(np.linalg.eigvalsh(symmetric)[:, 0] > MIN_STRETCH)


def _bounded_steps(stretch: Array, residual: Array) -> Array:
    """Newton steps, shortened to ``MAX_STEP_MM``; plain fixed-point steps where singular."""
    singular = np.abs(np.linalg.det(stretch)) < MIN_STRETCH
    stretch[singular] = np.eye(stretch.shape[-1])
    step = np.linalg.solve(stretch, residual[..., None])[..., 0]
    length = np.linalg.norm(step, axis=1, keepdims=True)
    return np.asarray(step * np.minimum(1.0, MAX_STEP_MM / np.maximum(length, MAX_STEP_MM)))


def _plane_basis(n: Array) -> Array:
    """Two orthonormal columns that span the plane across ``n``."""
    helper = np.eye(3)[int(np.argmin(np.abs(n)))]
    first = np.cross(n, helper)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(n, first)], axis=1)


def _unit(normal: ArrayLike) -> Array:
    n = np.asarray(normal, dtype=np.float64)
    return n / np.linalg.norm(n)


def _by_blocks(function, points: ArrayLike) -> Array:  # type: ignore[no-untyped-def]
    p = np.asarray(points, dtype=np.float64)
    flat = p.reshape(-1, 3)
    out = np.empty_like(flat)
    for start in range(0, len(flat), _BLOCK):
        out[start : start + _BLOCK] = function(flat[start : start + _BLOCK])
    return out.reshape(p.shape)
