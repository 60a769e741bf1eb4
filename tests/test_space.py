"""Frames and grids keep what geometry promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr.errors import Code, DistcorrError
from distcorr.space import (
    Grid,
    PatientPosition,
    Volume,
    rotation_scanner_patient,
    transform_points,
    transform_vectors,
    translation,
)
from distcorr.space.frames import T_scanner_patient
from tests.strategies import grids, points, rotations

# Where the patient's left, posterior and superior point, told in the scanner's words:
# left and down as for a head-first supine patient, "in" as that patient's superior.
PICTURES = {
    "HFS": ("left", "down", "in"),
    "HFP": ("right", "up", "in"),
    "HFDR": ("up", "left", "in"),
    "HFDL": ("down", "right", "in"),
    "FFS": ("right", "down", "out"),
    "FFP": ("left", "up", "out"),
    "FFDR": ("up", "right", "out"),
    "FFDL": ("down", "left", "out"),
}
DIRECTIONS = {
    "left": (1, 0, 0), "right": (-1, 0, 0), "down": (0, 1, 0), "up": (0, -1, 0),
    "in": (0, 0, 1), "out": (0, 0, -1),
}  # fmt: skip


@pytest.mark.parametrize("position", PatientPosition)
def test_patient_position_by_picture(position):
    rotation = rotation_scanner_patient(position)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    for axis, word in enumerate(PICTURES[position]):
        np.testing.assert_array_equal(rotation[:, axis], DIRECTIONS[word])


@pytest.mark.parametrize("position", PatientPosition)
def test_decubitus_side_points_down_and_head_leads(position):
    rotation = rotation_scanner_patient(position)
    underneath = {"S": (0, 1, 0), "P": (0, -1, 0), "DR": (-1, 0, 0), "DL": (1, 0, 0)}
    down = rotation @ np.array(underneath[position[2:]])
    np.testing.assert_array_equal(down, (0, 1, 0))
    head = rotation @ np.array((0, 0, 1))
    np.testing.assert_array_equal(head, (0, 0, 1 if position.startswith("HF") else -1))


@given(st.sampled_from(PatientPosition), points())
def test_isocentre_goes_to_the_origin(position, isocentre):
    T = T_scanner_patient(position, isocentre)
    np.testing.assert_allclose(transform_points(T, isocentre), 0, atol=1e-9)


@given(rotations(), points(), points(), points())
def test_points_and_vectors(rotation, offset, point, vector):
    T = translation(offset)
    T[:3, :3] = rotation
    moved = transform_points(T, point + vector) - transform_points(T, point)
    np.testing.assert_allclose(transform_vectors(T, vector), moved, atol=1e-8)
    back = transform_points(np.linalg.inv(T), transform_points(T, point))
    np.testing.assert_allclose(back, point, atol=1e-8)


@given(grids())
def test_grid_round_trip(grid):
    np.testing.assert_allclose(grid.T_lps_index @ grid.T_index_lps, np.eye(4), atol=1e-8)
    again = Grid.from_affine(grid.size, grid.T_lps_index)
    assert again.same_as(grid, 1e-6)
    np.testing.assert_allclose(grid.corners_lps[0], grid.origin_lps)
    np.testing.assert_allclose(
        grid.corners_lps[-1],
        transform_points(grid.T_lps_index, np.array(grid.size) - 1),
        atol=1e-8,
    )
    assert grid.normal_lps @ grid.direction[:, 0] == pytest.approx(0, abs=1e-9)


@given(grids())
def test_points_follow_the_affine(grid):
    if np.prod(grid.size) > 5000:
        return
    placed = grid.points_lps()
    assert placed.shape == (*grid.shape, 3)
    k, j, i = (n - 1 for n in grid.shape)
    np.testing.assert_allclose(
        placed[k, j, i], transform_points(grid.T_lps_index, (i, j, k)), atol=1e-8
    )


@given(grids())
def test_affines_are_copies_and_fields_are_frozen(grid):
    grid.T_lps_index[:] = 0
    grid.normal_lps[:] = 0
    assert grid.T_lps_index[3, 3] == 1
    with pytest.raises(ValueError, match="read-only"):
        grid.origin_lps[0] = 1
    assert "voxels" in repr(grid)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": (0, 1, 1)},
        {"size": (2, 2)},
        {"origin_lps": (0, 0)},
        {"origin_lps": (0, 0, np.nan)},
        {"spacing": (1, 1, 0)},
        {"spacing": (1, 1, -1)},
        {"spacing": (1, 1, np.inf)},
        {"direction": np.diag([1, 1, -1])},
        {"direction": np.ones((3, 3))},
        {"direction": np.eye(2)},
        {"direction": np.eye(3) * 1.01},
    ],
)
def test_impossible_grids_are_refused(changes):
    good = {
        "size": (2, 3, 4),
        "origin_lps": (0, 0, 0),
        "spacing": (1, 1, 1),
        "direction": np.eye(3),
    }
    Grid(**good)
    with pytest.raises(DistcorrError) as refusal:
        Grid(**(good | changes))
    assert refusal.value.code is Code.GEOMETRY_INVALID


def test_volume_needs_its_shape():
    grid = Grid((2, 3, 4), np.zeros(3), np.ones(3), np.eye(3))
    assert "100.0% valid" in repr(Volume(np.ones((4, 3, 2)), grid, np.ones((4, 3, 2), bool)))
    with pytest.raises(DistcorrError):
        Volume(np.zeros((2, 3, 4)), grid)
    with pytest.raises(DistcorrError):
        Volume(np.zeros((4, 3, 2)), grid, np.ones((2, 3, 4), bool))
