"""Parts of one subject's body, left out in turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.learn import Reference, spatial_cv
from distcorr.learn.shifts import BLOCK_MM
from distcorr.learn.spatial_cv import CUBE_BLOCKS, CUBE_MM, FOLDS, cross_validate, fold_of
from distcorr.space import PatientPosition, transform_points
from tests.learn.examples import AXIAL, CORONAL, SETTINGS, bare_scan

places = st.tuples(*[st.integers(-9, 9)] * 3).map(np.array)


@given(places, st.integers(0, 2), st.sampled_from([-1, 1]))
def test_neighbours_are_of_different_folds(cube: np.ndarray, axis: int, step: int) -> None:
    neighbour = cube + step * np.eye(3, dtype=int)[axis]
    assert 0 <= fold_of(*cube) < FOLDS
    assert fold_of(*cube) != fold_of(*neighbour)


def test_folds_meet_at_the_isocentre_in_equal_parts() -> None:
    x, y, z = np.meshgrid([-1, 0], [-1, 0], [-1, 0])
    assert np.bincount(fold_of(x, y, z).reshape(-1)).tolist() == [2] * FOLDS


@pytest.mark.parametrize("position", [PatientPosition.HFS, PatientPosition.FFP])
def test_every_voxel_is_left_out_once_where_its_block_is(position: PatientPosition) -> None:
    scan = bare_scan(
        VendorState.ND, AXIAL, table_mm=17.0, position=position, array=np.ones((30, 34, 38))
    )
    reference = Reference("r1", scan, bare_scan(VendorState.ND, CORONAL))
    kept = [spatial_cv.without_fold(reference, fold).mask for fold in range(FOLDS)]
    np.testing.assert_array_equal(np.sum([~mask for mask in kept], axis=0), 1)
    grid = scan.volume.grid
    points = transform_points(scan.acquisition.T_scanner_patient, grid.points_lps())
    block = np.floor(points / BLOCK_MM).astype(int)
    expected = fold_of(*np.moveaxis(block // CUBE_BLOCKS, -1, 0))
    inside = (np.abs(points / CUBE_MM - np.rint(points / CUBE_MM)) > 1e-6).all(axis=-1)
    np.testing.assert_array_equal(np.argmin(kept, axis=0)[inside], expected[inside])


def test_the_users_mask_holds_too() -> None:
    scan = bare_scan(VendorState.ND, AXIAL, array=np.ones((30, 34, 38)))
    mask = np.random.default_rng(0).random((30, 34, 38)) < 0.5
    plain = Reference("r1", scan, bare_scan(VendorState.ND, CORONAL))
    for fold in range(FOLDS):
        both = spatial_cv.without_fold(replace(plain, mask=mask), fold).mask
        np.testing.assert_array_equal(both, mask & spatial_cv.without_fold(plain, fold).mask)


def test_a_small_body_is_refused_before_anything_is_learned(
    references: list[Reference], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_to_learn(*arguments: object) -> None:
        raise AssertionError("learning was begun")

    monkeypatch.setattr(spatial_cv, "learn", refuse_to_learn)
    scan = references[0].axial
    points = transform_points(scan.acquisition.T_scanner_patient, scan.volume.grid.points_lps())
    one_side = (points[..., 0] > 0) & (points[..., 2] > 0) & (points[..., 2] < 30)
    small = replace(references[0], mask=one_side)
    with pytest.raises(DistcorrError) as refusal:
        cross_validate([small], SETTINGS, None)
    assert refusal.value.code is Code.TOO_FEW_REFERENCES
    assert "16 needed" in str(refusal.value)
