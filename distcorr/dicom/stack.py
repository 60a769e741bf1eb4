"""From slice positions to a regular grid, or to the reason why there is none.

The order is the position along the slice normal and nothing else. The spacing
is the median of the gaps, refined over all slices; thickness and spacing tags
are compared with it and never used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from distcorr.dicom.header import Frame
from distcorr.dicom.plausible import require_plausible_grid
from distcorr.dicom.tags import Array
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.space import Grid

SLICE_TOLERANCE_MM = 0.01
"""Largest distance of a slice from its place on a regular grid, along the normal.
3D Slicer warns from the same value on; headers round to less."""

SAME_POSITION_TOLERANCE_MM = 0.001
"""Slices nearer to each other than this claim one position: a hundredth of the
thinnest slices in use, and above what six-digit headers round."""

SHEAR_TOLERANCE_MM = 0.05
"""Largest sideways shift of a slice against the first: six-digit cosines drift by
0.0005 mm over 500 mm, four-digit ones by 0.05; a tenth of a small pixel."""

SPACING_TAG_TOLERANCE_MM = 0.01
"""Difference between a spacing tag and the positions that is worth a word."""

MISSING_FRACTION = 1.5
"""A gap of more than this many slice spacings is a hole, not an uneven step."""

_LISTED = 8
"""Gaps named in one message before it says how many more there are."""


class Regularity(StrEnum):
    """How the slices of a stack follow each other."""

    REGULAR = "regular"
    GAPS = "slices missing"
    IRREGULAR = "irregular spacing"
    SHEARED = "sheared"


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in order, and the grid that they fill.

    Attributes
    ----------
    frames : tuple of Frame
        Ascending along the slice normal.
    along : ndarray, shape (n,)
        Distance of each slice from the first along the normal, mm.
    sideways : ndarray, shape (n, 2)
        Shift of each slice against the first along row and column, mm.
    grid : Grid
        Regular grid; its k = 0 is the first slice.
    slots : tuple of int or None
        k of each slice; None if the stack has to be resampled.
    regularity : Regularity
    findings : tuple of Finding
    """

    frames: tuple[Frame, ...]
    along: Array
    sideways: Array
    grid: Grid
    slots: tuple[int, ...] | None
    regularity: Regularity
    findings: tuple[Finding, ...]


def positions_along(frames: Sequence[Frame]) -> Array:
    """Positions of slices along their common normal, mm."""
    normal = frames[0].normal_lps
    return np.array([float(frame.position_lps @ normal) for frame in frames])


