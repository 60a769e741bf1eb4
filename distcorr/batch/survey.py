"""Look over all series of a tree: which are scans to learn from or to correct."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from distcorr.dicom import Series
from distcorr.dicom.effect import reach
from distcorr.dicom.protocol import Protocol, read_protocol
from distcorr.dicom.series import MAGNETIC
from distcorr.errors import DistcorrError
from distcorr.facts import Plane, VendorState
from distcorr.space import Grid

MIN_SLICES = 8
"""Fewer slices are a localiser or a test: their anatomy fixes no motion of six parameters."""

PLANES_OF_LOCALISER = 3
"""A series that holds volumes in so many planes is a localiser."""


class LeftOut(StrEnum):
    """Why a series is neither a reference nor to be corrected."""

    MODALITY = "other modality"
    NO_VOLUME = "no volume"
    LOCALISER = "localiser"
    NOT_MAGNITUDE = "no magnitude image"
    CORRECTED = "already corrected"
    DERIVED = "derived"
    TOO_FEW_SLICES = "too few slices"
    REPEAT = "repeat"
    DUPLICATE = "another reconstruction"
    OTHER_SCANNER = "other scanner"
    NEEDS_NOTHING = "needs nothing"
    STATE_UNKNOWN = "unknown vendor state"
    SMALL = "small field of view"
    UNNAMEABLE = "can't be named"


@dataclass(frozen=True, eq=False)
class Omission:
    """A series that is left out.

    Attributes
    ----------
    series : Series
    reason : LeftOut
    evidence : str
        Numbers and tags; nothing that identifies a patient.
    """

    series: Series
    reason: LeftOut
    evidence: str


@dataclass(frozen=True, eq=False)
class Candidate:
    """A volume that can be learned from or corrected.

    Attributes
    ----------
    series : Series
    grid : Grid
    plane : Plane
    protocol : Protocol
    reach_mm : float
        Farthest voxel from the isocentre; from the centre of the image, which is
        the least that is possible, where the isocentre is not known.
    """

    series: Series
    grid: Grid
    plane: Plane
    protocol: Protocol
    reach_mm: float

    @property
    def state(self) -> VendorState | None:
        """Vendor correction; None if unknown."""
        return self.series.facts.state.value

    @property
    def shows_truth(self) -> bool:
        """Whether the scan is right as it is."""
        return self.state in (VendorState.DIS3D, VendorState.TRUSTED)

    @property
    def description(self) -> str:
        """Say what it is without anything that a person wrote."""
        voxel = " x ".join(f"{value:.2g}" for value in self.grid.spacing)
        view = " x ".join(f"{value:.0f}" for value in self.grid.extent)
        parts = [
            f"{self.plane} {self.state or 'of unknown state'}",
            f"{voxel} mm voxels",
            f"{view} mm",
            *(
                f"{name} {value:.4g} ms"
                for name, value in (
                    ("TE", self.protocol.echo_time_ms),
                    ("TR", self.protocol.repetition_time_ms),
                )
                if value is not None
            ),
        ]
        return ", ".join(parts)


def survey(
    series: Iterable[Series], progress: Callable[[int, int], None] | None = None
) -> tuple[list[Candidate], list[Omission]]:
    """Sort series into volumes to consider and others.

    Parameters
    ----------
    series : iterable of Series
        As :func:`distcorr.dicom.find_series` gives them; their order is kept.
    progress : callable, optional
        Called with the number done and the number of all.

    Returns
    -------
    list of Candidate
    list of Omission
        Together they hold every series once.
    """
    everything = list(series)
    planes: dict[str, set[Plane | None]] = {}
    for one in everything:
        planes.setdefault(one.uid, set()).add(one.plane)
    candidates: list[Candidate] = []
    omissions: list[Omission] = []
    for done, one in enumerate(everything, start=1):
        judged = _judge(one, planes[one.uid])
        if isinstance(judged, Candidate):
            candidates.append(judged)
        else:
            omissions.append(judged)
        if progress is not None:
            progress(done, len(everything))
    kept, repeats = _without_repeats(candidates)
    return kept, [*omissions, *repeats]


def _judge(series: Series, planes: set[Plane | None]) -> Candidate | Omission:
    if series.modality not in MAGNETIC:
        return Omission(series, LeftOut.MODALITY, f"Modality is {series.modality}")
    grid, plane = series.grid, series.plane
    if series.refusal is not None or grid is None or plane is None:
        code = "geometry" if series.refusal is None else str(series.refusal.code)
        return Omission(series, LeftOut.NO_VOLUME, code)
    try:
        protocol = read_protocol(series.frames[0])
    except DistcorrError as refusal:
        return Omission(series, LeftOut.NO_VOLUME, str(refusal.code))
    mark = series.facts.corrected_by
    for reason, evidence in (
        (LeftOut.CORRECTED, "by distcorr" if mark.known else ""),
        (LeftOut.LOCALISER, _localiser(protocol, planes)),
        (LeftOut.NOT_MAGNITUDE, _not_magnitude(protocol)),
        (LeftOut.DERIVED, _derived(protocol, series.facts.state.value)),
    ):
        if evidence:
            return Omission(series, reason, evidence)
    slices = grid.size[2]
    if slices < MIN_SLICES:
        return Omission(series, LeftOut.TOO_FEW_SLICES, f"{slices}, {MIN_SLICES} needed")
    return Candidate(series, grid, plane, protocol, reach(grid, series.facts).farthest_mm)


_LOCALISER_NAMES = re.compile(
    r"(locali[sz]er|scout|survey|plan[ _-]?scan|topogram|(?<![a-z])loc(?![a-z]))", re.IGNORECASE
)


def _localiser(protocol: Protocol, planes: set[Plane | None]) -> str:
    if "LOCALIZER" in protocol.image_type:
        return "ImageType says LOCALIZER"
    if len(planes) >= PLANES_OF_LOCALISER:
        return f"one series in {len(planes)} planes"
    if any(_LOCALISER_NAMES.search(name) for name in protocol.names):
        return "called so in its description"
    return ""


_NOT_MAGNITUDE = frozenset({"P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY", "VELOCITY"})

_COMPUTED = frozenset({
    "ADC", "ADC_UNSPECIFIED", "FA", "TRACEW", "TENSOR", "EXP", "SUB", "SUBTRACTION", "MIP",
    "MINIP", "PROJECTION IMAGE", "MPR", "CSA MPR", "CSAPARALLEL", "REFORMATTED", "RESAMPLED",
    "T1 MAP", "T2 MAP", "T2_STAR MAP", "COMPOSED", "CSA RESAMPLED", "PASTED",
})  # fmt: skip
"""Values of ImageType for images that a computer made of others: their slices and their
places are not those of an acquisition."""


def _not_magnitude(protocol: Protocol) -> str:
    found = [token for token in protocol.image_type[2:] if token in _NOT_MAGNITUDE]
    return f"ImageType says {found[0]}" if found else ""


def _derived(protocol: Protocol, state: VendorState | None) -> str:
    """Tell computed images; DERIVED alone also marks filtered and anonymised ones.

    Where the vendor's state stands beside it, the image is still the acquisition.
    """
    computed = [token for token in protocol.image_type if token in _COMPUTED]
    if computed:
        return f"ImageType says {computed[0]}"
    if "DERIVED" in protocol.image_type and state is None:
        return "ImageType says DERIVED, and not what the vendor did"
    return ""


SAME_PLACE_MM = 0.1
"""Largest distance of corresponding corners of two grids that are one."""


def _without_repeats(candidates: list[Candidate]) -> tuple[list[Candidate], list[Omission]]:
    """Keep one of the volumes of one series on one grid: the first echo, the first time."""
    omissions: list[Omission] = []
    chosen: dict[str, list[int]] = {}
    for number in sorted(
        range(len(candidates)), key=lambda n: (candidates[n].protocol.echo_time_ms or 0.0, n)
    ):
        one = candidates[number]
        others = chosen.setdefault(one.series.uid, [])
        first = next((n for n in others if same_grid(candidates[n].grid, one.grid)), None)
        if first is None:
            others.append(number)
        else:
            evidence = f"of the part {candidates[first].series.part}"
            omissions.append(Omission(one.series, LeftOut.REPEAT, evidence))
    kept = sorted(number for numbers in chosen.values() for number in numbers)
    return [candidates[number] for number in kept], omissions


def same_grid(a: Grid, b: Grid) -> bool:
    """Whether two volumes have their voxels at the same places."""
    return a.size == b.size and bool(np.abs(a.corners_lps - b.corners_lps).max() <= SAME_PLACE_MM)
