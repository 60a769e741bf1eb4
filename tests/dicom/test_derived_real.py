"""Derived series of real scans: read back by independent readers, and no worse than the source."""

from collections import Counter
from itertools import islice

import numpy as np
import pydicom
import pytest
from scipy import ndimage

from distcorr.dicom import Derivation, Layout, find_series, load_series, write_derived_series
from distcorr.dicom.tags import quiet
from distcorr.errors import DistcorrError
from distcorr.space import Volume
from tests.conftest import data_folder
from tests.oracles import Folder, Oracle, compare_folder, dciodvfy_errors, folder_names, folders

NAMES = folder_names(data_folder()) if data_folder() else []
PARTS = 2
"""Parts of a folder that are tried; the others of its kind differ in nothing."""

ABOUT = Derivation(
    correction_sha256="c" * 64,
    input_sha256="1" * 64,
    version="0.1.0",
    options=(("state", "ND"), ("interpolation", "bspline")),
    supported_fraction=0.9,
    largest_displacement_mm=6.0,
)
KEPT_CREATORS = {"SIEMENS MR HEADER", "SIEMENS MR SDI 02", "GEMS_PARM_01", "GEMS_ACQU_01"}
SAME = """
    PatientName PatientID PatientBirthDate StudyInstanceUID StudyID StudyDate AccessionNumber
    FrameOfReferenceUID SpecificCharacterSet PhotometricInterpretation BitsAllocated
    PixelRepresentation WindowCenter WindowWidth RescaleSlope RescaleIntercept
    LossyImageCompression PatientPosition EchoTime AcquisitionDate Modality SOPClassUID
"""


def moved(volume: Volume) -> Volume:
    """Something like a correction: half a voxel sideways, within the source's values."""
    array = volume.array
    values = ndimage.shift(array.astype(np.float64), (0, 0.5, 0.5), order=3, mode="nearest")
    values = np.clip(values, array.min(), array.max())
    whole = np.rint(values) if array.dtype.kind in "iu" else values
    return Volume(whole.astype(array.dtype), volume.grid, volume.valid)


def private_creators(ds) -> set[str]:
    found = set()
    for element in ds.iterall():
        if element.tag.is_private_creator:
            found.add(element.value)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_real_series_has_a_sound_derivate(name, data, tool, tmp_path):
    for program in ("dciodvfy", "dcm2niix"):
        tool(program)
    [folder] = folders(data, tmp_path / "unpacked", only=name)
    volumes = (one for one in find_series(folder.files).series if one.refusal is None)
    for number, series in enumerate(islice(volumes, PARTS)):
        try:
            loaded = load_series(folder.files, series.part).volume
        except DistcorrError:
            continue
        before = {path: path.read_bytes() for path in series.files}
        corrected = moved(loaded)
        out = tmp_path / f"out{number}"
        paths = write_derived_series(series, corrected, ABOUT, out)
        assert {path: path.read_bytes() for path in series.files} == before
        assert sorted(out.iterdir()) == paths
        check_headers(series, paths)
        check_volume(series, corrected, out)
        check_oracles(series, paths, tmp_path / f"oracles{number}")
        check_errors(series, paths)


def check_headers(series, paths):
    with quiet():
        source = pydicom.dcmread(series.frames[0].path, stop_before_pixels=True)
        derived = [pydicom.dcmread(path) for path in paths]
        old_uids = {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
                    for path in series.files}  # fmt: skip
    assert len({ds.SOPInstanceUID for ds in derived}) == len(paths)
    assert old_uids.isdisjoint(ds.SOPInstanceUID for ds in derived)
    assert {ds.SeriesInstanceUID for ds in derived}.isdisjoint({series.uid})
    for ds in derived:
        with quiet():
            for keyword in SAME.split():
                varies = keyword.startswith(("Rescale", "Window"))
                if not varies or series.layout is not Layout.CLASSIC:
                    assert ds.get(keyword) == source.get(keyword), keyword
            assert private_creators(ds) <= KEPT_CREATORS
            assert not {"ND", "DIS2D", "DIS3D", "ORIGINAL", "MOSAIC"} & set(ds.ImageType)
        assert ds.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian


def check_volume(series, corrected, out):
    again, found = load_series(out)
    assert found.facts.corrected_by.value == ABOUT.correction_sha256
    assert again.grid.same_as(corrected.grid, 2e-3)
    step = max(frame.slope for frame in found.frames) / 2
    valid = np.ones(again.array.shape, bool) if corrected.valid is None else corrected.valid
    np.testing.assert_allclose(again.array[valid], corrected.array[valid], atol=step * 1.001 + 1e-3)
    assert found.facts.scanner == series.facts.scanner
    assert found.facts.patient_position.value == series.facts.patient_position.value


def check_oracles(series, paths, scratch):
    rows = compare_folder(Folder(paths[0].parent.name, tuple(paths)), scratch)
    readers = Counter(row.oracle for row in rows)
    assert readers == {Oracle.DCM2NIIX: 1, Oracle.GDCM: 1}
    for row in rows:
        assert row.agrees, row


def check_errors(series, paths):
    source = set().union(*(dciodvfy_errors(path) for path in series.files[:3]))
    middle = len(paths) // 2
    for path in (paths[0], paths[middle], paths[-1]):
        assert dciodvfy_errors(path) <= source
