"""One SeriesInstanceUID may hold several volumes; each is found and named."""

import numpy as np
import pytest

from distcorr.dicom import Regularity, find_series, load_series
from distcorr.dicom.part_names import part_names
from distcorr.errors import Code, DistcorrError
from tests.dicom.examples import add_copies, edit, enhanced, grid, item, set_pixels, volume, write


def parts(folder):
    return {series.part: series for series in find_series([folder]).series}


def test_magnitude_and_phase(tmp_path):
    paths = write(tmp_path / "m")

    def phase(ds):
        ds.ImageType = ["ORIGINAL", "PRIMARY", "P", "DIS2D"]

    add_copies(paths, tmp_path / "p", phase)
    found = parts(tmp_path)
    assert set(found) == {"M", "P"}
    assert all(len(series.frames) == 6 for series in found.values())


def test_ge_phase_is_known_by_its_private_element(tmp_path):
    paths = write(tmp_path / "m")

    def component(value):
        def change(ds):
            block = ds.private_block(0x0043, "GEMS_PARM_01", create=True)
            block.add_new(0x2F, "SS", value)

        return change

    edit(paths, component(0))
    add_copies(paths, tmp_path / "p", component(1))
    assert set(parts(tmp_path)) == {"plain", "PHASE"}


def test_complex_component_of_enhanced_frames(tmp_path):
    paths = write(tmp_path / "classic")
    target = enhanced(paths, tmp_path / "e" / "x", shared=False)

    def phase(ds):
        for n, groups in enumerate(ds.PerFrameFunctionalGroupsSequence):
            name = "PHASE" if n % 2 else "MAGNITUDE"
            groups.MRImageFrameTypeSequence = item(
                FrameType=["ORIGINAL", "PRIMARY", "M", "NONE"], ComplexImageComponent=name
            )

    edit(target, phase)
    assert set(parts(tmp_path / "e")) == {"plain", "PHASE"}


def test_uncorrected_and_corrected(tmp_path):
    paths = write(tmp_path / "a")

    def uncorrected(ds):
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]

    add_copies(paths, tmp_path / "b", uncorrected)
    found = parts(tmp_path)
    assert {name: str(one.facts.state.value) for name, one in found.items()} == {
        "ND": "ND",
        "DIS2D": "DIS2D",
    }


@pytest.mark.parametrize(
    ("keyword", "value", "names"),
    [
        ("EchoTime", 20, {"TE 10 ms", "TE 20 ms"}),
        ("TemporalPositionIdentifier", 2, {"time 1", "time 2"}),
        ("AcquisitionNumber", 2, {"acquisition 1", "acquisition 2"}),
        ("DiffusionBValue", 1000.0, {"b 0.0", "b 1000.0"}),
        ("ReceiveCoilName", "B", {"coil A", "coil B"}),
    ],
)
def test_what_tells_volumes_apart(keyword, value, names, tmp_path):
    paths = write(tmp_path / "a")
    first = {"TemporalPositionIdentifier": 1, "DiffusionBValue": 0.0, "ReceiveCoilName": "A"}
    if keyword in first:
        edit(paths, lambda ds: setattr(ds, keyword, first[keyword]))

    def other(ds):
        setattr(ds, keyword, value)
        set_pixels(ds, ds.pixel_array[::-1])

    add_copies(paths, tmp_path / "b", other)
    found = parts(tmp_path)
    assert set(found) == names
    assert all(series.regularity is Regularity.REGULAR for series in found.values())


def test_a_number_for_every_slice_splits_nothing(tmp_path):
    paths = write(tmp_path)
    for n, path in enumerate(paths):
        edit(path, lambda ds, n=n: setattr(ds, "AcquisitionNumber", n))
    assert set(parts(tmp_path)) == {"all"}


def test_interleaved_acquisitions_are_separated(tmp_path):
    paths = write(tmp_path / "a")

    def shifted(ds):
        x, y, z = ds.ImagePositionPatient
        ds.ImagePositionPatient = [x, float(y) + 1.0, z]
        ds.AcquisitionNumber = 2

    add_copies(paths, tmp_path / "b", shifted)
    found = parts(tmp_path)
    assert set(found) == {"acquisition 1", "acquisition 2"}
    assert all(series.grid.spacing[2] == pytest.approx(4) for series in found.values())


def test_three_planes(tmp_path):
    write(tmp_path / "c")
    write(tmp_path / "a", volume(grid(direction=np.eye(3))))
    sagittal = np.array([[0, 0, -1.0], [1, 0, 0], [0, -1, 0]])
    write(tmp_path / "s", volume(grid(direction=sagittal)))
    for folder in "acs":
        uid = f"2.25.{ord(folder)}"
        edit((tmp_path / folder).iterdir(), lambda ds, uid=uid: _renew(ds, uid))
    found = parts(tmp_path)
    assert set(found) == {"axial", "coronal", "sagittal"}
    assert all(str(series.plane) == name for name, series in found.items())


def _renew(ds, uid):
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{uid}.{ds.InstanceNumber}"


def test_repeats_without_any_label(tmp_path):
    paths = write(tmp_path / "a")

    def later(ds):
        ds.InstanceNumber = int(ds.InstanceNumber) + 100
        set_pixels(ds, ds.pixel_array + 1)

    add_copies(paths, tmp_path / "b", later)
    found = parts(tmp_path)
    assert set(found) == {"repeat 1", "repeat 2"}
    for series in found.values():
        assert Code.SPLIT_BY_NUMBER in [finding.code for finding in series.findings]
    one, two = (load_series(tmp_path, name).volume.array for name in ("repeat 1", "repeat 2"))
    np.testing.assert_array_equal(two, one + 1)


