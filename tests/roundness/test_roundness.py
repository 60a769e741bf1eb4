"""The shape of a ball, measured on labels and meshes of known shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from distcorr.errors import Code, DistcorrError
from distcorr.roundness import (
    Surface,
    labels_of,
    measure_roundness,
    surface_of_label,
    surface_of_triangles,
)
from distcorr.space import Grid, Volume
from tests.roundness.examples import OBLIQUE, label_of, mesh_of

RATIO_TOLERANCE = 0.005
"""Half a percent: a femoral head squeezed by 0.1 mm."""

CUT_RADIUS_TOLERANCE = 0.01
"""Where a fifth of the surface is missing, centre and size are less certain than the ratio."""

CENTRE = np.array([80.0, -5.0, 140.0])
NECK = (np.array([1.0, 0.3, -1.0]), 14.0)
HEADS = [(24.0, 24.0, 24.0), (24.0, 20.6, 24.0), (24.0, 20.6, 22.0)]


@pytest.mark.parametrize("radii", HEADS)
@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (1.0, 1.0, 4.0)])
@pytest.mark.parametrize("cut", [None, NECK])
def test_the_axis_ratio_of_a_label_is_found(radii, spacing, cut) -> None:
    labels = label_of(radii, spacing, CENTRE, OBLIQUE, cut)
    found = measure_roundness(surface_of_label(labels, 1))
    known = min(radii) / max(radii)
    assert found.axis_ratio == pytest.approx(known, rel=RATIO_TOLERANCE)
    radius_tolerance = RATIO_TOLERANCE if cut is None else CUT_RADIUS_TOLERANCE
    assert found.ellipsoid.radii_mm == pytest.approx(sorted(radii), rel=radius_tolerance)
    np.testing.assert_allclose(found.ellipsoid.centre_lps, CENTRE, atol=0.2)
    assert found.significant is (known < 1)


def test_a_squeeze_is_told_with_its_direction() -> None:
    found = measure_roundness(surface_of_label(label_of(HEADS[1], (2, 2, 2), CENTRE), 1))
    np.testing.assert_allclose(found.squeeze_lps, [0, 1, 0], atol=0.05)
    assert found.squeeze_name.startswith("front-back")
    assert "squeezed front-back" in found.text
    assert "p < 0.001" in found.text


@pytest.mark.parametrize("radii", HEADS)
def test_the_axis_ratio_of_a_mesh_is_found(radii) -> None:
    found = measure_roundness(surface_of_triangles(*mesh_of(radii, CENTRE)))
    assert found.axis_ratio == pytest.approx(min(radii) / max(radii), rel=RATIO_TOLERANCE)


def test_noise_does_not_make_a_ball_an_ellipse() -> None:
    points, triangles = mesh_of(HEADS[0], CENTRE)
    rng = np.random.default_rng(1)
    chances = []
    for _ in range(10):
        noisy = points + rng.normal(0, 0.3, points.shape)
        found = measure_roundness(surface_of_triangles(noisy, triangles))
        assert found.axis_ratio > 0.98
        chances.append(found.p_value)
    assert sum(chance < 0.1 for chance in chances) <= 4


def test_a_part_of_a_ball_is_not_tested() -> None:
    points, _ = mesh_of(HEADS[0], CENTRE, rings=40)
    part = points[points[:, 2] > CENTRE[2] + 14]
    found = measure_roundness(Surface(part, None, np.ones(len(part)), np.eye(3)))
    assert found.p_value is None
    assert found.significant is None
    assert "too little surface" in found.text


@settings(max_examples=5, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
    scale=st.floats(0.3, 3.0),
    shift=st.tuples(*[st.floats(-200, 200)] * 3),
)
def test_the_measure_moves_with_the_ball(angles, scale, shift) -> None:
    turn = Rotation.from_euler("xyz", angles).as_matrix()
    points, triangles = mesh_of(HEADS[2], np.zeros(3))
    moved = scale * points @ turn.T + np.array(shift)
    one = measure_roundness(surface_of_triangles(points, triangles))
    other = measure_roundness(surface_of_triangles(moved, triangles))
    assert other.axis_ratio == pytest.approx(one.axis_ratio, abs=1e-4)
    assert abs(other.squeeze_lps @ turn @ one.squeeze_lps) == pytest.approx(1.0, abs=1e-4)


def test_what_is_no_ball_is_refused() -> None:
    grid = Grid((8, 8, 8), np.zeros(3), np.ones(3), np.eye(3))
    empty = Volume(np.zeros(grid.shape, np.uint8), grid)
    with pytest.raises(DistcorrError) as refusal:
        surface_of_label(empty, 1)
    assert refusal.value.code is Code.NO_CONTRAST
    tiny = empty.array.copy()
    tiny[4, 4, 4] = 1
    with pytest.raises(DistcorrError) as refusal:
        surface_of_label(Volume(tiny, grid), 1)
    assert refusal.value.code is Code.NO_CONTRAST
    image = Volume(np.arange(512, dtype=np.int16).reshape(grid.shape), grid)
    with pytest.raises(DistcorrError) as refusal:
        labels_of(image)
    assert refusal.value.code is Code.BAD_FORMAT
    points, triangles = mesh_of(HEADS[0], CENTRE)
    points[7] = np.nan
    with pytest.raises(DistcorrError) as refusal:
        surface_of_triangles(points, triangles)
    assert refusal.value.code is Code.POINTS_INVALID


@pytest.mark.parametrize("bulge_mm", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_a_plane_is_no_ball(seed: int, bulge_mm: float) -> None:
    """Whether the fit makes it a disk or a cap of a huge sphere, which is chance."""
    across = np.random.default_rng(seed).uniform(-20, 20, (300, 2))
    flat = np.c_[across, bulge_mm * (1 - (across**2).sum(axis=1) / 20**2)]
    with pytest.raises(DistcorrError) as refusal:
        measure_roundness(Surface(flat, None, np.ones(300), np.eye(3)))
    assert refusal.value.code is Code.NOT_CONVERGED
