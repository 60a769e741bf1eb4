"""Known fields to simulate with, as published or measured.

Coefficients are Schmidt semi-normalised solid harmonics in millimetres at a
radius of 200 mm, as :mod:`distcorr.field.harmonics` defines them. A coil's
symmetry lets only odd degrees into a field (odd orders for x as cosines and
for y as sines, order 0 for z); vendors' coefficient files hold nothing else.
"""

from __future__ import annotations

import csv
from enum import StrEnum
from pathlib import Path

import numpy as np

from distcorr.errors import Code, DistcorrError
from distcorr.field import HarmonicField

Terms = dict[tuple[int, int], float]

# Terms that 2,554 markers of a phantom gave on a clinical 3 T scanner. Their
# sign pulls tissue inwards beyond the linear region, so that a scan looks
# shrunk at its rim.
_X_3T: Terms = {(3, 1): -18.0, (3, 3): -10.0, (5, 1): -7.0}
_Y_3T: Terms = {(3, -1): -18.0, (5, -1): -7.0}
_Z_3T: Terms = {(3, 0): -13.0, (5, 0): -5.0}

DEFAULT_SCALE = 0.65
"""Share of the 3 T terms in the default field: it displaces the tissue of two
legs within 200 mm by about 3 mm in the mean, and the edges of a field of view of
400 to 480 mm by 10 to 25 mm (Wang 2004, Magn Reson Imaging 22:1211)."""

WIDE_BORE_SCALE = 1.25
STRONG_SCALE = 1.35

RIM_MM = 200.0
"""Radius of the sphere that is called the rim: half a field of view of 400 mm."""

STRONG_RIM_MM = 30.0
"""Largest displacement at the rim of what is called a strong field."""

SMALL_TERM_MM = 0.12
"""Standard deviation, at 200 mm, of each term that the coil's symmetry forbids;
a few dozen of them add up to some tenths of a millimetre, as measured."""


class FieldName(StrEnum):
    """Fields that can be asked for by name."""

    DEFAULT = "default"
    CLINICAL_3T = "clinical-3t"
    WIDE_BORE_1_5T = "wide-bore-1.5t"
    STRONG = "strong"
    RANDOM = "random"


def named_field(name: FieldName, seed: int = 0) -> HarmonicField:
    """Build one of the named fields.

    Parameters
    ----------
    name : FieldName
    seed : int
        Picks the field where ``name`` is ``RANDOM``; the others are fixed.
    """
    if name is FieldName.DEFAULT:
        return default_field()
    if name is FieldName.CLINICAL_3T:
        return _scaled_3t(1.0)
    if name is FieldName.WIDE_BORE_1_5T:
        return _wide_bore()
    if name is FieldName.STRONG:
        return _scaled_3t(STRONG_SCALE)
    return random_field(seed)


def default_field() -> HarmonicField:
    """Build the field used unless another is asked for: a mild clinical 3 T scanner."""
    return _scaled_3t(DEFAULT_SCALE)


def largest_at_rim(field: HarmonicField) -> float:
    """Return the largest displacement, mm, on the sphere of ``RIM_MM``."""
    count = 20_000  # some 3 mm apart
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    azimuth = np.pi * (1 + 5**0.5) * n
    r = np.sqrt(1 - z * z)
    sphere = RIM_MM * np.stack([r * np.cos(azimuth), r * np.sin(azimuth), z], axis=-1)
    return float(np.linalg.norm(field.displacement(sphere), axis=1).max())


def scaled_to_rim(field: HarmonicField, rim_mm: float = STRONG_RIM_MM) -> HarmonicField:
    """Scale a field so that its largest displacement at the rim is ``rim_mm``."""
    scale = rim_mm / largest_at_rim(field)
    return HarmonicField(field.basis, scale * field.coefficients)


