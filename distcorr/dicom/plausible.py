"""Limits of what a scanner can show: beyond them a header is wrong, whatever it says.

A wrong unit or a damaged digit makes numbers that are well formed and impossible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from distcorr.dicom import tags
from distcorr.dicom.header import Frame
from distcorr.errors import Code, DistcorrError
from distcorr.space import Grid

FARTHEST_MM = 10_000.0
"""Largest coordinate of a slice or of the table; tables travel 2 to 3 m."""

LARGEST_EXTENT_MM = 3_000.0
"""Largest field of view along any axis; scans of a whole body reach some 2 m."""

SMALLEST_EXTENT_MM = 1.0
"""Smallest field of view within a slice. Lengths in metres, taken for millimetres, give
less: half a metre is 0.5."""

SMALLEST_STACK_MM = 0.5
"""Smallest extent across the slices: two of 0.25 mm."""

LEAST_FILLED = 0.05
"""Part of its grid that a stack has to fill. Half of the slices of a tilted stack fill
about a quarter; less comes from a stray slice, and the rest of the grid is memory."""


def require_plausible_frame(frame: Frame) -> None:
    """Refuse an image that no scanner can have made.

    Raises
    ------
    DistcorrError
        ``geometry-invalid`` with the tag, if the position lies farther than
        :data:`FARTHEST_MM` from the origin of the patient coordinates, or the
        field of view is none.
    """
    if np.abs(frame.position_lps).max() > FARTHEST_MM:
        shown = "\\".join(f"{value:g}" for value in frame.position_lps)
        raise _impossible(
            "a slice lies where no scanner reaches",
            f"{tags.name_of('ImagePositionPatient')} in {frame.path} is {shown} mm, "
            f"the limit is {FARTHEST_MM:g}",
        )
    row_spacing, column_spacing = frame.pixel_spacing
    sides = frame.columns * column_spacing, frame.rows * row_spacing
    if not SMALLEST_EXTENT_MM <= min(sides) <= max(sides) <= LARGEST_EXTENT_MM:
        raise _impossible(
            f"a field of view of {sides[0]:.3g} x {sides[1]:.3g} mm is none of a scanner",
            f"{tags.name_of('PixelSpacing')} in {frame.path} is "
            f"{row_spacing:g}\\{column_spacing:g} mm for {frame.rows} x {frame.columns} pixels",
        )


def require_plausible_grid(grid: Grid, frames: Sequence[Frame]) -> None:
    """Refuse a stack that no scanner can have made.

    Raises
    ------
    DistcorrError
        ``geometry-invalid`` if it is too short or too long along any axis, or if its
        slices are strewn over a grid that is almost empty.
    """
    first = frames[0]
    extent = grid.extent
    if extent[2] < SMALLEST_STACK_MM or extent.max() > LARGEST_EXTENT_MM:
        raise _impossible(
            "the slices span what no scanner shows",
            f"{' x '.join(f'{side:.4g}' for side in extent)} mm by "
            f"{tags.name_of('ImagePositionPatient')} in {first.path.parent}; the limits are "
            f"{SMALLEST_STACK_MM:g} and {LARGEST_EXTENT_MM:g}",
        )
    filled = len(frames) * first.rows * first.columns / math.prod(grid.size)
    if filled < LEAST_FILLED:
        raise _impossible(
            "the slices lie too far apart to be one stack",
            f"{len(frames)} slices fill {filled:.2%} of {' x '.join(map(str, grid.size))} voxels "
            f"by {tags.name_of('ImagePositionPatient')} in {first.path.parent}; "
            f"the limit is {LEAST_FILLED:.0%}",
        )


def _impossible(what: str, evidence: str) -> DistcorrError:
    return DistcorrError(Code.GEOMETRY_INVALID, what, evidence)
