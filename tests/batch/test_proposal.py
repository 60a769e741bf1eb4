"""What is proposed as reference, what as scan to correct, and why the rest is left out."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr.batch import Cohort, Statement, load_references, load_scan, read_cohort
from distcorr.batch.proposal import Proposal, propose
from distcorr.batch.proposal_text import as_data, as_toml, to_fill_in, toml_string, verdict
from distcorr.batch.survey import LeftOut
from distcorr.dicom import find_series
from distcorr.dicom.export import MRSeriesHeader, write_classic_series
from distcorr.dicom.protocol import read_protocol
from distcorr.errors import Code, DistcorrError
from distcorr.facts import AcquisitionDimension, Scanner, VendorState
from distcorr.space import Grid, PatientPosition, Volume
from tests.batch.examples import AXIAL, CORONAL, SAGITTAL
from tests.correction.examples import SCANNER
from tests.dicom.examples import edit

ND, DIS2D, DIS3D = VendorState.ND, VendorState.DIS2D, VendorState.DIS3D
OTHER = Scanner("SIEMENS", "Skyra", "777", 3.0, "VE11C")


def write(
    folder: Path,
    direction: np.ndarray = CORONAL,
    state: VendorState = ND,
    subject: str = "SURNAME^GIVEN",
    scanner: Scanner = SCANNER,
    table: int = 0,
    size: int = 12,
    slices: int = 12,
    spacing: float = 20.0,
    echo: float = 10.0,
    seed: int = 0,
) -> list[Path]:
    shape = (size, size, slices)
    centre = direction @ ((np.array(shape) - 1) * spacing / 2) - [0, 0, table]
    grid = Grid(shape, -centre, np.full(3, spacing), direction)
    values = np.random.default_rng(seed).integers(0, 1000, grid.shape).astype(np.uint16)
    header = MRSeriesHeader(
        patient_id=subject,
        study_uid_seed=subject,
        series_uid_seed=repr(str(folder)),
        series_number=1,
        description="SURNAME thigh",
        state=state,
        patient_position=PatientPosition.HFS,
        table_position_mm=(0.0, 0.0, float(table)),
        scanner=scanner,
        slice_thickness_mm=spacing,
        dimension=AcquisitionDimension.D3,
        frame_of_reference_uid_seed=f"{subject}{table}",
        echo_time_ms=echo,
    )
    return write_classic_series(Volume(values, grid), header, folder, shuffle_seed=None)


def proposed(root: Path, scanner: str | None = None) -> Proposal:
    return propose(find_series([root]), root, scanner)


def read(proposal: Proposal, root: Path) -> Cohort:
    path = root / "cohort.toml"
    path.write_text(as_toml(proposal, root), encoding="utf-8")
    return read_cohort(path)


def reasons(proposal: Proposal) -> dict[str, LeftOut]:
    return {one.series.files[0].parent.name: one.reason for one in proposal.omissions}


def test_a_pair_and_scans_to_correct(tmp_path: Path) -> None:
    write(tmp_path / "b" / "ax", AXIAL, DIS3D)
    write(tmp_path / "b" / "cor")
    write(tmp_path / "a" / "cor", subject="OTHER")
    proposal = proposed(tmp_path)
    cohort = read(proposal, tmp_path)
    (reference,) = cohort.references
    assert (reference.id, reference.axial, reference.coronal) == ("ref01", "b/ax", "b/cor")
    assert [(one.id, one.path) for one in cohort.scans] == [
        ("sub001", "a/cor"),
        ("sub002", "b/cor"),
    ]
    assert proposal.shown == ("D_x", "D_y", "D_z")
    assert to_fill_in(proposal) == []
    assert proposal.omissions == ()  # the axial one is a reference
    load_references(cohort)
    for scan in cohort.scans:
        load_scan(cohort.resolve(scan.path), Statement("test"), scan.part)


def test_nothing_names_a_patient_and_runs_repeat(tmp_path: Path) -> None:
    write(tmp_path / "1" / "ax", AXIAL, DIS2D)
    write(tmp_path / "1" / "cor", CORONAL, DIS2D)
    write(tmp_path / "1" / "sag", SAGITTAL, DIS3D)
    proposal = proposed(tmp_path)
    text = as_toml(proposal, tmp_path)
    assert as_toml(proposed(tmp_path), tmp_path) == text
    key = proposal.references[0].pair.coronal.series.patient_key
    for told in (text, str(as_data(proposal, tmp_path))):
        assert not any(word in told for word in ("SURNAME", "GIVEN", "thigh", key, "1.2.826"))


@pytest.mark.parametrize(
    ("axial", "coronal", "table", "shown"),
    [
        (DIS3D, ND, 0, ("D_x", "D_y", "D_z")),
        (DIS3D, DIS2D, 0, ("D_y",)),
        (DIS2D, DIS2D, 0, ("D_y", "D_z")),
        (DIS2D, ND, 0, ("D_x", "D_y")),
        (ND, ND, 40, ("D_x", "D_y", "D_z")),
        (ND, ND, 0, ()),
        (DIS3D, DIS3D, 0, ()),
    ],
)
def test_what_a_pair_shows(
    tmp_path: Path, axial: VendorState, coronal: VendorState, table: int, shown: tuple[str, ...]
) -> None:
    write(tmp_path / "ax", AXIAL, axial, table=table)
    write(tmp_path / "cor", CORONAL, coronal)
    proposal = proposed(tmp_path)
    assert proposal.shown == shown
    assert len(proposal.references) == bool(shown)
    assert len(proposal.useless) == (not shown)
    if not shown:
        assert "NOTHING can be learned" in verdict(proposal)
        assert "NOTHING can be learned" in as_toml(proposal, tmp_path)
    read(proposal, tmp_path)


def test_the_pair_that_shows_most_goes_first_then_equal_contrast(tmp_path: Path) -> None:
    write(tmp_path / "ax_nd", AXIAL, ND)
    write(tmp_path / "ax_dis3d_te", AXIAL, DIS3D, echo=80.0)
    write(tmp_path / "ax_dis3d", AXIAL, DIS3D)
    write(tmp_path / "cor")
    proposal = proposed(tmp_path)
    (reference,) = proposal.references
    order = [proposal.location(one.axials[0]).path for one in (reference.pair, *reference.others)]
    assert order == ["ax_dis3d", "ax_dis3d_te", "ax_nd"]
    text = as_toml(proposal, tmp_path)
    assert '# axial = "ax_dis3d_te"' in text
    assert "contrast unlike by 2.1" in text


def test_stations_of_the_table_are_joined_and_repeats_are_not(tmp_path: Path) -> None:
    for name, table in (("low", -60), ("high", 60), ("again", 60)):
        write(tmp_path / name, AXIAL, DIS2D, table=table, slices=9)
    write(tmp_path / "cor", CORONAL, DIS2D)
    proposal = proposed(tmp_path)
    (reference,) = read(proposal, tmp_path).references
    assert len(reference.axials) == 2
    assert proposal.references[0].others


def test_another_session_makes_no_pair(tmp_path: Path) -> None:
    write(tmp_path / "ax", AXIAL, DIS3D, subject="A")
    write(tmp_path / "cor", CORONAL, ND, subject="B")
    proposal = proposed(tmp_path)
    assert proposal.references == proposal.useless == ()
    assert "no session holds" in verdict(proposal)
    assert reasons(proposal) == {"ax": LeftOut.NEEDS_NOTHING}


def test_unknown_states_are_left_to_fill_in(tmp_path: Path) -> None:
    write(tmp_path / "ax", AXIAL, VendorState.TRUSTED)
    write(tmp_path / "cor", CORONAL, VendorState.TRUSTED, subject="SURNAME^GIVEN")
    write(tmp_path / "ax_other", AXIAL, VendorState.TRUSTED, subject="B")
    proposal = proposed(tmp_path)
    assert to_fill_in(proposal) == ["ref01: axial_state", "ref01: coronal_state", "sub001: state"]
    assert reasons(proposal) == {"ax_other": LeftOut.STATE_UNKNOWN}
    text = as_toml(proposal, tmp_path)
    lines = [line.removeprefix("# ") if " # fill in" in line else line for line in text.split("\n")]
    (tmp_path / "filled.toml").write_text("\n".join(lines))
    filled = read_cohort(tmp_path / "filled.toml")
    assert filled.references[0].axial_state is ND
    assert filled.scans[0].state is ND


def test_why_the_rest_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "cor")
    write(tmp_path / "sag_dis3d", SAGITTAL, DIS3D)
    write(tmp_path / "few", CORONAL, slices=4)
    write(tmp_path / "small", CORONAL, size=8, slices=8, spacing=10.0)
    changes = {
        "scout": lambda ds: setattr(ds, "SeriesDescription", "fl2d SCOUT"),
        "ct": lambda ds: setattr(ds, "Modality", "CT"),
        "mpr": lambda ds: setattr(ds, "ImageType", ["DERIVED", "PRIMARY", "MPR", "ND"]),
        "derived": lambda ds: setattr(ds, "ImageType", ["DERIVED", "SECONDARY", "OTHER"]),
        "phase": lambda ds: setattr(ds, "ImageType", ["ORIGINAL", "PRIMARY", "P", "ND"]),
    }
    for name, change in changes.items():
        edit(write(tmp_path / name), change)
    edit(write(tmp_path / "broken"), lambda ds: delattr(ds, "ImagePositionPatient"))
    edit(
        write(tmp_path / "filtered", subject="B"),
        lambda ds: setattr(ds, "ImageType", ["DERIVED", "SECONDARY", "M", "ND", "FIL"]),
    )
    proposal = proposed(tmp_path)
    assert reasons(proposal) == {
        "sag_dis3d": LeftOut.NEEDS_NOTHING,
        "few": LeftOut.TOO_FEW_SLICES,
        "small": LeftOut.SMALL,
        "scout": LeftOut.LOCALISER,
        "ct": LeftOut.MODALITY,
        "mpr": LeftOut.DERIVED,
        "derived": LeftOut.DERIVED,
        "phase": LeftOut.NOT_MAGNITUDE,
        "broken": LeftOut.NO_VOLUME,
    }
    assert [one.path for one in read(proposal, tmp_path).scans] == ["cor", "filtered"]
    assert "SCOUT" not in as_toml(proposal, tmp_path)


@pytest.mark.parametrize(("axial", "kept"), [(DIS3D, "cor_nd"), (None, "cor_dis2d")])
def test_two_reconstructions_of_one_acquisition_are_corrected_once(
    tmp_path: Path, axial: VendorState | None, kept: str
) -> None:
    write(tmp_path / "cor_nd", CORONAL, ND)
    write(tmp_path / "cor_dis2d", CORONAL, DIS2D)
    if axial is not None:
        write(tmp_path / "ax", AXIAL, axial)
    proposal = proposed(tmp_path)
    assert [one.path for one in read(proposal, tmp_path).scans] == [kept]
    assert LeftOut.DUPLICATE in reasons(proposal).values() or axial is not None


def test_one_scanner_is_chosen(tmp_path: Path) -> None:
    write(tmp_path / "cor")
    write(tmp_path / "sag", SAGITTAL, scanner=OTHER, subject="B")
    proposal = proposed(tmp_path)  # only one has coronal scans
    assert proposal.machine is not None
    assert proposal.machine.scanner == SCANNER
    assert reasons(proposal) == {"sag": LeftOut.OTHER_SCANNER}
    write(tmp_path / "cor2", scanner=OTHER, subject="B")
    with pytest.raises(DistcorrError, match="777") as refusal:
        proposed(tmp_path)
    assert refusal.value.code is Code.SEVERAL_SCANNERS
    assert "1 volumes, 1 coronal" in str(refusal.value)
    chosen = proposed(tmp_path, "777")
    assert [one.path for one in read(chosen, tmp_path).scans] == ["cor2", "sag"]
    assert proposed(tmp_path, "prisma").machine is not None
    named = proposed(tmp_path, str(OTHER)).machine
    assert named is not None
    assert named.scanner == OTHER
    with pytest.raises(DistcorrError, match="'9' names none of 2 scanners"):
        proposed(tmp_path, "9")


def test_scans_without_serial_join_the_only_scanner_they_can_be_of(tmp_path: Path) -> None:
    write(tmp_path / "cor")
    nameless = Scanner("SIEMENS", "Prisma", "", 3.0)
    write(tmp_path / "anonymised", scanner=nameless, subject="B")
    proposal = proposed(tmp_path)
    assert len(proposal.scans) == 2
    assert "do not record their scanner's serial" in as_toml(proposal, tmp_path)
    write(tmp_path / "sag", SAGITTAL, scanner=Scanner("SIEMENS"), subject="D")
    assert reasons(proposed(tmp_path)) == {"sag": LeftOut.OTHER_SCANNER}
    write(tmp_path / "twin", scanner=Scanner("SIEMENS", "Prisma", "2", 3.0), subject="C")
    with pytest.raises(DistcorrError, match="4 scanners"):
        proposed(tmp_path)


def test_volumes_that_share_a_folder_are_named_by_part(tmp_path: Path) -> None:
    for name, direction, state in (("a", AXIAL, DIS3D), ("c", CORONAL, ND)):
        for number, path in enumerate(write(tmp_path / name, direction, state)):
            path.rename(tmp_path / f"{name}{number:02d}")
        (tmp_path / name).rmdir()
    cohort = read(proposed(tmp_path), tmp_path)
    (reference,) = cohort.references
    assert (reference.axial, reference.axial_part) == (".", "1")
    assert (reference.coronal, reference.coronal_part) == (".", "2")
    (loaded,) = load_references(cohort)
    assert loaded.coronal.facts.state.value is ND


def test_a_damaged_neighbour_makes_a_folder_unusable(tmp_path: Path) -> None:
    write(tmp_path / "cor")
    (tmp_path / "cor" / "empty").touch()
    assert reasons(proposed(tmp_path)) == {"cor": LeftOut.UNNAMEABLE}


HOSTILE = [
    'a"b',
    "new\nline",
    "tab\tctl\x01\x7f",
    "]]\n[[scan]]",
    "~root",
    "back\\slash",
    "#é \u2028",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_paths_and_nothing_else(tmp_path: Path, name: str) -> None:
    write(tmp_path / name / "ax", AXIAL, DIS3D)
    write(tmp_path / name / "cor")
    write(tmp_path / name / "left\nout", CORONAL, slices=3)
    cohort = read(proposed(tmp_path), tmp_path)
    assert len(cohort.references) == len(cohort.scans) == 1
    assert cohort.resolve(cohort.scans[0].path).resolve() == (tmp_path / name / "cor").resolve()
    assert load_scan(cohort.resolve(cohort.scans[0].path), Statement("t")).findings == ()


def test_names_that_are_no_unicode_are_told(tmp_path: Path) -> None:
    write(tmp_path / os.fsdecode(b"\xff\xfe"))
    proposal = proposed(tmp_path)
    assert [one.reason for one in proposal.omissions] == [LeftOut.UNNAMEABLE]
    read(proposal, tmp_path)
    assert "no valid Unicode" in as_toml(proposal, tmp_path)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_a_toml_string(text: str) -> None:
    assert tomllib.loads(f"a = {toml_string(text)}") == {"a": text}


def test_every_series_of_the_test_data_has_its_place(tmp_path: Path, data: Path) -> None:
    found = find_series([data])
    for scanner in ("MAGNETOM_ESSENZA", "35131", "38109", "167006"):
        proposal = propose(found, tmp_path, scanner)
        cohort = read(proposal, tmp_path)
        named = [id(one.scan.series) for one in proposal.scans]
        paired = {
            id(one.series) for reference in proposal.references for one in reference.pair.scans
        }
        left = [id(one.series) for one in proposal.omissions]
        assert len(set(named)) == len(named)
        assert not set(named) & set(left)
        assert set(named) | paired | set(left) == {id(one) for one in found.series}
        for scan in cohort.scans:
            load_scan(cohort.resolve(scan.path), Statement("t"), scan.part)
    assert proposal.references == ()
    knee = propose(found, tmp_path, "MAGNETOM_ESSENZA")
    assert knee.shown == ("D_y", "D_z")
    assert "ref01: isocentre_lps" in to_fill_in(knee)
    with pytest.raises(DistcorrError, match="13 scanners"):
        propose(found, tmp_path, None)


def test_enhanced_and_classic_protocols_are_read(data: Path) -> None:
    enhanced = find_series([data / "edge" / "enhanced_mr_siemens_xa30_t1"]).series[0]
    protocol = read_protocol(enhanced.frames[0])
    ds = pydicom.dcmread(enhanced.files[0], stop_before_pixels=True)
    timing = ds.SharedFunctionalGroupsSequence[0].MRTimingAndRelatedParametersSequence[0]
    assert protocol.repetition_time_ms == timing.RepetitionTime
    assert protocol.echo_time_ms == pytest.approx(2.41)
    assert protocol.acquired
