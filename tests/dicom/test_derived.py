"""Derived series: what they say, what they no longer say, and that values survive."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.datadict import keyword_for_tag
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from distcorr.dicom import Derivation, find_series, load_series, write_derived_series
from distcorr.errors import Code, DistcorrError
from distcorr.facts import UNNAMED_CORRECTION
from distcorr.space import Volume
from tests.dicom.examples import add_copies, edit, grid, item, volume, write
from tests.oracles import dciodvfy_errors

ABOUT = Derivation(
    correction_sha256="c" * 64,
    input_sha256="1" * 64,
    version="0.1.0",
    options=(("interpolation", "bspline"),),
    supported_fraction=0.9,
    largest_displacement_mm=4.0,
)
"""The examples' slices lie 4 mm apart."""


def derive(folder, out, array=None, about=ABOUT, part=None, **options):
    """Derive a series; the volume as loaded stands for the corrected one."""
    loaded, series = load_series(folder, part)
    values = loaded.array if array is None else array(loaded.array)
    corrected = Volume(values, loaded.grid, loaded.valid)
    return write_derived_series(series, corrected, about, out, **options)


def headers(paths):
    return [pydicom.dcmread(path) for path in paths]


def test_what_a_derived_slice_says(tmp_path):
    sources = headers(write(tmp_path / "in"))
    derived = headers(derive(tmp_path / "in", tmp_path / "out"))
    assert len(derived) == 6
    one, source = derived[2], sources[2]
    assert list(one.ImageType) == ["DERIVED", "SECONDARY", "M", "DISTCORR"]
    assert one.DerivationDescription == (
        f"distcorr 0.1.0: gradient distortion corrected; correction SHA-256 {'c' * 64}; "
        "interpolation bspline; 90.0% of the image supported"
    )
    [code] = one.DerivationCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113085", "DCM")
    [equipment] = one.ContributingEquipmentSequence
    assert (equipment.ManufacturerModelName, equipment.SoftwareVersions) == ("distcorr", "0.1.0")
    assert equipment.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert one.SeriesDescription == f"{source.SeriesDescription} distcorr"
    assert one.SeriesNumber == source.SeriesNumber + 10000
    for keyword in ("StudyInstanceUID", "PatientID", "FrameOfReferenceUID", "AcquisitionTime"):
        assert one[keyword].value == source[keyword].value
    assert "SeriesTime" not in one
    assert "SliceLocation" in one
    assert [ds.InstanceNumber for ds in derived] in ([1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1])


def test_a_slice_names_the_sources_that_can_stand_behind_it(tmp_path):
    names = [ds.SOPInstanceUID for ds in headers(write(tmp_path / "in"))]
    for reach, first in ((0.0, 2), (4.0, 1), (9.0, 0)):
        about = replace(ABOUT, largest_displacement_mm=reach)
        last = headers(derive(tmp_path / "in", tmp_path / f"{reach}", about=about))[4]
        told = [source.ReferencedSOPInstanceUID for source in last.SourceImageSequence]
        assert told == names[first:]
        purposes = {one.PurposeOfReferenceCodeSequence[0].CodeValue
                    for one in last.SourceImageSequence}  # fmt: skip
        assert purposes == {"121322"}
        [series] = last.ReferencedSeriesSequence
        assert [one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence] == told