@pytest.mark.parametrize("new_uids", [False, True])
def test_identical_copies_are_dropped_and_told(new_uids, tmp_path):
    paths = write(tmp_path / "a")
    add_copies(paths[:2], tmp_path / "b", lambda ds: None, new_uids=new_uids)
    loaded = load_series(tmp_path)
    np.testing.assert_array_equal(loaded.volume.array, volume().array)
    [told] = [f for f in loaded.series.findings if f.code is Code.DUPLICATE_IDENTICAL]
    assert "2 images" in told.what
    assert "copy0" in told.evidence


@pytest.mark.parametrize("new_uids", [False, True])
def test_differing_copies_are_refused(new_uids, tmp_path):
    paths = write(tmp_path / "a")
    add_copies(
        paths[:1], tmp_path / "b", lambda ds: set_pixels(ds, ds.pixel_array + 1), new_uids=new_uids
    )
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code is Code.DUPLICATE_CONFLICT
    assert "copy0" in str(refusal.value)


def test_one_uid_at_two_places_is_refused(tmp_path):
    paths = write(tmp_path / "a")

    def moved(ds):
        ds.ImagePositionPatient = [0, 0, 0]

    add_copies(paths[:1], tmp_path / "b", moved, new_uids=False)
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code is Code.DUPLICATE_CONFLICT


def test_slices_side_by_side_are_refused(tmp_path):
    paths = write(tmp_path / "a")

    def beside(ds):
        x, y, z = ds.ImagePositionPatient
        ds.ImagePositionPatient = [float(x) + 5, y, z]

    add_copies(paths[2:3], tmp_path / "b", beside)
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code is Code.DUPLICATE_CONFLICT
    assert "5.000 mm apart" in str(refusal.value)


def test_a_tilted_slice_is_refused_with_its_angle(tmp_path):
    paths = write(tmp_path)

    def tilted(ds):
        angle = np.radians(2)
        ds.ImageOrientationPatient = [1, 0, 0, 0, round(np.sin(angle), 6), -round(np.cos(angle), 6)]

    edit(paths[3], tilted)
    found = find_series([tmp_path]).series
    [refused] = [series for series in found if series.refusal is not None]
    assert refused.refusal.code is Code.NOT_PARALLEL
    assert "2.0 degrees" in str(refused.refusal)
    [rest] = [series for series in found if series.refusal is None]
    assert Code.SLICES_MISSING in [finding.code for finding in rest.findings]


def test_two_halves_of_a_stack_stay_one(tmp_path):
    paths = write(tmp_path, volume(grid(size=(7, 5, 8))))
    paths[4].unlink()
    edit(paths[5:], lambda ds: setattr(ds, "AcquisitionNumber", 2))
    [series] = find_series([tmp_path]).series
    assert series.regularity is Regularity.GAPS


@pytest.mark.parametrize("keyword", ["PatientID", "PatientBirthDate", "StudyInstanceUID"])
def test_mixed_patients_and_studies_are_refused(keyword, tmp_path):
    paths = write(tmp_path)
    edit(paths[1], lambda ds: setattr(ds, keyword, "19990101"))
    [series] = find_series([tmp_path]).series
    assert series.refusal.code is Code.PATIENTS_MIXED
    with pytest.raises(DistcorrError):
        load_series(tmp_path)


def test_patient_is_known_by_a_hash_alone(tmp_path):
    write(tmp_path, patient_id="Erika^Mustermann")
    [series] = find_series([tmp_path]).series
    assert "Erika" not in repr(series) + series.patient_key
    assert len(series.patient_key) == 12


def test_choosing_a_part(tmp_path):
    paths = write(tmp_path / "a")
    add_copies(paths, tmp_path / "b", lambda ds: setattr(ds, "EchoTime", 20))
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code is Code.SEVERAL_VOLUMES
    assert "1: TE 10 ms" in str(refusal.value)
    assert "--part" in str(refusal.value)
    assert load_series(tmp_path, "te 20 MS").series.part == "TE 20 ms"
    assert load_series(tmp_path, "2").series.part == "TE 20 ms"
    with pytest.raises(DistcorrError, match="no single part"):
        load_series(tmp_path, "TE 30 ms")


def test_a_single_slice_is_refused(tmp_path):
    paths = write(tmp_path)
    with pytest.raises(DistcorrError) as refusal:
        load_series(paths[0])
    assert refusal.value.code is Code.NOT_A_VOLUME


def test_parts_do_not_depend_on_the_order_of_files(data):
    files = sorted((data / "table_position" / "1301_Dual-echo_iso").iterdir())
    files += sorted((data / "edge" / "three_plane_localizer_jpegll").glob("c*"))
    forward, backward = find_series(files).series, find_series(files[::-1]).series
    assert {(s.uid, s.part, s.files) for s in forward} == {
        (s.uid, s.part, s.files) for s in backward
    }


def test_names_are_unique_even_where_tokens_are_not():
    assert part_names([{"image type": "M\\ND"}, {"image type": "ND\\M"}]) == ["M\\ND", "ND\\M"]
    assert part_names([{}, {}]) == ["all #1", "all #2"]
    assert part_names([{"echo": "TE 1 ms"}]) == ["all"]
