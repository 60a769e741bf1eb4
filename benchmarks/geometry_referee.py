"""Where a reader has put the slices of a stack, against where they lie.

Slices are recognised by their pixels, in any of the eight ways in which a plane can
be turned and mirrored, whatever the brightness is scaled to; then the places of their
corners are compared. Of several volumes the best counts; within a volume every copy
of a slice has to lie where one of its kind does. Where a reader has resampled, no
pixel is left as it was: each plane of its volume is then compared with the true
slices, interpolated linearly between neighbours, and the shift is sought that makes
them most alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_truth import Array, Slice, Stack
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.optimize import minimize

SAME_PIXELS = 1e-3
"""Largest difference of equal pixels, as a share of the slice's range: rescaling to
integers rounds to less where the range is 500 or more."""

ALIKE = 0.97
"""Least correlation of a resampled plane with the slices that it was made from."""

MISSING_FRACTION = 1.5
"""Between slices further apart than this, in median gaps, nothing is known."""

GRID = 24
"""Points along each side of a plane at which resampled planes are compared."""

LIKENESS_DOUBT = 0.1
"""Share of the slices' distance up to which a shift is not known: readers interpolate in
other ways than linearly along the normal, which looks like a shift. 0.3 mm between
slices 5 mm apart was found where one interpolates along the tilt."""

PLANES = 12
"""Planes of a resampled volume that are compared."""

ALONG = 0.999
"""Least cosine between the normals of a stack and of a volume that was made of it."""


FIRST_STEP_MM = 0.2
"""Size of the first step with which shifts are refined."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A volume that a reader made.

    Attributes
    ----------
    array : ndarray, shape (i, j, k)
    T_lps_index : ndarray, shape (4, 4)
        Takes (i, j, k, 1) to patient LPS, mm.
    valid : ndarray of bool, shape (i, j, k), optional
        Where it holds something; everywhere by default.
    """

    array: NDArray[Any]
    T_lps_index: Array
    valid: NDArray[np.bool_] | None = None

    def lps(self, index: Array) -> Array:
        """Places (m, 3) of indices (m, 3)."""
        return index @ self.T_lps_index[:3, :3].T + self.T_lps_index[:3, 3]

    def planes(self, shapes: set[tuple[int, ...]]) -> tuple[_Plane, ...]:
        """Return its planes along all axes that have one of the shapes, each sorted."""
        return tuple(
            _Plane(self, axis, k, _Look.of(np.take(self.array, k, axis)))
            for axis in range(3)
            if tuple(sorted(np.delete(self.array.shape, axis).tolist())) in shapes
            for k in range(self.array.shape[axis])
        )


@dataclass(frozen=True, eq=False)
class _Look:
    """A picture up to its brightness: scaled to 0..1, and figures that no turn changes."""

    pixels: Array
    figures: Array

    @property
    def blank(self) -> bool:
        """Whether nothing is to be seen."""
        return not self.pixels.any()

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> _Look:
        """Scale a picture."""
        values = pixels.astype(np.float64)
        low, high = values.min(), values.max()
        values = (values - low) / (high - low) if high > low else np.zeros_like(values)
        return cls(values, np.array([values.mean(), (values**2).mean(), (values**4).mean()]))


@dataclass(frozen=True, eq=False)
class _Plane:
    """A plane of a candidate, normal to one of its axes."""

    candidate: Candidate
    axis: int
    k: int
    look: _Look

    def index(self, at: NDArray[Any]) -> Array:
        """Complete indices (m, 3) within the plane (m, 2) to those of the volume."""
        return np.insert(np.asarray(at, dtype=np.float64), self.axis, self.k, axis=1)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a reader put one stack.

    Attributes
    ----------
    slices, lost : int
        Of the stack, and those that no volume holds.
    off_mm : float
        Largest distance of a corner from its place; 0 if all are lost.
    resampled : int
        Slices that were found by likeness only.
    """

    slices: int
    lost: int
    off_mm: float
    resampled: int = 0


def place_all(
    stacks: Sequence[Stack], candidates: Sequence[Candidate], tolerance_mm: float
) -> list[Placement]:
    """Find every slice of some stacks in the volumes that a reader made of them.

    Parameters
    ----------
    stacks : sequence of Stack
        All that the reader was given.
    candidates : sequence of Candidate
    tolerance_mm : float
        A slice that lies as near is not sought in resampled volumes.
    """
    shapes = {tuple(sorted(one.pixels.shape)) for stack in stacks for one in stack.slices}
    planes = [plane for candidate in candidates for plane in candidate.planes(shapes)]
    apart = {
        one: found
        for stack in stacks
        for one in stack.slices
        if (found := _equal_planes(one, planes))
    }
    stray = _stray(apart)
    copied = {plane for found in apart.values() for plane in found}
    resampled = [one for one in candidates if not _is_copy(one, planes, copied)]
    return [
        _with_likeness(
            stack,
            [_best(apart.get(one, {}), stray) for one in stack.slices],
            resampled,
            tolerance_mm,
        )
        for stack in stacks
    ]


