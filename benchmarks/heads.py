"""Simulated femoral heads whose shape is known, as scans show them.

What counts as known: the head is a ball, of which the neck takes a cap away, up to the
plane in which ball and neck meet. Dense points of the whole ball, spread evenly, are
taken to where the scan shows them by the simulator's own map, exactly and without
voxels, and the ellipsoid of least orthogonal distances to them is the known one,
wherever the head is cut or the field of view ends. The distance is exact (D. Eberly,
Distance from a Point to an Ellipse, an Ellipsoid, or a Hyperellipsoid, 2013), and
nothing is shared with distcorr.roundness. The field bends a ball into nearly an
ellipsoid; ``bent_mm`` tells how nearly, and ``second_moments`` gives the axis ratio by
another definition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from distcorr.facts import Plane, VendorState
from distcorr.field import ScannerField
from distcorr.phantom.legs import DigitalLegs
from distcorr.phantom.legs_body import make_body
from distcorr.phantom.motion import random_motion
from distcorr.phantom.scanner import SimulatedScan
from distcorr.phantom.settings import ScanSettings
from distcorr.space import Grid, PatientPosition, Volume

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TABLE_MM = -55.0
"""Brings the femoral heads some 150 mm from the isocentre, as in a scan of whole femurs."""

KNOWN_POINTS = 4000
"""1.3 mm apart: the known axis ratio is settled to 1e-5."""

OUTLINE_POINTS = 400
MESH_POINTS = 1500
"""2.2 mm apart, as from marching cubes on a scan of 2 mm."""

MARGIN_MM = 12.0
"""Around a head within its label map, as a person draws it into a scan."""


@dataclass(frozen=True, eq=False)
class Head:
    """A femoral head in a scan; patient LPS, mm.

    Attributes
    ----------
    name : str
    scan : SimulatedScan
        Without its pixels, which nothing here looks at.
    centre_lps : ndarray, shape (3,)
        Where it truly is.
    radius_mm : float
    neck_lps : ndarray, shape (3,)
        True direction of the neck, a unit vector.
    cut_mm : float
        Distance from the centre at which the neck begins.
    """

    name: str
    scan: SimulatedScan
    centre_lps: Array
    radius_mm: float
    neck_lps: Array
    cut_mm: float

    def holds(self, true_lps: Array) -> Mask:
        """Whether true points (..., 3) belong to the head."""
        away = true_lps - self.centre_lps
        in_ball = np.linalg.norm(away, axis=-1) <= self.radius_mm
        return np.asarray(in_ball & (away @ self.neck_lps <= self.cut_mm))

    def ball(self, count: int = KNOWN_POINTS) -> Array:
        """Spread points evenly over the whole ball, shape (count, 3)."""
        return np.asarray(self.centre_lps + self.radius_mm * fibonacci(count))

    def mesh(self) -> tuple[Array, Array]:
        """Triangulate the head, closed where it is cut; vertices and triangles."""
        vertices = self.ball(MESH_POINTS) - self.centre_lps
        vertices = vertices[vertices @ self.neck_lps <= self.cut_mm]
        if np.isfinite(self.cut_mm):
            vertices = np.vstack([vertices, self._lid()])
        return self.centre_lps + vertices, ConvexHull(vertices).simplices

    def _lid(self) -> Array:
        """Points where the neck was cut off, slightly domed so that a hull keeps them."""
        across = np.linalg.svd(self.neck_lps[None])[2][1:]
        reach = np.sqrt(self.radius_mm**2 - self.cut_mm**2)
        spots = np.arange(-reach, reach, 2.0)
        u, v = (axis.ravel() for axis in np.meshgrid(spots, spots))
        within = u**2 + v**2 < reach**2
        u, v = u[within], v[within]
        height = self.cut_mm + 0.2 * (1.0 - (u**2 + v**2) / reach**2)
        return np.asarray(
            np.outer(u, across[0]) + np.outer(v, across[1]) + np.outer(height, self.neck_lps)
        )


@dataclass(frozen=True, eq=False)
class Known:
    """Shape of a head.

    Attributes
    ----------
    axis_ratio : float
        Shortest to longest axis.
    squeeze_lps : ndarray, shape (3,)
    middle_ratio : float
        Shortest to middle axis.
    bent_mm : float
        Root mean square distance of the surface from the ellipsoid.
    """

    axis_ratio: float
    squeeze_lps: Array
    middle_ratio: float
    bent_mm: float


def unpainted_scan(
    seed: int,
    field: ScannerField,
    state: VendorState,
    *,
    position: PatientPosition = PatientPosition.HFS,
    table_mm: float = TABLE_MM,
    voxel_mm: float = 10.0,
) -> SimulatedScan:
    """Lay a subject into the scanner for a coronal scan whose pixels are not needed."""
    settings = ScanSettings(
        Plane.CORONAL,
        state,
        pixel_mm=voxel_mm,
        slice_spacing_mm=voxel_mm,
        slice_thickness_mm=voxel_mm,
        patient_position=position,
        table_mm=(0.0, 0.0, table_mm),
    )
    grid = settings.grid()
    empty = np.zeros(grid.shape, np.uint16)
    motion = random_motion(np.random.default_rng([seed, 0x9A12]), 2.0, 1.0)
    return SimulatedScan(
        f"legs{seed}", Volume(empty, grid), empty > 0, settings, field, motion, 0.0
    )


def heads_of(seed: int, scan: SimulatedScan, *, whole: bool = False) -> tuple[Head, ...]:
    """Find both femoral heads of a subject, cut from their necks or whole balls."""
    heads = []
    for sphere, sign, side in zip(
        DigitalLegs(seed).spheres, (1.0, -1.0), make_body(seed).sides, strict=True
    ):
        neck = (side.capsules[0, 3:6] - side.capsules[0, :3]) * (sign, 1.0, 1.0)
        centre, beyond = scan.true_of_subject(np.array([sphere.centre, sphere.centre + neck]))
        cut = np.sqrt(sphere.radius**2 - side.capsules[0, 6] ** 2)
        heads.append(
            Head(
                sphere.name,
                scan,
                centre,
                sphere.radius,
                (beyond - centre) / np.linalg.norm(beyond - centre),
                np.inf if whole else float(cut),
            )
        )
    return tuple(heads)


def label_of(
    head: Head, spacing_mm: tuple[float, float, float], *, shown: bool, phase: Array
) -> Volume:
    """Label a head: voxels whose centre shows it, or, on a true grid, whose centre it holds.

    The grid has the axes of the scan; ``phase``, shape (3,), in voxels, places the head
    between the voxels' centres.
    """
    outline = head.ball(OUTLINE_POINTS)
    places = head.scan.shown_lps(outline) if shown else outline
    along = head.scan.volume.grid.direction
    low = (places @ along).min(axis=0) - MARGIN_MM
    high = (places @ along).max(axis=0) + MARGIN_MM
    spacing = np.array(spacing_mm)
    size = np.ceil((high - low) / spacing).astype(int) + 1
    origin = along @ (low + phase * spacing)
    grid = Grid((int(size[0]), int(size[1]), int(size[2])), origin, spacing, along)
    points = grid.points_lps()
    member = head.holds(head.scan.true_lps(points) if shown else points)
    return Volume(member.astype(np.uint8), grid)


def cropped(label: Volume, axis: int, share: float) -> Volume:
    """Let the field of view end within the head: ``share`` of its length is lost."""
    present = np.flatnonzero(label.array.any(axis=tuple({0, 1, 2} - {2 - axis})))
    first = int(present[0] + np.ceil(share * len(present)))
    kept = [slice(None)] * 3
    kept[2 - axis] = slice(first, None)
    array = label.array[tuple(kept)]
    grid = label.grid
    origin = grid.origin_lps + grid.direction[:, axis] * grid.spacing[axis] * first
    depth, height, width = array.shape
    return Volume(array, replace(grid, size=(width, height, depth), origin_lps=origin))


def known_shape(points_lps: Array) -> Known:
    """Fit the ellipsoid of least orthogonal distances to exact points of a surface."""
    scale = float(points_lps.std())
    middle = points_lps.mean(axis=0)
    points = (points_lps - middle) / scale
    covariance = np.cov(points.T)
    values, axes = np.linalg.eigh(covariance)
    axes = axes * np.sign(np.linalg.det(axes))
    start = np.r_[np.zeros(3), 0.5 * np.log(3 * values), Rotation.from_matrix(axes).as_rotvec()]
    found = least_squares(
        lambda x: _orthogonal_distance(x, points), start, method="lm", xtol=1e-12, ftol=1e-12
    ).x
    order = np.argsort(found[3:6])
    radii = np.exp(found[3:6][order])
    axes = Rotation.from_rotvec(found[6:]).as_matrix()[:, order]
    left = scale * _orthogonal_distance(found, points)
    return Known(
        float(radii[0] / radii[2]),
        axes[:, 0],
        float(radii[0] / radii[1]),
        float(np.sqrt(np.mean(left**2))),
    )


def second_moments(head: Head, mapping: Callable[[Array], Array]) -> float:
    """Axis ratio of the ellipsoid with the second moments of the whole mapped ball."""
    spots = np.linspace(-1.0, 1.0, 21)
    ball = np.stack(np.meshgrid(spots, spots, spots), axis=-1).reshape(-1, 3)
    ball = ball[np.linalg.norm(ball, axis=1) <= 1.0] * head.radius_mm
    step = 0.01
    placed = mapping(head.centre_lps + ball)
    edges = [(mapping(head.centre_lps + ball + step * e) - placed) / step for e in np.eye(3)]
    weights = np.linalg.det(np.stack(edges, axis=-1))
    values = np.linalg.eigvalsh(np.cov(placed.T, aweights=weights))
    return float(np.sqrt(values[0] / values[2]))


def fibonacci(count: int) -> Array:
    """Spread directions evenly over the sphere, shape (count, 3)."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    azimuth = np.pi * (1 + 5**0.5) * n
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(azimuth), r * np.sin(azimuth), z], axis=-1)


def _orthogonal_distance(x: Array, points: Array) -> Array:
    """Signed distance of points from an ellipsoid: centre, log radii, rotation vector."""
    turned = np.abs((points - x[:3]) @ Rotation.from_rotvec(x[6:]).as_matrix())
    squares = np.exp(2.0 * x[3:6])
    # The foot r^2 y / (t + r^2) lies on the ellipsoid; the sum falls with t, so that
    # Newton's method from its left end climbs to the root.
    t = (np.sqrt(squares) * (turned - np.sqrt(squares))).max(axis=1)
    for _ in range(60):
        share = np.sqrt(squares) * turned / (t[:, None] + squares)
        excess = (share**2).sum(axis=1) - 1.0
        slope = -2.0 * (share**2 / (t[:, None] + squares)).sum(axis=1)
        step = excess / slope
        t = t - step
        if np.abs(step).max() < 1e-14:
            break
    foot = squares * turned / (t[:, None] + squares)
    outside = np.where((turned**2 / squares).sum(axis=1) > 1.0, 1.0, -1.0)
    distance: Array = outside * np.linalg.norm(turned - foot, axis=1)
    return distance
