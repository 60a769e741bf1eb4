"""How bright each tissue is in each kind of sequence.

Arbitrary units, as a scanner delivers them. The columns are not monotone in
each other, so that no single curve takes one contrast to another.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Contrast(StrEnum):
    """Kinds of sequence that the phantom knows."""

    T1W = "T1w"
    PD = "PD"
    T2W = "T2w"
    PD_FS = "PD-fs"


class Tissue(IntEnum):
    """Tissues of the digital legs; the value is the row of :data:`INTENSITY`."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    FASCIA = 4
    CORTEX = 5
    MARROW = 6
    CARTILAGE = 7
    VESSEL = 8
    FLUID = 9
    BOWEL = 10
    RED_MARROW = 11


_T1W = (0, 420, 900, 330, 130, 50, 830, 430, 170, 200, 380, 620)
_PD = (0, 520, 780, 560, 180, 60, 700, 720, 260, 900, 600, 650)
_T2W = (0, 300, 620, 170, 70, 40, 540, 520, 110, 1000, 430, 430)
_PD_FS = (0, 460, 170, 480, 130, 60, 150, 800, 640, 950, 560, 300)

INTENSITY: dict[Contrast, Array] = {
    Contrast.T1W: np.array(_T1W, dtype=np.float64),
    Contrast.PD: np.array(_PD, dtype=np.float64),
    Contrast.T2W: np.array(_T2W, dtype=np.float64),
    Contrast.PD_FS: np.array(_PD_FS, dtype=np.float64),
}
"""Intensity of each :class:`Tissue` in each contrast."""

RELATIVE_CURVE: dict[Contrast, tuple[tuple[float, ...], tuple[float, ...]]] = {
    Contrast.T1W: ((0.0, 1.0), (0.0, 1.0)),
    Contrast.PD: ((0.0, 0.15, 0.5, 1.0), (0.0, 0.35, 0.75, 1.0)),
    Contrast.T2W: ((0.0, 1.0), (1.0, 0.15)),
    Contrast.PD_FS: ((0.0, 0.3, 0.6, 1.0), (0.35, 0.7, 0.95, 0.2)),
}
"""Curves that take the brightness of a real T1-weighted volume, 0 to 1 inside
the body, to a stand-in for another contrast: T2w inverts it, PD-fs is not
monotone."""


def recoloured(brightness: NDArray[np.float32], contrast: Contrast) -> NDArray[np.float32]:
    """Apply :data:`RELATIVE_CURVE` to brightness in 0 to 1 (more is clipped)."""
    if contrast is Contrast.T1W:
        return brightness
    low, high = RELATIVE_CURVE[contrast]
    return np.interp(brightness, low, high).astype(np.float32)
