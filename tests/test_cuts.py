"""A volume shows its middle, the right way up, whatever the order of its axes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr.dicom import load_series
from distcorr.space import Grid, Volume
from distcorr.space.cuts import LONGEST_PIXELS, middle_cuts, value_range
from tests.display.reading import Card

GRID = Grid((40, 30, 20), [-80.0, -60.0, 10.0], [4.0, 4.0, 6.0], np.eye(3))
RNG = np.random.default_rng(0)
VOLUME = Volume(RNG.normal(100, 20, GRID.shape).astype(np.float32), GRID)


def reordered(volume: Volume, axes: tuple[int, int, int], flips: tuple[bool, ...]) -> Volume:
    """The same voxels in the same places, their axes (0 for i) in another order and sense."""
    grid = volume.grid
    T = grid.T_lps_index
    size = np.array(grid.size)
    columns = [(-T[:3, a] if flips[a] else T[:3, a]) for a in axes]
    origin = T[:3, 3] + sum(T[:3, a] * (size[a] - 1) for a in range(3) if flips[a])
    new = np.eye(4)
    new[:3, :3], new[:3, 3] = np.array(columns).T, origin
    array = volume.array[tuple(slice(None, None, -1 if flips[a] else 1) for a in (2, 1, 0))]
    array = array.transpose([2 - axes[2 - n] for n in range(3)])
    return Volume(array, Grid.from_affine(tuple(int(size[a]) for a in axes), new))


RIGHT_HANDED = [
    (axes, (x, y, z))
    for axes, parity in (((0, 1, 2), 0), ((1, 2, 0), 0), ((2, 0, 1), 0),
                         ((1, 0, 2), 1), ((0, 2, 1), 1), ((2, 1, 0), 1))
    for x in (False, True) for y in (False, True) for z in (False, True)
    if (x + y + z) % 2 == parity
]  # fmt: skip


@pytest.mark.parametrize(("axes", "flips"), RIGHT_HANDED)
def test_order_and_sense_of_axes_do_not_change_the_pictures(
    axes: tuple[int, int, int], flips: tuple[bool, ...]
) -> None:
    other = reordered(VOLUME, axes, flips)
    np.testing.assert_allclose(other.grid.corners_lps.min(axis=0), GRID.corners_lps.min(axis=0))
    for mine, expected in zip(middle_cuts(other), middle_cuts(VOLUME), strict=True):
        assert np.array_equal(mine.image, expected.image)
        assert (mine.name, mine.letters, mine.axis) == (
            expected.name, expected.letters, expected.axis
        )  # fmt: skip
        np.testing.assert_allclose(mine.centre_lps, expected.centre_lps, atol=1e-9)


def test_cuts_show_the_right_voxels_the_right_way_up() -> None:
    i, j, k = 5, 20, 15
    array = np.zeros(GRID.shape, np.int16)
    array[GRID.shape[0] // 2, j, i] = 1  # right of the middle, behind it
    array[k, GRID.shape[1] // 2, i] = 2  # above it
    array[k, j, GRID.shape[2] // 2] = 3
    axial, coronal, sagittal = middle_cuts(Volume(array, GRID))
    for cut, value, right, down in (
        (axial, 1, (i + 0.5) / 40, (j + 0.5) / 30),
        (coronal, 2, (i + 0.5) / 40, 1 - (k + 0.5) / 20),
        (sagittal, 3, (j + 0.5) / 30, 1 - (k + 0.5) / 20),
    ):
        rows, columns = np.nonzero(cut.image == value)
        assert (columns.mean() + 0.5) / cut.image.shape[1] == pytest.approx(right, abs=0.02)
        assert (rows.mean() + 0.5) / cut.image.shape[0] == pytest.approx(down, abs=0.02)
    assert (axial.letters.left, axial.letters.top) == ("R", "A")
    assert (coronal.letters.left, coronal.letters.top) == ("R", "S")
    assert (sagittal.letters.left, sagittal.letters.bottom) == ("A", "I")
    assert axial.centre_lps[2] == pytest.approx(10 + 6 * 10)


@given(size=st.tuples(*[st.integers(1, 60)] * 3), spacing=st.tuples(*[st.floats(0.3, 12.0)] * 3))
def test_pixels_are_square(size: tuple[int, int, int], spacing: tuple[float, ...]) -> None:
    grid = Grid(size, np.zeros(3), spacing, np.eye(3))
    pixel = grid.extent.max() / LONGEST_PIXELS
    for cut, (right, down) in zip(
        middle_cuts(Volume(np.zeros(grid.shape, np.uint8), grid)), ((0, 1), (0, 2), (1, 2)),
        strict=True,
    ):  # fmt: skip
        rows, columns = cut.image.shape
        assert columns == pytest.approx(max(1, grid.extent[right] / pixel), abs=0.51)
        assert rows == pytest.approx(max(1, grid.extent[down] / pixel), abs=0.51)


def test_an_oblique_grid_is_named_by_two_letters() -> None:
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    turned = Grid(GRID.size, np.zeros(3), GRID.spacing, [[c, -s, 0], [s, c, 0], [0, 0, 1]])
    axial, coronal, _ = middle_cuts(Volume(VOLUME.array, turned))
    assert axial.name == "near axial"
    assert (axial.letters.left, axial.letters.right) == ("RA", "LP")
    assert (coronal.letters.top, coronal.letters.bottom) == ("S", "I")
    facts = Card(Volume(VOLUME.array, turned)._repr_html_()).facts
    assert facts["orientation"] == "i to L, j to P, k to S; tilted by up to 20.0 deg"


def test_the_card_tells_the_facts() -> None:
    valid = np.ones(GRID.shape, bool)
    valid[:10] = False
    card = Card(Volume(VOLUME.array, GRID, valid)._repr_html_())
    assert len(card.pictures) == 3
    assert card.facts["size"] == "40 x 30 x 20 voxels along i, j, k"
    assert card.facts["spacing"] == "4 x 4 x 6 mm"
    assert card.facts["field of view"] == "160.0 x 120.0 x 120.0 mm"
    assert card.facts["orientation"] == "i to L, j to P, k to S; straight"
    assert "patient LPS" in card.facts["frame"]
    assert card.facts["valid"].startswith("50.0% of voxels")
    assert card.facts["stored as"] == "float32, 96.0 kB"
    assert "axial, z = 70.0 mm; edges: left R, right L, top A, bottom P" in card.descriptions
    assert Volume(VOLUME.array, GRID, valid)._repr_html_() == (
        Volume(VOLUME.array.copy(), GRID, valid)._repr_html_()
    )


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.full(GRID.shape, np.nan), "none is a number"),
        (np.full(GRID.shape, 7, np.uint8), "7 to 7"),
        (np.zeros(GRID.shape, bool), "0 to 0"),
        (np.where(np.arange(GRID.size[0]) < 4, np.nan, np.full(GRID.shape, 2.0)),
         "2 to 2; 10.0% of voxels are not a number"),
        (np.where(np.arange(GRID.size[0]) < 4, np.inf, np.full(GRID.shape, -2.0)), "-2 to inf"),
    ],
)  # fmt: skip
def test_odd_values_are_told_and_drawn(array: np.ndarray, told: str) -> None:
    volume = Volume(array, GRID)
    assert Card(volume._repr_html_()).facts["values"] == told
    assert "Volume(" in repr(volume)


def test_nothing_valid_and_a_single_slice() -> None:
    grid = Grid((30, 20, 1), np.zeros(3), [2.0, 2.0, 5.0], np.eye(3))
    nothing = Volume(np.ones(grid.shape), grid, np.zeros(grid.shape, bool))
    card = Card(nothing._repr_html_())
    assert card.facts["valid"].startswith("0.0%")
    assert all(np.isnan(cut.image).all() for cut in middle_cuts(nothing))


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_a_large_volume_costs_little_memory(dtype: type) -> None:
    grid = Grid((256, 256, 400), np.zeros(3), np.ones(3), np.eye(3))
    volume = Volume(np.zeros(grid.shape, dtype), grid, np.ones(grid.shape, bool))
    volume._repr_html_()
    tracemalloc.start()
    try:
        volume._repr_html_()
        assert tracemalloc.get_traced_memory()[1] < volume.array.nbytes / 10
    finally:
        tracemalloc.stop()


def test_range_of_integers() -> None:
    assert value_range(np.arange(24).reshape(2, 3, 4)) == (0.0, 23.0, 0)


def test_a_real_scan(data: Path) -> None:
    volume = load_series(data / "knee_axcor" / "cor_pd_fs").volume
    card = Card(volume._repr_html_())
    assert [cut.name.split()[-1] for cut in middle_cuts(volume)] == [
        "axial", "coronal", "sagittal"
    ]  # fmt: skip
    assert all(picture.std() > 0.05 for picture in card.pictures)
