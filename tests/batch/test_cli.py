"""The commands apply and field, end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from distcorr.dicom import load_series
from distcorr.facts import VendorState
from distcorr.images import read_volume, write_volume
from distcorr.space import Grid, Volume
from tests.batch.examples import CORONAL, write_dicom, write_image
from tests.correction.examples import SCANNER, correction_of, example_field

Result = tuple[int, str, str]
Run = Callable[..., Result]


def test_apply_writes_volume_mask_and_record(run: Run, correction: Path, tmp_path: Path) -> None:
    scan = write_dicom(tmp_path / "sub1", CORONAL)
    before = {path: path.read_bytes() for path in scan.iterdir()}
    out = tmp_path / "out"
    status, told, complaints = run("apply", correction, scan, "-o", out)
    assert (status, complaints) == (0, "")
    assert "sub1  corrected  by up to" in told
    assert sorted(path.name for path in out.iterdir()) == [
        ".distcorr",
        "report.html",
        "results.csv",
        "results.json",
        "sub1_corrected.json",
        "sub1_corrected.nrrd",
        "sub1_supported.nrrd",
    ]
    corrected = read_volume(out / "sub1_corrected.nrrd")
    assert corrected.array.dtype == np.uint16
    assert set(np.unique(read_volume(out / "sub1_supported.nrrd").array)) <= {0, 1}
    record = json.loads((out / "sub1_corrected.json").read_text())
    assert record["facts"]["state"]["value"] == "ND"
    assert record["largest_displacement_mm"] > 0.3
    assert "SURNAME" not in (out / "sub1_corrected.json").read_text()
    assert {path: path.read_bytes() for path in scan.iterdir()} == before


def test_one_bad_scan_fails_alone(run: Run, correction: Path, tmp_path: Path) -> None:
    good = write_dicom(tmp_path / "good", CORONAL)
    done = write_dicom(tmp_path / "done", CORONAL, state=VendorState.DIS3D)
    other = write_dicom(tmp_path / "other", CORONAL, scanner=replace(SCANNER, serial="7"))
    broken = tmp_path / "broken.nrrd"
    broken.write_bytes(b"NRRD0004\nthis is not one\n\n")
    status, told, complaints = run(
        "apply", correction, done, tmp_path / "absent", other, broken, good,
        "-o", tmp_path / "out", "--state", "ND", "--position", "HFS", "--part", "all",
    )  # fmt: skip
    assert status == 1
    assert "good    corrected" in told
    assert "3 of 5 scans were not corrected" in complaints
    assert "done    corrected" in told
    assert "the stated vendor correction ND contradicts the header" in complaints
    assert (tmp_path / "out" / "good_corrected.nrrd").is_file()
    for code in ("not-found", "wrong-scanner", "unreadable"):
        assert f"error[{code}]" in complaints


def test_a_scan_that_needs_nothing_is_no_failure(
    run: Run, correction: Path, tmp_path: Path
) -> None:
    done = write_dicom(tmp_path / "done", CORONAL, state=VendorState.DIS3D)
    status, told, complaints = run("apply", correction, done, "-o", tmp_path / "out")
    assert status == 0
    assert "done  not needed" in told
    assert "note[nothing-to-correct]" in complaints
    assert list((tmp_path / "out").glob("done*")) == []


def test_outputs_stay_unless_told(run: Run, correction: Path, tmp_path: Path) -> None:
    scan = write_dicom(tmp_path / "sub1", CORONAL)
    arguments = ("apply", correction, scan, "-o", tmp_path / "out", "--format", "nifti")
    assert run(*arguments)[0] == 0
    first = (tmp_path / "out/sub1_corrected.nii.gz").read_bytes()
    other = (*arguments, "--interpolation", "linear")
    status, _, complaints = run(*other)
    assert status == 1
    assert "error[output-exists]" in complaints
    assert "made from another input, correction or options" in complaints
    assert (tmp_path / "out/sub1_corrected.nii.gz").read_bytes() == first
    assert run(*other, "--overwrite")[0] == 0
    assert (tmp_path / "out/sub1_corrected.nii.gz").read_bytes() != first


def test_the_same_again_is_skipped(run: Run, correction: Path, tmp_path: Path) -> None:
    scans = [write_dicom(tmp_path / name, CORONAL, seed) for seed, name in enumerate("ab")]
    out = tmp_path / "out"
    assert run("apply", correction, scans[0], "-o", out)[0] == 0
    before = {path: path.stat().st_mtime_ns for path in out.glob("a_*")}
    status, told, complaints = run("apply", correction, *scans, "-o", out, "--jobs", "1")
    assert (status, complaints) == (0, "")
    lines = told.splitlines()
    assert lines[0].startswith("a  corrected  by up to")
    assert lines[0].endswith("a_corrected.nrrd (already done)")
    assert lines[1].endswith("b_corrected.nrrd")
    assert lines[2:] == [
        f"2 corrected (1 already done)  {out / 'results.csv'}",
        str(out / "report.html"),
    ]
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_grid_and_outside_value(run: Run, correction: Path, tmp_path: Path) -> None:
    scan = write_dicom(tmp_path / "a", CORONAL)
    grid = Grid((30, 4, 5), [-145.0, -20.0, -20.0], np.full(3, 10.0), np.eye(3))
    like = tmp_path / "like.nrrd"
    write_volume(Volume(np.zeros(grid.shape, np.uint8), grid), like)
    options = ("--like", like, "--outside", "77", "-o", tmp_path / "out")
    assert run("apply", correction, scan, *options)[0] == 0
    corrected = read_volume(tmp_path / "out/a_corrected.nrrd")
    assert corrected.grid.size == grid.size
    np.testing.assert_allclose(corrected.grid.T_lps_index, grid.T_lps_index)
    assert (corrected.array[:, :, [0, 1, -2, -1]] == 77).all()
    assert not (corrected.array[:, :, 15] == 77).all()


def test_outputs_do_not_go_into_a_scan(run: Run, correction: Path, tmp_path: Path) -> None:
    scan = write_dicom(tmp_path / "a", CORONAL)
    status, told, complaints = run("apply", correction, scan, "-o", scan / "out")
    assert (status, told) == (1, "")
    assert "error[output-in-input]" in complaints
    assert not (scan / "out").exists()


def test_the_traceback_of_a_worker_is_for_debugging(
    run: Run, correction: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("distcorr.batch.correct.apply_correction", fail)
    monkeypatch.setenv("DISTCORR_DEBUG", "")
    scan = write_dicom(tmp_path / "a", CORONAL)
    arguments = ("apply", correction, scan, "-o", tmp_path / "out")
    status, _, complaints = run(*arguments)
    assert status == 1
    assert "a: error[internal]: ZeroDivisionError: by nought" in complaints
    assert "Traceback" not in complaints
    assert "Traceback" in run("--debug", *arguments)[2]


def test_forcing_is_recorded(run: Run, correction: Path, tmp_path: Path) -> None:
    scan = write_dicom(tmp_path / "sub1", CORONAL, scanner=replace(SCANNER, serial="7"))
    out = tmp_path / "out"
    status, _, complaints = run("apply", correction, scan, "-o", out, "--force", "new magnet")
    assert status == 0
    assert "serious[scanner-forced]" in complaints
    assert "new magnet" in complaints
    assert "new magnet" in (out / "sub1_corrected.json").read_text()


def test_an_unknown_place_is_refused_unless_stated_or_forced(
    run: Run, correction: Path, tmp_path: Path
) -> None:
    scan = write_image(tmp_path / "sub1.nrrd", CORONAL)
    manifest = tmp_path / "cohort.toml"
    manifest.write_text('[[scan]]\nid = "sub1"\npath = "sub1.nrrd"\nstate = "ND"\n')
    known = ("--state", "ND", "--position", "HFS")
    for number, (what, options) in enumerate(((scan, known), (manifest, ()))):
        out = tmp_path / f"out{number}"
        status, _, complaints = run("apply", correction, what, "-o", out, *options)
        assert status == 1
        assert "-unknown]: " in complaints
        assert "there is no sidecar sub1.json" in complaints
        assert not list(out.glob("sub1*"))
        forced = ("apply", correction, what, "-o", out, *options, "--force", "table log")
        status, _, complaints = run(*forced)
        assert status == 0, complaints
        assert "serious[placement-assumed]: the isocentre at the patient's origin" in complaints
        record = json.loads((out / "sub1_corrected.json").read_text())
        assert record["facts"]["isocentre_lps"] == {
            "value": [0.0, 0.0, 0.0],
            "source": "assumed, forced for this reason: table log",
        }
        told = [one for one in record["findings"] if one["code"] == "placement-assumed"]
        assert all("reason given: table log" in one["evidence"] for one in told)
        assert len(told) == number + 1  # the manifest does not state the position either
    field = ("field", correction, scan, tmp_path / "t.nrrd", *known)
    status, _, complaints = run(*field)
    assert status == 1
    assert "error[isocentre-unknown]" in complaints
    assert not (tmp_path / "t.nrrd").exists()
    assert run(*field, "--isocentre", "0,0,0")[0] == 0
    assert run(*field, "--force", "table log", "--overwrite")[0] == 0


def test_a_manifest_lists_the_scans(run: Run, correction: Path, tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", CORONAL)
    write_image(tmp_path / "b.nrrd", CORONAL)
    manifest = tmp_path / "cohort.toml"
    manifest.write_text(
        '[[scan]]\nid = "s1"\npath = "a"\n'
        '[[scan]]\nid = "s2"\npath = "b.nrrd"\nstate = "ND"\npatient_position = "HFS"\n'
        "isocentre_lps = [0, 0, 15]"
    )
    out = tmp_path / "out"
    status, told, complaints = run("apply", correction, manifest, "-o", out)
    assert status == 0, complaints
    assert "s1  corrected" in told
    one, two = (read_volume(out / f"{name}_corrected.nrrd") for name in ("s1", "s2"))
    assert np.array_equal(one.array, two.array)
    assert "scanner-unknown" in complaints


def test_equal_names_are_told_apart(run: Run, correction: Path, tmp_path: Path) -> None:
    scans = [write_dicom(tmp_path / sub / "cor", CORONAL) for sub in ("p1", "p2")]
    out = tmp_path / "out"
    assert run("apply", correction, *scans, "-o", out, "--quiet")[:2] == (0, "")
    assert {path.name for path in out.glob("*_corrected.json")} == {
        "p1_cor_corrected.json",
        "p2_cor_corrected.json",
    }
    status, _, complaints = run("apply", correction, scans[0], scans[0], "-o", out)
    assert status == 1
    assert "error[manifest-invalid]" in complaints


@pytest.mark.parametrize(
    "arguments",
    [
        ("--isocentre", "1,2"),
        ("--isocentre", "1,2,nan"),
        ("--isocentre", "x"),
        ("--force", " "),
        ("--state", "nd3"),
        ("--format", "dcm"),
        ("--interpolation", "cubic"),
        ("--outside", "nan"),
        ("--jobs", "0"),
        ("--jobs", "2", "--scheduler", "tcp://127.0.0.1:9"),
    ],
)
def test_wrong_usage(run: Run, correction: Path, tmp_path: Path, arguments: tuple[str]) -> None:
    status, _, complaints = run("apply", correction, tmp_path, "-o", tmp_path / "o", *arguments)
    assert status == 2
    assert arguments[0] in complaints
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", ["t.nrrd", "t.tfm", "t.h5", "t.nii.gz"])
def test_field_exports_what_apply_does(
    run: Run, correction: Path, tmp_path: Path, name: str
) -> None:
    scan = write_dicom(tmp_path / "sub1", CORONAL)
    out = tmp_path / name
    status, told, complaints = run("field", correction, scan, out)
    assert (status, complaints) == (0, "")
    assert str(out) in told
    if name.endswith((".tfm", ".h5")):
        transform = sitk.ReadTransform(str(out))
    else:
        transform = sitk.DisplacementFieldTransform(
            sitk.ReadImage(str(out), sitk.sitkVectorFloat64)
        )
    options = ("--interpolation", "linear")
    assert run("apply", correction, scan, "-o", tmp_path / "out", *options)[0] == 0
    corrected = read_volume(tmp_path / "out/sub1_corrected.nrrd")
    shown = corrected.grid.points_lps()[2, 3, 4]
    moved = np.array(transform.TransformPoint(shown.tolist())) - shown
    expected = correction_of(example_field()).field.displacement(shown - [0, 0, 15])
    np.testing.assert_allclose(moved, expected, atol=0.01)


def test_field_refuses_what_apply_refuses(run: Run, correction: Path, tmp_path: Path) -> None:
    done = write_dicom(tmp_path / "done", CORONAL, state=VendorState.DIS3D)
    status, _, complaints = run("field", correction, done, tmp_path / "t.nrrd")
    assert status == 1
    assert "error[nothing-to-correct]" in complaints
    assert run("field", correction, done, tmp_path / "t.png")[0] == 1
    assert not (tmp_path / "t.nrrd").exists()


def test_dicom_comes_out_of_dicom_and_is_not_corrected_twice(
    run: Run, correction: Path, tmp_path: Path
) -> None:
    scan = write_dicom(tmp_path / "sub1", CORONAL)
    out = tmp_path / "out"
    status, _, complaints = run("apply", correction, scan, "-o", out, "--format", "dicom")
    assert (status, complaints) == (0, "")
    assert {path.name for path in out.glob("sub1*")} == {
        "sub1_corrected",
        "sub1_corrected.json",
        "sub1_supported.nrrd",
    }
    derived = out / "sub1_corrected"
    assert len(list(derived.iterdir())) == 8
    run("apply", correction, scan, "-o", tmp_path / "nrrd")
    as_nrrd = read_volume(tmp_path / "nrrd" / "sub1_corrected.nrrd")
    volume, series = load_series(derived)
    assert volume.grid.same_as(as_nrrd.grid)
    np.testing.assert_array_equal(volume.array, as_nrrd.array)
    identifier = json.loads((out / "sub1_corrected.json").read_text())["correction_sha256"]
    assert series.facts.corrected_by.value == identifier
    # Even if a person states that it is uncorrected, and whatever the reason.
    for force in ((), ("--state", "ND"), ("--state", "ND", "--force", "why not")):
        status, _, complaints = run("apply", correction, derived, "-o", tmp_path / "2", *force)
        assert status == 1
        assert "error[already-corrected]" in complaints
        assert identifier in complaints
    told = run("apply", correction, scan, "-o", out, "--format", "dicom")[1]
    assert "(already done)" in told
    other = ("--format", "dicom", "--jacobian")
    assert "error[output-exists]" in run("apply", correction, scan, "-o", out, *other)[2]
    assert run("apply", correction, scan, "-o", out, *other, "--overwrite")[0] == 0
    (derived / "notes.txt").write_text("mine")
    again = run("apply", correction, scan, "-o", out, "--format", "dicom", "--overwrite")
    assert "error[output-exists]" in again[2]
    assert (derived / "notes.txt").read_text() == "mine"


def test_dicom_needs_dicom(run: Run, correction: Path, tmp_path: Path) -> None:
    scan = write_image(tmp_path / "scan.nrrd", CORONAL)
    status, _, complaints = run(
        "apply", correction, scan, "-o", tmp_path / "out", "--format", "dicom",
        "--state", "ND", "--position", "HFS",
    )  # fmt: skip
    assert status == 1
    assert "error[bad-format]" in complaints
    assert "--format nrrd or nifti" in complaints
    assert not list((tmp_path / "out").glob("scan*"))


@pytest.mark.parametrize("kind", ["nrrd", "nifti"])
@pytest.mark.parametrize("stripped", [False, True])
def test_corrected_volumes_are_known_again(
    run: Run, correction: Path, tmp_path: Path, kind: str, stripped: bool
) -> None:
    scan = write_dicom(tmp_path / "sub1", CORONAL)
    out = tmp_path / "out"
    run("apply", correction, scan, "-o", out, "--format", kind)
    [made] = out.glob("sub1_corrected.n*")
    if stripped:  # another tool rewrote it; the record beside it remains
        write_volume(read_volume(made), made, overwrite=True)
    for stated in ((), ("--state", "ND", "--position", "HFS")):
        status, _, complaints = run("apply", correction, made, "-o", tmp_path / "2", *stated)
        assert status == 1
        assert "error[already-corrected]" in complaints
    converted = tmp_path / "converted.nrrd"
    run("apply", correction, scan, "-o", tmp_path / "dicom", "--format", "dicom")
    run("convert", tmp_path / "dicom" / "sub1_corrected", converted)
    assert "error[already-corrected]" in run("apply", correction, converted, "-o", out)[2]