def distinct_positions(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Group slices that lie at one position, ascending along the normal."""
    order = np.argsort(positions_along(frames), kind="stable")
    groups: list[list[Frame]] = []
    for index in order:
        frame = frames[int(index)]
        if groups and _same_place(groups[-1][0], frame):
            groups[-1].append(frame)
        else:
            groups.append([frame])
    return groups


def _same_place(first: Frame, second: Frame) -> bool:
    distance = np.abs(first.position_lps - second.position_lps).max()
    return bool(distance <= SAME_POSITION_TOLERANCE_MM)


def build_stack(frames: Sequence[Frame]) -> Stack:
    """Order slices and place them on a regular grid.

    Parameters
    ----------
    frames : sequence of Frame
        Parallel slices of equal size, no two at one position.

    Returns
    -------
    Stack

    Raises
    ------
    DistcorrError
        ``not-a-volume`` for fewer than two positions, ``duplicate-conflict``
        if slices at one distance along the normal lie side by side,
        ``geometry-invalid`` if the stack is larger or smaller than any scan.
    """
    if len(distinct_positions(frames)) < 2:
        raise not_a_volume(frames)
    along = positions_along(frames)
    order = np.argsort(along, kind="stable")
    ordered = tuple(frames[int(index)] for index in order)
    along = along[order] - along[order[0]]
    _refuse_side_by_side(ordered, along)
    sideways = _sideways(ordered)
    spacing, slots = _slots(along)
    sheared = bool(np.abs(sideways).max() > SHEAR_TOLERANCE_MM)
    regularity = _regularity(slots, sheared)
    findings = [*_tag_findings(ordered, spacing)]
    findings += _gap_findings(ordered, along, spacing, regularity)
    if sheared:
        findings.append(_shear_finding(ordered, along, sideways))
    grid, in_place = _grid(ordered, along, sideways, spacing, None if sheared else slots)
    require_plausible_grid(grid, ordered)
    return Stack(ordered, along, sideways, grid, in_place, regularity, tuple(findings))


def not_a_volume(frames: Sequence[Frame]) -> DistcorrError:
    """Say that slices at one position are no volume."""
    first = frames[0]
    where = "\\".join(f"{value:.2f}" for value in first.position_lps)
    images = "one slice" if len(frames) == 1 else f"{len(frames)} images"
    return DistcorrError(
        Code.NOT_A_VOLUME,
        f"{images} at a single position {'is' if len(frames) == 1 else 'are'} no volume",
        f"ImagePositionPatient (0020,0032) {where} in {first.path}",
    )


def _refuse_side_by_side(frames: Sequence[Frame], along: Array) -> None:
    close = np.flatnonzero(np.diff(along) <= SAME_POSITION_TOLERANCE_MM)
    if close.size:
        one, other = frames[int(close[0])], frames[int(close[0]) + 1]
        apart = float(np.linalg.norm(one.position_lps - other.position_lps))
        raise DistcorrError(
            Code.DUPLICATE_CONFLICT,
            "several different images claim one place along the slice normal",
            f"{one.name} and {other.name} lie {apart:.3f} mm apart within the slice plane, "
            f"{close.size} such pairs in {one.path.parent}",
        )


def _sideways(frames: Sequence[Frame]) -> Array:
    first = frames[0]
    axes = np.stack([first.row_lps, first.column_lps])
    return np.array([axes @ (frame.position_lps - first.position_lps) for frame in frames])


def _slots(along: Array) -> tuple[float, NDArray[np.int64] | None]:
    """Spacing (mm) and the place of each slice in multiples of it; None if irregular.

    The lower median of the gaps is one step as long as at least half of the gaps
    are; the line fitted through all slices then gives the spacing without the
    rounding of any single gap.
    """
    gaps = np.diff(along)
    step = float(np.sort(gaps)[(gaps.size - 1) // 2])
    slots = np.concatenate([[0], np.cumsum(np.maximum(np.rint(gaps / step), 1))]).astype(np.int64)
    spacing = float(slots @ along / (slots @ slots))
    if np.abs(slots * spacing - along).max() <= SLICE_TOLERANCE_MM:
        return spacing, slots
    return float(np.median(gaps)), None


def _regularity(slots: NDArray[np.int64] | None, sheared: bool) -> Regularity:
    if slots is None:
        return Regularity.IRREGULAR
    if sheared:
        return Regularity.SHEARED
    return Regularity.REGULAR if slots[-1] == slots.size - 1 else Regularity.GAPS


def _grid(
    frames: Sequence[Frame],
    along: Array,
    sideways: Array,
    spacing: float,
    slots: NDArray[np.int64] | None,
) -> tuple[Grid, tuple[int, ...] | None]:
    """Build the grid; for a stack to be resampled it covers all slices' pixels."""
    first = frames[0]
    direction = np.stack([first.row_lps, first.column_lps, first.normal_lps], axis=1)
    row_spacing, column_spacing = first.pixel_spacing
    pixel = np.array([column_spacing, row_spacing])
    size = np.array([first.columns, first.rows])
    if slots is not None:
        count = int(slots[-1]) + 1
        grid = Grid(
            (first.columns, first.rows, count),
            first.position_lps,
            np.array([*pixel, spacing]),
            direction,
        )
        return grid, tuple(int(slot) for slot in slots)
    low = np.floor(sideways.min(axis=0) / pixel + SHEAR_TOLERANCE_MM / pixel)
    high = np.ceil(sideways.max(axis=0) / pixel - SHEAR_TOLERANCE_MM / pixel)
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    count = int(np.floor(along[-1] / spacing + SLICE_TOLERANCE_MM / spacing)) + 1
    columns, rows = (int(n) for n in size + high - low)
    origin = first.position_lps + direction[:, :2] @ (low * pixel)
    return Grid((columns, rows, count), origin, np.array([*pixel, spacing]), direction), None


def _gap_findings(
    frames: Sequence[Frame], along: Array, spacing: float, regularity: Regularity
) -> list[Finding]:
    gaps = np.diff(along)
    odd = np.flatnonzero(np.abs(gaps - spacing) > SLICE_TOLERANCE_MM)
    holes = np.flatnonzero(gaps > MISSING_FRACTION * spacing)
    findings = []
    if holes.size:
        lost = int(sum(round(gap / spacing) - 1 for gap in gaps[holes]))
        findings.append(
            Finding(
                Code.SLICES_MISSING,
                f"{lost} {'slice is' if lost == 1 else 'slices are'} missing inside the stack",
                _listed(frames, gaps, holes, spacing),
            )
        )
    uneven = [int(index) for index in odd if index not in set(holes.tolist())]
    if uneven and regularity is not Regularity.GAPS:
        findings.append(
            Finding(
                Code.SPACING_IRREGULAR,
                f"the slices are not equally spaced ({gaps.min():.3f} to {gaps.max():.3f} mm)",
                _listed(frames, gaps, np.array(uneven), spacing),
            )
        )
    return findings


def _listed(frames: Sequence[Frame], gaps: Array, which: NDArray[np.int64], spacing: float) -> str:
    named = [
        f"slice {index + 1} ({frames[index].name}) to {index + 2} ({frames[index + 1].name}) "
        f"{gaps[index]:.3f} mm"
        for index in (int(i) for i in which[:_LISTED])
    ]
    more = f" and {which.size - _LISTED} more" if which.size > _LISTED else ""
    return f"median {spacing:.3f} mm; {', '.join(named)}{more}"


def _shear_finding(frames: Sequence[Frame], along: Array, sideways: Array) -> Finding:
    worst = int(np.argmax(np.abs(sideways).max(axis=1)))
    shift = float(np.linalg.norm(sideways[worst]))
    angle = float(np.degrees(np.arctan2(shift, along[worst])))
    return Finding(
        Code.STACK_SHEARED,
        "each slice is shifted sideways against the one before (sheared or tilted stack)",
        f"slice {worst + 1} ({frames[worst].name}) lies {shift:.2f} mm beside the normal of "
        f"the first, {angle:.1f} degrees",
    )


def _tag_findings(frames: Sequence[Frame], spacing: float) -> list[Finding]:
    """Compare what the tags say with the positions."""
    first = frames[0]
    findings = []
    tag, thickness = first.spacing_tag_mm, first.thickness_mm
    if tag is not None and abs(tag - spacing) > SPACING_TAG_TOLERANCE_MM:
        findings.append(
            Finding(
                Code.SPACING_TAG_DISAGREES,
                "SpacingBetweenSlices disagrees with the slice positions",
                f"SpacingBetweenSlices (0018,0088) {tag:g} mm against {spacing:.3f} mm "
                f"between positions, {first.name}",
            )
        )
    if thickness is not None and abs(thickness - spacing) > SPACING_TAG_TOLERANCE_MM:
        findings.append(
            Finding(
                Code.THICKNESS_IS_NOT_SPACING,
                "slice thickness is not the distance of the slices",
                f"SliceThickness (0018,0050) {thickness:g} mm against {spacing:.3f} mm "
                f"between positions: software that takes one for the other scales the stack "
                f"by {thickness / spacing:.2f}",
            )
        )
    return findings
