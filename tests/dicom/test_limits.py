"""What no scanner can have made is refused, and nothing that a file claims is believed."""

import os
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from distcorr.dicom import find_series, load_series
from distcorr.dicom.decoding import decode
from distcorr.dicom.files import MAX_INFLATED_BYTES, MAX_ZERO_ELEMENTS, read_file
from distcorr.dicom.plausible import FARTHEST_MM, LARGEST_EXTENT_MM, SMALLEST_EXTENT_MM
from distcorr.errors import Code, DistcorrError
from distcorr.space import PatientPosition, Volume
from tests.dicom.examples import edit, enhanced, grid, set_pixels, volume, write
from tests.robustness.scene import put_raw

META_LENGTH_AT = 140
"""Where a file states the length of its meta header, which ends 4 bytes and that later."""


def _end_of_meta(content):
    return (
        META_LENGTH_AT + 4 + int.from_bytes(content[META_LENGTH_AT : META_LENGTH_AT + 4], "little")
    )


def refusal_of(folder):
    with pytest.raises(DistcorrError) as refusal:
        load_series(folder)
    return refusal.value


@pytest.mark.parametrize(
    "spacing",
    [(0.001, 0.001, 4), (1e6, 1e6, 4), (1e-12, 1e-12, 4), (1e300, 1e300, 4), (1, 1, 1e-3)],
)
def test_fields_of_view_that_no_scanner_has_are_refused(spacing, tmp_path):
    paths = write(tmp_path)
    if spacing[2] == 4:
        edit(paths, lambda ds: setattr(ds, "PixelSpacing", list(spacing[:2])))
    else:
        edit(paths, lambda ds: setattr(
            ds, "ImagePositionPatient", [spacing[2] * v for v in ds.ImagePositionPatient]
        ))  # fmt: skip
    assert refusal_of(tmp_path).code is Code.GEOMETRY_INVALID
    [series] = find_series([tmp_path]).series
    assert series.refusal.code is Code.GEOMETRY_INVALID


@pytest.mark.parametrize("place", [1e9, -1e300, FARTHEST_MM * 1.01])
def test_slices_that_no_scanner_reaches_are_refused(place, tmp_path):
    paths = write(tmp_path)
    edit(paths[2], lambda ds: setattr(ds, "ImagePositionPatient", [0, place, 0]))
    refusal = refusal_of(tmp_path)
    assert refusal.code is Code.GEOMETRY_INVALID
    assert paths[2].name in str(refusal)


def test_the_limits_leave_room_for_whole_bodies_and_for_specimens(tmp_path):
    whole = grid(size=(5, 5, 5), spacing=(100.0, 100.0, 500.0), origin=(0, 0, 0))
    small = grid(size=(40, 40, 10), spacing=(0.05, 0.05, 0.2), origin=(0, 0, 0))
    for name, on in (("whole", whole), ("small", small)):
        assert on.extent.min() > SMALLEST_EXTENT_MM
        assert on.extent.max() < LARGEST_EXTENT_MM
        write(tmp_path / name, volume(on))
        assert load_series(tmp_path / name).volume.grid.same_as(on)


def test_a_stray_slice_does_not_fill_the_memory(tmp_path):
    paths = write(tmp_path)
    edit(paths[-1], lambda ds: setattr(
        ds, "ImagePositionPatient", [*ds.ImagePositionPatient[:1], 900.0, 40.0]
    ))  # fmt: skip
    refusal = refusal_of(tmp_path)
    assert refusal.code is Code.GEOMETRY_INVALID
    assert "too far apart" in str(refusal)


# Pixels that contradict their header ------------------------------------------------


@pytest.mark.parametrize("keyword", ["Rows", "Columns"])
def test_too_few_rows_or_columns_do_not_crop_or_scramble(keyword, tmp_path):
    paths = write(tmp_path)
    edit(paths, lambda ds: setattr(ds, keyword, getattr(ds, keyword) - 1))
    refusal = refusal_of(tmp_path)
    assert refusal.code is Code.PIXELS_UNREADABLE
    assert "more than" in str(refusal)


