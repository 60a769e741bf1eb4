"""Normal equations: what all residuals together say of the unknowns.

The unknowns are the harmonic coefficients of D (component slowest) followed by
the motion parameters of each subject. A residual sees D through probes: pairs
of a point p and a vector v such that its derivative by a change of D is
v . dD(p). An ND scan has one probe, a DIS2D scan two (at the true and at the
shown point), a true scan none; see :mod:`distcorr.acquisition` for why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import ssyrk

from distcorr.acquisition import Acquisition
from distcorr.field import HarmonicBasis, ScannerField
from distcorr.learn.rigid import PARAMETERS
from distcorr.space.linear import solve3

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

_CHUNK = 16384
"""Residuals per matrix product: enough for the product to dominate, few enough
to bound memory at some 20 MB."""


@dataclass(frozen=True, eq=False)
class Probe:
    """Points at which D acts on residuals, and the vector it acts along.

    Attributes
    ----------
    points : ndarray, shape (m, 3)
        Scanner frame, mm.
    vectors : ndarray, shape (m, 3)
        Derivative of the residual by D there, 1/mm.
    """

    points: Array
    vectors: Array


@dataclass(frozen=True, eq=False)
class Normal:
    """A quadratic model of the misfit: ``0.5 x^T matrix x - vector^T x``.

    Attributes
    ----------
    matrix : ndarray, shape (u, u)
    vector : ndarray, shape (u,)
    """

    matrix: Array
    vector: Array


def probes_of(
    acquisition: Acquisition,
    field: ScannerField,
    true_points: Array,
    shown_points: Array,
    gradient_true: Array,
) -> list[Probe]:
    """Translate gradients by true displacement into probes of D.

    A change dD moves what is shown as a true displacement
    ``(I + J(r))^-1 (dD(r) - Q dD(s))`` would.

    Parameters
    ----------
    acquisition : Acquisition
    field : ScannerField
    true_points, shown_points : ndarray, shape (m, 3)
        r and s, scanner frame at the time of this scan, mm.
    gradient_true : ndarray, shape (m, 3)
        Derivative of the residual by a displacement of tissue, same frame.
    """
    if acquisition.shows_truth:
        return []
    stretch = np.eye(3) + field.jacobian(true_points)
    vectors = solve3(np.swapaxes(stretch, 1, 2), gradient_true)
    probes = [Probe(true_points, vectors)]
    Q = acquisition.vendor_projector
    if Q.any():
        probes.append(Probe(shown_points, -vectors @ Q))
    return probes


def accumulate(
    basis: HarmonicBasis,
    probes: list[Probe],
    by_motion: Array,
    residual: Array,
    blocks: Sequence[NDArray[np.intp]],
) -> tuple[Normal, Array]:
    """Sum the normal equations of residuals of unit variance of one subject.

    Parameters
    ----------
    basis : HarmonicBasis
    probes : list of Probe
        Each with m rows.
    by_motion : ndarray, shape (m, 12)
        Derivative of the residuals by this subject's motion.
    residual : ndarray, shape (m,)
    blocks : sequence of ndarray of int
        Partition of the rows into regions of space.

    Returns
    -------
    normal : Normal
        Of ``3 * basis.size + 12`` unknowns; its vector points downhill.
    gradients : ndarray, shape (blocks, unknowns)
        The share of each region in the vector.
    """
    own = 3 * basis.size + PARAMETERS
    matrix = np.zeros((own, own))
    gradients = []
    for together in _chunks(blocks):
        rows = np.concatenate(together)
        X = design(basis, probes, by_motion, rows)
        matrix += ssyrk(1.0, X.T, lower=True)
        e = residual[rows].astype(np.float32)
        ends = np.cumsum([len(block) for block in together])
        gradients += [-(e[a:b] @ X[a:b]) for a, b in pairwise([0, *ends])]
    stacked = np.array(gradients, dtype=np.float64).reshape(-1, own)
    matrix += np.tril(matrix, -1).T
    return Normal(matrix, stacked.sum(axis=0)), stacked


def design(
    basis: HarmonicBasis, probes: Sequence[Probe], by_motion: Array, rows: NDArray[np.intp]
) -> Float32:
    """Write the derivatives of some residuals by field and motion, shape (rows, unknowns)."""
    k3 = 3 * basis.size
    X = np.zeros((len(rows), k3 + PARAMETERS), np.float32)
    for probe in probes:
        basis.add_rows(probe.points[rows], probe.vectors[rows], X)
    X[:, k3:] = by_motion[rows]
    return X


def _chunks(blocks: Sequence[NDArray[np.intp]]) -> list[list[NDArray[np.intp]]]:
    """Group regions into chunks of about ``_CHUNK`` rows."""
    chunks: list[list[NDArray[np.intp]]] = [[]]
    rows = 0
    for block in blocks:
        if rows >= _CHUNK:
            chunks.append([])
            rows = 0
        chunks[-1].append(block)
        rows += len(block)
    return [chunk for chunk in chunks if chunk]


def embed(own: Normal, gradients: Array, subject: int, subjects: int) -> tuple[Normal, Array]:
    """Place one subject's normal equations among those of all subjects."""
    field_unknowns = len(own.vector) - PARAMETERS
    total = field_unknowns + PARAMETERS * subjects
    first = field_unknowns + PARAMETERS * subject
    where = np.r_[0:field_unknowns, first : first + PARAMETERS]
    matrix = np.zeros((total, total))
    vector = np.zeros(total)
    spread = np.zeros((len(gradients), total))
    matrix[np.ix_(where, where)] = own.matrix
    vector[where] = own.vector
    spread[:, where] = gradients
    return Normal(matrix, vector), spread
