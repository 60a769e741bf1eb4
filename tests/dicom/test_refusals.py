"""Bad input never yields plausible output; each refusal names file, tag and reason."""

import contextlib

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr.dicom import find_series, load_series
from distcorr.dicom.csa import read_csa, slice_positions
from distcorr.errors import Code, DistcorrError
from tests.dicom.examples import edit, enhanced, frame_groups, write


def _set_text(keyword, value):
    """Write a value that pydicom would not accept."""

    def change(ds):
        element = ds[keyword]
        raw = pydicom.dataelem.RawDataElement(
            element.tag, element.VR, len(value), value.encode(), 0, False, True
        )
        ds._dict[element.tag] = raw

    return change


def _delete(keyword):
    return lambda ds: delattr(ds, keyword)


def _value(keyword, value):
    return lambda ds: setattr(ds, keyword, value)


BROKEN = {
    "position absent": (_delete("ImagePositionPatient"), Code.GEOMETRY_MISSING),
    "position empty": (_value("ImagePositionPatient", None), Code.GEOMETRY_MISSING),
    "position of two": (_value("ImagePositionPatient", [1, 2]), Code.GEOMETRY_INVALID),
    "position NaN": (_set_text("ImagePositionPatient", "nan\\1\\2 "), Code.GEOMETRY_INVALID),
    "position garbage": (_set_text("ImagePositionPatient", "a\\b\\c "), Code.GEOMETRY_INVALID),
    "position infinite": (_set_text("ImagePositionPatient", "inf\\1\\2 "), Code.GEOMETRY_INVALID),
    "orientation absent": (_delete("ImageOrientationPatient"), Code.GEOMETRY_MISSING),
    "orientation of five": (
        _value("ImageOrientationPatient", [1, 0, 0, 0, 1]), Code.GEOMETRY_INVALID),
    "orientation zero": (
        _value("ImageOrientationPatient", [0, 0, 0, 0, 0, 0]), Code.GEOMETRY_INVALID),
    "orientation skew": (
        _value("ImageOrientationPatient", [1, 0, 0, 0.1, 0.995, 0]), Code.GEOMETRY_INVALID),
    "orientation long": (
        _value("ImageOrientationPatient", [1.1, 0, 0, 0, 1, 0]), Code.GEOMETRY_INVALID),
    "orientation parallel": (
        _value("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), Code.GEOMETRY_INVALID),
    "spacing absent": (_delete("PixelSpacing"), Code.GEOMETRY_MISSING),
    "spacing zero": (_value("PixelSpacing", [0, 1]), Code.GEOMETRY_INVALID),
    "spacing negative": (_value("PixelSpacing", [1, -1]), Code.GEOMETRY_INVALID),
    "spacing single": (_value("PixelSpacing", [1]), Code.GEOMETRY_INVALID),
    "rows zero": (_value("Rows", 0), Code.GEOMETRY_INVALID),
    "rows absent": (_delete("Rows"), Code.UNREADABLE),
    "pixels absent": (_delete("PixelData"), Code.NO_PIXELS),
    "pixels cut": (lambda ds: setattr(ds, "PixelData", ds.PixelData[:20]), Code.PIXELS_UNREADABLE),
    "bits impossible": (_value("BitsAllocated", 7), Code.PIXELS_UNREADABLE),
    "colour": (_value("SamplesPerPixel", 3), Code.BAD_FORMAT),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_one_broken_slice_refuses_the_series(name, tmp_path):
    change, code = BROKEN[name]
    paths = write(tmp_path)
    edit(paths[2], change)
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code is code
    assert paths[2].name in str(refusal.value)


@pytest.mark.parametrize("name", [name for name, (_, code) in BROKEN.items() if "GEO" in code.name])
def test_inspection_shows_a_broken_series_and_goes_on(name, tmp_path):
    change, code = BROKEN[name]
    paths = write(tmp_path / "bad")
    edit(paths[0], change)
    write(tmp_path / "good", series_uid_seed="good")
    bad, good = find_series([tmp_path]).series
    assert bad.refusal.code is code
    assert bad.grid is None
    assert good.refusal is None


def test_cut_file_is_refused(tmp_path):
    paths = write(tmp_path)
    paths[3].write_bytes(paths[3].read_bytes()[:-30])
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code is Code.PIXELS_UNREADABLE


def test_multiframe_without_places_is_refused(tmp_path):
    paths = write(tmp_path / "classic")
    target = enhanced(paths, tmp_path / "enhanced", shared=True)
    edit(target, lambda ds: delattr(ds, "PerFrameFunctionalGroupsSequence"))
    with pytest.raises(DistcorrError) as refusal:
        load_series(target)
    assert refusal.value.code is Code.GEOMETRY_MISSING


@pytest.mark.parametrize("lost", [8, 500, 20000])
@pytest.mark.parametrize("name", ["_RLE", "_jpeg_2k_lossless", "_jpeg_ls_lossless"])
def test_cut_compressed_file_is_refused(name, lost, data, tmp_path):
    source = data / "edge" / "pydicom_emri_multiframe" / f"emri_small{name}.dcm"
    path = _with_places(pydicom.dcmread(source), tmp_path / "cut")
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(DistcorrError) as refusal:
        load_series(path)
    assert refusal.value.code is Code.PIXELS_UNREADABLE


def _with_places(ds, path):
    ds.PerFrameFunctionalGroupsSequence = [
        frame_groups((0, 0, 2 * k), (1, 0, 0, 0, 1, 0), (1, 1))
        for k in range(int(ds.NumberOfFrames))
    ]
    ds.save_as(path)
    return path


@pytest.mark.parametrize("name", ["_big_endian", "_RLE", "_jpeg_2k_lossless", "_jpeg_ls_lossless"])
def test_multiframe_encodings_agree(name, data, tmp_path):
    folder = data / "edge" / "pydicom_emri_multiframe"
    plain, other = (
        load_series(
            _with_places(pydicom.dcmread(folder / f"emri_small{n}.dcm"), tmp_path / f"x{n}")
        )
        for n in ("", name)
    )
    assert plain.volume.array.shape == (10, 64, 64)
    np.testing.assert_array_equal(plain.volume.array, other.volume.array)


@given(st.binary(max_size=600))
def test_garbage_csa_headers_are_survived(data):
    for start in (b"SV10\x04\x03\x02\x01", b"\x05\x00\x00\x00\x4d\x00\x00\x00", b""):
        assert isinstance(read_csa(start + data), dict)
        assert isinstance(slice_positions(start + data), list)


@given(st.binary(min_size=1, max_size=300), st.integers(132, 900))
def test_flipped_bytes_never_end_in_a_traceback(tmp_path_factory, noise, at):
    folder = tmp_path_factory.mktemp("noise")
    paths = write(folder)
    content = bytearray(paths[1].read_bytes())
    content[at : at + len(noise)] = noise
    paths[1].write_bytes(bytes(content))
    with contextlib.suppress(DistcorrError):
        load_series(folder)
