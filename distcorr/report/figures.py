"""The figures of a correction's field on its page."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from distcorr.correction import Correction, planes
from distcorr.correction.drawing import (
    LEAST_TOP_MM,
    Quantity,
    displacement_of,
    supported_values,
    three_planes,
)
from distcorr.correction.planes import LAYOUTS, Box, supported_box
from distcorr.display import figure_image
from distcorr.report.pictures import Anatomy

Array = NDArray[np.float64]

SD_COLOURS = "cividis"
"""Runs evenly from dark to light for every kind of colour vision."""

MAX_SD_SHOWN_MM = 2.0
"""End of the colour scale of the standard deviation: beyond it, all is uncertain."""


def field_figure(correction: Correction, anatomy: Anatomy | None = None) -> str:
    """Length of D in colour and its in-plane part as arrows, in three planes.

    Parameters
    ----------
    correction : Correction
    anatomy : Anatomy, optional
        A scan under the colours, on the same planes.

    Returns
    -------
    str
        Data URI of a PNG.
    """
    box = supported_box(correction)
    return _drawn(correction, displacement_of(correction, box), box, anatomy, arrows=True)


def sd_figure(correction: Correction, anatomy: Anatomy | None = None) -> str:
    """Length of the standard deviation of D in three planes; as :func:`field_figure`."""
    box = supported_box(correction)
    return _drawn(correction, _sd_of(correction, box), box, anatomy, arrows=False)


def _sd_of(correction: Correction, box: Box) -> Quantity:
    def length(points: Array) -> Array:
        return np.asarray(np.linalg.norm(correction.standard_deviation_at(points), axis=-1))

    largest = float(supported_values(correction, length, box).max(initial=LEAST_TOP_MM))
    colours = ScalarMappable(Normalize(0, min(MAX_SD_SHOWN_MM, largest)), SD_COLOURS)
    return Quantity("one standard deviation, mm", length, colours)


def _drawn(
    correction: Correction, quantity: Quantity, box: Box, anatomy: Anatomy | None, *, arrows: bool
) -> str:
    greys = None if anatomy is None else {plane: anatomy.grey(plane) for plane in LAYOUTS}
    step_mm = planes.PLANE_STEP_MM
    return figure_image(
        three_planes(correction, quantity, box, greys, step_mm=step_mm, arrows=arrows)
    )
