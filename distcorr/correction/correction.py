"""A scanner's correction as an object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.correction.nodes import at_nodes
from distcorr.correction.records import Figures, Provenance
from distcorr.errors import Code, DistcorrError
from distcorr.facts import Scanner
from distcorr.field import HarmonicField, Lattice, LatticeField

Array = NDArray[np.float64]

FULL_SUPPORT = 0.99
"""Weight from which a point counts as supported. Below it the correction is being
faded out; the hundredth keeps float32 rounding between nodes from deciding."""


@dataclass(frozen=True, eq=False)
class Correction:
    """What was learned about one scanner.

    Parameters
    ----------
    lattice : Lattice
        D as applied, scanner frame, mm: tissue at true r appears, without vendor
        correction, at r + D(r). Already faded to zero beyond the support.
    standard_deviation : ndarray of float32, shape (3, z, y, x)
        One standard deviation of each component of D at the lattice's nodes, mm;
        trilinear between them.
    support : ndarray of float32, shape (z, y, x)
        Weight at the nodes: 1 fully supported, 0 no correction.
    harmonics : HarmonicField or None
        The harmonic mean that was fitted, not faded.
    scanner : Scanner
        The machine that the field belongs to.
    provenance : Provenance
    figures : Figures

    Raises
    ------
    DistcorrError
        ``correction-invalid`` if shapes or values are impossible.
    """

    lattice: Lattice
    standard_deviation: NDArray[np.float32]
    support: NDArray[np.float32]
    harmonics: HarmonicField | None
    scanner: Scanner
    provenance: Provenance
    figures: Figures

    def __post_init__(self) -> None:
        nodes = self.lattice.coefficients.shape[1:]
        sd = np.array(self.standard_deviation, dtype=np.float32)
        support = np.array(self.support, dtype=np.float32)
        _require(sd.shape == (3, *nodes), f"standard deviation has shape {sd.shape}")
        _require(support.shape == nodes, f"support has shape {support.shape}")
        _require(bool(np.isfinite(sd).all()), "standard deviation is not finite")
        _require(bool((sd >= 0).all()), "standard deviation is negative")
        # NaN fails both comparisons.
        _require(bool(((support >= 0) & (support <= 1)).all()), "support is not within 0 to 1")
        for name, array in (("standard_deviation", sd), ("support", support)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def field(self) -> LatticeField:
        """The scanner's field as applied."""
        return LatticeField(self.lattice)

    def support_at(self, points_scanner: ArrayLike) -> Array:
        """Weight of the correction at points (..., 3), trilinear; 0 off the lattice."""
        return at_nodes(self.lattice, self.support, points_scanner, outside=0.0)

    def supported(self, points_scanner: ArrayLike) -> NDArray[np.bool_]:
        """Whether the correction holds in full at points (..., 3), scanner frame, mm."""
        inside = self.lattice.inside(points_scanner)
        return np.asarray((self.support_at(points_scanner) >= FULL_SUPPORT) & inside)

    def standard_deviation_at(self, points_scanner: ArrayLike) -> Array:
        """One standard deviation of D at points, trilinear between nodes.

        Parameters
        ----------
        points_scanner : array_like, shape (..., 3)
            Scanner frame, mm.

        Returns
        -------
        ndarray, shape (..., 3)
            mm; NaN off the lattice, where nothing is known.
        """
        components = [
            at_nodes(self.lattice, component, points_scanner, outside=np.nan)
            for component in self.standard_deviation
        ]
        return np.stack(components, axis=-1)

    def min_jacobian(self) -> float:
        """Smallest determinant of I + dD/dr over the lattice's domain."""
        return self.lattice.min_jacobian()

    @cached_property
    def identifier(self) -> str:
        """SHA-256 of the stored content: equal for equal corrections, recorded in outputs."""
        from distcorr.correction.storage import identifier  # it builds corrections itself

        return identifier(self)

    def save(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the correction to one file; see :mod:`distcorr.correction.storage`.

        Raises
        ------
        DistcorrError
            ``output-exists`` or ``output-unwritable``.
        """
        from distcorr.correction.storage import save

        save(self, Path(path), overwrite=overwrite)

    @classmethod
    def load(cls, path: Path | str) -> Correction:
        """Read a correction and verify it.

        Raises
        ------
        DistcorrError
            ``not-found``, ``correction-invalid`` or ``schema-unknown``.
        """
        from distcorr.correction.storage import load

        return load(Path(path))

    def __repr__(self) -> str:
        from distcorr.correction.show import brief_facts  # it describes corrections

        return f"Correction({'; '.join(f'{name}: {value}' for name, value in brief_facts(self))})"

    def _repr_html_(self) -> str:
        from distcorr.correction.show import correction_card

        return correction_card(self)


def _require(condition: bool, evidence: str) -> None:
    if not condition:
        raise DistcorrError(Code.CORRECTION_INVALID, "the numbers make no correction", evidence)
