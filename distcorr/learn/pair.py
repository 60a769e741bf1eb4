"""One pair of scans at one level of smoothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distcorr.acquisition import Scan
from distcorr.errors import Code, DistcorrError
from distcorr.learn.body import Body
from distcorr.learn.cubes import Cubes
from distcorr.learn.image import Image, prepare
from distcorr.space import transform_points

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

MIN_OVERLAP_MM3 = 1e5
"""Least common volume of body of a pair: a cube of 46 mm; less can't fix six
motion parameters, let alone a field."""

CUBE_MM = 8.0
"""Edge of the cubes within which points share the slope of the maps and the
harmonics: these change by a hundredth across them."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A subject scanned twice.

    Parameters
    ----------
    id : str
        Of the subject. Axial scans of several table stations are as many
        references of one id with the same coronal scan: they share the
        subject's motion.
    axial, coronal : Scan
    mask : ndarray of bool, shape (k, j, i), optional
        On the axial grid; False is left out of the fit (implants, air).
    """

    id: str
    axial: Scan
    coronal: Scan
    mask: Bools | None = None


def subjects_of(references: Sequence[Reference]) -> list[int]:
    """Say for each reference which subject it is of, numbered as they first appear."""
    ids = list(dict.fromkeys(reference.id for reference in references))
    return [ids.index(reference.id) for reference in references]


@dataclass(frozen=True, eq=False)
class PairLevel:
    """Images and sample points of one pair at one level.

    Attributes
    ----------
    reference : Reference
    axial, coronal : Image
    points : ndarray, shape (m, 3)
        True places at the time of the axial scan, scanner frame, mm.
    cubes : Cubes
        Partition of the points.
    shape : tuple of int
        Shape (z, y, x) of the dense sampling grid.
    where : ndarray of int, shape (m,)
        Flat indices of the points in it.
    step_mm : float
        Distance of neighbouring sample points.
    half_width : int
        Of the regression window, in steps.
    """

    reference: Reference
    axial: Image
    coronal: Image
    points: Array
    cubes: Cubes
    shape: tuple[int, int, int]
    where: NDArray[np.intp]
    step_mm: float
    half_width: int

    def restricted(self, keep: Bools) -> PairLevel:
        """Return the level with some of its points, shape (m,), only."""
        if keep.all():
            return self
        points = self.points[keep]
        cubes = Cubes.of(points, self.cubes.edge_mm)
        return replace(self, points=points, cubes=cubes, where=self.where[keep])

    def distorted_places(self, points: Array) -> list[Array]:
        """Places (m, 3) at which the pair sees D, given true places at axial time.

        Were nobody to move: those places themselves where the axial scan is
        distorted, and those that the table has brought them to at the time of the
        coronal scan where that one is.
        """
        return [places for places, _ in self.sights(points)]

    def sights(self, points: Array) -> list[tuple[Array, Array]]:
        """Return :meth:`distorted_places` with the projector on what of D each shows.

        To first order, that is: the vendor has hidden the rest.
        """
        axial, coronal = self.reference.axial.acquisition, self.reference.coronal.acquisition
        moved = transform_points(self.nominal_T_coronal_axial(), points)
        return [
            (places, np.eye(3) - acquisition.vendor_projector)
            for acquisition, places in ((axial, points), (coronal, moved))
            if not acquisition.shows_truth
        ]

    def nominal_T_coronal_axial(self) -> Array:
        """Scanner frame at axial time to that at coronal time, were nobody to move.

        Differs from identity where the table was moved between the scans.
        """
        axial = self.reference.axial.acquisition.T_scanner_patient
        coronal = self.reference.coronal.acquisition.T_scanner_patient
        return np.asarray(coronal @ np.linalg.inv(axial))


def build_level(
    reference: Reference, body: Body, sigma_mm: float, step_mm: float, window_mm: float
) -> PairLevel:
    """Prepare a pair for one level.

    Parameters
    ----------
    reference : Reference
    body : Body
        Of the axial scan, with margin.
    sigma_mm : float
        Common Gaussian blur.
    step_mm : float
        Distance of sample points.
    window_mm : float
        Half width of the regression window.

    Raises
    ------
    DistcorrError
        ``no-overlap`` if the scans share too little of the body.
    """
    axial, coronal = reference.axial, reference.coronal
    axes = [
        low + step_mm * np.arange(max(int(np.floor((high - low) / step_mm)) + 1, 0))
        for low, high in zip(*_common_box(axial, coronal), strict=True)
    ]
    kept = [body]
    if reference.mask is not None:
        grid_to_scanner = np.linalg.inv(axial.acquisition.T_scanner_patient)
        kept.append(Body(reference.mask, axial.volume.grid.T_index_lps @ grid_to_scanner))
    points, where = _points_in(axes, kept)
    volume = len(where) * step_mm**3
    if volume < MIN_OVERLAP_MM3:
        raise DistcorrError(
            Code.NO_OVERLAP,
            f"the axial and the coronal scan of {reference.id} hardly overlap",
            f"{volume / 1000:.1f} ml of common body, {MIN_OVERLAP_MM3 / 1000:.0f} ml needed",
        )
    return PairLevel(
        reference,
        prepare(axial, coronal, sigma_mm),
        prepare(coronal, axial, sigma_mm),
        points,
        Cubes.of(points, max(CUBE_MM, 2 * step_mm)),
        (len(axes[2]), len(axes[1]), len(axes[0])),
        where,
        step_mm,
        max(2, round(window_mm / step_mm)),
    )


def _points_in(axes: Sequence[Array], maps: Sequence[Body]) -> tuple[Array, NDArray[np.intp]]:
    """Find the grid's points that lie in all maps, plane by plane, and their flat indices."""
    y, x = np.meshgrid(axes[1], axes[0], indexing="ij")
    plane = np.stack([x.reshape(-1), y.reshape(-1), np.zeros(x.size)], axis=1)
    points, where = [np.empty((0, 3))], [np.empty(0, np.intp)]
    for number, z in enumerate(axes[2]):
        plane[:, 2] = z
        keep = np.logical_and.reduce([one.contains(plane) for one in maps])
        points.append(plane[keep])
        where.append(np.flatnonzero(keep) + number * len(plane))
    return np.concatenate(points), np.concatenate(where)


BOX_MARGIN_MM = 30.0
"""How much farther than its own field of view a distorted scan can show tissue."""


def _common_box(axial: Scan, coronal: Scan) -> tuple[Array, Array]:
    """Box of both scans in the scanner frame at axial time."""
    T = axial.acquisition.T_scanner_patient
    (a_low, a_high), (c_low, c_high) = (
        (corners.min(axis=0), corners.max(axis=0))
        for corners in (transform_points(T, s.volume.grid.corners_lps) for s in (axial, coronal))
    )
    return np.maximum(a_low, c_low - BOX_MARGIN_MM), np.minimum(a_high, c_high + BOX_MARGIN_MM)