def _stray(apart: dict[Slice, dict[_Plane, float]]) -> dict[_Plane, float]:
    """How far each copied plane is from the nearest slice that it may be, mm."""
    nearest: dict[_Plane, float] = {}
    for found in apart.values():
        for plane, mm in found.items():
            nearest[plane] = min(mm, nearest.get(plane, np.inf))
    return {plane: 0.0 if plane.look.blank else mm for plane, mm in nearest.items()}


def _best(found: dict[_Plane, float], stray: dict[_Plane, float]) -> float:
    """Distance of a slice from its place in the volume that has it best, mm.

    A volume that holds it once more, elsewhere, has it there as well.
    """
    by_volume: dict[Candidate, list[_Plane]] = {}
    for plane in found:
        by_volume.setdefault(plane.candidate, []).append(plane)
    return min(
        (
            max(min(found[one] for one in own), max(stray[one] for one in own))
            for own in by_volume.values()
        ),
        default=np.inf,
    )


def _is_copy(candidate: Candidate, planes: Sequence[_Plane], copied: set[_Plane]) -> bool:
    """Whether most planes along one axis are slices as they were read."""
    own = [one for one in planes if one.candidate is candidate and not one.look.blank]
    for axis in range(3):
        filled = [one for one in own if one.axis == axis]
        if filled and 2 * len(copied.intersection(filled)) >= len(filled):
            return True
    return False


def _with_likeness(
    stack: Stack, off: list[float], resampled: Sequence[Candidate], tolerance_mm: float
) -> Placement:
    """Add to the distances (mm) of slices that were found what resampled volumes hold."""
    better: set[int] = set()
    for candidate in resampled if any(mm > tolerance_mm for mm in off) else ():
        shift, reached = _resampled(stack, candidate)
        for n in np.flatnonzero(reached).tolist():
            if shift < off[n]:
                off[n] = shift
                better.add(n)
    found = [mm for mm in off if np.isfinite(mm)]
    return Placement(len(off), len(off) - len(found), max(found, default=0.0), len(better))


def _equal_planes(one: Slice, planes: Sequence[_Plane]) -> dict[_Plane, float]:
    """Planes with the pixels of a slice, and how far their corners are from its own, mm."""
    look, corners = _Look.of(one.pixels), one.corner_pixels
    true = one.lps(corners)
    found: dict[_Plane, float] = {}
    for plane in planes:
        if np.abs(plane.look.figures - look.figures).max() > SAME_PIXELS:
            continue
        for turned, at in _turns(plane.look.pixels):
            if turned.shape != look.pixels.shape:
                continue
            if np.abs(turned - look.pixels).max() <= SAME_PIXELS:
                places = plane.candidate.lps(plane.index(at[:, corners[:, 1], corners[:, 0]].T))
                apart = float(np.linalg.norm(places - true, axis=1).max())
                found[plane] = min(apart, found.get(plane, np.inf))
    return found


def _turns(pixels: Array) -> Iterator[tuple[Array, NDArray[np.intp]]]:
    """Turn and mirror a picture in all eight ways, with the indices its pixels come from."""
    at = np.indices(pixels.shape)
    for transposed in (False, True):
        picture, index = (pixels.T, at.transpose(0, 2, 1)) if transposed else (pixels, at)
        for up in (1, -1):
            for across in (1, -1):
                yield picture[::up, ::across], index[:, ::up, ::across]