def test_more_images_than_stated_are_refused(tmp_path):
    paths = write(tmp_path)
    edit(paths[1], lambda ds: setattr(ds, "PixelData", ds.PixelData * 2))
    assert refusal_of(tmp_path).code is Code.PIXELS_UNREADABLE


def test_zeros_behind_an_image_are_filling(tmp_path):
    whole = write(tmp_path / "whole")
    padded = write(tmp_path / "padded")
    for extra, path in zip((2, 8, 14, 60), padded, strict=False):
        edit(path, lambda ds, extra=extra: setattr(ds, "PixelData", ds.PixelData + bytes(extra)))
    first, second = (load_series(paths[0].parent).volume for paths in (whole, padded))
    np.testing.assert_array_equal(first.array, second.array)


def test_zeros_behind_an_empty_last_row_may_be_the_image(tmp_path):
    paths = write(tmp_path)

    def shorten(ds):
        empty = np.zeros((ds.Rows, ds.Columns), np.uint16)
        set_pixels(ds, empty)
        ds.Columns -= 1

    edit(paths, shorten)
    assert refusal_of(tmp_path).code is Code.PIXELS_UNREADABLE


def test_real_filling_is_accepted(data):
    folder = data / "edge" / "pydicom_mr_variants"
    plain, padded = (decode(folder / f"MR_small{name}.dcm") for name in ("", "_padded"))
    np.testing.assert_array_equal(plain, padded)


def test_sizes_that_nothing_stands_behind_take_no_memory(data, tmp_path):
    source = data / "edge" / "pydicom_mr_variants" / "MR_small_RLE.dcm"
    for k in range(2):
        ds = pydicom.dcmread(source)
        ds.Rows = ds.Columns = 30_000
        ds.PixelSpacing = [0.01, 0.01]
        ds.ImagePositionPatient = [0, 0, 10 * k]
        ds.SOPInstanceUID = f"1.2.{k}"
        ds.save_as(tmp_path / f"{k}.dcm")
    assert refusal_of(tmp_path).code is Code.PIXELS_UNREADABLE
    edit(tmp_path / "0.dcm", lambda ds: setattr(ds, "Rows", 65_535))
    edit(tmp_path / "0.dcm", lambda ds: setattr(ds, "Columns", 65_535))
    with pytest.raises(DistcorrError) as refusal:
        decode(tmp_path / "0.dcm")
    assert refusal.value.code is Code.TOO_LARGE


def test_runs_that_are_too_long_are_a_refusal(data, tmp_path):
    """pydicom's decoder leaves the rest out; pylibjpeg's leaves Python's exceptions."""
    source = data / "edge" / "d2n_generic_compressed_rle_001"
    for path in source.glob("*.dcm"):
        ds = pydicom.dcmread(path)
        ds.Columns -= 1
        ds.save_as(tmp_path / path.name)
    assert refusal_of(tmp_path).code is Code.PIXELS_UNREADABLE


@pytest.mark.parametrize("value", [b"nan ", b"inf ", b"1e200 ", b"steep "])
@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
def test_values_that_cannot_be_scaled_are_refused(keyword, value, tmp_path):
    paths = write(tmp_path)
    edit(paths[1], lambda ds: put_raw(ds, keyword, value))
    refusal = refusal_of(tmp_path)
    assert refusal.code is Code.PIXELS_UNREADABLE
    assert keyword in str(refusal)


# Files without end -------------------------------------------------------------------


@pytest.mark.parametrize("behind", ["meta", "image"])
def test_zeros_without_end_are_the_end(behind, tmp_path):
    paths = write(tmp_path)
    content = paths[1].read_bytes()
    if behind == "meta":
        paths[1].write_bytes(content[: _end_of_meta(content)])
    os.truncate(paths[1], 1 << 33)
    if behind == "meta":
        assert refusal_of(tmp_path).code is Code.UNREADABLE
    else:
        # A file so much larger than its image is not taken for one.
        assert refusal_of(tmp_path).code is Code.PIXELS_UNREADABLE
    assert len(find_series([tmp_path]).series) == 1