def test_equal_input_gives_equal_files_and_any_change_new_uids(tmp_path):
    write(tmp_path / "in")
    first = derive(tmp_path / "in", tmp_path / "a")
    second = derive(tmp_path / "in", tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    changes = [
        {"correction_sha256": "d" * 64},
        {"input_sha256": "2" * 64},
        {"version": "0.2.0"},
        {"options": (("interpolation", "linear"),)},
        {"force_reason": "it is the same magnet"},
        {"description_suffix": "undistorted"},
    ]
    found = headers(first)
    for number, change in enumerate(changes):
        about = replace(ABOUT, **change)
        found += headers(derive(tmp_path / "in", tmp_path / str(number), about=about))
    assert len({ds.SeriesInstanceUID for ds in found}) == 1 + len(changes)
    assert len({ds.SOPInstanceUID for ds in found}) == len(found)
    # What differs between machines in the last digit changes nothing that matters.
    about = replace(ABOUT, supported_fraction=0.9 + 1e-12)
    last = headers(derive(tmp_path / "in", tmp_path / "c", about=about))
    assert last[0].SeriesInstanceUID == found[0].SeriesInstanceUID


def test_private_elements_go_except_the_tables_position(tmp_path):
    paths = write(tmp_path / "in", table_position_mm=(0, 0, 20))

    def add(ds):
        ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", b"ND" * 8)
        ds.private_block(0x0051, "SIEMENS MR HEADER", create=True).add_new(0x0D, "SH", "SP H1")
        nested = pydicom.Dataset()
        nested.private_block(0x0009, "SOMEBODY", create=True).add_new(0x01, "LO", "x")
        ds.RequestAttributesSequence = [nested]

    edit(paths, add)
    out = derive(tmp_path / "in", tmp_path / "out")
    kept = {(e.tag.group, e.tag.element) for e in headers(out)[0].iterall() if e.tag.is_private}
    assert kept == {(0x0019, 0x0010), (0x0019, 0x1014)}
    series = load_series(tmp_path / "out").series
    assert series.facts.isocentre_lps.value == (0, 0, 20)


def test_elements_that_became_false_go(tmp_path):
    paths = write(tmp_path / "in")

    def add(ds):
        ds.add_new("SmallestImagePixelValue", "US", 0)
        ds.add_new("LargestImagePixelValue", "US", 9)
        ds.InstanceCreationTime = ds.ContentTime = "120000"
        ds.TriggerTime = 30
        ds.add_new(0x60000010, "US", 5)
        ds.add_new(0x60003000, "OW", b"\0\0")
        ds.DerivationDescription = "filtered"
        ds.DerivationCodeSequence = item(
            CodeValue="113087", CodingSchemeDesignator="DCM", CodeMeaning="Smoothing"
        )
        ds.WindowCenter, ds.WindowWidth = 400, 800

    edit(paths, add)
    one = headers(derive(tmp_path / "in", tmp_path / "out"))[0]
    for tag in ("SmallestImagePixelValue", "LargestImagePixelValue", "InstanceCreationTime",
                "ContentTime", 0x60000010, 0x60003000):  # fmt: skip
        assert tag not in one, keyword_for_tag(Tag(tag))
    assert one["TriggerTime"].is_empty
    assert one.DerivationDescription.endswith("; before: filtered")
    assert [code.CodeValue for code in one.DerivationCodeSequence] == ["113087", "113085"]
    assert (one.WindowCenter, one.WindowWidth) == (400, 800)


@pytest.mark.parametrize("length", [0, 20, 64])
def test_the_description_stays_within_its_limit(length, tmp_path):
    paths = write(tmp_path / "in", description="d" * length)
    one = headers(derive(tmp_path / "in", tmp_path / "out"))[0]
    assert len(one.SeriesDescription) <= 64
    assert one.SeriesDescription.endswith("distcorr")
    assert paths


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_encodings_come_out_the_same(syntax, tmp_path):
    paths = write(tmp_path / "in")
    plain = derive(tmp_path / "in", tmp_path / "plain")
    for path in paths:
        ds = pydicom.dcmread(path)
        if syntax is ExplicitVRBigEndian:
            ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
        ds.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(path, ds, **_encoding(syntax))
    other = derive(tmp_path / "in", tmp_path / "other")
    assert [p.read_bytes() for p in plain] == [p.read_bytes() for p in other]


def _encoding(syntax):
    return {
        "implicit_vr": syntax.is_implicit_VR,
        "little_endian": syntax.is_little_endian,
        "force_encoding": True,
    }


@pytest.mark.parametrize(
    ("character_set", "name", "reason"),
    [("ISO_IR 100", "Müller^Jörg", "Feld gleich: ja ? ??"), ("ISO_IR 192", "Łaz", "ja → 同じ")],
)
def test_the_character_set_stays(character_set, name, reason, tmp_path):
    paths = write(tmp_path / "in")

    def change(ds):
        ds.SpecificCharacterSet, ds.PatientName = character_set, name

    edit(paths, change)
    asked = "Feld gleich: ja → 同じ" if character_set == "ISO_IR 100" else reason
    about = replace(ABOUT, force_reason=asked)
    one = headers(derive(tmp_path / "in", tmp_path / "out", about=about))[0]
    assert (one.SpecificCharacterSet, str(one.PatientName)) == (character_set, name)
    assert one.DerivationDescription.endswith(f"forced: {reason}")


def test_long_texts_are_cut(tmp_path):
    write(tmp_path / "in")
    about = replace(ABOUT, force_reason="x" * 2000)
    one = headers(derive(tmp_path / "in", tmp_path / "out", about=about))[0]
    assert len(one.DerivationDescription) == 1024


# Values -----------------------------------------------------------------------------


def test_overshoot_uses_the_allocated_bits_and_then_saturates(tmp_path):
    paths = write(tmp_path / "in")

    def twelve(ds):
        ds.BitsStored, ds.HighBit = 12, 11

    edit(paths, twelve)
    fits = derive(tmp_path / "in", tmp_path / "fits")
    assert headers(fits)[0].BitsStored == 12
    wide = derive(tmp_path / "in", tmp_path / "wide", lambda a: a + np.uint16(300))
    assert (headers(wide)[0].BitsStored, headers(wide)[0].HighBit) == (16, 15)
    original = load_series(tmp_path / "in").volume.array
    np.testing.assert_array_equal(load_series(tmp_path / "wide").volume.array, original + 300)
    derive(tmp_path / "in", tmp_path / "over", lambda a: a.astype(np.float64) * 40 - 20000)
    over = load_series(tmp_path / "over").volume.array
    expected = np.clip(original.astype(np.float64) * 40 - 20000, 0, 65535)
    np.testing.assert_array_equal(over, expected)


def test_signed_pixels_stay_signed(tmp_path):
    paths = write(tmp_path / "in")

    def signed(ds):
        ds.PixelRepresentation = 1
        array = np.frombuffer(ds.PixelData, "<u2").astype("<i2") - 2000
        ds.PixelData = array.astype("<i2").tobytes()

    edit(paths, signed)
    derive(tmp_path / "in", tmp_path / "out", lambda a: a.astype(np.float32) * 20)
    expected = load_series(tmp_path / "in").volume.array.astype(np.float64) * 20
    found = load_series(tmp_path / "out").volume.array
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, np.clip(expected, -32768, 32767))


