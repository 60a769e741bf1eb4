"""The three planes through the isocentre that figures of a field show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.correction.correction import FULL_SUPPORT, Correction
from distcorr.facts import Plane

Array = NDArray[np.float64]

PLANE_STEP_MM = 2.0

MARGIN_MM = 30.0
"""Drawn beyond the supported nodes, so that the edge of the support is seen."""

Box = tuple[Array, Array]
"""Lowest and highest corner of what is drawn, scanner frame, mm."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a plane is drawn.

    Attributes
    ----------
    right, up : int
        Axes of the scanner frame.
    downwards : bool
        Whether the vertical axis runs down the page.
    right_name, up_name : str
    """

    right: int
    up: int
    downwards: bool
    right_name: str
    up_name: str

    @property
    def normal(self) -> int:
        """Axis of the scanner frame that the plane cuts."""
        return 3 - self.right - self.up


_LEFT = "x, to the patient's left if head first"
LAYOUTS: dict[Plane, Layout] = {
    Plane.CORONAL: Layout(0, 2, False, _LEFT, "z, out of the bore"),
    Plane.AXIAL: Layout(0, 1, True, _LEFT, "y, down"),
    Plane.SAGITTAL: Layout(1, 2, False, "y, down", "z, out of the bore"),
}


def plane_points(box: Box, plane: Plane, step_mm: float) -> tuple[Array, Array, Array]:
    """Points of a plane through the isocentre, within a box.

    Returns
    -------
    points : ndarray, shape (up, right, 3)
        Scanner frame, mm.
    right, up : ndarray
        Their places along the two axes, mm.
    """
    layout = LAYOUTS[plane]
    low, high = box
    right, up = (
        step_mm * np.arange(np.ceil(low[axis] / step_mm), np.floor(high[axis] / step_mm) + 1)
        for axis in (layout.right, layout.up)
    )
    points = np.zeros((len(up), len(right), 3))
    points[..., layout.right], points[..., layout.up] = right[None, :], up[:, None]
    return points, right, up


def supported_box(correction: Correction) -> Box:
    """Find the box where the correction holds, and a margin."""
    low, high = correction.lattice.domain
    nodes = correction.lattice.node_points()[correction.support >= FULL_SUPPORT]
    if not len(nodes):
        return low, high
    return (
        np.maximum(low, nodes.min(axis=0) - MARGIN_MM),
        np.minimum(high, nodes.max(axis=0) + MARGIN_MM),
    )
