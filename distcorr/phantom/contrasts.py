"""How bright each tissue is in each kind of sequence.

Arbitrary units, as a scanner delivers them. Seen against T1w, a spoiled
gradient echo of small flip angle is monotone (one rising curve takes the one to
the other), ``INVERTED`` falls everywhere, and all others rise and fall.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Contrast(StrEnum):
    """Kinds of sequence that the phantom knows."""

    T1W = "T1w"
    T1_GRE = "T1-GRE"
    PD = "PD"
    T2W = "T2w"
    T2_FS = "T2-fs"
    PD_FS = "PD-fs"
    INVERTED = "inverted"


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
_T2_FS = (0, 330, 120, 300, 90, 40, 140, 560, 640, 1000, 520, 230)
_PD = (0, 520, 780, 560, 180, 60, 700, 720, 260, 900, 600, 650)
_T2W = (0, 300, 620, 170, 70, 40, 540, 520, 110, 1000, 430, 430)
_PD_FS = (0, 460, 170, 480, 130, 60, 150, 800, 640, 950, 560, 300)

GRE_POWER = 0.6
"""Power of a brightness in T1w that gives ``T1_GRE``: a smaller flip angle
compresses the differences of T1."""

INVERTED_FLOOR = 0.1
"""Brightness that ``INVERTED`` leaves to what is brightest in T1w, as a share."""

_FULL = 900.0


def _gre(share: Array) -> Array:
    return np.asarray(share**GRE_POWER)


def _inverted(share: Array) -> Array:
    return np.asarray(1 - (1 - INVERTED_FLOOR) * share)


_T1_SHARE = np.array(_T1W, dtype=np.float64) / _FULL

INTENSITY: dict[Contrast, Array] = {
    Contrast.T1W: np.array(_T1W, dtype=np.float64),
    Contrast.T1_GRE: _FULL * _gre(_T1_SHARE),
    Contrast.PD: np.array(_PD, dtype=np.float64),
    Contrast.T2W: np.array(_T2W, dtype=np.float64),
    Contrast.T2_FS: np.array(_T2_FS, dtype=np.float64),
    Contrast.PD_FS: np.array(_PD_FS, dtype=np.float64),
    # Air is dark in every contrast.
    Contrast.INVERTED: np.where(_T1_SHARE > 0, _FULL * _inverted(_T1_SHARE), 0.0),
}
"""Intensity of each :class:`Tissue` in each contrast."""

FAT_SHARE = np.zeros(len(Tissue))
FAT_SHARE[[Tissue.FAT, Tissue.MARROW, Tissue.RED_MARROW]] = 1.0, 0.9, 0.4
"""Share of each tissue's signal that comes from fat."""

_FINE = np.linspace(0.0, 1.5, 61)

RELATIVE_CURVE: dict[Contrast, tuple[Array, Array]] = {
    Contrast.T1_GRE: (_FINE, _gre(_FINE)),
    Contrast.PD: (np.array([0.0, 0.15, 0.5, 1.0]), np.array([0.0, 0.35, 0.75, 1.0])),
    Contrast.T2W: (
        np.array([0.0, 0.1, 0.25, 0.5, 0.7, 1.0]),
        np.array([0.0, 0.2, 1.0, 0.55, 0.4, 0.6]),
    ),
    Contrast.T2_FS: (
        np.array([0.0, 0.1, 0.25, 0.5, 0.7, 1.0]),
        np.array([0.0, 0.2, 1.0, 0.6, 0.4, 0.1]),
    ),
    Contrast.PD_FS: (np.array([0.0, 0.3, 0.6, 1.0]), np.array([0.35, 0.7, 0.95, 0.2])),
    Contrast.INVERTED: (np.array([0.0, 1.0]), _inverted(np.array([0.0, 1.0]))),
}
"""Curves that take the brightness of a real T1-weighted volume, as a share of
its full brightness inside the body, to a stand-in for another contrast. In T2w
and T2-fs bone and air stay dark, fluid (dark in T1w) is brightest, and grey matter
or muscle outshine what is brighter in T1w; in PD-fs the middle is brightest."""


def recoloured(brightness: NDArray[np.float32], contrast: Contrast) -> NDArray[np.float32]:
    """Apply :data:`RELATIVE_CURVE`; beyond its ends the curve stays level."""
    if contrast is Contrast.T1W:
        return brightness
    low, high = RELATIVE_CURVE[contrast]
    return np.interp(brightness, low, high).astype(np.float32)
