"""Cuts through a reference's two scans, before and after, on identical pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from distcorr.acquisition import Acquisition, Scan
from distcorr.apply.sampling import Interpolation, Sampler
from distcorr.correction import Correction, planes
from distcorr.correction.planes import LAYOUTS, plane_points, supported_box
from distcorr.facts import Plane
from distcorr.space import Grid, Volume, transform_points

Array = NDArray[np.float64]
Image = NDArray[np.float32]

PIXEL_MM = 1.0
"""Pixels of the cuts; finer ones would show interpolation, not anatomy."""

SEARCH_MM = 6.0
"""Spacing of the coarse grid on which the place of the cuts is sought."""

BODY_THRESHOLD = 0.15
"""Share of the 98th percentile of smoothed intensity above which a point is body."""

DEPTH_MM = 25.0
"""The cuts cross so deep in the body, or half as deep as it goes: cuts along the skin
or through a fingertip show little."""

MARGIN_MM = 10.0
"""Left around the body in each cut."""

# Radiological layout: columns and rows of each cut as directions in patient LPS.
_AXES: dict[Plane, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    Plane.CORONAL: ((1, 0, 0), (0, 0, -1)),
    Plane.AXIAL: ((1, 0, 0), (0, 1, 0)),
    Plane.SAGITTAL: ((0, 1, 0), (0, 0, -1)),
}


@dataclass(frozen=True, eq=False)
class PlanePictures:
    """One cut. All images have the same pixels of ``PIXEL_MM``.

    Attributes
    ----------
    plane : Plane
        Of the cut, whatever plane the scans were acquired in.
    axial_before, coronal_before : ndarray, shape (rows, columns)
        As acquired, the coronal scan moved to where the subject lay in the axial.
    axial_after, coronal_after : ndarray, shape (rows, columns)
        Corrected; a scan that needs no correction is unchanged. NaN outside of
        the field of view.
    position_mm : float
        Place of the cut along its normal, patient LPS of the axial scan.
    """

    plane: Plane
    axial_before: Image
    coronal_before: Image
    axial_after: Image
    coronal_after: Image
    position_mm: float

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height."""
        rows, columns = self.axial_before.shape
        return columns * PIXEL_MM, rows * PIXEL_MM


