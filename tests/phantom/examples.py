"""Small anatomies and fields that the phantom's tests share."""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np

from distcorr.facts import Plane, VendorState
from distcorr.phantom.anatomy import Raster, Sphere
from distcorr.phantom.contrasts import Contrast
from distcorr.phantom.settings import ScanSettings

STEP_MM = 4.0
HALF_MM = 160.0


@lru_cache
def _coordinates():
    axis = np.arange(-HALF_MM, HALF_MM + STEP_MM, STEP_MM)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.stack([x, y, z])


def _raster(array):
    return Raster(array.astype(np.float32), np.full(3, -HALF_MM), np.full(3, STEP_MM))


class Axis(IntEnum):
    L = 0
    P = 1
    S = 2


@dataclass(frozen=True)
class Ramp:
    """Body everywhere; brightness tells one coordinate: 10000 + 50 per mm."""

    axis: Axis
    fat_share: float = 0.0
    name: str = "ramp"
    spheres: tuple[Sphere, ...] = ()

    def brightness(self, contrast: Contrast) -> Raster:
        return _raster(10000 + 50 * _coordinates()[self.axis])

    def fat(self, contrast: Contrast) -> Raster:
        return _raster(self.fat_share * self.brightness(contrast).array)

    def body(self) -> Raster:
        return _raster(np.ones_like(_coordinates()[0]))


@dataclass(frozen=True)
class Ball:
    """A ball of brightness 1000 that fades out over a voxel."""

    radius: float = 80.0
    centre: tuple[float, float, float] = (20.0, -10.0, 30.0)
    name: str = "ball"

    @property
    def spheres(self) -> tuple[Sphere, ...]:
        return (Sphere("ball", self.centre, self.radius),)

    def brightness(self, contrast: Contrast) -> Raster:
        body = self.body()
        return Raster(1000 * body.array, body.origin, body.spacing)

    def fat(self, contrast: Contrast) -> Raster:
        body = self.body()
        return Raster(np.zeros_like(body.array), body.origin, body.spacing)

    def body(self) -> Raster:
        offset = _coordinates() - np.array(self.centre)[:, None, None, None]
        distance = np.linalg.norm(offset, axis=0) - self.radius
        return _raster(np.clip(0.5 - distance / STEP_MM, 0, 1))


def clean(plane: Plane, state: VendorState, **choices) -> ScanSettings:
    """A coarse scan without noise, coil sensitivity or change of brightness."""
    defaults = {
        "fov_mm": (240.0, 160.0, 240.0),
        "pixel_mm": 4.0,
        "slice_spacing_mm": 4.0,
        "slice_thickness_mm": 4.0,
        "noise": 0.0,
        "bias": 0.0,
        "jacobian_brightness": False,
    }
    return ScanSettings(plane, state, **(defaults | choices))
