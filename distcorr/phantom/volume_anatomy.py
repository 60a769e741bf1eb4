"""Real anatomy as a subject: a volume, scaled and bent into many different people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy import ndimage

from distcorr.errors import Code, DistcorrError
from distcorr.field import Lattice
from distcorr.field.bspline import cell_of, cubic_weights
from distcorr.images import read_volume
from distcorr.phantom.anatomy import Raster, Sphere
from distcorr.phantom.contrasts import Contrast, recoloured

Array = NDArray[np.float64]

FULL_BRIGHTNESS = 900.0
"""Brightness of the 99th percentile of the body, as in the digital legs."""

BODY_SHARE = 0.12
"""Brightness, as a share of the 99th percentile, that separates body from air."""

BEND_WAVELENGTH_MM = 80.0
"""Wavelength of the bending that makes subjects differ."""

_SPLINE_SD = float(np.sqrt(151 / 315))
"""Share of their standard deviation that white coefficients keep along each
axis of a cubic B-spline: the integral of its square is 151/315."""


@dataclass(frozen=True)
class VolumeAnatomy:
    """A scanned volume, scaled to body size and smoothly bent.

    Parameters
    ----------
    path : Path
        NIfTI or NRRD.
    scale : tuple of float
        Along L, P, S.
    subject_seed : int
        Picks the bending and up to 4 % of size.
    bend_mm : float
        Standard deviation of each component of the bending.
    raster_mm : float
        Spacing of the subject's raster.
    name : str
    fat_from : tuple of float, optional
        Shares of the full brightness from which on tissue is partly and wholly
        fat; None if brightness doesn't tell fat from the rest.
    """

    path: Path
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    subject_seed: int = 0
    bend_mm: float = 6.0
    raster_mm: float = 1.6
    name: str = "volume"
    fat_from: tuple[float, float] | None = None

    @property
    def spheres(self) -> tuple[Sphere, ...]:
        """None: real anatomy holds no exact spheres."""
        return ()

    def brightness(self, contrast: Contrast) -> Raster:
        """Brightness without coil sensitivity or noise."""
        image, body = _bent(self)
        inside = recoloured(np.clip(image.array / FULL_BRIGHTNESS, 0, 1.5), contrast)
        if contrast is Contrast.T1W:
            return image
        return Raster(
            (np.float32(FULL_BRIGHTNESS) * inside * body.array).astype(np.float32),
            image.origin,
            image.spacing,
        )

    def fat(self, contrast: Contrast) -> Raster:
        """Part of the brightness that comes from what is brightest in T1w."""
        if self.fat_from is None:
            raise DistcorrError(
                Code.BAD_FORMAT,
                "fat can't be told from the rest of this volume by its brightness",
                f"{self.name}: {self.path.name}",
                "simulate the chemical shift with the legs or the head",
            )
        low, high = self.fat_from
        t = np.clip((_bent(self)[0].array / FULL_BRIGHTNESS - low) / (high - low), 0, 1)
        whole = self.brightness(contrast)
        share = (t * t * (3 - 2 * t)).astype(np.float32)
        return Raster(share * whole.array, whole.origin, whole.spacing)

    def body(self) -> Raster:
        """Share of each voxel that is body, 0 to 1."""
        return _bent(self)[1]


@dataclass(frozen=True, eq=False)
class _Template:
    """A volume made ready: cubic spline coefficients, body, and where its middle is."""

    coefficients: NDArray[np.float32]
    body: NDArray[np.float32]
    middle: Array
    index_per_mm: Array
    extent: Array


@lru_cache(maxsize=2)
def _template(path: Path) -> _Template:
    volume = read_volume(path)
    array = volume.array.astype(np.float32)
    full = float(np.percentile(array[array > 0.1 * array.max()], 99))
    array *= np.float32(FULL_BRIGHTNESS / full)
    smooth = ndimage.gaussian_filter(array, 1.5 / volume.grid.spacing[::-1])
    labels, _ = ndimage.label(smooth > BODY_SHARE * FULL_BRIGHTNESS)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    # Two calves are two bodies; specks of noise are none.
    kept = np.isin(labels, np.flatnonzero(sizes > 0.1 * sizes.max()))
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in kept])
    where = np.argwhere(filled)
    array[~filled] = 0
    return _Template(
        ndimage.spline_filter(array, order=3, output=np.float32),
        filled.astype(np.float32),
        ((where.min(0) + where.max(0)) / 2)[::-1],
        volume.grid.T_index_lps[:3, :3],
        np.abs(volume.grid.direction) @ volume.grid.extent,
    )


@lru_cache(maxsize=2)
def _bent(anatomy: VolumeAnatomy) -> tuple[Raster, Raster]:
    """Build the subject's brightness and body on its raster."""
    template = _template(anatomy.path)
    rng = np.random.default_rng([anatomy.subject_seed, 0xB0D])
    scale = np.array(anatomy.scale) * (1 + 0.04 * np.clip(rng.normal(size=3), -1, 1))
    half = template.extent * scale / 2 + 3 * anatomy.bend_mm
    size = np.ceil(2 * half / anatomy.raster_mm).astype(int)
    origin = -(size - 1) / 2 * anatomy.raster_mm
    lattice = _bending(rng, half + anatomy.raster_mm, anatomy.bend_mm)
    shape = (int(size[2]), int(size[1]), int(size[0]))
    image, mask = np.empty(shape, np.float32), np.empty(shape, np.float32)
    _warp(
        template.coefficients,
        template.body,
        template.middle,
        template.index_per_mm / scale,
        origin,
        anatomy.raster_mm,
        lattice.origin,
        lattice.spacing,
        lattice.coefficients,
        image,
        mask,
    )
    step = np.full(3, anatomy.raster_mm)
    return Raster(image, origin, step), Raster(mask, origin, step)


