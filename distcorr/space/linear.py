"""Many small linear systems at once."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[np.float64]


def solve3(matrices: Array, right: Array) -> Array:
    """Solve 3 x 3 systems by Cramer's rule.

    Parameters
    ----------
    matrices : ndarray, shape (m, 3, 3)
    right : ndarray, shape (m, 3) or (m, 3, c)
        One or several right sides for each matrix.

    Returns
    -------
    ndarray, shape of ``right``
        Infinite or NaN where a matrix is singular.
    """
    several = right if right.ndim == 3 else right[..., None]
    out = np.empty(several.shape)
    _solve3(
        np.ascontiguousarray(matrices, dtype=np.float64),
        np.ascontiguousarray(several, dtype=np.float64),
        out,
    )
    return out.reshape(right.shape)


@njit(cache=True, error_model="numpy")
def solve3_one(M, b, x):  # type: ignore[no-untyped-def]
    """Solve one 3 x 3 system; writes into ``x``."""
    c00 = M[1, 1] * M[2, 2] - M[1, 2] * M[2, 1]
    c01 = M[1, 2] * M[2, 0] - M[1, 0] * M[2, 2]
    c02 = M[1, 0] * M[2, 1] - M[1, 1] * M[2, 0]
    f = 1.0 / (M[0, 0] * c00 + M[0, 1] * c01 + M[0, 2] * c02)
    c10 = M[0, 2] * M[2, 1] - M[0, 1] * M[2, 2]
    c11 = M[0, 0] * M[2, 2] - M[0, 2] * M[2, 0]
    c12 = M[0, 1] * M[2, 0] - M[0, 0] * M[2, 1]
    c20 = M[0, 1] * M[1, 2] - M[0, 2] * M[1, 1]
    c21 = M[0, 2] * M[1, 0] - M[0, 0] * M[1, 2]
    c22 = M[0, 0] * M[1, 1] - M[0, 1] * M[1, 0]
    b0, b1, b2 = b[0] * f, b[1] * f, b[2] * f
    x[0] = c00 * b0 + c10 * b1 + c20 * b2
    x[1] = c01 * b0 + c11 * b1 + c21 * b2
    x[2] = c02 * b0 + c12 * b1 + c22 * b2


@njit(cache=True, parallel=True, error_model="numpy")
def _solve3(A, b, out):  # type: ignore[no-untyped-def]
    for p in prange(len(A)):
        for c in range(b.shape[2]):
            solve3_one(A[p], b[p, :, c], out[p, :, c])
