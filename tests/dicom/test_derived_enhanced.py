"""Enhanced in, enhanced out."""

import numpy as np
import pydicom
import pytest
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from distcorr.dicom import find_series, load_series, write_derived_series
from distcorr.space import Volume
from tests.dicom.examples import edit, enhanced, grid, item, volume, write
from tests.dicom.test_derived import ABOUT


@pytest.fixture
def source(tmp_path):
    return enhanced(write(tmp_path / "classic"), tmp_path / "in" / "one.dcm", shared=True)


def derive(folder, out, array=None, part=None):
    loaded, series = load_series(folder, part)
    values = loaded.array if array is None else array(loaded.array)
    [path] = write_derived_series(series, Volume(values, loaded.grid), ABOUT, out)
    return pydicom.dcmread(path)


def test_what_a_derived_object_says(source, tmp_path):
    before = pydicom.dcmread(source)
    ds = derive(source, tmp_path / "out")
    assert ds.SOPClassUID == before.SOPClassUID
    assert list(ds.ImageType) == ["DERIVED", "PRIMARY", "M", "RESAMPLED"]
    assert (ds.NumberOfFrames, len(ds.PerFrameFunctionalGroupsSequence)) == (6, 6)
    [evidence] = ds.SourceImageEvidenceSequence
    assert evidence.StudyInstanceUID == ds.StudyInstanceUID == before.StudyInstanceUID
    [named] = evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert named.ReferencedSOPInstanceUID == before.SOPInstanceUID
    for k, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
        [derivation] = groups.DerivationImageSequence
        assert derivation.DerivationDescription.startswith("distcorr 0.1.0")
        assert derivation.DerivationCodeSequence[0].CodeValue == "113085"
        [one] = derivation.SourceImageSequence
        assert one.ReferencedSOPInstanceUID == before.SOPInstanceUID
        # 4 mm of displacement and two slices of interpolation are three slices of 4 mm.
        assert list(one.ReferencedFrameNumber) == list(range(max(1, k - 2), min(6, k + 4) + 1))
        [content] = groups.FrameContentSequence
        assert list(content.DimensionIndexValues) == [1, k + 1]
        assert content.InStackPositionNumber == k + 1
    pointers = [one.DimensionIndexPointer for one in ds.DimensionIndexSequence]
    assert pointers == [Tag("StackID"), Tag("InStackPositionNumber")]
    assert not [element for element in ds.iterall() if element.tag.is_private]
    assert "DerivationDescription" not in ds


def test_the_volume_comes_back_and_bears_the_mark(source, tmp_path):
    original = load_series(source).volume
    derive(source, tmp_path / "out", lambda a: a[:, ::-1])
    found, series = load_series(tmp_path / "out")
    assert found.grid.same_as(original.grid)
    np.testing.assert_array_equal(found.array, original.array[:, ::-1])
    assert series.facts.corrected_by.value == ABOUT.correction_sha256
    assert not series.facts.state.known
    path = tmp_path / "out" / "enhanced.dcm"
    edit(path, lambda ds: ds.__delattr__("ContributingEquipmentSequence"))
    series = load_series(path).series
    assert series.facts.corrected_by.source.startswith("DerivationDescription")


def test_another_grid_uses_frames_again(source, tmp_path):
    series = load_series(source).series
    fine = volume(grid((3, 4, 12), (2.0, 2.5, 2.0), series.grid.origin_lps))
    write_derived_series(series, fine, ABOUT, tmp_path / "out")
    found = load_series(tmp_path / "out").volume
    assert found.grid.same_as(fine.grid)
    np.testing.assert_array_equal(found.array, fine.array)
    [measures] = pydicom.dcmread(
        tmp_path / "out" / "enhanced.dcm"
    ).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence  # fmt: skip
    assert measures.SliceThickness == measures.SpacingBetweenSlices == 2


def test_only_the_frames_of_a_part_come_out(source, tmp_path):
    def twice(ds):
        each = list(ds.PerFrameFunctionalGroupsSequence)
        ds.PixelData = ds.PixelData * 2
        ds.NumberOfFrames = 12
        groups = []
        for time in (1, 2):
            for one in each:
                groups.append(pydicom.Dataset())
                groups[-1].update(one)
                groups[-1].FrameContentSequence = item(TemporalPositionIndex=time)
        ds.PerFrameFunctionalGroupsSequence = Sequence(groups)

    edit(source, twice)
    parts = [one.part for one in find_series([source]).series]
    assert parts == ["time 1", "time 2"]
    ds = derive(source, tmp_path / "out", part="time 2")
    assert ds.NumberOfFrames == 6
    for groups in ds.PerFrameFunctionalGroupsSequence:
        assert groups.FrameContentSequence[0].TemporalPositionIndex == 2
        [one] = groups.DerivationImageSequence[0].SourceImageSequence
        assert np.min(one.ReferencedFrameNumber) >= 7
    assert load_series(tmp_path / "out").series.part == "all"


def test_files_of_one_frame_each_become_one_object(tmp_path):
    paths = write(tmp_path / "classic")
    for number, path in enumerate(paths):
        target = enhanced([path], tmp_path / "in" / f"{number}.dcm", shared=True)

        def share(ds, number=number):
            [shared] = ds.SharedFunctionalGroupsSequence
            shared.MRModifierSequence = item(FlowCompensation=f"OWN {number}")

        edit(target, share)
    original = load_series(tmp_path / "classic").volume
    ds = derive(tmp_path / "in", tmp_path / "out")
    found = load_series(tmp_path / "out").volume
    assert found.grid.same_as(original.grid)
    np.testing.assert_array_equal(found.array, original.array)
    shared = [
        groups.MRModifierSequence[0].FlowCompensation
        for groups in ds.PerFrameFunctionalGroupsSequence
    ]
    assert shared == [f"OWN {number}" for number in range(6)]
    assert "MRModifierSequence" not in ds.SharedFunctionalGroupsSequence[0]
    assert len(ds.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 6


def test_a_frame_that_outshines_its_source_gets_a_scaling_of_its_own(source, tmp_path):
    def scale(ds):
        for k, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
            groups.PixelValueTransformationSequence = item(
                RescaleSlope=100 if k == 3 else 1, RescaleIntercept=0, RescaleType="US"
            )

    edit(source, scale)
    original = np.roll(load_series(source).volume.array, 1, axis=0)
    derive(source, tmp_path / "out", lambda a: np.roll(a, 1, axis=0))
    found, series = load_series(tmp_path / "out")
    steps = [frame.slope for frame in series.frames]
    assert steps[3] == 100
    assert 1 < steps[4] < 100
    for k, step in enumerate(steps):
        np.testing.assert_allclose(found.array[k], original[k], atol=step * 0.51)


def test_equal_input_gives_equal_files(source, tmp_path):
    derive(source, tmp_path / "a")
    derive(source, tmp_path / "b")
    first, second = (tmp_path / name / "enhanced.dcm" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
