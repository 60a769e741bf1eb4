"""Everything that the fit estimates, with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distcorr.field import HarmonicField
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.rigid import PARAMETERS, Motion

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class State:
    """Everything that is estimated, with its uncertainty.

    Attributes
    ----------
    prior : HarmonicPrior
    coefficients : ndarray, shape (3, size)
    motions : tuple of Motion
    covariance : ndarray, shape (u, u)
        Of the coefficients (component slowest), then the motions.
    inflation : float
        How much more the data scatter than their weights say.
    """

    prior: HarmonicPrior
    coefficients: Array
    motions: tuple[Motion, ...]
    covariance: Array
    inflation: float = 1.0

    @classmethod
    def initial(cls, prior: HarmonicPrior, motions: tuple[Motion, ...]) -> State:
        """Build the state before any data: no distortion, the prior's uncertainty."""
        variances = np.concatenate([1 / prior.precision, *[1 / m.precision for m in motions]])
        return cls(prior, np.zeros((3, prior.basis.size)), motions, np.diag(variances))

    @property
    def parameters(self) -> Array:
        """All unknowns in the order of the covariance."""
        parts = [self.coefficients.reshape(-1), *[m.parameters for m in self.motions]]
        return np.concatenate(parts)

    @property
    def prior_precision(self) -> Array:
        """Inverse prior variances of all unknowns."""
        return np.concatenate([self.prior.precision, *[m.precision for m in self.motions]])

    def moved(self, step: Array) -> State:
        """Return the state after a step of all unknowns."""
        k3 = 3 * self.prior.basis.size
        motions = tuple(
            m.stepped(step[k3 + PARAMETERS * i : k3 + PARAMETERS * (i + 1)])
            for i, m in enumerate(self.motions)
        )
        coefficients = self.coefficients + step[:k3].reshape(3, -1)
        return replace(self, coefficients=coefficients, motions=motions)

    def unknowns_up_to(self, degree: int) -> NDArray[np.intp]:
        """Which unknowns remain if harmonics end at a degree, shape (u,)."""
        kept = np.array([term.n <= degree for term in self.prior.basis.terms])
        motions = np.ones(PARAMETERS * len(self.motions), bool)
        return np.flatnonzero(np.concatenate([kept, kept, kept, motions]))

    def truncated(self, degree: int) -> State:
        """Return the state without the harmonics beyond a degree."""
        basis = replace(self.prior.basis, max_degree=degree)
        used = self.unknowns_up_to(degree)
        return replace(
            self,
            prior=replace(self.prior, basis=basis),
            coefficients=self.coefficients[:, : basis.size],
            covariance=self.covariance[np.ix_(used, used)],
        )

    @property
    def harmonics(self) -> HarmonicField:
        """The field."""
        return HarmonicField(self.prior.basis, self.coefficients)

    def sd_of_field(self, points: Array) -> Array:
        """Posterior standard deviation of D at points (m, 3), by component."""
        k = self.prior.basis.size
        B = self.prior.basis.values(points)
        parts = [
            np.einsum("mi,ij,mj->m", B, self.covariance[s, s], B, optimize=True)
            for s in (slice(a * k, (a + 1) * k) for a in range(3))
        ]
        return np.asarray(np.sqrt(np.maximum(np.stack(parts, axis=1), 0)), dtype=np.float64)
