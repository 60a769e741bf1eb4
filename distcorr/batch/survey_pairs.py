"""Find the pairs of scans that show most of a field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import log

import numpy as np
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition
from distcorr.batch.survey import Candidate
from distcorr.facts import Plane
from distcorr.learn.pair import MIN_OVERLAP_MM3
from distcorr.learn.revealed import MIN_GAIN
from distcorr.space import PatientPosition
from distcorr.space.frames import T_scanner_patient

Array = NDArray[np.float64]

COMPONENTS = ("D_x", "D_y", "D_z")

TABLE_MOVED_MM = 10.0
"""Distance of two isocentres from which the table was moved on purpose."""

TABLE_GAIN_PER_MM = 0.3 / 20.0
"""How much two uncorrected scans show of D for each mm between their tables: about 0.3
at 20 mm (see :mod:`distcorr.learn.revealed`)."""

LITTLE_OVERLAP = 0.3
"""Overlap below which a pair stands behind all others that show as much."""

SAME_PROTOCOL = 0.02
"""Relative difference up to which voxel sizes and times of two stations are one: scanners
adapt the repetition time to the number of slices."""


@dataclass(frozen=True, eq=False)
class Pair:
    """An axial scan, in one or several stations of the table, and a coronal one.

    Attributes
    ----------
    axials : tuple of Candidate
        From feet to head.
    coronal : Candidate
    gains : ndarray, shape (3,), or None
        Part of D_x, D_y, D_z that differs between the two, 0 to 1, to first order;
        None if a vendor state is unknown.
    contrast : float
        How unlike the two look, 0 for one protocol.
    overlap : float
        Common part of the smaller of both boxes, 0 to 1.
    """

    axials: tuple[Candidate, ...]
    coronal: Candidate
    gains: Array | None
    contrast: float
    overlap: float

    @property
    def scans(self) -> tuple[Candidate, ...]:
        """All scans, axial first."""
        return (*self.axials, self.coronal)

    @property
    def shown(self) -> tuple[str, ...]:
        """Components that the pair shows; all none if a state is unknown."""
        if self.gains is None:
            return ()
        return tuple(
            name for name, gain in zip(COMPONENTS, self.gains, strict=True) if gain >= MIN_GAIN
        )

    @property
    def useless(self) -> bool:
        """Whether the pair is known to show nothing."""
        return self.gains is not None and not self.shown

    @property
    def rank(self) -> tuple[float, ...]:
        """Smaller is better: what is shown, contrast, resolution, overlap."""
        gain = 0.5 if self.gains is None else float(self.gains.sum())
        voxel = float(np.mean([np.prod(one.grid.spacing) for one in self.scans])) ** (1 / 3)
        return (
            -round(gain, 1),
            float(self.overlap < LITTLE_OVERLAP),
            round(self.contrast, 1),
            round(voxel, 2),
            -round(self.overlap, 3),
        )


def pairs_of(volumes: Sequence[Candidate]) -> list[list[Pair]]:
    """Propose pairs of the volumes of one scanner.

    Parameters
    ----------
    volumes : sequence of Candidate

    Returns
    -------
    list of list of Pair
        One list for each session of a subject that has an axial and a coronal scan
        which overlap; the best pair first.
    """
    proposals = []
    for session in sessions_of(volumes):
        axials = _stations([one for one in session if one.plane is Plane.AXIAL])
        coronals = [one for one in session if one.plane is Plane.CORONAL]
        found = [
            pair
            for group, coronal in product(axials, coronals)
            if (pair := _pair(group, coronal)) is not None
        ]
        if found:
            proposals.append(sorted(found, key=lambda pair: pair.rank))
    return proposals


def sessions_of(volumes: Sequence[Candidate]) -> list[list[Candidate]]:
    """Group volumes by subject and session: one study, or one frame of reference."""
    session_of: dict[tuple[str, str], int] = {}
    sessions: dict[int, list[Candidate]] = {}
    for number, one in enumerate(volumes):
        patient, frame = one.series.patient_key, one.series.facts.frame_of_reference
        keys = [(patient, name) for name in (one.series.study_uid, frame) if name]
        joined = sorted({session_of[key] for key in keys if key in session_of})
        home = joined[0] if joined else number
        for other in joined[1:]:
            sessions[home] += sessions.pop(other)
            session_of = {key: home if n == other else n for key, n in session_of.items()}
        sessions.setdefault(home, []).append(one)
        session_of |= dict.fromkeys(keys, home)
    order = {one: number for number, one in enumerate(volumes)}
    return [sorted(session, key=lambda one: order[one]) for _, session in sorted(sessions.items())]


def _stations(axials: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
    """Join the axial scans of one protocol at different table positions.

    Several scans at one position are alternatives: each table position gives its
    first scan to the first group, its second to the second, and so on.
    """
    families: list[list[Candidate]] = []
    for one in axials:
        home = next((f for f in families if same_protocol(f[0], one)), None)
        if home is None:
            families.append([one])
        else:
            home.append(one)
    groups = []
    for family in families:
        places: list[list[Candidate]] = []
        for one in family:
            place = next((p for p in places if not table_moved(p[0], one)), None)
            if place is None:
                places.append([one])
            else:
                place.append(one)
        for turn in range(max(map(len, places))):
            stations = [place[turn] for place in places if turn < len(place)]
            groups.append(tuple(sorted(stations, key=_height)))
    return groups


def _height(one: Candidate) -> float:
    return float(one.grid.corners_lps[:, 2].mean())


def table_moved(a: Candidate, b: Candidate) -> bool:
    """Whether the table is known to have moved between two scans."""
    return _table_distance_mm(a, b) >= TABLE_MOVED_MM


def _table_distance_mm(a: Candidate, b: Candidate) -> float:
    """Return the distance of two isocentres, patient frame; 0 if one is not known."""
    places = [one.series.facts.isocentre_lps.value for one in (a, b)]
    if places[0] is None or places[1] is None:
        return 0.0
    return float(np.linalg.norm(np.subtract(places[0], places[1])))


def same_protocol(a: Candidate, b: Candidate) -> bool:
    """Whether two scans were made in one way."""
    numbers = [
        (a.protocol.echo_time_ms, b.protocol.echo_time_ms),
        (a.protocol.repetition_time_ms, b.protocol.repetition_time_ms),
        (a.protocol.inversion_time_ms, b.protocol.inversion_time_ms),
        *((float(x), float(y)) for x, y in zip(a.grid.spacing, b.grid.spacing, strict=True)),
    ]
    return (a.state, a.protocol.sequence) == (b.state, b.protocol.sequence) and all(
        x == y or (x is not None and y is not None and abs(x - y) <= SAME_PROTOCOL * max(x, y))
        for x, y in numbers
    )


def _pair(axials: tuple[Candidate, ...], coronal: Candidate) -> Pair | None:
    """Join scans that overlap; stations beside the coronal scan are dropped."""
    common = [(one, _common_mm3(one, coronal)) for one in axials]
    useful = [(one, volume) for one, volume in common if volume >= MIN_OVERLAP_MM3]
    if not useful:
        return None
    scans = tuple(one for one, _ in useful)
    smaller = min(
        sum(float(np.prod(one.grid.extent)) for one in scans), float(np.prod(coronal.grid.extent))
    )
    overlap = min(1.0, sum(volume for _, volume in useful) / smaller)
    return Pair(scans, coronal, _gains(scans, coronal), _contrast(scans[0], coronal), overlap)


def _common_mm3(a: Candidate, b: Candidate) -> float:
    """Volume that the boxes around both have in common, patient frame."""
    low = np.maximum(a.grid.corners_lps.min(axis=0), b.grid.corners_lps.min(axis=0))
    high = np.minimum(a.grid.corners_lps.max(axis=0), b.grid.corners_lps.max(axis=0))
    return float(np.prod(np.maximum(high - low, 0.0)))


def _gains(axials: Sequence[Candidate], coronal: Candidate) -> Array | None:
    gains = [_gain(one, coronal) for one in axials]
    known = [gain for gain in gains if gain is not None]
    return np.max(known, axis=0) if len(known) == len(gains) else None


def _gain(axial: Candidate, coronal: Candidate) -> Array | None:
    """Part of each component of D by which two scans differ, to first order.

    A scan displaces tissue by P D with P = I - Q and Q the vendor's projector; two
    scans differ by (P_c - P_a) D, and where the table moved by that of D's change.
    """
    left = []
    for one in (axial, coronal):
        if one.state is None:
            return None
        position = one.series.facts.patient_position.value or PatientPosition.HFS
        T = T_scanner_patient(position, (0.0, 0.0, 0.0))
        left.append(np.eye(3) - Acquisition(one.state, T, one.grid.normal_lps).vendor_projector)
    gains: Array = np.linalg.norm(left[1] - left[0], axis=0)
    if table_moved(axial, coronal):
        both = np.minimum(np.diag(left[0]), np.diag(left[1]))
        gains = np.maximum(gains, both * TABLE_GAIN_PER_MM * _table_distance_mm(axial, coronal))
    return np.minimum(gains, 1.0)


def _contrast(a: Candidate, b: Candidate) -> float:
    """How unlike two scans look by their protocols; what is not recorded counts little."""
    one, other = a.protocol, b.protocol
    unlike = 0.0 if one.sequence == other.sequence else 0.5
    for x, y in (
        (one.echo_time_ms, other.echo_time_ms),
        (one.repetition_time_ms, other.repetition_time_ms),
        (one.inversion_time_ms, other.inversion_time_ms),
    ):
        if x and y:
            unlike += abs(log(x / y))
        elif x or y:
            unlike += 0.3
    return unlike
