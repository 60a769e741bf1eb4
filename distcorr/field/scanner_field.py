"""The scanner's field D(r) as an object, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.field.bspline import Lattice
from distcorr.field.harmonics import HarmonicBasis, Term

Array = NDArray[np.float64]


class ScannerField(Protocol):
    """A displacement field in the scanner frame, mm.

    Tissue at true r appears, without vendor correction, at r + D(r).
    """

    def displacement(self, points_scanner: ArrayLike) -> Array:
        """D at points (..., 3)."""
        ...

    def jacobian(self, points_scanner: ArrayLike) -> Array:
        """dD_a/dr_b at points (..., 3), shape (..., 3, 3) as [a, b]."""
        ...


@dataclass(frozen=True, eq=False)
class HarmonicField:
    """A field given by solid harmonics.

    Parameters
    ----------
    basis : HarmonicBasis
    coefficients : ndarray, shape (3, basis.size)
        Millimetres at the basis's reference radius, for D_x, D_y, D_z.
    """

    basis: HarmonicBasis
    coefficients: Array

    def __post_init__(self) -> None:
        c = np.array(self.coefficients, dtype=np.float64)
        if c.shape != (3, self.basis.size) or not np.isfinite(c).all():
            raise ValueError(f"coefficients must be finite, shape (3, {self.basis.size})")
        c.setflags(write=False)
        object.__setattr__(self, "coefficients", c)

    @classmethod
    def from_terms(
        cls,
        x: dict[tuple[int, int], float],
        y: dict[tuple[int, int], float],
        z: dict[tuple[int, int], float],
        radius_mm: float = 200.0,
    ) -> HarmonicField:
        """Build a field from (n, m) terms of each component; m < 0 is a sine.

        Raises
        ------
        KeyError
            If a term has n < 2 or abs(m) > n.
        """
        degrees = [n for component in (x, y, z) for n, _ in component]
        basis = HarmonicBasis(max([2, *degrees]), radius_mm=radius_mm)
        where = {term: index for index, term in enumerate(basis.terms)}
        c = np.zeros((3, basis.size))
        for a, component in enumerate((x, y, z)):
            for (n, m), value in component.items():
                c[a, where[Term(n, m)]] = value
        return cls(basis, c)

    def displacement(self, points_scanner: ArrayLike) -> Array:
        """D at points (..., 3), mm."""
        return self.basis.displacement(self.coefficients, points_scanner)

    def jacobian(self, points_scanner: ArrayLike) -> Array:
        """dD_a/dr_b at points (..., 3), shape (..., 3, 3) as [a, b]."""
        gradients = self.basis.gradients(points_scanner)
        return np.asarray(np.einsum("at,...bt->...ab", self.coefficients, gradients))


@dataclass(frozen=True, eq=False)
class LatticeField:
    """A field given by a cubic B-spline lattice; zero outside of its domain."""

    lattice: Lattice

    def displacement(self, points_scanner: ArrayLike) -> Array:
        """D at points (..., 3), mm."""
        return self.lattice.displacement(points_scanner)

    def jacobian(self, points_scanner: ArrayLike) -> Array:
        """dD_a/dr_b at points (..., 3), shape (..., 3, 3) as [a, b]."""
        return self.lattice.jacobian(points_scanner)
