"""A digital lower body: both legs from the pelvis to the knees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from distcorr.phantom.anatomy import Raster, Sphere
from distcorr.phantom.contrasts import FAT_SHARE, INTENSITY, Contrast
from distcorr.phantom.legs_body import Body, make_body
from distcorr.phantom.legs_paint import paint
from distcorr.phantom.texture import make_tiles

LOW_MM = (-216.0, -138.0, -400.0)
HIGH_MM = (216.0, 138.0, 262.0)
"""Box that is painted: more than a field of view of 400 mm at the origin shows,
so that a moved table finds the knees."""


@dataclass(frozen=True)
class DigitalLegs:
    """Both legs from the pelvis to the knees, with femoral heads that are spheres.

    Parameters
    ----------
    subject_seed : int
        Picks size, girth, fat, pose, muscles, vessels and texture.
    raster_mm : float
        Spacing of the subject's raster.
    """

    subject_seed: int
    raster_mm: float = 1.5

    @property
    def name(self) -> str:
        """For people and folders."""
        return f"legs{self.subject_seed}"

    @property
    def spheres(self) -> tuple[Sphere, ...]:
        """The femoral heads: the outer face of their cortical bone."""
        out = []
        for name, sign, side in zip(
            ("left femoral head", "right femoral head"),
            (1.0, -1.0),
            _body(self.subject_seed).sides,
            strict=True,
        ):
            x, y, z, radius = (float(v) for v in side.head)
            out.append(Sphere(name, (sign * x, y, z), radius))
        return tuple(out)

    def brightness(self, contrast: Contrast) -> Raster:
        """Brightness without coil sensitivity or noise."""
        return _painted(self, tuple(INTENSITY[contrast]))[0]

    def fat(self, contrast: Contrast) -> Raster:
        """Part of the brightness that comes from fat and marrow."""
        # Painting is linear in the levels, so that the parts add up to the whole.
        return _painted(self, tuple(FAT_SHARE * INTENSITY[contrast]))[0]

    def body(self) -> Raster:
        """Share of each voxel that is body, 0 to 1."""
        return _painted(self, tuple(INTENSITY[Contrast.T1W]))[1]


@lru_cache(maxsize=64)
def _body(seed: int) -> Body:
    return make_body(seed)


@lru_cache(maxsize=3)
def _painted(legs: DigitalLegs, levels: tuple[float, ...]) -> tuple[Raster, Raster]:
    low, high = np.array(LOW_MM), np.array(HIGH_MM)
    size = np.ceil((high - low) / legs.raster_mm).astype(int) + 1
    shape = (int(size[2]), int(size[1]), int(size[0]))
    image, mask = paint(
        _body(legs.subject_seed),
        make_tiles(legs.subject_seed),
        np.array(levels),
        low,
        legs.raster_mm,
        shape,
    )
    step = np.full(3, legs.raster_mm)
    return Raster(image, low, step), Raster(mask, low, step)
