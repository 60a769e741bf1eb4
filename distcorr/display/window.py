"""The grey window of a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (1.0, 99.5)
"""Shown as black and white: a few bright vessels or dead voxels must not make all
else dark."""


def robust_window(images: list[NDArray[Any]]) -> tuple[float, float]:
    """Values to show as black and white, the same for all images.

    Parameters
    ----------
    images : list of ndarray
        Of any shapes; what is not finite doesn't count.

    Returns
    -------
    tuple of float
        The second is larger than the first, whatever the images hold.
    """
    values = np.concatenate([image[np.isfinite(image)] for image in images])
    if not len(values):
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, PERCENTILES))
    return (low, high) if high > low else (low, low + max(1.0, abs(low)))
