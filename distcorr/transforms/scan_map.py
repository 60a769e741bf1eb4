"""The map of one scan in one direction, as the exports take it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.acquisition import Acquisition
from distcorr.correction import Correction
from distcorr.facts import VendorState
from distcorr.space import transform_points

Array = NDArray[np.float64]


class Direction(Enum):
    """From which space to which a transform takes points.

    ``TRUE_TO_SHOWN`` is the pull-back: a resampler makes the corrected image with
    it, out of the scan. ``SHOWN_TO_TRUE`` is its inverse: it takes landmarks and
    meshes made on the scan to where the tissue is, and as a pull-back it makes
    the scan out of the corrected image.
    """

    TRUE_TO_SHOWN = "true to shown"
    SHOWN_TO_TRUE = "shown to true"


@dataclass(frozen=True, eq=False)
class ScanMap:
    """The map of one scan in one direction.

    Parameters
    ----------
    correction : Correction
    acquisition : Acquisition
        What the scan shows of the scanner's field.
    direction : Direction
    """

    correction: Correction
    acquisition: Acquisition
    direction: Direction = Direction.TRUE_TO_SHOWN

    @property
    def is_the_lattice(self) -> bool:
        """Whether the displacement is the stored lattice itself (ND, true to shown)."""
        return self.acquisition.state is VendorState.ND and (
            self.direction is Direction.TRUE_TO_SHOWN
        )

    def moved(self, points_scanner: ArrayLike) -> Array:
        """Take points to the other space.

        Parameters
        ----------
        points_scanner : array_like, shape (..., 3)
            Scanner frame, mm.

        Returns
        -------
        ndarray, shape (..., 3)
            Scanner frame, mm. NaN where the map can't be solved and, from shown to
            true, where space is folded over: several places of tissue are shown at
            one there, and any of them solves the map.
        """
        field = self.correction.field
        if self.direction is Direction.TRUE_TO_SHOWN:
            return self.acquisition.true_to_shown(field, points_scanner)
        shown = np.asarray(points_scanner, dtype=np.float64)
        true = self.acquisition.shown_to_true(field, shown)
        true[~(self.acquisition.stretch(field, true, shown) > 0)] = np.nan
        return true

    def moved_patient(self, points_lps: ArrayLike) -> Array:
        """Do as :meth:`moved` in patient LPS."""
        T_scanner_patient = self.acquisition.T_scanner_patient
        moved = self.moved(transform_points(T_scanner_patient, points_lps))
        return transform_points(np.linalg.inv(T_scanner_patient), moved)

    def displacement(self, points_scanner: Array) -> Array:
        """Return where points (..., 3) go minus where they are, scanner frame, mm."""
        return self.moved(points_scanner) - points_scanner