def test_some_zeros_behind_an_image_are_harmless(tmp_path):
    paths = write(tmp_path)
    os.truncate(paths[1], paths[1].stat().st_size + 100 * 8 * MAX_ZERO_ELEMENTS)
    assert load_series(tmp_path).volume.grid.same_as(grid())


def _deflate(path: Path, body: bytes | None = None) -> None:
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    ds.save_as(path)
    if body is not None:
        content = path.read_bytes()
        path.write_bytes(content[: _end_of_meta(content)] + body)


def test_an_honest_deflated_image_is_read(tmp_path):
    paths = write(tmp_path)
    _deflate(paths[1])
    np.testing.assert_array_equal(load_series(tmp_path).volume.array, volume().array)


def test_a_deflate_bomb_is_refused(tmp_path):
    paths = write(tmp_path)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    _deflate(paths[1], block * ((MAX_INFLATED_BYTES >> 20) + 1) + packer.flush())
    assert refusal_of(tmp_path).code is Code.TOO_LARGE
    with pytest.raises(DistcorrError):
        read_file(paths[1], pixels=False)


# Facts and messages -------------------------------------------------------------------


@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize(
    ("keyword", "value", "fact", "code"),
    [
        ("PatientPosition", "FFP", "patient_position", Code.POSITION_UNKNOWN),
        ("Manufacturer", "GE MEDICAL SYSTEMS", "state", Code.STATE_UNKNOWN),
    ],
)
def test_a_fact_that_an_end_of_the_stack_denies_is_unknown(
    end, keyword, value, fact, code, tmp_path
):
    paths = write(tmp_path)
    edit(paths[end], lambda ds: setattr(ds, keyword, value))
    series = load_series(tmp_path).series
    assert not getattr(series.facts, fact).known
    assert code in {finding.code for finding in series.findings}


def test_a_serial_number_that_the_images_do_not_share_is_none(tmp_path):
    paths = write(tmp_path)
    edit(paths[-1], lambda ds: setattr(ds, "DeviceSerialNumber", "666"))
    scanner = load_series(tmp_path).series.facts.scanner
    assert scanner.serial == ""
    assert scanner.model == "Skyra"


def test_a_table_that_is_nowhere_is_unknown(tmp_path):
    write(tmp_path, table_position_mm=(0, 0, 10**9))
    assert not load_series(tmp_path).series.facts.isocentre_lps.known


def test_what_a_terminal_would_obey_is_shown_and_not_sent(tmp_path):
    paths = write(tmp_path, description="\x1b[2Jred\x07")
    edit(paths, lambda ds: put_raw(ds, "PatientPosition", b"A\x1b[2J "))
    series = load_series(tmp_path).series
    assert series.description == "\\x1b[2Jred\\x07"
    assert all(str(finding).isprintable() for finding in series.findings)
    edit(paths, lambda ds: delattr(ds, "ImagePositionPatient"))
    odd = tmp_path / "a\nb\x1b[2J"
    paths[0].rename(odd)
    message = str(refusal_of([odd]))
    assert message.isprintable()
    assert "a\\nb\\x1b[2J" in message


def test_enhanced_frames_are_held_to_the_same_limits(tmp_path):
    paths = write(tmp_path / "classic", Volume(volume().array, grid()))
    target = enhanced(paths, tmp_path / "enhanced.dcm", shared=False)

    def shrink(ds):
        ds.PerFrameFunctionalGroupsSequence[2].PixelMeasuresSequence[0].PixelSpacing = [1e-9, 1e-9]

    edit(target, shrink)
    assert refusal_of(target).code is Code.GEOMETRY_INVALID


def test_patient_positions_stay_known_where_all_agree(tmp_path):
    write(tmp_path, patient_position=PatientPosition.FFS)
    assert load_series(tmp_path).series.facts.patient_position.value is PatientPosition.FFS
