"""Where a learned field may be used, and the lattice that is stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from distcorr.errors import Code, DistcorrError
from distcorr.field import Lattice, ScannerField

Array = NDArray[np.float64]

MIN_JACOBIAN = 0.05
"""Least determinant of d(shown)/d(true) that is kept. Fields of 30 mm at 200 mm
squeeze tissue to a seventh of its volume there and are still one to one; a little
beyond lies the fold, where no correction exists."""

LARGEST_MM = 50.0
"""Displacement beyond which no field is followed: twice the largest that has been
measured at the rim of a body; what is more comes from extrapolated powers of r."""

SOFTENING_MM = 25.0
"""Distance over which the displacement stops growing before it is held: one node of
the stored lattice, which could not follow a kink."""

FADE_MM = 90.0
"""Distance over which a displacement that is held fades to nothing: 50 mm over it
squeeze by half, which is no fold."""

SHRINK_MM = 5.0
RAY_STEP_MM = 6.0


@dataclass(frozen=True, eq=False)
class Supported:
    """A faded field and its weight.

    Attributes
    ----------
    lattice : Lattice
        The field times the weight.
    weight : ndarray, shape (z, y, x)
        At the nodes.
    min_jacobian : float
    """

    lattice: Lattice
    weight: Array
    min_jacobian: float


def fade(layout: Lattice, field: ScannerField, sd: Array, sd_limit_mm: float) -> Supported:
    """Fade a field out where it is not known, and before it folds.

    The weight is 1 up to a standard deviation of ``sd_limit_mm`` and 0 from
    twice that on.

    Parameters
    ----------
    layout : Lattice
        Nodes of the result.
    field : ScannerField
        The unfaded field.
    sd : ndarray, shape (z, y, x)
        Largest standard deviation of the revealed components at the nodes, mm.
    sd_limit_mm : float

    Raises
    ------
    DistcorrError
        ``folding`` if no region around the isocentre can be kept.
    """
    nodes = layout.node_points()
    radius = np.linalg.norm(nodes, axis=-1)
    known = np.clip(2.0 - sd / sd_limit_mm, 0.0, 1.0)
    # The spline spreads a node over its neighbours; smooth so that it can follow.
    known = np.minimum(known, gaussian_filter(known, 0.7, mode="nearest"))
    reach = _reach(layout, field, radius, known > 0)
    while float(reach.min()) > FADE_MM:
        # Beyond the reach the displacement is held and then let go: fading inside
        # would give away what is known, and fading D itself would steepen it.
        held = field.displacement(
            nodes * (_softened(radius, reach) / np.maximum(radius, 1e-9))[..., None]
        )
        beyond = np.clip((radius - reach) / FADE_MM, 0.0, 1.0)
        weight = known * np.cos(0.5 * np.pi * beyond) ** 2
        faded = _through(layout, held * weight[..., None])
        smallest = faded.min_jacobian()
        if smallest >= MIN_JACOBIAN:
            return Supported(faded, weight, smallest)
        reach = reach - SHRINK_MM
    raise DistcorrError(
        Code.FOLDING,
        "the fitted field folds space near the isocentre",
        f"it can be kept to {float(reach.min()):.0f} mm only",
    )


def _softened(radius: Array, reach: Array) -> Array:
    """Radius at which D is taken: a node's own, ending smoothly at the reach."""
    beyond = np.maximum(radius - (reach - SOFTENING_MM), 0.0)
    return np.asarray(radius - beyond + SOFTENING_MM * np.tanh(beyond / SOFTENING_MM))


def _reach(layout: Lattice, field: ScannerField, radius: Array, known: NDArray[np.bool_]) -> Array:
    """How far, on each node's ray, the field stays clear of a fold and of the absurd."""
    nodes = layout.node_points()
    edge = float(np.abs(np.concatenate(layout.domain)).min()) - FADE_MM
    direction = nodes / np.maximum(radius, 1e-9)[..., None]
    reach = np.full(radius.shape, edge)
    # From outside inwards, so that the innermost fold on the ray is kept.
    for r in np.arange(edge, 0.0, -RAY_STEP_MM):
        determinant = np.linalg.det(np.eye(3) + field.jacobian(direction * r))
        size = np.linalg.norm(field.displacement(direction * r), axis=-1)
        bad = (determinant < MIN_JACOBIAN) | (size > LARGEST_MM)
        reach[bad & known] = r - RAY_STEP_MM
    return np.asarray(np.minimum(reach, gaussian_filter(reach, 1.0, mode="nearest")))


def _through(layout: Lattice, values: Array) -> Lattice:
    """Interpolate values at the nodes, zero beyond them."""

    def sampled(points: Array) -> Array:
        index = np.rint((points - layout.origin) / layout.spacing).astype(np.intp)
        inside = ((index >= 0) & (index < np.array(layout.nodes))).all(axis=-1)
        out = np.zeros(points.shape)
        i, j, k = index[inside].T
        out[inside] = values[k, j, i]
        return out

    return layout.interpolating(sampled)