def random_field(seed: int) -> HarmonicField:
    """Draw a field: coil terms of odd degree 3 to 9, and small others of degree 2 to 5.

    Parameters
    ----------
    seed : int
        Equal seeds give equal fields.
    """
    rng = np.random.default_rng([seed, 0xF1E1D])
    x: Terms = {}
    y: Terms = {}
    z: Terms = {}
    for n, size in ((3, 13.0), (5, 5.0), (7, 1.5), (9, 0.5)):
        for m in range(1, n + 1, 2):
            share = size if m == 1 else 0.3 * size if m == 3 else 0.1 * size
            common = rng.normal(-share if n <= 5 and m == 1 else 0.0, 0.35 * share)
            # x and y coils are alike up to their radii and details of the winding.
            x[n, m] = common + rng.normal(0, 0.1 * share)
            y[n, -m] = common * (-1) ** ((m - 1) // 2) + rng.normal(0, 0.1 * share)
        z[n, 0] = rng.normal(-0.75 * size if n <= 5 else 0.0, 0.35 * size)
    for component in (x, y, z):
        for n in range(2, 6):
            for m in range(-n, n + 1):
                small = rng.normal(0, SMALL_TERM_MM)
                component[n, m] = component.get((n, m), 0.0) + small
    return HarmonicField.from_terms(x, y, z)


class LinacTerms(StrEnum):
    """Which of the published terms of the 1 T MR-Linac make its field."""

    COIL = "coil"
    ALL = "all"


def linac_1t(folder: Path, terms: LinacTerms = LinacTerms.COIL) -> HarmonicField:
    """Read the measured field of a 1 T MR-Linac from its ``G_*_Harmonics.csv``.

    The files hold fully normalised harmonics of (r / 1 m), with the
    Condon-Shortley phase, of azimuth + pi and of elevation + pi/2, which is the
    point mirrored at the origin and gives a factor (-1)^n. Their sum is the
    apparent position in metres. They were fitted to the pairs of ``CT.mrk.json``
    and ``MR.mrk.json``, and all of them together give these 336 markers to 0.18,
    0.16 and 0.24 mm rms in x, y and z.

    That is one acquisition, and its x, the readout, carries the shift by B0 as
    well: what the symmetry of the x coil forbids in D_x, 1.1 mm rms, correlates
    by -0.92 with the shift that the columns ``*_B0`` of
    ``MatchedMarkerVolume.csv`` hold, measured separately with readout along z.
    The gradient's own part of those markers (``*_gnl``) therefore agrees with
    the coil's terms to 0.35 mm (robust standard deviation), with all terms only
    to 0.9 in x. Degrees 0 and 1 hold placement and calibration, +1.6, +1.5 and
    -1.9 %, and are never kept.

    Parameters
    ----------
    folder : Path
        Holds ``G_x_Harmonics.csv``, ``G_y_Harmonics.csv``, ``G_z_Harmonics.csv``.
    terms : LinacTerms
        ``COIL`` for the field of the gradients, ``ALL`` for what that one
        acquisition shows.

    Raises
    ------
    DistcorrError
        ``not-found`` if a file is absent, ``bad-format`` if it holds something else.
    """
    x, y, z = (_linac_terms(folder / f"G_{axis}_Harmonics.csv") for axis in "xyz")
    if terms is LinacTerms.ALL:
        return HarmonicField.from_terms(x, y, z)
    return HarmonicField.from_terms(
        {(n, m): c for (n, m), c in x.items() if n % 2 and m > 0 and m % 2},
        {(n, m): c for (n, m), c in y.items() if n % 2 and m < 0 and m % 2},
        {(n, m): c for (n, m), c in z.items() if n % 2 and m == 0},
    )


def _linac_terms(path: Path) -> Terms:
    """Convert the terms of degree 2 and more to Schmidt coefficients in mm at 200 mm."""
    if not path.is_file():
        raise DistcorrError(Code.NOT_FOUND, "a coefficient file is absent", str(path))
    terms: Terms = {}
    try:
        with path.open(newline="") as stream:
            for label, text in list(csv.reader(stream))[1:]:
                kind, n_text, m_text = label.split("_")
                n, m = int(n_text), int(m_text)
                norm = np.sqrt((n + 0.5) / (1 if m == 0 else 2))
                millimetres = 1000.0 * 0.2**n * norm * (-1) ** n * float(text)
                if n >= 2:
                    terms[n, m if kind == "A" else -m] = float(millimetres)
    except ValueError as failure:
        raise DistcorrError(
            Code.BAD_FORMAT, "not a file of harmonic coefficients", f"{path}: {failure}"
        ) from None
    return terms


def _scaled_3t(scale: float) -> HarmonicField:
    return HarmonicField.from_terms(
        {term: scale * value for term, value in _X_3T.items()},
        {term: scale * value for term, value in _Y_3T.items()},
        {term: scale * value for term, value in _Z_3T.items()},
    )


def _wide_bore() -> HarmonicField:
    """Build a short, wide bore: 7.4 mm in the mean at 150-200 mm, 13.6 at 200-250."""
    s = WIDE_BORE_SCALE
    return HarmonicField.from_terms(
        {(3, 1): -14.0 * s, (3, 3): -3.0 * s, (5, 1): -6.0 * s, (7, 1): 1.0 * s},
        {(3, -1): -13.0 * s, (3, -3): 3.0 * s, (5, -1): -6.0 * s, (7, -1): 1.0 * s},
        {(3, 0): -12.0 * s, (5, 0): -7.0 * s, (7, 0): 1.0 * s},
    )
