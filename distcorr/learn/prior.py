"""What is known of a gradient coil before any scan: the prior of the harmonics.

A whole-body x coil produces (almost) only odd n, odd m and cosines in D_x, the
y coil the same with sines in D_y, the z coil odd n and m = 0 in D_z; vendors'
coefficient files hold nothing else (facts of the coil's symmetry: Janke et al.
2004, Magn Reson Med 52:115). Coefficients are taken as independent and normal
with a width for each group, and the widths are estimated from the data.

Points of a single scan show more than its coils: the inhomogeneity of the magnet
moves what is imaged along the readout and, with a slice-selective excitation,
along the slice's normal (Chang & Fitzpatrick 1992, IEEE Trans Med Imaging 11:319).
It is harmonic too. A solenoid is wound about its axis, and so its field is made of
zonal terms first of all, the lowest of which are compensated by design; terms of order
1 tell of a part that lies off the axis or is tilted (Romeo & Hoult 1984, Magn Reson
Med 1:44). Which axis the readout was is not asked: terms that no coil makes have a
width for each component and each of these kinds (:data:`POINT_GROUPS`), and where
there is no shift the data make it small. What has the coil's own symmetry
(odd zonal terms along z, order 1 along x) can't be told from the coil's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
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


class Orders(Enum):
    """Orders |m| whose terms share a width, from the lowest to the highest."""

    ANY = (0.0, np.inf)
    ZONAL = (0.0, 0.0)
    FIRST = (1.0, 1.0)
    HIGHER = (2.0, np.inf)

    def hold(self, m: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell which orders m, of either sign, these are."""
        lowest, highest = self.value
        return np.asarray((np.abs(m) >= lowest) & (np.abs(m) <= highest))


@dataclass(frozen=True)
class WidthGroup:
    """Coefficients that share one factor on their tabulated widths.

    Parameters
    ----------
    name : str
        As reported.
    of_coil : bool
        Whether the symmetry of the component's coil allows the terms.
    components : tuple of int
    orders : Orders
    scale : float
        The factor: 1 before any data, then as estimated.
    widest : float
        Largest factor that the data may ask for.
    """

    name: str
    of_coil: bool
    components: tuple[int, ...] = (0, 1, 2)
    orders: Orders = Orders.ANY
    scale: float = 1.0
    widest: float = WIDTH_RANGE[1]

    def members(self, basis: HarmonicBasis) -> NDArray[np.bool_]:
        """Which coefficients belong to the group, shape (3, size)."""
        held = self.orders.hold(np.array([term.m for term in basis.terms]))
        own = np.isin(np.arange(3), self.components)
        return np.asarray((_coil_terms(basis) == self.of_coil) & own[:, None] & held)


def _coil_terms(basis: HarmonicBasis) -> NDArray[np.bool_]:
    return np.array([[allowed_by_coil(a, term) for term in basis.terms] for a in range(3)])


IMAGE_GROUPS = (WidthGroup("coil_terms", True), WidthGroup("other_terms", False))
"""What is estimated from pairs of scans, both of which the magnet shifts."""

WIDEST_FOR_POINTS = 10.0
"""Largest factor on a group's width if points alone estimate it: they can't run away
as images can."""

WIDEST_FOR_MAGNET = 100.0
"""The same for terms that a magnet makes; a magnet of 1 T compensated up to degree 6
asked for 63 (its term (8, 0) was 32 mm at 200 mm)."""


def _coil_groups() -> tuple[WidthGroup, ...]:
    return tuple(
        WidthGroup(
            f"coil_{orders.name.lower()}_terms", True, orders=orders, widest=WIDEST_FOR_POINTS
        )
        for orders in (Orders.ZONAL, Orders.FIRST, Orders.HIGHER)
    )


def _magnet_groups() -> tuple[WidthGroup, ...]:
    return tuple(
        WidthGroup(f"magnet_{axis}_{orders.name.lower()}_terms", False, (a,), orders, widest=widest)
        for a, axis in enumerate("xyz")
        for orders, widest in (
            (Orders.ZONAL, WIDEST_FOR_MAGNET),
            (Orders.FIRST, WIDEST_FOR_MAGNET),
            (Orders.HIGHER, WIDEST_FOR_POINTS),
        )
    )


POINT_GROUPS = (*_coil_groups(), *_magnet_groups())
"""What is estimated from points alone. Every term that is no coil's is a magnet's, and of
a coil's terms those of higher order, which its windings are placed to suppress, have a
width of their own."""


@dataclass(frozen=True)
class HarmonicPrior:
    """Zero-mean normal prior of the coefficients of D.

    Parameters
    ----------
    basis : HarmonicBasis
    groups : tuple of WidthGroup
        Every coefficient belongs to one of them.
    """

    basis: HarmonicBasis
    groups: tuple[WidthGroup, ...] = IMAGE_GROUPS

    @cached_property
    def coil_terms(self) -> NDArray[np.bool_]:
        """Which coefficients the coil's symmetry allows, shape (3, size)."""
        return _coil_terms(self.basis)

    @cached_property
    def tabulated_sd(self) -> Array:
        """Widths before any estimate, mm at the basis's radius, shape (3, size)."""
        n = np.array([term.n for term in self.basis.terms])
        to_basis = (self.basis.radius_mm / PRIOR_RADIUS_MM) ** n
        last = max(COIL_SD_MM)
        coil = np.array([COIL_SD_MM.get(k, COIL_SD_MM[last] * 0.5 ** ((k - last) / 2)) for k in n])
        return np.where(self.coil_terms, coil * to_basis, OTHER_SD_MM * to_basis)

    @cached_property
    def sd(self) -> Array:
        """Standard deviations, mm at the basis's radius, shape (3, size)."""
        scale = np.zeros((3, self.basis.size))
        for group in self.groups:
            scale[group.members(self.basis)] = group.scale
        return self.tabulated_sd * scale

    @property
    def precision(self) -> Array:
        """Inverse variances, shape (3 * size,), component slowest."""
        return (self.sd**-2).reshape(-1)

    @property
    def scales(self) -> dict[str, float]:
        """Factors on the tabulated widths, by the group's name."""
        return {group.name: group.scale for group in self.groups}

    def limited(self, coil: float, other: float) -> HarmonicPrior:
        """Return the prior with other largest factors, of the coil's groups and of the others."""
        groups = (replace(one, widest=coil if one.of_coil else other) for one in self.groups)
        return replace(self, groups=tuple(groups))

    def updated(self, coefficients: Array, variance: Array) -> HarmonicPrior:
        """Re-estimate the groups' widths (one step of expectation-maximisation).

        Parameters
        ----------
        coefficients, variance : ndarray, shape (3, size)
            Posterior mean and variance.
        """
        ratio = (coefficients**2 + variance) / self.tabulated_sd**2
        groups = []
        for group in self.groups:
            own = ratio[group.members(self.basis)]
            square = (float(own.sum()) + WIDTH_WEIGHT) / (own.size + WIDTH_WEIGHT)
            scale = float(np.clip(np.sqrt(square), WIDTH_RANGE[0], group.widest))
            groups.append(replace(group, scale=scale))
        return replace(self, groups=tuple(groups))
