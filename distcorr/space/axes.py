"""Axes of coordinates in files; inside everything is LPS."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class FileAxes(StrEnum):
    """Axes of the coordinates in a file."""

    LPS = "LPS"
    RAS = "RAS"

    @property
    def signs(self) -> NDArray[np.float64]:
        """Factors between the file's coordinates and LPS; each is its own inverse."""
        return np.array([-1.0, -1.0, 1.0]) if self is FileAxes.RAS else np.ones(3)

    def in_file(self, points_lps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points (..., 3) as the file holds them."""
        return np.asarray(points_lps * self.signs + 0.0)  # + 0.0 makes -0.0 0.0