def _bending(rng: np.random.Generator, half: Array, sd_mm: float) -> Lattice:
    """Draw a smooth random displacement; a seed's bending does not depend on its size."""
    spacing = BEND_WAVELENGTH_MM / 2
    lattice = Lattice.covering(-half, half, spacing)
    c = rng.normal(size=lattice.coefficients.shape)
    return Lattice(lattice.origin, lattice.spacing, sd_mm / _SPLINE_SD**3 * c)


@njit(cache=True, parallel=True)
def _warp(coef, body, centre, per_mm, origin, step, l_origin, l_step, c, image, mask):  # type: ignore[no-untyped-def]
    for k in prange(image.shape[0]):
        p, q, d = np.empty(3), np.empty(3), np.empty(3)
        w = np.empty((3, 4))
        first = np.empty(3, np.int64)
        for j in range(image.shape[1]):
            for i in range(image.shape[2]):
                p[0], p[1], p[2] = origin[0] + i * step, origin[1] + j * step, origin[2] + k * step
                for a in range(3):
                    u = (p[a] - l_origin[a]) / l_step[a]
                    first[a] = cell_of(u, c.shape[3 - a])
                    cubic_weights(u - first[a] - 1, w[a])
                d[:] = 0.0
                for z in range(4):
                    for y in range(4):
                        v = w[2, z] * w[1, y]
                        for x in range(4):
                            f = v * w[0, x]
                            for a in range(3):
                                d[a] += f * c[a, first[2] + z, first[1] + y, first[0] + x]
                outside = False
                for a in range(3):
                    q[a] = centre[a]
                    for b in range(3):
                        q[a] += per_mm[a, b] * (p[b] + d[b])
                    n = coef.shape[2 - a]
                    # The spline's support must lie inside; the volume's rim is lost.
                    if q[a] < 1.0 or q[a] >= n - 2.0:
                        outside = True
                        break
                    first[a] = int(np.floor(q[a])) - 1
                    cubic_weights(q[a] - first[a] - 1, w[a])
                image[k, j, i] = 0.0
                mask[k, j, i] = 0.0
                if outside:
                    continue
                value = 0.0
                inside = 0.0
                for z in range(4):
                    for y in range(4):
                        v = w[2, z] * w[1, y]
                        for x in range(4):
                            f = v * w[0, x]
                            value += f * coef[first[2] + z, first[1] + y, first[0] + x]
                            inside += f * body[first[2] + z, first[1] + y, first[0] + x]
                image[k, j, i] = max(value, 0.0)
                mask[k, j, i] = inside
