"""Loading scans and references, and the checks between them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from distcorr.batch import Statement, content_sha256, load_references, load_scan, read_cohort
from distcorr.correction import InputRole
from distcorr.dicom import Derivation, load_series, write_derived_series
from distcorr.errors import Code, DistcorrError
from distcorr.facts import Plane, Scanner, VendorState
from distcorr.images import write_volume
from distcorr.space import Grid, PatientPosition, Volume
from tests.batch.examples import AXIAL, CORONAL, SAGITTAL, volume, write_dicom, write_image
from tests.correction.examples import SCANNER

NOTHING = Statement("test")
ALL = Statement("test", VendorState.ND, PatientPosition.HFS, (1.0, 2.0, 3.0))


def cohort_of(folder: Path, *references: str) -> list:
    text = "".join(f"[[reference]]\n{reference}\n" for reference in references)
    (folder / "cohort.toml").write_text(text)
    return load_references(read_cohort(folder / "cohort.toml"))


PAIR = 'id = "r1"\naxial = "ax"\ncoronal = "cor"'


def write_pair(folder: Path, name: str = "", seed: int = 0, **coronal: object) -> None:
    write_dicom(folder / f"{name}ax", AXIAL, seed=seed + 10, state=VendorState.DIS3D)
    write_dicom(folder / f"{name}cor", CORONAL, seed=seed, **coronal)


def test_a_dicom_series_brings_its_facts_and_a_statement_replaces_them(tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "cor", CORONAL)
    loaded = load_scan(folder, NOTHING)
    assert loaded.scan.plane is Plane.CORONAL
    assert loaded.scan.facts.state.value is VendorState.ND
    assert loaded.scan.facts.isocentre_lps.value == (0.0, 0.0, 15.0)
    stated = load_scan(folder, Statement("test", state=VendorState.TRUSTED))
    assert stated.scan.facts.state.value is VendorState.TRUSTED
    assert stated.scan.facts.state.source == "test"
    assert stated.scan.facts.patient_position == loaded.scan.facts.patient_position
    assert [finding.code for finding in stated.findings] == [Code.STATED_OTHERWISE]
    assert "header: ND" in stated.findings[0].evidence
    assert "make sure" in str(stated.findings[0])
    agreed = load_scan(folder, Statement("test", VendorState.ND, PatientPosition.HFS))
    assert agreed.findings == ()


def test_the_hash_is_of_content_not_of_files(tmp_path: Path) -> None:
    dicom = load_scan(write_dicom(tmp_path / "cor", CORONAL), NOTHING)
    again = load_scan(write_dicom(tmp_path / "again", CORONAL), NOTHING)
    assert dicom.sha256 == again.sha256
    original = volume(CORONAL)
    assert content_sha256(original) == content_sha256(
        replace(original, array=np.asfortranarray(original.array.astype(">u2")))
    )
    moved = Grid(
        original.grid.size,
        original.grid.origin_lps + 1e-6,
        original.grid.spacing,
        original.grid.direction,
    )
    others = [
        Volume(original.array + np.uint16(1), original.grid),
        Volume(original.array.astype(np.int16), original.grid),
        Volume(original.array, moved),
    ]
    assert content_sha256(original) not in {content_sha256(other) for other in others}


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".nii"])
def test_an_image_file_needs_its_facts_stated(tmp_path: Path, suffix: str) -> None:
    path = write_image(tmp_path / f"x{suffix}", CORONAL)
    loaded = load_scan(path, ALL)
    assert loaded.findings == ()
    assert loaded.scan.facts.isocentre_lps.value == (1.0, 2.0, 3.0)
    for missing, code in (
        ("state", Code.STATE_UNKNOWN),
        ("patient_position", Code.POSITION_UNKNOWN),
        ("isocentre_lps", Code.ISOCENTRE_UNKNOWN),
    ):
        loaded = load_scan(path, replace(ALL, **{missing: None}))
        assert [finding.code for finding in loaded.findings] == [code]
        with pytest.raises(DistcorrError, match=r"no sidecar x\.json") as refusal:
            _ = loaded.scan.acquisition
        assert refusal.value.code is code


def test_what_is_forced_is_assumed_and_says_why(tmp_path: Path) -> None:
    path = write_image(tmp_path / "x.nrrd", CORONAL)
    forced = Statement("test", VendorState.ND, force_reason="the radiographer's log")
    loaded = load_scan(path, forced)
    facts = loaded.scan.facts
    assert facts.patient_position.value is PatientPosition.HFS
    assert facts.isocentre_lps.value == (0.0, 0.0, 0.0)
    assert [finding.code for finding in loaded.findings] == [Code.PLACEMENT_ASSUMED] * 2
    for told in (*(str(finding) for finding in loaded.findings), facts.isocentre_lps.source):
        assert "the radiographer's log" in told
    known = load_scan(write_dicom(tmp_path / "cor", CORONAL), forced)
    assert known.findings == ()
    assert known.scan.facts.isocentre_lps.value == (0.0, 0.0, 15.0)
    silent = load_scan(path, replace(forced, state=None))
    with pytest.raises(DistcorrError, match="state-unknown"):
        _ = silent.scan.acquisition


def test_a_table_that_moved_can_not_be_forced(tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "cor", CORONAL)
    half = sorted(folder.iterdir(), key=lambda p: pydicom.dcmread(p).ImagePositionPatient[1])[4:]
    for path in half:
        ds = pydicom.dcmread(path)
        ds.private_block(0x0019, "SIEMENS MR HEADER")[0x14].value = [0, 0, 100]
        ds.save_as(path)
    loaded = load_scan(folder, Statement("test", force_reason="never mind"))
    assert Code.TABLE_MOVED in [finding.code for finding in loaded.findings]
    with pytest.raises(DistcorrError, match="moved within the series"):
        _ = loaded.scan.acquisition


def test_a_stated_isocentre_that_differs_is_told(tmp_path: Path) -> None:
    folder = write_dicom(tmp_path / "cor", CORONAL)
    near, far = (
        load_scan(folder, Statement("test", isocentre_lps=(0.0, 0.0, z))) for z in (15.4, 45.0)
    )
    assert near.findings == ()
    assert far.scan.facts.isocentre_lps.value == (0.0, 0.0, 45.0)
    (told,) = far.findings
    assert told.code is Code.STATED_OTHERWISE
    assert "ImaRelTablePosition" in told.evidence


def test_references_are_loaded_with_their_inputs(tmp_path: Path) -> None:
    write_pair(tmp_path)
    (reference,) = cohort_of(tmp_path, PAIR)
    assert reference.id == "r1"
    assert reference.axial.plane is Plane.AXIAL
    assert [one.role for one in reference.inputs] == [InputRole.AXIAL, InputRole.CORONAL]
    assert [source.state for source in reference.inputs] == [VendorState.DIS3D, VendorState.ND]
    assert reference.findings == ()
    assert "SURNAME" not in repr(reference)


def test_swapped_scans_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path)
    with pytest.raises(DistcorrError) as refusal:
        cohort_of(tmp_path, 'id = "r1"\naxial = "cor"\ncoronal = "ax"')
    assert refusal.value.code is Code.SWAPPED
    assert "exchange the two" in str(refusal.value)


def test_a_sagittal_scan_is_no_coronal_one(tmp_path: Path) -> None:
    write_dicom(tmp_path / "ax", AXIAL)
    write_dicom(tmp_path / "cor", SAGITTAL)
    with pytest.raises(DistcorrError) as refusal:
        cohort_of(tmp_path, PAIR)
    assert refusal.value.code is Code.SWAPPED
    assert "the coronal is sagittal" in str(refusal.value)
    assert "exchange the two" not in str(refusal.value)


def test_other_frames_of_reference_are_told(tmp_path: Path) -> None:
    write_pair(tmp_path, frame="other")
    (reference,) = cohort_of(tmp_path, PAIR)
    assert [finding.code for finding in reference.findings] == [Code.FRAME_OF_REFERENCE_DIFFERS]


@pytest.mark.parametrize("scanner", [replace(SCANNER, serial="9"), replace(SCANNER, model="Vida")])
def test_references_of_two_scanners_are_refused(tmp_path: Path, scanner: Scanner) -> None:
    write_pair(tmp_path, scanner=scanner)
    with pytest.raises(DistcorrError) as refusal:
        cohort_of(tmp_path, PAIR)
    assert refusal.value.code is Code.SCANNERS_DIFFER
    assert "r1 axial" in str(refusal.value)


def test_one_scan_under_two_names_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path)
    with pytest.raises(DistcorrError, match="r2 axial is the same scan as r1 axial"):
        cohort_of(tmp_path, PAIR, PAIR.replace("r1", "r2"))


def test_an_empty_cohort_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DistcorrError, match="names no reference"):
        cohort_of(tmp_path)


def test_masks_come_to_the_axial_grid(tmp_path: Path) -> None:
    write_pair(tmp_path)
    axial = volume(AXIAL)
    drawn = np.zeros(axial.grid.shape, np.uint8)
    drawn[:, :, 5:] = 3
    write_volume(Volume(drawn, axial.grid), tmp_path / "mask.nrrd")
    flipped = np.diag([-1.0, -1.0, 1.0])
    last = axial.grid.origin_lps + np.array([90.0, 110.0, 0])
    other = Grid(axial.grid.size, last, axial.grid.spacing, flipped)
    write_volume(Volume(drawn[:, ::-1, ::-1].copy(), other), tmp_path / "other.nrrd")
    write_volume(Volume(drawn * 0, axial.grid), tmp_path / "empty.nrrd")
    for name in ("mask", "other"):
        (reference,) = cohort_of(tmp_path, f'{PAIR}\nmask = "{name}.nrrd"')
        assert reference.masks[0] is not None
        assert np.array_equal(reference.masks[0], drawn > 0)
    with pytest.raises(DistcorrError, match="leaves nothing"):
        cohort_of(tmp_path, f'{PAIR}\nmask = "empty.nrrd"')


def test_stations_of_the_table_are_one_reference(tmp_path: Path) -> None:
    write_pair(tmp_path)
    write_dicom(tmp_path / "ax2", AXIAL, seed=5)
    stations = PAIR.replace('axial = "ax"', 'axial = ["ax", "ax2"]')
    (reference,) = cohort_of(tmp_path, stations)
    assert len(reference.axials) == len(reference.masks) == 2
    assert [one.role for one in reference.inputs] == [*[InputRole.AXIAL] * 2, InputRole.CORONAL]
    assert "station 2" in reference.axials[1].facts.description
    with pytest.raises(DistcorrError, match="not for several stations"):
        cohort_of(tmp_path, f"{stations}\nisocentre_lps = [0, 0, 0]")


def test_a_folder_of_several_volumes_needs_a_part(tmp_path: Path, data: Path) -> None:
    localizer = data / "acr_ge_3plane" / "05_3_Plane_Localizer_HF"
    entry = f"""id = "acr"