@dataclass(frozen=True, eq=False)
class ReferencePictures:
    """Cuts through one reference at the place where correction matters most.

    Attributes
    ----------
    id : str
    cuts : tuple of PlanePictures
    window : tuple of float
        Grey values shown as black and white, the same in all images.
    displacement_mm : float
        By how much the two scans disagreed at the crossing of the cuts before
        correction, as far as the correction says.
    anatomy : Anatomy
        The axial scan under figures of the field.
    """

    id: str
    cuts: tuple[PlanePictures, ...]
    window: tuple[float, float]
    displacement_mm: float
    anatomy: Anatomy


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A corrected scan on the planes that figures of the field show.

    Attributes
    ----------
    images : dict of Plane to ndarray, shape (up, right)
        On the points of :func:`distcorr.correction.planes.plane_points`; NaN outside
        of the field of view.
    window : tuple of float
        Grey values shown as black and white.
    """

    images: dict[Plane, Image]
    window: tuple[float, float]

    def grey(self, plane: Plane) -> Array:
        """Brightness in a plane, 0 to 1; NaN outside of the field of view."""
        low, high = self.window
        return np.asarray(np.clip((self.images[plane].astype(float) - low) / (high - low), 0, 1))

    @property
    def pixels(self) -> int:
        """How much of the planes it shows."""
        return sum(int(np.isfinite(image).sum()) for image in self.images.values())


def make_pictures(
    reference_id: str, axial: Scan, coronal: Scan, correction: Correction
) -> ReferencePictures | None:
    """Cut a reference in three planes through the place of largest displacement.

    The coronal scan is moved by the motion that the correction's figures hold for
    the reference, before and after alike, and its brightness is scaled once, so
    that only the distortion differs between the two.

    Parameters
    ----------
    reference_id : str
    axial, coronal : Scan
        As acquired.
    correction : Correction

    Returns
    -------
    ReferencePictures or None
        None if the two scans share no supported body.
    """
    pair = _Pair(reference_id, axial, coronal, correction)
    found = _crossing(pair)
    if found is None:
        return None
    centre, low, high, displacement = found
    cuts = [_cut(pair, plane, centre, low, high) for plane in _AXES]
    scale = _brightness_ratio([(cut.axial_after, cut.coronal_after) for cut in cuts])
    cuts = [_scaled(cut, scale) for cut in cuts]
    window = _window(cuts)
    cuts = [_trimmed(cut, BODY_THRESHOLD * window[1]) for cut in cuts]
    anatomy = Anatomy({plane: pair.axial_at(plane) for plane in LAYOUTS}, window)
    return ReferencePictures(reference_id, tuple(cuts), window, displacement, anatomy)


@dataclass(frozen=True, eq=False)
class MatchedVolumes:
    """Both scans of a reference on one grid, before and after.

    Attributes
    ----------
    axial_before, coronal_before, axial_after, coronal_after : Volume
        As the images of :class:`PlanePictures`; NaN outside of the field of view.
    """

    axial_before: Volume
    coronal_before: Volume
    axial_after: Volume
    coronal_after: Volume


def match_volumes(
    reference_id: str, axial: Scan, coronal: Scan, correction: Correction, grid: Grid | None = None
) -> MatchedVolumes:
    """Resample both scans of a reference to one grid, the coronal moved as the fit found.

    Parameters
    ----------
    reference_id : str
    axial, coronal : Scan
        As acquired.
    correction : Correction
    grid : Grid, optional
        In patient LPS of the axial scan; that scan's own by default.
    """
    chosen = axial.volume.grid if grid is None else grid
    images = _Pair(reference_id, axial, coronal, correction).images(chosen.points_lps())
    scale = np.float32(_brightness_ratio([(images[2], images[3])]))
    first, second, third, fourth = (
        Volume(image * by, chosen)
        for image, by in zip(images, (np.float32(1), scale) * 2, strict=True)
    )
    return MatchedVolumes(first, second, third, fourth)


class _Pair:
    """Two scans, sampled at true places of the axial scan's time."""

    def __init__(
        self, reference_id: str, axial: Scan, coronal: Scan, correction: Correction
    ) -> None:
        self.axial, self.coronal, self.correction = axial, coronal, correction
        self._views = (ScanSampler(axial), ScanSampler(coronal))
        fitted = [row for row in correction.figures.references if row.id == reference_id]
        moved = fitted[0].T_moved_still if fitted else np.eye(4)
        T_coronal, T_axial = (view.acquisition.T_scanner_patient for view in reversed(self._views))
        self._T_scanner_lps = (T_axial, moved @ T_coronal)

    def shown(self, points_lps: Array) -> tuple[Array, Array, Array, Array]:
        """Scanner places of true points in both scans, and where the scans show them."""
        true = [transform_points(T, points_lps) for T in self._T_scanner_lps]
        field = self.correction.field
        shown = [
            view.acquisition.true_to_shown(field, points)
            for view, points in zip(self._views, true, strict=True)
        ]
        return true[0], true[1], shown[0], shown[1]

    def axial_at(self, plane: Plane) -> Image:
        """Sample the corrected axial scan on a plane through the isocentre."""
        points, _, _ = plane_points(supported_box(self.correction), plane, planes.PLANE_STEP_MM)
        view = self._views[0]
        return view.sample(view.acquisition.true_to_shown(self.correction.field, points))

    def images(self, points_lps: Array) -> tuple[Image, Image, Image, Image]:
        """Sample axial and coronal before, axial and coronal after."""
        true_axial, true_coronal, shown_axial, shown_coronal = self.shown(points_lps)
        axial, coronal = self._views
        return (
            axial.sample(true_axial),
            coronal.sample(true_coronal),
            axial.sample(shown_axial),
            coronal.sample(shown_coronal),
        )


class ScanSampler:
    """A scan, prepared to be sampled at places of its scanner frame.

    Parameters
    ----------
    scan : Scan
        As acquired.
    """

    def __init__(self, scan: Scan) -> None:
        self.acquisition: Acquisition = scan.acquisition
        values = np.nan_to_num(scan.volume.array.astype(np.float32), nan=0, posinf=0, neginf=0)
        self._sampler = Sampler(values, Interpolation.BSPLINE)
        self._T_index_scanner = scan.volume.grid.T_index_lps @ np.linalg.inv(
            self.acquisition.T_scanner_patient
        )

    def sample(self, points_scanner: Array) -> Image:
        """Values as shown at points (..., 3); NaN outside."""
        index = transform_points(self._T_index_scanner, points_scanner.reshape(-1, 3))
        values, inside = self._sampler(index)
        values[~inside] = np.nan
        return values.astype(np.float32).reshape(points_scanner.shape[:-1])


