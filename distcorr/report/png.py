"""Images as data that a page holds itself."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

DPI = 130
OUTSIDE = (38, 56, 82)
"""Colour of pixels that a scan doesn't reach; no grey, so that it isn't taken for air."""

OUTSIDE_COLOUR = "#" + bytes(OUTSIDE).hex()
"""The same for figures."""


def figure_image(figure: Figure) -> str:
    """Draw a figure; as data URI of a PNG, the same bytes for the same figure."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    # The writer's version would make equal figures differ in bytes.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return _encoded(buffer)


def grey_image(image: NDArray[np.float32], window: tuple[float, float]) -> str:
    """Draw a cut in grey, one pixel for each of its own; as data URI of a PNG.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
        NaN where the scan does not reach.
    window : tuple of float
        Values shown as black and white.
    """
    low, high = window
    grey = np.clip((np.nan_to_num(image, nan=low) - low) / (high - low), 0, 1)
    buffer = io.BytesIO()
    pixels = np.repeat((255 * grey).astype(np.uint8)[..., None], 3, axis=-1)
    pixels[np.isnan(image)] = OUTSIDE
    imsave(buffer, pixels, format="png")
    return _encoded(buffer)


def _encoded(buffer: io.BytesIO) -> str:
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
