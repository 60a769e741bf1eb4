"""Answers for people: is it a loading error or a distorted scan, and whose origin is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.dicom.effect import THROUGH_PLANE_WORDS, reach
from distcorr.dicom.series import MAGNETIC, Series
from distcorr.dicom.stack import Regularity
from distcorr.facts import Plane, VendorState
from distcorr.space import Grid

Triple = tuple[float, float, float]

_ENDS: dict[Plane, tuple[str, str]] = {
    Plane.AXIAL: ("feet", "head"),
    Plane.CORONAL: ("front", "back"),
    Plane.SAGITTAL: ("right side", "left side"),
}
"""Ends of a stack at the lower and the higher LPS coordinate along its normal."""

_AXIS_OF = {Plane.SAGITTAL: 0, Plane.CORONAL: 1, Plane.AXIAL: 2}


@dataclass(frozen=True, slots=True)
class ViewerOrigin:
    """The voxel from which a kind of viewer starts counting.

    Attributes
    ----------
    viewers : str
        Programs, or the rule they follow.
    starts_at : str
        End of the stack, in plain words.
    lps, ras : tuple of float
        Centre of that voxel, mm, in both conventions.
    """

    viewers: str
    starts_at: str
    lps: Triple
    ras: Triple


def viewer_origins(series: Series) -> tuple[ViewerOrigin, ...]:
    """List where common viewers put the origin of one and the same correct volume.

    Parameters
    ----------
    series : Series
        A series that is a volume.

    Returns
    -------
    tuple of ViewerOrigin
    """
    grid, plane = series.grid, series.plane
    if grid is None or plane is None:
        return ()
    last_slice, last_row = grid.size[2] - 1, grid.size[1] - 1
    ends = _ends(grid, plane)
    by_number = 0 if _starts_low(series) else last_slice
    rows = (
        ("3D Slicer, ITK, distcorr (by position)", 0, 0),
        ("NIfTI by dcm2niix (rows from the other edge)", last_row, 0),
        ("archive viewers (by InstanceNumber)", 0, by_number),
        ("viewers that start at the other end", 0, last_slice - by_number),
    )  # fmt: skip
    return tuple(
        _origin(grid, viewers, ends[0 if k == 0 else 1], (0, row, k)) for viewers, row, k in rows
    )


def _origin(grid: Grid, viewers: str, end: str, index: tuple[int, int, int]) -> ViewerOrigin:
    x, y, z = (float(v) for v in (grid.T_lps_index @ np.array([*index, 1]))[:3])
    return ViewerOrigin(viewers, end, (x, y, z), (-x, -y, z))


def _ends(grid: Grid, plane: Plane) -> tuple[str, str]:
    """Name the first and the last slice's end of the body."""
    low, high = _ENDS[plane]
    return (low, high) if grid.normal_lps[_AXIS_OF[plane]] > 0 else (high, low)


def _starts_low(series: Series) -> bool:
    """Whether the lowest InstanceNumber is at the first slice; true where there is none."""
    first, last = series.frames[0].instance, series.frames[-1].instance
    return first is None or last is None or first <= last


def loading_verdict(series: Series) -> str:
    """Say whether the geometry could be loaded without doubt."""
    grid, regularity = series.grid, series.regularity
    if grid is None or regularity is None:
        return f"This is no volume: {series.refusal}"
    count = len(series.frames)
    if regularity is Regularity.REGULAR:
        return (
            f"Loading: the geometry is regular. {count} parallel slices lie "
            f"{grid.spacing[2]:.3f} mm apart by their positions, none is missing, and the grid is "
            "right-angled. This is not a loading error."
        )
    if regularity is Regularity.GAPS:
        return (
            f"Loading: slices are missing. {count} slices are at their true positions on a grid of "
            f"{grid.size[2]}; the places of the missing ones are masked. Software that spreads "
            "the slices evenly would stretch this volume: that would be a loading error."
        )
    return (
        f"Loading: the stack is not regular ({regularity}) and was resampled onto a right-angled, "
        "evenly spaced grid. Software that takes it for regular would deform it: that would be a "
        "loading error."
    )


def scan_verdict(series: Series) -> str:
    """Say what distortion a correctly loaded scan still holds, in plain words."""
    grid, plane = series.grid, series.plane
    if grid is None or plane is None:
        return ""
    if series.modality not in MAGNETIC:
        return f"Scan: {series.modality} has no gradient distortion; nothing is to be corrected."
    mark = series.facts.corrected_by
    if mark.known:
        return (
            f"Scan: {mark.source} says that distcorr has corrected it, by {mark.value}. "
            "Use it as it is; correcting it again would distort it."
        )
    state = series.facts.state
    expected = reach(grid, series.facts)
    size = (
        f"At the edge of this field of view, {expected.farthest_mm:.0f} mm from "
        f"{expected.measured_from}, the order of magnitude is {expected.row.mean_mm:g} mm, up to "
        f"{expected.row.maximum_mm:g} mm ({expected.row.source}; another scanner may differ by "
        "a factor of two)."
    )
    direction = THROUGH_PLANE_WORDS[plane]
    if state.value is VendorState.DIS2D:
        return (
            f"Scan: {state.source} says DIS2D, so the vendor corrected the distortion within each "
            f"slice only. {direction.capitalize()}, the slice direction of {_article(plane)} "
            f"scan, stays uncorrected. {size} It is a distorted scan, correctly loaded."
        )
    if state.value is VendorState.ND:
        return (
            f"Scan: {state.source} says ND, so the vendor corrected nothing; {direction} and both "
            f"directions within the slice are distorted. {size} It is a distorted scan, "
            "correctly loaded."
        )
    if state.value is VendorState.DIS3D:
        return (
            f"Scan: {state.source} says DIS3D, so the vendor corrected all three directions. {size}"
        )
    return (
        "Scan: the header does not say whether the vendor corrected the distortion. If nothing "
        f"was corrected: {size[0].lower()}{size[1:]}"
    )


def _article(plane: Plane) -> str:
    return f"an {plane}" if plane is Plane.AXIAL else f"a {plane}"


def spacing_row(series: Series) -> dict[str, float | None]:
    """Spacing by positions beside what the tags say, mm."""
    grid = series.grid
    first = series.frames[0]
    return {
        "positions_mm": None if grid is None else float(grid.spacing[2]),
        "SliceThickness_mm": first.thickness_mm,
        "SpacingBetweenSlices_mm": first.spacing_tag_mm,
    }


def triple(values: NDArray[np.float64]) -> Triple:
    """Turn a vector into plain numbers."""
    x, y, z = (float(value) for value in values)
    return (x, y, z)