def scale_slices(paths, slopes, real_world=False):
    for path, slope in zip(paths, slopes, strict=True):

        def change(ds, slope=slope):
            ds.RescaleSlope, ds.RescaleIntercept = slope, 0
            if real_world:
                ds.RealWorldValueMappingSequence = item(RealWorldValueSlope=1.0)

        edit(path, change)


def test_a_slice_that_outshines_its_source_gets_a_scaling_of_its_own(tmp_path):
    paths = write(tmp_path / "in")
    scale_slices(paths, [1, 1, 1, 100, 1, 1], real_world=True)
    derived = derive(tmp_path / "in", tmp_path / "out", lambda a: np.roll(a, 1, axis=0))
    original = np.roll(load_series(tmp_path / "in").volume.array, 1, axis=0)
    found, series = load_series(tmp_path / "out")
    steps = [frame.slope for frame in series.frames]
    assert steps[:3] == [1, 1, 1]  # the values fit
    assert steps[3] == 100
    assert 1 < steps[4] < 100  # the values of slice 3, in which 1 would wrap around
    for k, step in enumerate(steps):
        np.testing.assert_allclose(found.array[k], original[k], atol=step * 0.51)
    kept = ["RealWorldValueMappingSequence" in ds for ds in headers(derived)]
    assert kept == [True] * 4 + [False, True]


def test_padding_marks_what_is_not_valid(tmp_path):
    paths = write(tmp_path / "in")

    def pad(ds):
        ds.PixelRepresentation = 1
        ds.add_new("PixelPaddingValue", "SS", -2000)

    edit(paths, pad)
    loaded, series = load_series(tmp_path / "in")
    valid = np.random.default_rng(0).random(loaded.array.shape) > 0.3
    corrected = Volume(np.where(valid, loaded.array, 0).astype(np.int16), loaded.grid, valid)
    write_derived_series(series, corrected, ABOUT, tmp_path / "out")
    found = load_series(tmp_path / "out").volume
    np.testing.assert_array_equal(found.valid, valid)
    np.testing.assert_array_equal(found.array[valid], loaded.array[valid])


def test_what_is_not_finite_is_refused(tmp_path):
    write(tmp_path / "in")
    with pytest.raises(DistcorrError, match="NaN") as refusal:
        derive(tmp_path / "in", tmp_path / "out", lambda a: np.where(a > 9, np.nan, a))
    assert refusal.value.code is Code.BAD_FORMAT
    assert not (tmp_path / "out").exists()


# Grids ------------------------------------------------------------------------------