axial = "{localizer}"
coronal = "{localizer}"
axial_state = "DIS2D"
coronal_state = "DIS2D"
"""
    with pytest.raises(DistcorrError) as refusal:
        cohort_of(tmp_path, entry)
    assert refusal.value.code is Code.SEVERAL_VOLUMES
    parts = 'axial_part = "axial"\ncoronal_part = "coronal"'
    (reference,) = cohort_of(tmp_path, entry + parts)
    assert (reference.axial.plane, reference.coronal.plane) == (Plane.AXIAL, Plane.CORONAL)


def test_a_real_pair(tmp_path: Path, data: Path) -> None:
    knee = data / "knee_axcor"
    entry = f'id = "knee"\naxial = "{knee / "ax_pd_fs"}"\ncoronal = "{knee / "cor_pd_fs"}"'
    with pytest.raises(DistcorrError, match="state isocentre_lps") as refusal:
        cohort_of(tmp_path, entry)  # the private elements are gone
    assert refusal.value.code is Code.ISOCENTRE_UNKNOWN
    (reference,) = cohort_of(tmp_path, f"{entry}\nisocentre_lps = [0, 0, 0]")
    assert reference.axial.facts.state.value is VendorState.DIS2D
    assert reference.coronal.facts.patient_position.value is PatientPosition.FFS
    codes = {finding.code for finding in reference.findings}
    assert Code.FRAME_OF_REFERENCE_DIFFERS not in codes
    assert Code.STATE_UNKNOWN not in codes


def corrected(folder: Path, out: Path) -> Path:
    loaded, series = load_series(folder)
    about = Derivation("c" * 64, "1" * 64, "0.1.0", (), 1.0, 0.0)
    write_derived_series(series, loaded, about, out)
    return out


@pytest.mark.parametrize("stated", ["", 'coronal_state = "ND"', 'coronal_state = "DIS2D"'])
def test_a_corrected_scan_is_no_reference(tmp_path: Path, stated: str) -> None:
    write_pair(tmp_path)
    corrected(tmp_path / "cor", tmp_path / "done")
    with pytest.raises(DistcorrError) as refusal:
        cohort_of(tmp_path, f'id = "r1"\naxial = "ax"\ncoronal = "done"\n{stated}')
    assert refusal.value.code is Code.ALREADY_CORRECTED
    assert "c" * 64 in str(refusal.value)


def test_a_corrected_scan_may_be_declared_trusted(tmp_path: Path) -> None:
    write_pair(tmp_path)
    write_dicom(tmp_path / "nd", AXIAL, seed=5)
    corrected(tmp_path / "nd", tmp_path / "done")
    pair = 'id = "r1"\naxial = "done"\ncoronal = "cor"\naxial_state = "trusted"'
    [reference] = cohort_of(tmp_path, pair)
    assert reference.inputs[0].state is VendorState.TRUSTED


def test_a_record_of_somebody_else_is_no_mark(tmp_path: Path) -> None:
    path = write_image(tmp_path / "v.nrrd", CORONAL)
    for text in ("{}", '{"correction_sha256": 7}'):
        path.with_suffix(".json").write_text(text)
        assert not load_scan(path, ALL).scan.facts.corrected_by.known
    path.with_suffix(".json").write_text('{"correction_sha256": "abc"}')
    mark = load_scan(path, ALL).scan.facts.corrected_by
    assert (mark.value, mark.source) == ("abc", "v.json")
