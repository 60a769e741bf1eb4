"""Sidecars: what they say reaches the scan, and what can't be right is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from distcorr.batch import Statement, load_scan
from distcorr.batch.sidecar import MAX_SIDECAR_BYTES, read_sidecar, sidecar_path, write_sidecar
from distcorr.correction.identity import ScannerMatch, match_scanners
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.facts import AcquisitionFacts, Plane, VendorState
from distcorr.images import read_volume, write_volume
from distcorr.space import PatientPosition, transform_points
from tests.batch.examples import CORONAL, volume, write_dicom, write_image
from tests.cli.running import run
from tests.correction.examples import SCANNER, correction_of, example_field

NOTHING = Statement("test")

DCM2NIIX = {
    "Manufacturer": "Siemens",
    "ManufacturersModelName": "Prisma_fit",
    "DeviceSerialNumber": "167006",
    "MagneticFieldStrength": 3,
    "SoftwareVersions": "syngo MR E11",
    "PatientPosition": "HFS",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "MAGNITUDE"],
    "NonlinearGradientCorrection": False,
    "TablePosition": [0, 0, -20],
    "ImageOrientationPatientDICOM": [1, 0, 0, 0, 0, -1],
    "ConversionSoftware": "dcm2niix",
    "ConversionSoftwareVersion": "v1.0.20250506",
}
"""What dcm2niix 1.0.20250506 writes for the phantom whose table was moved."""


def beside(folder: Path, sidecar: object) -> Path:
    path = folder / "x.nii.gz"
    if not path.exists():
        write_image(path, CORONAL)
    text = sidecar if isinstance(sidecar, str) else json.dumps(sidecar)
    (folder / "x.json").write_text(text, encoding="utf-8")
    return path


def facts_of(folder: Path, **changes: object) -> AcquisitionFacts:
    return load_scan(beside(folder, {**DCM2NIIX, **changes}), NOTHING).scan.facts


def values(facts: AcquisitionFacts) -> tuple[object, ...]:
    return (facts.state.value, facts.patient_position.value, facts.isocentre_lps.value)


@pytest.mark.parametrize("name", ["a.b.nii.gz", "a.b.nii", "a.b.nrrd", "a.b.NRRD"])
def test_its_name(name: str) -> None:
    assert sidecar_path(Path("/x") / name) == Path("/x/a.b.json")


def test_what_dcm2niix_writes(tmp_path: Path) -> None:
    facts = facts_of(tmp_path)
    assert values(facts) == (VendorState.ND, PatientPosition.HFS, (0.0, 0.0, 20.0))
    assert facts.state.source == "ImageType of the sidecar"
    assert str(facts.scanner) == "Siemens Prisma_fit serial 167006 3 T"
    assert facts.scanner.software == "syngo MR E11"
    assert load_scan(tmp_path / "x.nii.gz", NOTHING).findings == ()


def test_a_statement_goes_before_it(tmp_path: Path) -> None:
    path = beside(tmp_path, DCM2NIIX)
    loaded = load_scan(path, Statement("--state", VendorState.DIS2D))
    assert loaded.scan.facts.state.value is VendorState.DIS2D
    assert loaded.scan.facts.patient_position.value is PatientPosition.HFS
    (told,) = loaded.findings
    assert told.code is Code.STATED_OTHERWISE
    assert "contradicts the sidecar" in told.what


OWN = {"state": "DIS2D", "patient_position": "FFS", "isocentre_lps": [1, 2, 3]}


def test_our_own_keys_go_before_those_of_bids_and_disagreement_is_told(tmp_path: Path) -> None:
    alone = load_scan(beside(tmp_path, {"distcorr": OWN}), NOTHING)
    assert values(alone.scan.facts) == (VendorState.DIS2D, PatientPosition.FFS, (1.0, 2.0, 3.0))
    assert alone.findings == ()
    assert "distcorr.state" in alone.scan.facts.state.source
    both = load_scan(beside(tmp_path, {**DCM2NIIX, "distcorr": OWN}), NOTHING)
    assert values(both.scan.facts) == values(alone.scan.facts)
    assert [one.code for one in both.findings] == [Code.STATED_OTHERWISE] * 2


SILENT: list[tuple[dict[str, object], str, str]] = [
    ({"ImageType": ["ORIGINAL", "PRIMARY", "M"]}, "state", "ImageType is ORIGINAL"),
    ({"NonlinearGradientCorrection": True}, "state", "contradict each other"),
    ({"Manufacturer": "GE"}, "state", "ImageTypeText is absent"),
    ({"ImageType": ["ND", "DIS2D"]}, "state", "ND\\DIS2D"),
    ({"PatientPosition": "SIDE"}, "patient_position", "PatientPosition is SIDE"),
    ({"TablePosition": None}, "isocentre_lps", "TablePosition is absent"),
    ({"TablePosition": [3, 0, -20]}, "isocentre_lps", "sideways"),
    ({"ConversionSoftware": "heudiconv"}, "isocentre_lps", "sign is not known"),
    ({"ConversionSoftwareVersion": "v1.0.20240202"}, "isocentre_lps", "sign is not known"),
    ({"Manufacturer": "UIH"}, "isocentre_lps", "sign is not known"),
]


@pytest.mark.parametrize(("changes", "name", "why"), SILENT)
def test_what_it_leaves_open_is_refused_with_the_reason(
    tmp_path: Path, changes: dict[str, object], name: str, why: str
) -> None:
    fact = getattr(facts_of(tmp_path, **changes), name)
    assert not fact.known
    assert why in fact.source
    with pytest.raises(DistcorrError, match="-unknown"):
        _ = load_scan(tmp_path / "x.nii.gz", NOTHING).scan.acquisition


def test_tokens_joined_as_in_dicom_are_read(tmp_path: Path) -> None:
    text = "ORIGINAL\\PRIMARY\\M\\NORM\\DIS2D"
    facts = facts_of(tmp_path, ImageType=text, NonlinearGradientCorrection=None)
    assert facts.state.value is VendorState.DIS2D


def test_an_unverified_sign_comes_with_a_warning(tmp_path: Path) -> None:
    loaded = load_scan(beside(tmp_path, {**DCM2NIIX, "PatientPosition": "FFS"}), NOTHING)
    assert loaded.scan.facts.isocentre_lps.value == (0.0, 0.0, 20.0)
    assert [one.code for one in loaded.findings] == [Code.ISOCENTRE_UNVERIFIED]
    stated = load_scan(tmp_path / "x.nii.gz", Statement("t", isocentre_lps=(0.0, 0.0, 20.0)))
    assert stated.findings == ()


MALFORMED: list[tuple[object, str]] = [
    ("{", "not valid JSON"),
    ("[1]", "a list, not an object"),
    ('{"TablePosition": [0, 0, NaN]}', "NaN is no number"),
    ('{"PatientPosition": "HFS", "PatientPosition": "FFS"}', "occurs twice"),
    ("[" * 100_000, "not valid JSON"),
    ({"TablePosition": [0, 0]}, "TablePosition.2"),
    ({"MagneticFieldStrength": "3"}, "MagneticFieldStrength"),
    ({"MagneticFieldStrength": -1}, "MagneticFieldStrength"),
    ({"ImageType": 3}, "ImageType"),
    ({"ImageOrientationPatientDICOM": [0, 0, 0, 0, 0, 0]}, "no two directions at a right"),
    ({"distcorr": {"state": "ND2"}}, "distcorr.state"),
    ({"distcorr": {"isocenter_lps": [0, 0, 0]}}, "distcorr.isocenter_lps"),
    ({"distcorr": {"isocentre_lps": [0, 0, "0"]}}, "distcorr.isocentre_lps.2"),
    ({"distcorr": []}, "distcorr: "),
    ({"distcorr": {"doubts": [{"code": "folding", "what": "x"}]}}, "distcorr.doubts.0.code"),
]


@pytest.mark.parametrize(("sidecar", "evidence"), MALFORMED)
def test_what_is_malformed_is_refused(tmp_path: Path, sidecar: object, evidence: str) -> None:
    with pytest.raises(DistcorrError) as refusal:
        load_scan(beside(tmp_path, sidecar), NOTHING)
    assert refusal.value.code is Code.SIDECAR_INVALID
    assert evidence in str(refusal.value)
    assert "x.json" in str(refusal.value)


def test_bytes_that_are_no_text_and_large_files_are_refused(tmp_path: Path) -> None:
    path = beside(tmp_path, {})
    (tmp_path / "x.json").write_bytes(b'{"a": "\xff\xfe"}')
    with pytest.raises(DistcorrError, match="sidecar-invalid"):
        load_scan(path, NOTHING)
    (tmp_path / "x.json").write_bytes(b" " * (MAX_SIDECAR_BYTES + 1))
    with pytest.raises(DistcorrError, match="too-large"):
        load_scan(path, NOTHING)


def test_the_slices_as_acquired_count_not_the_axes_of_the_file(tmp_path: Path) -> None:
    axial = {**DCM2NIIX, "ImageOrientationPatientDICOM": [1, 0, 0, 0, 1, 0]}
    scan = load_scan(beside(tmp_path, axial), Statement("test", VendorState.DIS2D)).scan
    np.testing.assert_allclose(scan.volume.grid.normal_lps, [0, 1, 0])
    np.testing.assert_allclose(scan.acquisition.normal_lps, [0, 0, 1])
    assert scan.plane is Plane.AXIAL


def test_writing_and_reading_again(tmp_path: Path) -> None:
    facts = load_scan(write_dicom(tmp_path / "d", CORONAL), NOTHING).scan.facts
    grid = volume(CORONAL).grid
    write_image(tmp_path / "v.nrrd", CORONAL)
    write_sidecar(tmp_path / "v.json", grid, facts, ())
    first = (tmp_path / "v.json").read_bytes()
    sidecar = read_sidecar(tmp_path / "v.nrrd")
    assert sidecar is not None
    assert values(sidecar.facts) == values(facts)
    assert sidecar.facts.state.source == "ImageType (0008,0008), by the sidecar"
    assert match_scanners(sidecar.facts.scanner, SCANNER) is ScannerMatch.SAME
    np.testing.assert_allclose(sidecar.facts.slice_normal_lps.value, grid.normal_lps)
    assert b"SURNAME" not in first
    write_sidecar(tmp_path / "v.json", grid, facts, (), overwrite=True)
    assert (tmp_path / "v.json").read_bytes() == first


@pytest.fixture
def correction(tmp_path: Path) -> Path:
    path = tmp_path / "scanner.distcorr"
    correction_of(example_field()).save(path)
    return path


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz"])
@pytest.mark.parametrize("state", [VendorState.ND, VendorState.DIS2D])
def test_convert_then_apply_is_apply(
    tmp_path: Path, correction: Path, suffix: str, state: VendorState
) -> None:
    series = write_dicom(tmp_path / "sub1", CORONAL, state=state)
    converted = tmp_path / "converted" / f"sub1{suffix}"
    assert run("convert", series, converted).returncode == 0
    assert converted.with_name("sub1.json").is_file()
    for source, out in ((series, "a"), (converted, "b")):
        done = run("apply", correction, source, "-o", tmp_path / out)
        assert (done.returncode, done.stderr) == (0, "")
    one, two = (read_volume(tmp_path / out / "sub1_corrected.nrrd") for out in "ab")
    assert one.grid.same_as(two.grid, 1e-4)
    # NIfTI keeps positions as 32-bit floats, some 1e-6 mm: a rounding may tip by one.
    assert np.abs(one.array.astype(int) - two.array.astype(int)).max() <= (suffix != ".nrrd")
    records = [json.loads((tmp_path / out / "sub1_corrected.json").read_text()) for out in "ab"]
    assert records[0]["scan_scanner"] == records[1]["scan_scanner"]
    for name, fact in records[0]["facts"].items():
        assert records[1]["facts"][name]["value"] == fact["value"]


def test_a_doubt_survives_conversion(tmp_path: Path, data: Path) -> None:
    folder = data / "acr_ge_3plane" / "05_3_Plane_Localizer_HF"
    moved = data / "edge" / "decubitus_HFDR"
    assert run("convert", folder, tmp_path / "a.nrrd", "--part", "axial").returncode == 0
    converted = load_scan(tmp_path / "a.nrrd", NOTHING)
    assert Code.STATE_UNKNOWN in [one.code for one in converted.findings]
    facts = load_scan(moved, NOTHING).scan.facts.stated("t", isocentre_lps=(0.0, 0.0, 9.0))
    write_image(tmp_path / "b.nrrd", CORONAL)
    doubt = Finding(Code.ISOCENTRE_UNVERIFIED, "its sign", "a table")
    other = Finding(Code.RESIDUAL_DISTORTION, "x", "/home/somebody")
    write_sidecar(tmp_path / "b.json", volume(CORONAL).grid, facts, (doubt, other))
    assert load_scan(tmp_path / "b.nrrd", NOTHING).findings == (doubt,)


def test_convert_overwrites_neither_of_its_files(tmp_path: Path) -> None:
    series = write_dicom(tmp_path / "sub1", CORONAL)
    (tmp_path / "v.json").write_text("{}")
    refused = run("convert", series, tmp_path / "v.nrrd")
    assert refused.returncode == 1
    assert "error[output-exists]" in refused.stderr
    assert not (tmp_path / "v.nrrd").exists()
    assert (tmp_path / "v.json").read_text() == "{}"
    assert run("convert", series, tmp_path / "v.nrrd", "--overwrite").returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        "epi_3plane_mosaic/ref_nifti/ax_asc_35sl_6",
        "epi_3plane_mosaic/ref_nifti/cor_asc_35sl_16",
        "edge/enhanced_mr_siemens_xa30_t1/ref/6_anat-T1w_acq-tfl",
        "edge/ge_ffs_4d/ref/GE_1486_3_Ax_fMRI",
    ],
)
def test_sidecars_of_recent_dcm2niix_say_what_the_headers_say(
    name: str, data: Path, tmp_path: Path
) -> None:
    folders = {
        "ax_asc_35sl_6": "epi_3plane_mosaic/axasc35",
        "cor_asc_35sl_16": "epi_3plane_mosaic/corasc35",
        "6_anat-T1w_acq-tfl": "edge/enhanced_mr_siemens_xa30_t1",
        "GE_1486_3_Ax_fMRI": "edge/ge_ffs_4d/03_Ax_fMRI_FF_I21.1_S05.9",
    }
    part = {"ax_asc_35sl_6": "1", "cor_asc_35sl_16": "1", "GE_1486_3_Ax_fMRI": "1"}
    stem = Path(name).name
    header = load_scan(data / folders[stem], NOTHING, part.get(stem)).scan
    write_volume(header.volume, tmp_path / "v.nrrd")
    shutil.copy(data / f"{name}.json", tmp_path / "v.json")
    sidecar = load_scan(tmp_path / "v.nrrd", NOTHING).scan
    assert sidecar.facts.state.value == header.facts.state.value
    assert sidecar.facts.patient_position.value == header.facts.patient_position.value
    assert sidecar.facts.isocentre_lps.value == pytest.approx(header.facts.isocentre_lps.value)
    assert match_scanners(sidecar.facts.scanner, header.facts.scanner) is ScannerMatch.SAME


@pytest.mark.parametrize(
    "name",
    ["knee_axcor/cor_pd_fs", "acr_nd_vs_dis2d/acr_tra_t1_DIS2D", "edge/decubitus_HFDR",
     "edge/enhanced_mr_siemens_xa30_t1", "table_position/7_gre_fm_siemens_baseline"],
)  # fmt: skip
def test_the_installed_dcm2niix(
    name: str, data: Path, tool: Callable[[str], str], tmp_path: Path
) -> None:
    subprocess.run(
        [tool("dcm2niix"), "-b", "y", "-z", "n", "-f", "v", "-o", tmp_path, data / name],
        check=True, capture_output=True,
    )  # fmt: skip
    header, sidecar = (load_scan(p, NOTHING).scan for p in (data / name, tmp_path / "v.nii"))
    assert sidecar.facts.state.value is header.facts.state.value
    assert sidecar.facts.patient_position.value is header.facts.patient_position.value
    match = match_scanners(sidecar.facts.scanner, header.facts.scanner)
    assert match is (ScannerMatch.SAME if header.facts.scanner.serial else ScannerMatch.UNKNOWN)
    if sidecar.facts.isocentre_lps.known and header.facts.isocentre_lps.known:
        assert sidecar.facts.isocentre_lps.value == header.facts.isocentre_lps.value


def test_dcm2niix_then_apply_is_apply(
    tmp_path: Path, correction: Path, tool: Callable[[str], str]
) -> None:
    series = write_dicom(tmp_path / "sub1", CORONAL, state=VendorState.DIS2D)
    out = tmp_path / "nifti"
    out.mkdir()
    subprocess.run(
        [tool("dcm2niix"), "-b", "y", "-z", "n", "-f", "sub1", "-o", out, series],
        check=True, capture_output=True,
    )  # fmt: skip
    place = ("--isocentre", "0,0,15")  # older releases write no table position
    for source, folder in ((series, "a"), (out / "sub1.nii", "b")):
        done = run("apply", correction, source, "-o", tmp_path / folder, *place)
        assert done.returncode == 0, done.stderr
    one, two = (read_volume(tmp_path / folder / "sub1_corrected.nrrd") for folder in "ab")
    # dcm2niix turns the axes of a 3D acquisition: the same voxels in another order.
    assert not one.grid.same_as(two.grid, 1.0)
    index = np.rint(transform_points(two.grid.T_index_lps, one.grid.points_lps())).astype(int)
    i, j, k = np.moveaxis(index, -1, 0)
    assert np.abs(one.array.astype(int) - two.array[k, j, i].astype(int)).max() <= 1
