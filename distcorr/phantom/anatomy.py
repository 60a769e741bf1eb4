"""What a simulated scanner looks at: anatomy in a subject's own frame.

The subject's frame has patient axes (LPS), millimetres, and its origin near
the middle of what is to be scanned. It is true space: nothing here knows of
any distortion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from distcorr.phantom.contrasts import Contrast

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Raster:
    """Brightness on a fine grid whose axes are those of the subject.

    Attributes
    ----------
    array : ndarray of float32, shape (S, P, L)
    origin : ndarray, shape (3,)
        Place of voxel 0 in the subject's frame, mm.
    spacing : ndarray, shape (3,)
        Along L, P, S, mm.
    """

    array: NDArray[np.float32]
    origin: Array
    spacing: Array

    @property
    def T_index_subject(self) -> Array:
        """Transform from the subject's frame to indices (L, P, S)."""
        T = np.diag([*(1.0 / self.spacing), 1.0])
        T[:3, 3] = -self.origin / self.spacing
        return T


@dataclass(frozen=True, slots=True)
class Sphere:
    """A part of the anatomy that is exactly a sphere, to be measured.

    Attributes
    ----------
    name : str
    centre : tuple of float
        Subject's frame, mm.
    radius : float
        mm.
    """

    name: str
    centre: tuple[float, float, float]
    radius: float


class Anatomy(Protocol):
    """A subject.

    Attributes
    ----------
    name : str
        For people and folders.
    spheres : tuple of Sphere
        Known shapes in it.
    """

    @property
    def name(self) -> str:
        """For people and folders."""
        ...

    @property
    def spheres(self) -> tuple[Sphere, ...]:
        """Known shapes in it."""
        ...

    def brightness(self, contrast: Contrast) -> Raster:
        """Brightness without coil sensitivity or noise."""
        ...

    def fat(self, contrast: Contrast) -> Raster:
        """Part of the brightness that comes from fat.

        Raises
        ------
        DistcorrError
            ``bad-format`` if fat can't be told from the rest of this anatomy.
        """
        ...

    def body(self) -> Raster:
        """Share of each voxel that is body, 0 to 1."""
        ...
