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


@njit(cache=True, parallel=True, error_model="numpy")
def _solve3(A, b, out):  # type: ignore[no-untyped-def]
    for p in prange(len(A)):
        M = A[p]
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
        for c in range(b.shape[2]):
            x, y, z = b[p, 0, c] * f, b[p, 1, c] * f, b[p, 2, c] * f
            out[p, 0, c] = c00 * x + c10 * y + c20 * z
            out[p, 1, c] = c01 * x + c11 * y + c21 * z
            out[p, 2, c] = c02 * x + c12 * y + c22 * z
