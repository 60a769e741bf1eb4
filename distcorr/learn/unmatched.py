"""Parts of a subject that no smooth field explains, as around metal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from distcorr.errors import Code, Finding
from distcorr.learn.residual import MAD_TO_SD, BlockMatch
from distcorr.learn.shifts import BLOCK_MM

Array = NDArray[np.float64]

LEAST_TIMES = 3.5
"""Mismatch of a block, in units of the median one of its subject, from which it is
conspicuous. Around a simulated implant blocks have 3.8 to 5.7; elsewhere, at the rim or
where contrasts differ, single blocks and pairs reach 4.2."""

LEAST_SDS = 4.0
"""The same in robust standard deviations of the logarithm over the subject's blocks. One
contrast or two that rise together scatter by 0.2 to 0.3; contrasts that run against each
other by 0.5 to 0.8, and there every tissue boundary would be conspicuous."""

REACH_MM = 200.0
"""Distance from the isocentre within which regions are looked for: beyond, tissue that was
squeezed to a tenth matches badly whatever it holds."""

LEAST_BLOCKS = 3
"""Conspicuous neighbours that make a region; they come singly or in pairs by chance."""

_TINY_MM = 1e-9


@dataclass(frozen=True, eq=False)
class Region:
    """A region that does not match.

    Attributes
    ----------
    centre : ndarray, shape (3,)
        Scanner frame at the time of the axial scan, mm.
    millilitres : float
    times : float
        Its mismatch in units of the subject's median.
    """

    centre: Array
    millilitres: float
    times: float


def unmatched_regions(match: BlockMatch) -> list[Region]:
    """Find regions of neighbouring blocks whose mismatch is conspicuous, largest first."""
    near = np.linalg.norm(match.position, axis=1) < REACH_MM
    if not near.any():
        return []
    match = match.part(near)
    times = match.misplaced_mm / max(float(np.median(match.misplaced_mm)), _TINY_MM)
    scatter = MAD_TO_SD * float(np.median(np.abs(np.log(np.maximum(times, _TINY_MM)))))
    chosen = np.flatnonzero(times > max(LEAST_TIMES, np.exp(LEAST_SDS * scatter)))
    if len(chosen) < LEAST_BLOCKS:
        return []
    cell = match.block[chosen] - match.block[chosen].min(axis=0)
    map_of_cells = np.zeros(cell.max(axis=0) + 1, bool)
    map_of_cells[tuple(cell.T)] = True
    number = label(map_of_cells)[0][tuple(cell.T)]
    regions = []
    for one in np.unique(number):
        members = chosen[number == one]
        if len(members) >= LEAST_BLOCKS:
            centre = np.average(match.position[members], axis=0, weights=times[members])
            volume = len(members) * BLOCK_MM**3 / 1000
            regions.append(Region(centre, volume, float(times[members].mean())))
    return sorted(regions, key=lambda region: -region.millilitres)


def findings_of_regions(reference: str, match: BlockMatch) -> tuple[Finding, ...]:
    """Report the regions of a reference that do not match."""
    return tuple(
        Finding(
            Code.REGION_UNMATCHED,
            f"a region of {reference} does not match between its scans, as around metal",
            "about ({:.0f}, {:.0f}, {:.0f}) mm in the scanner frame, ".format(*region.centre)
            + f"{region.millilitres:.0f} ml, mismatch {region.times:.1f} times the usual one",
        )
        for region in unmatched_regions(match)
    )
