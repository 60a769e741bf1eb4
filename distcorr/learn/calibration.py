"""What the shown places of points may be off by that is none of the field's.

The field has no constant and no linear part by definition, but what a scan shows
may have: voxel sizes and the angle between slices (a symmetric matrix S), and an
offset o of the image from the scanner's frame, so that a place that the field
shows at s is found at ``(I + S) s + o``. Both are nuisances with a prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STRAIN = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Entries of S that are estimated, in the order of the unknowns."""

STRAIN_UNKNOWNS = len(_STRAIN)
CALIBRATION_UNKNOWNS = STRAIN_UNKNOWNS + 3
"""The entries of S, then o."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Linear calibration of the shown places and their offset.

    Parameters
    ----------
    strain : ndarray, shape (3, 3)
        S, symmetric, scanner frame.
    offset_mm : ndarray, shape (3,)
        o, scanner frame, mm.
    """

    strain: Array
    offset_mm: Array

    @classmethod
    def none(cls) -> Calibration:
        """Build that of a scan whose geometry is right."""
        return cls(np.zeros((3, 3)), np.zeros(3))

    @classmethod
    def from_unknowns(cls, values: Array) -> Calibration:
        """Build it from the unknowns (9,) in the order of :func:`calibration_rows`."""
        S = np.zeros((3, 3))
        for value, (a, b) in zip(values[:STRAIN_UNKNOWNS], _STRAIN, strict=True):
            S[a, b] = S[b, a] = value
        return cls(S, np.array(values[STRAIN_UNKNOWNS:]))

    @property
    def stretch(self) -> Array:
        """I + S."""
        return np.eye(3) + self.strain

    def apply(self, shown_scanner: Array) -> Array:
        """Take points (m, 3) from where the field shows them to where they are found."""
        return shown_scanner @ self.stretch + self.offset_mm


def calibration_rows(shown_scanner: Array) -> Array:
    """Differentiate ``(I + S) s + o`` at points s (m, 3) by S and o, shape (m, 3, 9)."""
    out = np.zeros((len(shown_scanner), 3, CALIBRATION_UNKNOWNS))
    for column, (a, b) in enumerate(_STRAIN):
        out[:, a, column] = shown_scanner[:, b]
        out[:, b, column] = shown_scanner[:, a]
    out[:, :, STRAIN_UNKNOWNS:] = np.eye(3)
    return out
