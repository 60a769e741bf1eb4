"""Siemens mosaics: the CSA header says where the tiles are."""

import struct

import numpy as np
import pydicom
import pytest

from distcorr.dicom import load_series
from distcorr.dicom.csa import read_csa, slice_positions
from distcorr.errors import Code, DistcorrError
from distcorr.space import Volume
from tests.dicom.examples import edit, grid, set_pixels, write

PER_SIDE = 3
COUNT = 7


def csa(elements, *, second=True):
    """Pack elements as the vendor does."""
    parts = [b"SV10\x04\x03\x02\x01"] if second else []
    parts.append(struct.pack("<II", len(elements), 77))
    base = 0 if second else len(next(iter(elements.values())))
    for name, values in elements.items():
        parts.append(struct.pack("<64sI4sIII", name.encode(), 1, b"FD", 4, len(values), 77))
        for value in values:
            raw = str(value).encode() + b"\0"
            lengths = (len(raw), len(raw), 77, len(raw)) if second else (len(raw) + base, 0, 77, 0)
            parts.append(struct.pack("<4I", *lengths) + raw + b"\0" * (-len(raw) % 4))
    return b"".join(parts)


@pytest.mark.parametrize("second", [True, False])
def test_both_versions_are_read(second):
    elements = {"SliceNormalVector": ("0.5", "-1", "0"), "NumberOfImagesInMosaic": ("7",)}
    assert read_csa(csa(elements, second=second)) == elements


def test_protocol_leaves_zeros_out():
    protocol = (
        b"sSliceArray.asSlice[0].sPosition.dTra\t = -6.5\n"
        b"sSliceArray.asSlice[1].dThickness = 3\n"
        b"sSliceArray.asSlice[2].sPosition.dSag = 1e1\n"
    )
    assert slice_positions(protocol) == [(0, 0, -6.5), (0, 0, 0), (10, 0, 0)]


def mosaic(folder, sign, *, protocol=True):
    """Write a coronal mosaic of seven tiles; returns tiles and the grid they fill."""
    on = grid(size=(8, 6, COUNT))
    tiles = np.random.default_rng(2).integers(1, 900, (COUNT, 6, 8)).astype(np.uint16)
    whole = np.zeros((6 * PER_SIDE, 8 * PER_SIDE), np.uint16)
    for n, tile in enumerate(tiles):
        row, column = divmod(n, PER_SIDE)
        whole[row * 6 : row * 6 + 6, column * 8 : column * 8 + 8] = tile
    first = on.origin_lps if sign > 0 else on.origin_lps + on.normal_lps * 4.0 * (COUNT - 1)
    half = (PER_SIDE - 1) / 2
    corner = first - half * (8 * 1.5 * on.direction[:, 0] + 6 * 2.0 * on.direction[:, 1])
    path = write(folder, Volume(tiles[:2], grid(size=(8, 6, 2))))[0]
    for other in folder.iterdir():
        if other != path:
            other.unlink()

    def change(ds):
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
        ds.Rows, ds.Columns = whole.shape
        set_pixels(ds, whole)
        ds.ImagePositionPatient = [round(v, 6) for v in corner]
        ds.SpacingBetweenSlices = 9
        block = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        normal = [str(v) for v in sign * on.normal_lps]
        elements = {"NumberOfImagesInMosaic": [COUNT], "SliceNormalVector": normal}
        block.add_new(0x10, "OB", csa(elements))
        lines = "".join(
            f"sSliceArray.asSlice[{n}].sPosition.dCor = {4.0 * n}\n" for n in range(COUNT)
        )
        block.add_new(0x20, "OB", lines.encode() if protocol else b"none")

    edit(path, change)
    return tiles[::sign], on


@pytest.mark.parametrize("sign", [1, -1])
def test_tiles_are_placed_along_the_csa_normal(sign, tmp_path):
    tiles, on = mosaic(tmp_path, sign)
    loaded = load_series(tmp_path)
    assert loaded.volume.grid.same_as(on, 1e-6)
    np.testing.assert_array_equal(loaded.volume.array, tiles)
    told = {finding.code for finding in loaded.series.findings}
    assert Code.SPACING_TAG_DISAGREES in told


@pytest.mark.parametrize("lost", [0x10, 0x20])
def test_a_mosaic_without_its_private_header_is_refused(lost, tmp_path):
    mosaic(tmp_path, 1)

    def strip(ds):
        del ds.private_block(0x0029, "SIEMENS CSA HEADER")[lost]

    edit(tmp_path.iterdir(), strip)
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code is Code.GEOMETRY_MISSING
    assert "private tags" in str(refusal.value)


def test_a_normal_that_contradicts_the_image_is_refused(tmp_path):
    mosaic(tmp_path, 1)

    def tilt(ds):
        elements = {"NumberOfImagesInMosaic": [COUNT], "SliceNormalVector": ["1", "0", "0"]}
        ds.private_block(0x0029, "SIEMENS CSA HEADER")[0x10].value = csa(elements)

    edit(tmp_path.iterdir(), tilt)
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code is Code.GEOMETRY_INVALID


def test_mosaic_slices_of_a_real_series(data):
    folder = data / "epi_3plane_mosaic" / "corasc35"
    path = next(iter(sorted(folder.iterdir())))
    assert pydicom.dcmread(path).Rows == 384
    assert load_series(path).volume.array.shape == (35, 64, 64)