def test_another_grid_has_its_own_places_and_the_nearest_headers(tmp_path, tool):
    tool("dciodvfy")
    paths = write(tmp_path / "in")
    for number, path in enumerate(paths):
        edit(path, lambda ds, n=number: ds.__setattr__("ImageComments", f"source {n}"))
    series = load_series(tmp_path / "in").series
    fine = grid((3, 4, 12), (2.0, 2.5, 2.0), series.grid.origin_lps)
    derived = headers(write_derived_series(series, volume(fine), ABOUT, tmp_path / "fine"))
    told = [int(ds.ImageComments.split()[1]) for ds in derived]
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] == 5
    assert all(ds.SliceThickness == ds.SpacingBetweenSlices == 2 for ds in derived)
    assert load_series(tmp_path / "fine").volume.grid.same_as(fine)
    sagittal = np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])
    turned = grid((5, 4, 3), (3.0, 2.0, 5.0), (10.0, -30.0, 30.0), sagittal)
    paths = write_derived_series(series, volume(turned), ABOUT, tmp_path / "turned")
    assert load_series(tmp_path / "turned").volume.grid.same_as(turned)
    assert len(pydicom.dcmread(paths[0]).SourceImageSequence) == 6
    assert not dciodvfy_errors(paths[0])


def test_an_irregular_stack_comes_out_regular(tmp_path):
    paths = write(tmp_path / "in")

    def shift(ds):
        ds.ImagePositionPatient = [*ds.ImagePositionPatient[:1],
                                   float(ds.ImagePositionPatient[1]) + 1.0,
                                   *ds.ImagePositionPatient[2:]]  # fmt: skip

    edit(paths[3], shift)
    loaded, _ = load_series(tmp_path / "in")
    derive(tmp_path / "in", tmp_path / "out", lambda a: np.rint(a))
    found, series = load_series(tmp_path / "out")
    assert series.regularity == "regular"
    assert found.grid.same_as(loaded.grid)
    np.testing.assert_array_equal(found.array, np.rint(loaded.array))


def test_parts_of_a_series_become_series_of_their_own(tmp_path):
    paths = write(tmp_path / "in")
    add_copies(paths, tmp_path / "in", lambda ds: ds.__setattr__("EchoTime", 20))
    series_uids = set()
    for part in ("TE 10 ms", "TE 20 ms"):
        derived = headers(derive(tmp_path / "in", tmp_path / part, part=part))
        assert len(derived) == 6
        assert {f"TE {ds.EchoTime:g} ms" for ds in derived} == {part}
        series_uids |= {ds.SeriesInstanceUID for ds in derived}
    assert len(series_uids) == 2


# Failures ---------------------------------------------------------------------------


def test_a_failure_leaves_nothing(tmp_path):
    paths = write(tmp_path / "in")
    loaded, series = load_series(tmp_path / "in")
    derive(tmp_path / "in", tmp_path / "there")
    paths[4].unlink()
    for out, overwrite in ((tmp_path / "out", False), (tmp_path / "there", True)):
        with pytest.raises(DistcorrError) as refusal:
            write_derived_series(series, loaded, ABOUT, out, overwrite=overwrite)
        assert refusal.value.code is Code.UNREADABLE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "there"]
    assert len(list((tmp_path / "there").iterdir())) == 6


def test_nothing_is_replaced_unasked(tmp_path):
    write(tmp_path / "in")
    derive(tmp_path / "in", tmp_path / "out")
    with pytest.raises(DistcorrError) as refusal:
        derive(tmp_path / "in", tmp_path / "out")
    assert refusal.value.code is Code.OUTPUT_EXISTS
    with pytest.raises(DistcorrError):
        derive(tmp_path / "in", tmp_path / "in", overwrite=False)
    derive(tmp_path / "in", tmp_path / "out", overwrite=True)


def test_what_is_no_volume_is_refused(tmp_path):
    [one] = write(tmp_path / "in", volume(grid((7, 5, 1))))
    assert one.exists()
    [series] = find_series([tmp_path / "in"]).series
    with pytest.raises(DistcorrError) as refusal:
        write_derived_series(series, volume(grid((7, 5, 1))), ABOUT, tmp_path / "out")
    assert refusal.value.code is Code.NOT_A_VOLUME


# Marks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ((), True),
        (("ContributingEquipmentSequence",), True),
        (("DerivationDescription",), True),
        (("ContributingEquipmentSequence", "DerivationDescription"), False),
    ],
)
def test_the_mark_survives_what_deidentification_removes(gone, named, tmp_path):
    write(tmp_path / "in")
    paths = derive(tmp_path / "in", tmp_path / "out")

    def remove(ds):
        for keyword in gone:
            delattr(ds, keyword)

    edit(paths, remove)
    series = load_series(tmp_path / "out").series
    mark = series.facts.corrected_by
    assert mark.value == (ABOUT.correction_sha256 if named else UNNAMED_CORRECTION)
    assert Code.STATE_UNKNOWN not in {finding.code for finding in series.findings}


def test_sources_bear_no_mark(tmp_path):
    write(tmp_path / "in")
    assert not load_series(tmp_path / "in").series.facts.corrected_by.known
