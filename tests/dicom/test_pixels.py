"""Voxel values: scaling, sign, padding, encodings."""

import numpy as np
import pydicom
import pytest

from distcorr.dicom import find_series, load_series
from distcorr.dicom.pixels import PixelReader
from distcorr.dicom.read import read_header
from tests.dicom.examples import edit, enhanced, grid, set_pixels, volume, write


def test_slope_and_intercept_of_each_slice(tmp_path):
    paths = write(tmp_path)
    for n, path in enumerate(paths):

        def scale(ds, n=n):
            ds.RescaleSlope, ds.RescaleIntercept = 1 + 0.5 * n, -n

        edit(path, scale)
    loaded = load_series(tmp_path).volume
    n = np.arange(6)[:, None, None]
    assert loaded.array.dtype == np.float32
    np.testing.assert_allclose(loaded.array, volume().array * (1 + 0.5 * n) - n)


def test_signed_values(tmp_path):
    paths = write(tmp_path)

    def signed(ds):
        ds.PixelRepresentation = 1
        set_pixels(ds, (ds.pixel_array.astype(np.int16) - 2000).view(np.uint16))

    edit(paths, signed)
    loaded = load_series(tmp_path).volume
    assert loaded.array.dtype == np.int16
    np.testing.assert_array_equal(loaded.array, volume().array.astype(int) - 2000)


@pytest.mark.parametrize(("padding", "stored"), [(0, 0), (-2000, 65536 - 2000)])
def test_padding_is_not_valid(padding, stored, tmp_path):
    paths = write(tmp_path)

    def pad(ds):
        ds.add_new("PixelPaddingValue", "SS", padding)
        array = ds.pixel_array.copy() + 1
        array[0, :3] = stored
        set_pixels(ds, array)

    edit(paths, pad)
    loaded = load_series(tmp_path).volume
    expected = np.ones((6, 5, 7), dtype=bool)
    expected[:, 0, :3] = False
    np.testing.assert_array_equal(loaded.valid, expected)


def test_padding_range(tmp_path):
    paths = write(tmp_path)

    def pad(ds):
        ds.add_new("PixelPaddingValue", "US", 100)
        ds.add_new("PixelPaddingRangeLimit", "US", 200)

    edit(paths, pad)
    values = volume().array
    np.testing.assert_array_equal(
        load_series(tmp_path).volume.valid, (values < 100) | (values > 200)
    )


def test_pixels_that_are_not_square(tmp_path):
    write(tmp_path)
    ds = pydicom.dcmread(next(tmp_path.iterdir()))
    assert list(ds.PixelSpacing) == [2, 1.5]  # rows, columns
    assert load_series(tmp_path).volume.grid.spacing[:2].tolist() == [1.5, 2]


@pytest.mark.parametrize("shared", [False, True])
def test_enhanced_equals_classic(shared, tmp_path):
    paths = write(tmp_path / "classic", seed=None)
    shuffled = [paths[k] for k in (3, 0, 5, 1, 4, 2)]
    target = enhanced(shuffled, tmp_path / "enhanced", shared=shared)
    classic, multi = load_series(tmp_path / "classic"), load_series(target)
    assert multi.volume.grid.same_as(classic.volume.grid, 1e-9)
    np.testing.assert_array_equal(multi.volume.array, classic.volume.array)
    assert multi.series.facts.state.value == classic.series.facts.state.value
    assert "(0021,xx75)" in multi.series.facts.state.source


_KINDS = "RLE bigendian expb implicit jp2klossless jpeg_ls_lossless padded"
VARIANTS = [f"MR_small_{kind}" for kind in _KINDS.split()]


@pytest.mark.parametrize("name", VARIANTS)
def test_encodings_agree(name, data):
    folder = data / "edge" / "pydicom_mr_variants"
    plain, other = (
        PixelReader().stored(read_header(folder / f"{n}.dcm").frames[0]) for n in ("MR_small", name)
    )
    np.testing.assert_array_equal(plain, other)


def test_copies_in_other_encodings_are_identical(data):
    folder = data / "edge" / "pydicom_mr_variants"
    files = [folder / "MR_small.dcm", *(folder / f"{name}.dcm" for name in VARIANTS)]
    [series] = find_series(files).series
    assert series.refusal.code == "not-a-volume"
    assert len(series.frames) == 1
    assert "7 images" in series.findings[0].what


def test_input_is_not_modified(tmp_path):
    paths = write(tmp_path)
    before = [path.read_bytes() for path in paths]
    load_series(tmp_path)
    assert before == [path.read_bytes() for path in paths]
    assert load_series(paths).volume.grid.same_as(grid(), 1e-9)
