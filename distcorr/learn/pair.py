"""One pair of scans at one level of smoothing, seen through the current field."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter

from distcorr.acquisition import Acquisition, Scan
from distcorr.errors import Code, DistcorrError
from distcorr.field import ScannerField
from distcorr.learn.image import Image, prepare
from distcorr.learn.normal import Probe, probes_of
from distcorr.learn.rigid import Motion
from distcorr.learn.similarity import Comparison, Windows, compare
from distcorr.space import transform_points

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

BODY_THRESHOLD = 0.08
"""Share of the 98th percentile above which smoothed intensity counts as body."""

BODY_SMOOTHING_MM = 4.0
BODY_MARGIN_MM = 8.0
"""The skin's outside belongs to the sample: its edge is the strongest structure."""

BODY_POINTS = 5000

MIN_OVERLAP_MM3 = 1e5
"""Least common volume of body of a pair: a cube of 46 mm; less can't fix six
motion parameters, let alone a field."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A subject scanned twice.

    Parameters
    ----------
    id : str
    axial, coronal : Scan
    mask : ndarray of bool, shape (k, j, i), optional
        On the axial grid; False is left out of the fit (implants, air).
    """

    id: str
    axial: Scan
    coronal: Scan
    mask: Bools | None = None


@dataclass(frozen=True, eq=False)
class Body:
    """Where the axial scan shows tissue, as a coarse boolean map in index space."""

    mask: Bools
    T_index_scanner: Array

    def contains(self, points_scanner: Array) -> Bools:
        """Whether points (m, 3) lie in the body (nearest voxel)."""
        index = np.rint(transform_points(self.T_index_scanner, points_scanner)).astype(np.intp)
        size = np.array(self.mask.shape[::-1])
        inside = ((index >= 0) & (index < size)).all(axis=1)
        out = np.zeros(len(index), bool)
        i, j, k = index[inside].T
        out[inside] = self.mask[k, j, i]
        return out

    def points(self) -> Array:
        """Centres of the body's voxels, thinned to some thousands, scanner frame, mm."""
        k, j, i = np.nonzero(self.mask)
        step = max(1, len(i) // BODY_POINTS)
        index = np.stack([i, j, k], axis=1)[step // 2 :: step]
        return transform_points(np.linalg.inv(self.T_index_scanner), index)


def find_body(scan: Scan, margin_mm: float = 0.0) -> Body:
    """Find the body of a scan by a threshold on smoothed intensity.

    Parameters
    ----------
    scan : Scan
    margin_mm : float
        How far beyond the skin the map reaches.

    Raises
    ------
    DistcorrError
        ``no-contrast`` if the image is empty or constant.
    """
    grid = scan.volume.grid
    array = np.asarray(scan.volume.array, dtype=np.float32)
    low, high = np.percentile(array, [1, 98])
    if not high > low:
        raise DistcorrError(
            Code.NO_CONTRAST,
            "the image is empty or constant",
            f"{scan.facts.description}: 1st and 98th percentile {low:g} and {high:g}",
        )
    spacing = grid.spacing[::-1]
    smooth = gaussian_filter(array, BODY_SMOOTHING_MM / spacing, truncate=2.5)
    mask = smooth > low + BODY_THRESHOLD * (high - low)
    if margin_mm:
        reach = np.maximum(1, np.rint(margin_mm / spacing)).astype(int)
        for axis, steps in enumerate(reach):
            line = np.ones([3 if a == axis else 1 for a in range(3)], bool)
            mask = binary_dilation(mask, line, iterations=int(steps))
    T = grid.T_index_lps @ np.linalg.inv(scan.acquisition.T_scanner_patient)
    return Body(mask, T)


@dataclass(frozen=True, eq=False)
class PairLevel:
    """Images and sample points of one pair at one level.

    Attributes
    ----------
    reference : Reference
    axial, coronal : Image
    points : ndarray, shape (m, 3)
        True places at the time of the axial scan, scanner frame, mm.
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
    shape: tuple[int, int, int]
    where: NDArray[np.intp]
    step_mm: float
    half_width: int

    def restricted(self, keep: Bools) -> PairLevel:
        """Return the level with some of its points, shape (m,), only."""
        return replace(self, points=self.points[keep], where=self.where[keep])

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
    low, high = _common_box(reference)
    count = np.floor((high - low) / step_mm).astype(int) + 1
    axes = [low[a] + step_mm * np.arange(max(count[a], 0)) for a in range(3)]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    dense = np.stack([x.reshape(-1), y.reshape(-1), z.reshape(-1)], axis=1)
    keep = body.contains(dense)
    if reference.mask is not None:
        keep &= Body(reference.mask, body.T_index_scanner).contains(dense)
    where = np.flatnonzero(keep)
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
        dense[where],
        (len(axes[2]), len(axes[1]), len(axes[0])),
        where,
        step_mm,
        max(2, round(window_mm / step_mm)),
    )


BOX_MARGIN_MM = 30.0
"""How much farther than its own field of view a distorted scan can show tissue."""


def _common_box(reference: Reference) -> tuple[Array, Array]:
    boxes = []
    for scan in (reference.axial, reference.coronal):
        corners = transform_points(
            scan.acquisition.T_scanner_patient
            if scan is reference.axial
            else reference.axial.acquisition.T_scanner_patient,
            scan.volume.grid.corners_lps,
        )
        boxes.append((corners.min(axis=0), corners.max(axis=0)))
    (a_low, a_high), (c_low, c_high) = boxes
    low = np.maximum(a_low, c_low - BOX_MARGIN_MM)
    high = np.minimum(a_high, c_high + BOX_MARGIN_MM)
    return low, high


@dataclass(frozen=True, eq=False)
class View:
    """A pair compared through one field and one motion.

    Attributes
    ----------
    comparison : Comparison
    probes : list of Probe
    rigid_rows : ndarray, shape (m, 6)
    moved : ndarray, shape (m, 3)
        The sample points at the time of the coronal scan, mm.
    """

    comparison: Comparison
    probes: list[Probe]
    rigid_rows: Array
    moved: Array


def look(level: PairLevel, field: ScannerField, motion: Motion) -> View:
    """Compare both scans of a pair at the sample points.

    Parameters
    ----------
    level : PairLevel
    field : ScannerField
        Current estimate of D.
    motion : Motion
        Current estimate of the subject's motion.
    """
    axial, coronal = level.reference.axial.acquisition, level.reference.coronal.acquisition
    T_coronal_axial = motion.matrix @ level.nominal_T_coronal_axial()
    r_a = level.points
    r_c = transform_points(T_coronal_axial, r_a)
    s_a, s_c = axial.true_to_shown(field, r_a), coronal.true_to_shown(field, r_c)
    a, grad_a, in_a = level.axial.sample(s_a)
    c, grad_c, in_c = level.coronal.sample(s_c)
    valid = in_a & in_c
    turn = T_coronal_axial[:3, :3]
    true_a = _by_true_place(axial, field, r_a, s_a, grad_a)
    true_c = _by_true_place(coronal, field, r_c, s_c, grad_c) @ turn
    windows = Windows(level.shape, level.where, valid, level.half_width)
    comparison = compare(windows, valid, a, c, true_a.astype(np.float32), true_c.astype(np.float32))
    gradient_a = comparison.gradient.astype(np.float64)
    gradient_c = gradient_a @ turn.T
    probes = probes_of(coronal, field, r_c, s_c, gradient_c)
    probes += probes_of(axial, field, r_a, s_a, -gradient_a)
    return View(comparison, probes, motion.rows(r_c, gradient_c), r_c)


def _by_true_place(
    acquisition: Acquisition,
    field: ScannerField,
    true: Array,
    shown: Array,
    gradient_shown: NDArray[np.float32],
) -> Array:
    """Turn gradients by shown place into gradients by true place: J^T g."""
    gradient = gradient_shown.astype(np.float64)
    if acquisition.shows_truth:
        return gradient
    jacobian = acquisition.jacobian(field, true, shown)
    return np.asarray((jacobian * gradient[:, :, None]).sum(axis=1))
