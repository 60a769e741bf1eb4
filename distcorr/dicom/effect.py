"""How large the distortion that a scan still holds may be, in order of magnitude."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distcorr.errors import Code, Finding
from distcorr.facts import AcquisitionFacts, Plane, VendorState, nearest_plane
from distcorr.space import Grid

_STRENGTH_SPLIT_T = 2.0
"""Between the field strengths of the two measured scanners, 1.5 and 3 T."""


@dataclass(frozen=True, slots=True)
class EffectRow:
    """Measured distortion of one scanner in one shell around the isocentre.

    Attributes
    ----------
    field_strength_t : float
    from_mm, to_mm : float
        Distance from the isocentre.
    mean_mm, maximum_mm : float
        Length of the displacement.
    source : str
    """

    field_strength_t: float
    from_mm: float
    to_mm: float
    mean_mm: float
    maximum_mm: float
    source: str


_S3 = "2,554 phantom markers on a clinical 3 T scanner, uncorrected"
_S15 = "phantom on a clinical 1.5 T scanner, uncorrected"

EFFECT_ROWS: tuple[EffectRow, ...] = (
    EffectRow(3.0, 0, 50, 0.4, 1.1, _S3),
    EffectRow(3.0, 50, 100, 0.9, 3.3, _S3),
    EffectRow(3.0, 100, 125, 2.0, 5.0, _S3),
    EffectRow(3.0, 125, 150, 3.6, 8.6, _S3),
    EffectRow(3.0, 150, 175, 5.6, 11.6, _S3),
    EffectRow(3.0, 175, 200, 8.2, 13.9, _S3),
    EffectRow(3.0, 200, np.inf, 10.7, 15.7, _S3),
    EffectRow(1.5, 0, 100, 0.5, 1.3, _S15),
    EffectRow(1.5, 100, 150, 2.4, 4.4, _S15),
    EffectRow(1.5, 150, 200, 7.4, 17.7, _S15),
    EffectRow(1.5, 200, np.inf, 13.6, 30.0, _S15),
)

_S15_3D = "phantom on a clinical 1.5 T scanner after the vendor's 3D correction"

AFTER_3D_ROWS: tuple[EffectRow, ...] = (
    EffectRow(1.5, 0, 100, 0.3, 1.3, _S15_3D),
    EffectRow(1.5, 100, 150, 0.45, 1.4, _S15_3D),
    EffectRow(1.5, 150, 200, 0.76, 2.0, _S15_3D),
    EffectRow(1.5, 200, np.inf, 1.2, 10.0, _S15_3D),
)

THROUGH_PLANE_WORDS: dict[Plane, str] = {
    Plane.AXIAL: "head-to-foot",
    Plane.CORONAL: "front-to-back",
    Plane.SAGITTAL: "left-to-right",
}
"""The slice normal of each plane, in plain words."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a field of view reaches from the isocentre, and what to expect there.

    Attributes
    ----------
    farthest_mm : float
        Largest distance of a corner voxel from the isocentre.
    measured_from : str
        What was taken for the isocentre.
    row : EffectRow
    """

    farthest_mm: float
    measured_from: str
    row: EffectRow


def reach(grid: Grid, facts: AcquisitionFacts) -> Reach:
    """Look up what to expect at the farthest corner of a field of view.

    Parameters
    ----------
    grid : Grid
    facts : AcquisitionFacts
        Where the isocentre is not known, the centre of the grid stands for it,
        which gives the least distance that is possible.

    Returns
    -------
    Reach
    """
    isocentre = facts.isocentre_lps.value
    measured_from = "the isocentre"
    if isocentre is None:
        centre = grid.corners_lps.mean(axis=0)
        measured_from = "the centre of the image, as the isocentre is not known"
    else:
        centre = np.array(isocentre)
    farthest = float(np.linalg.norm(grid.corners_lps - centre, axis=1).max())
    low_field = (facts.scanner.field_strength_t or 3.0) < _STRENGTH_SPLIT_T
    strength = 1.5 if low_field else 3.0
    rows = [row for row in EFFECT_ROWS if row.field_strength_t == strength]
    if facts.state.value is VendorState.DIS3D:
        rows = list(AFTER_3D_ROWS)
    row = next(row for row in rows if row.from_mm <= farthest < row.to_mm)
    return Reach(farthest, measured_from, row)


def residual_finding(grid: Grid, facts: AcquisitionFacts) -> list[Finding]:
    """Say which direction of a correctly loaded scan stays distorted, and by how much."""
    state = facts.state.value
    if state not in (VendorState.ND, VendorState.DIS2D):
        return []
    plane = nearest_plane(grid.normal_lps)
    if state is VendorState.DIS2D:
        what = f"{THROUGH_PLANE_WORDS[plane]} stays uncorrected although the loading is correct"
    else:
        what = "all three directions are uncorrected although the loading is correct"
    expected = reach(grid, facts)
    return [
        Finding(
            Code.RESIDUAL_DISTORTION,
            what,
            f"{state} by {facts.state.source}; the field of view reaches "
            f"{expected.farthest_mm:.0f} mm from {expected.measured_from}, where about "
            f"{expected.row.mean_mm:g} mm and up to {expected.row.maximum_mm:g} mm were measured "
            f"({expected.row.source})",
        )
    ]
