"""The kernel on tabulated maps: types of voxels, orientation, and what it counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from distcorr.acquisition import Scan
from distcorr.apply import ApplyOptions, Interpolation, apply_correction
from distcorr.apply.coarse import PLACE_TOLERANCE
from distcorr.facts import VendorState
from distcorr.space import Grid
from distcorr.transforms import ScanMap, bspline_transform
from tests.apply.examples import facts, fine_grid, flipped_scan, scan_of
from tests.correction.examples import correction_of, example_field

CORRECTION = correction_of(example_field())
SMALL_SUPPORT = correction_of(example_field(), support_mm=80.0)


def noise(grid: Grid, dtype: type, high: int = 1001) -> NDArray[Any]:
    return np.random.default_rng(5).integers(0, high, grid.shape).astype(dtype)


def resampled(scan: Scan, like: Grid, kind: int) -> NDArray[Any]:
    """What SimpleITK makes of a scan through the exported transform."""
    transform, _ = bspline_transform(ScanMap(CORRECTION, scan.acquisition), like)
    image = sitk.GetImageFromArray(scan.volume.array)
    reference = sitk.GetImageFromArray(np.zeros(like.shape, np.uint8))
    for one, grid in ((image, scan.volume.grid), (reference, like)):
        one.SetOrigin(grid.origin_lps.tolist())
        one.SetSpacing(grid.spacing.tolist())
        one.SetDirection(grid.direction.ravel().tolist())
    moved = sitk.Resample(image, reference, transform, kind, 0.0)
    return np.asarray(sitk.GetArrayFromImage(moved))


def inner(mask: NDArray[np.bool_] | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Voxels whose neighbours are all shown: the outermost half voxel is ITK's own."""
    whole = np.ones(shape, np.bool_) if mask is None else mask
    return np.asarray(binary_erosion(whole, iterations=2, border_value=1))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
@pytest.mark.parametrize("interpolation", [Interpolation.LINEAR, Interpolation.BSPLINE])
def test_whole_numbers_agree_with_simpleitk(dtype: type, interpolation: Interpolation) -> None:
    """ITK cuts fractions off: compared is what it makes of floats, rounded and clipped."""
    grid = fine_grid()
    scan = scan_of(noise(grid, dtype, 200), grid, facts())
    done = apply_correction(scan, CORRECTION, ApplyOptions(interpolation))
    linear = interpolation is Interpolation.LINEAR
    exact = scan_of(scan.volume.array.astype(np.float32), grid, scan.facts)
    moved = resampled(exact, grid, sitk.sitkLinear if linear else sitk.sitkBSpline)
    limits = np.iinfo(dtype)
    expected = np.clip(np.rint(moved), limits.min, limits.max)
    assert done.volume.array.dtype == dtype
    there = inner(done.volume.valid, grid.shape)
    miss = np.abs(done.volume.array - expected)[there]
    assert miss.max() <= 1  # near a half
    assert (miss > 0).mean() < 0.01
    assert there.mean() > 0.5


def test_labels_beyond_the_whole_numbers_of_floats_are_kept() -> None:
    grid = fine_grid()
    labels = noise(grid, np.int64, 5) + (1 << 60)
    scan = scan_of(labels, grid, facts(VendorState.DIS2D))
    options = ApplyOptions(Interpolation.NEAREST, outside_value=0.0)
    done = apply_correction(scan, CORRECTION, options)
    valid = np.ones(grid.shape, np.bool_) if done.volume.valid is None else done.volume.valid
    assert done.volume.array.dtype == np.int64
    assert set(np.unique(done.volume.array[valid])) == set(range(1 << 60, (1 << 60) + 5))
    assert (done.volume.array[~valid] == 0).all()
    # The same voxels are taken whatever they hold.
    small = scan_of((labels - (1 << 60)).astype(np.int16), grid, scan.facts)
    again = apply_correction(small, CORRECTION, options)
    kept = (done.volume.array - (1 << 60))[valid]
    assert np.array_equal(kept, again.volume.array[valid])
    assert not np.array_equal(kept, small.volume.array[valid])


