"""How many degrees of harmonics the data ask for.

The evidence of a degree is the probability of the data with all coefficients up
to it integrated over their prior and all beyond it zero, in the linear model
around the current estimate (MacKay 1992, Neural Comput 4:415). A degree too many
costs little, for its prior shrinks it; a degree too few biases all others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from distcorr.learn.normal import Normal
from distcorr.learn.state import State

Array = NDArray[np.float64]

MIN_DEGREE = 3
"""The lowest degree of a coil's own error."""


def evidence_of_degrees(state: State, information: Normal) -> dict[int, float]:
    """Log evidence of each degree, relative to no distortion at all.

    Parameters
    ----------
    state : State
    information : Normal
        Of all data at ``state``.
    """
    H = information.matrix
    h = H @ state.parameters + information.vector
    precision = state.prior_precision
    return {
        degree: _log_evidence(H, h, precision, state.unknowns_up_to(degree))
        for degree in range(
            min(MIN_DEGREE, state.prior.basis.max_degree), state.prior.basis.max_degree + 1
        )
    }


def best_degree(evidence: dict[int, float]) -> int:
    """Return the degree of the largest evidence."""
    return max(evidence, key=lambda degree: evidence[degree])


def _log_evidence(H: Array, h: Array, precision: Array, used: NDArray[np.intp]) -> float:
    P = precision[used]
    factor = cho_factor(H[np.ix_(used, used)] + np.diag(P))
    own = h[used]
    log_determinant = 2 * np.log(np.diag(factor[0])).sum() - np.log(P).sum()
    return float(0.5 * (own @ cho_solve(factor, own) - log_determinant))