def _resampled(stack: Stack, candidate: Candidate) -> tuple[float, NDArray[np.bool_]]:
    """Shift of a volume's planes beyond doubt, at most, mm, and which slices it reaches.

    Nothing is reached where the planes are not like the slices, or empty.
    """
    nothing = np.inf, np.zeros(len(stack.slices), dtype=np.bool_)
    normal = stack.slices[0].normal_lps
    along = np.array([float(one.P_lps_pixel[:, 2] @ normal) for one in stack.slices])
    if len(np.unique(np.round(along, 3))) != len(along) or len(along) < 2:
        return nothing  # repeats can't be told apart by likeness
    order = np.argsort(along)
    slices, places = [stack.slices[n] for n in order], along[order]
    axis = _axis_across(candidate, normal)
    if axis is None:
        return nothing
    gap = float(np.median(np.diff(places)))
    shifts, heights = [], []
    count = candidate.array.shape[axis]
    for k in np.unique(np.linspace(0, count - 1, PLANES).round().astype(int)).tolist():
        points, values = _sampled(candidate, axis, k)
        if values.size and np.ptp(values) > 0:
            heights.append(float(points.mean(axis=0) @ normal))
        shift = _shift(points, values, slices, places, normal, gap)
        if shift is not None:
            shifts.append(shift)
    if not shifts:
        return nothing
    reached = (along >= min(heights) - gap / 2) & (along <= max(heights) + gap / 2)
    return max(0.0, max(shifts) - LIKENESS_DOUBT * gap), reached


def _axis_across(candidate: Candidate, normal: Array) -> int | None:
    """Axis of a volume whose planes are parallel to a stack's slices, if there is one."""
    for axis in range(3):
        first, second = np.delete(candidate.T_lps_index[:3, :3], axis, axis=1).T
        across = np.cross(first, second)
        if abs(across @ normal) >= ALONG * np.linalg.norm(across):
            return axis
    return None


def _sampled(candidate: Candidate, axis: int, k: int) -> tuple[Array, Array]:
    """Places (m, 3) and values (m,) of some valid voxels of a plane."""
    shape = np.delete(candidate.array.shape, axis)
    at = np.stack(
        np.meshgrid(*(np.unique(np.linspace(0, n - 1, GRID).round()) for n in shape)), axis=-1
    ).reshape(-1, 2)
    index = np.insert(at, axis, k, axis=1).astype(np.intp)
    if candidate.valid is not None:
        index = index[candidate.valid[tuple(index.T)]]
    values = candidate.array[tuple(index.T)].astype(np.float64)
    return candidate.lps(index.astype(np.float64)), values


def _shift(
    points: Array,
    values: Array,
    slices: Sequence[Slice],
    places: Array,
    normal: Array,
    gap: float,
) -> float | None:
    """How far a plane's content lies from its place, mm; None where this can't be told."""
    if len(points) < GRID or np.ptp(values) == 0:
        return None

    def unlike(shift: Array) -> float:
        expected = _true_values(points - shift, slices, places, normal, gap)
        known = np.isfinite(expected)
        if known.sum() < max(GRID, known.size / 4) or np.ptp(expected[known]) == 0:
            return 1.0
        return float(1 - np.corrcoef(expected[known], values[known])[0, 1])

    starts = [normal * (gap * share) for share in np.arange(-2, 2.01, 0.25)]
    start = min(starts, key=lambda shift: (unlike(shift), float(shift @ shift)))
    simplex = start + np.vstack([np.zeros(3), np.eye(3) * FIRST_STEP_MM])
    options = {"xatol": 1e-3, "fatol": 1e-9, "initial_simplex": simplex}
    found = minimize(unlike, start, method="Nelder-Mead", options=options)
    if found.fun > 1 - ALIKE:
        return None
    return float(np.linalg.norm(found.x))


def _true_values(
    points: Array, slices: Sequence[Slice], places: Array, normal: Array, gap: float
) -> Array:
    """Linear interpolation between true slices at points (m, 3); NaN where nothing is known."""
    height = points @ normal
    after = np.clip(np.searchsorted(places, height), 1, len(places) - 1)
    share = (height - places[after - 1]) / (places[after] - places[after - 1])
    share = np.where(np.abs(share - share.round()) < 1e-6, share.round(), share)
    known = (
        (share >= 0)
        & (share <= 1)
        & ((places[after] - places[after - 1] <= MISSING_FRACTION * gap) | (share % 1 == 0))
    )
    out = np.full(len(points), np.nan)
    for n in np.unique(after[known]):
        here = known & (after == n)
        weights = share[here]
        below, above = (_in_slice(slices[m], points[here]) for m in (n - 1, n))
        mixed = np.where(weights == 0, below, np.where(weights == 1, above, np.nan))
        between = (weights > 0) & (weights < 1)
        mixed[between] = ((1 - weights) * below + weights * above)[between]
        out[here] = mixed
    return out


def _in_slice(one: Slice, points: Array) -> Array:
    """Bilinear values at the feet of points in a slice; NaN outside."""
    steps = one.P_lps_pixel[:, :2]
    pixel = (points - one.P_lps_pixel[:, 2]) @ steps / (steps**2).sum(axis=0)
    return np.asarray(
        map_coordinates(one.values, pixel[:, ::-1].T, order=1, mode="constant", cval=np.nan)
    )