def test_nearest_voxels_agree_with_simpleitk() -> None:
    grid = fine_grid()
    scan = scan_of(noise(grid, np.int16, 5), grid, facts())
    done = apply_correction(scan, CORRECTION, ApplyOptions(Interpolation.NEAREST))
    expected = resampled(scan, grid, sitk.sitkNearestNeighbor)
    differs = (done.volume.array != expected)[inner(done.volume.valid, grid.shape)]
    # Places within the table's error of half way between two voxels, on three axes.
    assert differs.mean() < 3 * 2 * 2 * PLACE_TOLERANCE


@pytest.mark.parametrize("kind", [np.int16, np.float32])
@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_the_order_of_bytes_changes_nothing(kind: type, interpolation: Interpolation) -> None:
    grid = fine_grid((40, 36, 20))
    array, options = noise(grid, kind), ApplyOptions(interpolation)
    swapped = array.astype(array.dtype.newbyteorder(">"))
    straight = apply_correction(scan_of(array, grid, facts()), CORRECTION, options).volume
    turned = apply_correction(scan_of(swapped, grid, facts()), CORRECTION, options).volume
    assert turned.array.dtype.isnative
    assert np.array_equal(turned.array, straight.array)


@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 2)])
@pytest.mark.parametrize("state", [VendorState.ND, VendorState.DIS2D])
def test_storing_small_voxels_flipped_changes_nothing(
    axes: tuple[int, int], state: VendorState
) -> None:
    """Cells begin at other voxels then, so the table differs within its tolerance."""
    grid = fine_grid()
    scan = scan_of(noise(grid, np.float32), grid, facts(state))
    flipped, array_axes = flipped_scan(scan, axes)
    options = ApplyOptions(Interpolation.LINEAR)
    straight = apply_correction(scan, CORRECTION, options)
    turned = apply_correction(flipped, CORRECTION, options)
    there = inner(straight.volume.valid, grid.shape)
    miss = np.abs(np.flip(turned.volume.array, array_axes) - straight.volume.array)[there]
    # Two tables, each within the tolerance along three axes, of steps of up to 1000.
    assert miss.max() < 2 * 3 * PLACE_TOLERANCE * 1000
    assert turned.largest_displacement_mm == pytest.approx(
        straight.largest_displacement_mm, abs=1e-2
    )


@pytest.mark.parametrize("state", [VendorState.ND, VendorState.DIS2D])
@pytest.mark.parametrize("interpolation", [Interpolation.LINEAR, Interpolation.SINC])
def test_what_is_counted_is_what_the_masks_and_the_map_say(
    state: VendorState, interpolation: Interpolation
) -> None:
    grid = fine_grid()
    scan = scan_of(noise(grid, np.int16), grid, facts(state))
    done = apply_correction(scan, SMALL_SUPPORT, ApplyOptions(interpolation))
    valid = np.ones(grid.shape, np.bool_) if done.volume.valid is None else done.volume.valid
    assert 0 < done.supported_fraction < 1
    both = (valid & done.supported).sum()
    assert done.supported_fraction == pytest.approx(both / valid.sum(), abs=1e-12)
    points = grid.points_lps()[valid]
    shown = scan.acquisition.true_to_shown_patient(SMALL_SUPPORT.field, points)
    longest = np.linalg.norm(shown - points, axis=-1).max()
    # Each axis of the table misses by no more than twice the tolerance of centres.
    allowed = 2 * PLACE_TOLERANCE * float(np.linalg.norm(grid.spacing))
    assert done.largest_displacement_mm == pytest.approx(longest, abs=allowed)
    (finding,) = done.findings
    lost = grid.points_lps()[valid & ~done.supported]
    isocentre = np.array(scan.facts.isocentre_lps.value)
    nearest = np.linalg.norm(lost - isocentre, axis=-1).min()
    assert f"at {nearest:.0f} mm" in finding.evidence
