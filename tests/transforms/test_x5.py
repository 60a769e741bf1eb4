"""X5 beyond what all formats share: its attributes, its rim, NiTransforms' resampling."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
from nitransforms.io import x5
from nitransforms.nonlinear import DenseFieldTransform
from nitransforms.resampling import apply

from distcorr.apply import ApplyOptions, Interpolation, apply_correction
from distcorr.facts import VendorState
from distcorr.transforms import Direction, ScanMap, write_transform
from distcorr.transforms.x5 import RIM_VOXELS
from tests.apply.examples import facts, scan_of, smooth_object
from tests.transforms.examples import CORRECTION, GRIDS, random_points, scan_map
from tests.transforms.readers import by_nitransforms

GRID = GRIDS["coronal"]
RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def test_every_attribute_is_as_nitransforms_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "t.x5"
    write_transform(path, scan_map(GRID, direction=Direction.SHOWN_TO_TRUE), GRID)
    [ours] = x5.from_filename(path)
    size = tuple(n + 2 * RIM_VOXELS for n in GRID.size)
    affine = ours.domain.mapping
    theirs = DenseFieldTransform(
        nib.Nifti1Image(ours.transform, affine), reference=nib.Nifti1Image(np.zeros(size), affine)
    ).to_x5()
    for name in ("type", "subtype", "representation", "array_length", "inverse", "jacobian"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert tuple(ours.dimension_kinds) == tuple(theirs.dimension_kinds)
    assert (ours.domain.grid, ours.domain.coordinates) == (True, theirs.domain.coordinates)
    assert tuple(ours.domain.size) == size
    assert ours.transform.dtype == np.float32
    assert ours.metadata == {"WrittenBy": "distcorr", "Direction": "shown to true"}
    first = affine @ [RIM_VOXELS, RIM_VOXELS, RIM_VOXELS, 1]
    np.testing.assert_allclose(first, RAS_LPS @ [*GRID.origin_lps, 1], atol=1e-9)


def test_points_at_the_rim_are_as_exact_as_others(tmp_path: Path) -> None:
    path = tmp_path / "t.x5"
    on = scan_map(GRID)
    write_transform(path, on, GRID)
    points = random_points(GRID, 300)
    index = (points - GRID.origin_lps) @ GRID.direction / GRID.spacing
    index[:, 0] = 0.5  # half a voxel from the rim, where the splines are worst
    points = index @ GRID.T_lps_index[:3, :3].T + GRID.origin_lps
    assert np.abs(by_nitransforms(path)(points) - on.moved_patient(points)).max() < 0.01


def test_nitransforms_corrects_the_image_as_apply_does(tmp_path: Path) -> None:
    array = smooth_object(GRID.points_lps())
    scan = scan_of(array, GRID, facts(VendorState.ND))
    path = tmp_path / "t.x5"
    write_transform(path, ScanMap(CORRECTION, scan.acquisition), GRID)
    image = nib.Nifti1Image(array.transpose(2, 1, 0), RAS_LPS @ GRID.T_lps_index)
    transform = DenseFieldTransform.from_filename(path, fmt="X5")
    theirs = np.asarray(apply(transform, image, reference=image, order=1).dataobj)
    ours = apply_correction(scan, CORRECTION, ApplyOptions(Interpolation.LINEAR)).volume.array
    inner = (slice(2, -2),) * 3
    # 20 grey levels per mm.
    assert np.abs(theirs.transpose(2, 1, 0) - ours)[inner].max() < 20 * 0.01
