"""What is known of a gradient coil before any scan: the prior of the harmonics.

A whole-body x coil produces (almost) only odd n, odd m and cosines in D_x, the
y coil the same with sines in D_y, the z coil odd n and m = 0 in D_z; vendors'
coefficient files hold nothing else (facts of the coil's symmetry: Janke et al.
2004, Magn Reson Med 52:115). Coefficients are taken as independent and normal
with a width for each group, and the widths are estimated from the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from distcorr.field import HarmonicBasis, Term

Array = NDArray[np.float64]

COIL_SD_MM = {3: 15.0, 5: 9.0, 7: 5.0, 9: 2.5}
"""Prior standard deviation at ``PRIOR_RADIUS_MM`` of a term that the coil's
symmetry allows, by degree; from the measured terms of two scanners (18, 10, 7,
13, 5 mm at 200 mm). Higher degrees halve from one odd degree to the next."""

OTHER_SD_MM = 0.3
"""The same for a term that the symmetry forbids (winding tolerances, B0)."""

PRIOR_RADIUS_MM = 220.0

WIDTH_RANGE = (0.1, 2.0)
"""How far the data may scale a group's width away from the table. Measured scanners
need 0.6 to 1.6; a fit that asks for more is running away."""

WIDTH_WEIGHT = 6.0
"""Weight of the tabulated width, in coefficients, when widths are estimated."""


def allowed_by_coil(component: int, term: Term) -> bool:
    """Whether the symmetry of the coil of one axis allows a term.

    Parameters
    ----------
    component : int
        0, 1, 2 for the x, y, z coil.
    term : Term
    """
    n, m = term
    if n % 2 == 0:
        return False
    if component == 2:
        return m == 0
    return m % 2 != 0 and (m > 0) == (component == 0)


@dataclass(frozen=True)
class HarmonicPrior:
    """Zero-mean normal prior of the coefficients of D.

    Parameters
    ----------
    basis : HarmonicBasis
    coil_scale, other_scale : float
        Estimated factors on the tabulated widths of the two groups.
    widest : tuple of float
        Largest factors that the data may ask for, of the coil's terms and the others.
    """

    basis: HarmonicBasis
    coil_scale: float = 1.0
    other_scale: float = 1.0
    widest: tuple[float, float] = (WIDTH_RANGE[1], WIDTH_RANGE[1])

    @cached_property
    def coil_terms(self) -> NDArray[np.bool_]:
        """Which coefficients the coil's symmetry allows, shape (3, size)."""
        return np.array([[allowed_by_coil(a, term) for term in self.basis.terms] for a in range(3)])

    @cached_property
    def tabulated_sd(self) -> Array:
        """Widths before any estimate, mm at the basis's radius, shape (3, size)."""
        n = np.array([term.n for term in self.basis.terms])
        to_basis = (self.basis.radius_mm / PRIOR_RADIUS_MM) ** n
        last = max(COIL_SD_MM)
        coil = np.array([COIL_SD_MM.get(k, COIL_SD_MM[last] * 0.5 ** ((k - last) / 2)) for k in n])
        return np.where(self.coil_terms, coil * to_basis, OTHER_SD_MM * to_basis)

    @property
    def sd(self) -> Array:
        """Standard deviations, mm at the basis's radius, shape (3, size)."""
        return self.tabulated_sd * np.where(self.coil_terms, self.coil_scale, self.other_scale)

    @property
    def precision(self) -> Array:
        """Inverse variances, shape (3 * size,), component slowest."""
        return (self.sd**-2).reshape(-1)

    def updated(self, coefficients: Array, variance: Array) -> HarmonicPrior:
        """Re-estimate the groups' widths (one step of expectation-maximisation).

        Parameters
        ----------
        coefficients, variance : ndarray, shape (3, size)
            Posterior mean and variance.
        """
        ratio = (coefficients**2 + variance) / self.tabulated_sd**2
        scales = []
        for group, widest in zip((self.coil_terms, ~self.coil_terms), self.widest, strict=True):
            count = int(group.sum())
            square = (float(ratio[group].sum()) + WIDTH_WEIGHT) / (count + WIDTH_WEIGHT)
            scales.append(float(np.clip(np.sqrt(square), WIDTH_RANGE[0], widest)))
        return replace(self, coil_scale=scales[0], other_scale=scales[1])