def _crossing(pair: _Pair) -> tuple[Array, Array, Array, float] | None:
    """Find where the cuts cross, and the box of the body that both scans show."""
    corners = pair.axial.volume.grid.corners_lps
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.maximum(np.ceil((high - low) / SEARCH_MM).astype(int), 1)
    grid = Grid((int(size[0]), int(size[1]), int(size[2])), low, np.full(3, SEARCH_MM), np.eye(3))
    points = grid.points_lps()
    true_axial, true_coronal, shown_axial, shown_coronal = pair.shown(points)
    before_axial, before_coronal, _, _ = pair.images(points)
    seen = np.isfinite(before_axial) & np.isfinite(before_coronal)
    body = seen & _body(before_axial) & pair.correction.supported(true_axial)
    depth = np.where(body, distance_transform_edt(body, sampling=SEARCH_MM), 0.0)
    chosen = body & (depth >= min(DEPTH_MM, depth.max() / 2))
    if not chosen.any():
        return None
    disagreement = (shown_coronal - true_coronal) - (shown_axial - true_axial)
    length = np.where(chosen, np.nan_to_num(np.linalg.norm(disagreement, axis=-1), nan=0.0), -1)
    at = np.unravel_index(int(np.argmax(length)), length.shape)
    box = points[seen & _body(before_axial)]
    box_low = np.maximum(box.min(axis=0) - SEARCH_MM, low)
    box_high = np.minimum(box.max(axis=0) + SEARCH_MM, high)
    return points[at], box_low, box_high, float(length[at])


def _body(image: Image) -> NDArray[np.bool_]:
    smooth = gaussian_filter(np.nan_to_num(image), 1.0)
    return np.asarray(smooth > BODY_THRESHOLD * np.percentile(smooth, 98))


def _cut(pair: _Pair, plane: Plane, centre: Array, low: Array, high: Array) -> PlanePictures:
    column, row = (np.array(axis, dtype=float) for axis in _AXES[plane])
    x, y = (_steps(axis, centre, low, high) for axis in (column, row))
    points = centre + y[:, None, None] * row + x[None, :, None] * column
    normal = np.abs(np.cross(column, row))
    return PlanePictures(plane, *pair.images(points), position_mm=float(normal @ centre))


def _steps(axis: Array, centre: Array, low: Array, high: Array) -> Array:
    """Pixel places along an axis, relative to the crossing, from edge to edge of the box."""
    ends = sorted(float(axis @ (corner - centre)) for corner in (low, high))
    return np.arange(ends[0], ends[1], PIXEL_MM)


def _brightness_ratio(corrected: list[tuple[Image, Image]]) -> float:
    """Median ratio of the two corrected scans over what is bright in both."""
    axial, coronal = (np.concatenate([pair[n].ravel() for pair in corrected]) for n in (0, 1))
    both = np.isfinite(axial) & np.isfinite(coronal)
    axial, coronal = axial[both], coronal[both]
    if not len(axial):
        return 1.0
    bright = (axial > np.percentile(axial, 60)) & (coronal > np.percentile(coronal, 60))
    bright &= (axial > 0) & (coronal > 0)
    return float(np.median(axial[bright] / coronal[bright])) if bright.any() else 1.0


def _scaled(cut: PlanePictures, scale: float) -> PlanePictures:
    return PlanePictures(
        cut.plane,
        cut.axial_before,
        cut.coronal_before * np.float32(scale),
        cut.axial_after,
        cut.coronal_after * np.float32(scale),
        cut.position_mm,
    )


def _trimmed(cut: PlanePictures, threshold: float) -> PlanePictures:
    """Cut away what is air in all four images."""
    images = (cut.axial_before, cut.coronal_before, cut.axial_after, cut.coronal_after)
    seen = np.any([_smooth(image) > threshold for image in images], axis=0)
    if not seen.any():
        return cut
    margin = round(MARGIN_MM / PIXEL_MM)
    spans = []
    for axis in (0, 1):
        at = np.flatnonzero(seen.any(axis=1 - axis))
        spans.append(slice(max(0, at[0] - margin), at[-1] + margin + 1))
    first, second, third, fourth = (image[spans[0], spans[1]] for image in images)
    return PlanePictures(cut.plane, first, second, third, fourth, cut.position_mm)


def _smooth(image: Image) -> Image:
    """Without the noise of air; zero where a scan does not reach."""
    return np.asarray(gaussian_filter(np.nan_to_num(image), 2.0 / PIXEL_MM))


def _window(cuts: list[PlanePictures]) -> tuple[float, float]:
    """One grey window for all images of a reference."""
    values = np.concatenate(
        [
            image.ravel()
            for cut in cuts
            for image in (cut.axial_before, cut.coronal_before, cut.axial_after, cut.coronal_after)
        ]
    )
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [1.0, 99.0])
    return float(low), float(max(high, low + 1e-6))
