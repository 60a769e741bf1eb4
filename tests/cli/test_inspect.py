"""``distcorr inspect`` answers whether it is a loading error or a distorted scan."""

import json
import os
import subprocess

import nibabel as nib
import numpy as np
import pytest

from distcorr.dicom import Derivation, load_series, write_derived_series
from distcorr.facts import AcquisitionDimension, VendorState
from tests.cli.running import run, run_process
from tests.dicom.examples import add_copies, edit, grid, volume, write


def words(text):
    return " ".join(text.split())


def test_the_coronal_question_is_answered(tmp_path):
    write(tmp_path)
    done = run_process("inspect", tmp_path)
    assert done.returncode == 0, done.stderr
    said = words(done.stdout)
    assert "This is not a loading error" in said
    assert "says DIS2D" in said
    assert "Front-to-back, the slice direction of a coronal scan, stays uncorrected" in said
    assert "the order of magnitude is" in said
    assert "It is a distorted scan, correctly loaded" in said
    assert "[bold]wide[/bold]" in said  # text from the header is shown as it is
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("direction", "said"),
    [
        (np.eye(3), "Head-to-foot, the slice direction of a axial scan"),
        (np.array([[0, 0, -1.0], [1, 0, 0], [0, -1, 0]]), "Left-to-right"),
    ],
)
def test_each_plane_has_its_words(direction, said, tmp_path):
    write(tmp_path, volume(grid(direction=direction)))
    text = words(run("inspect", tmp_path).stdout)
    assert said.replace("a axial", "an axial") in text


def test_json_holds_everything(tmp_path):
    paths = write(tmp_path, state=VendorState.ND, dimension=AcquisitionDimension.D3)
    (tmp_path / "notes.txt").write_text("x" * 200)
    done = run("inspect", tmp_path, "--json")
    found = json.loads(done.stdout)
    [series] = found["series"]
    assert found["skipped"] == {"not DICOM": 1}
    assert series["files"] == [str(path) for path in paths]
    assert series["facts"]["state"] == {"value": "ND", "source": "ImageType (0008,0008)"}
    assert series["facts"]["dimension"]["value"] == "3D"
    np.testing.assert_allclose(series["grid"]["origin_lps"], (-20, -30, 40))
    assert series["T_scanner_patient"] == np.eye(4).tolist()
    assert series["plane"] == "coronal"
    slicer = series["origins"][0]
    np.testing.assert_allclose(slicer["lps"], (-20, -30, 40))
    np.testing.assert_allclose(slicer["ras"], (20, 30, 40))
    assert slicer["starts_at"] == "front"
    other = series["origins"][-1]
    assert {other["starts_at"], series["origins"][2]["starts_at"]} == {"front", "back"}
    assert series["findings"][0]["code"] == "residual-distortion"
    assert "phantom" not in done.stdout.replace("phantom markers", "")


def test_warnings_come_in_the_order_of_harm(tmp_path):
    paths = write(tmp_path, state=VendorState.TRUSTED)
    paths[2].unlink()
    edit(paths[:2] + paths[3:], lambda ds: setattr(ds, "SpacingBetweenSlices", 9))
    found = json.loads(run("inspect", tmp_path, "--json").stdout)
    severities = [finding["severity"] for finding in found["series"][0]["findings"]]
    order = ["refusal", "serious", "warning", "note"]
    assert severities == sorted(severities, key=order.index)
    assert severities[0] == "serious"


def test_a_bad_series_is_shown_beside_a_good_one(tmp_path):
    write(tmp_path / "good")
    bad = write(tmp_path / "bad", series_uid_seed="bad", description="BAD")
    edit(bad[0], lambda ds: delattr(ds, "PixelSpacing"))
    done = run("inspect", tmp_path)
    assert done.returncode == 0
    assert "error[geometry-missing]" in done.stdout
    assert "1 volume, 1 refused" in done.stdout


def test_parts_are_listed(tmp_path):
    paths = write(tmp_path / "a")
    add_copies(paths, tmp_path / "b", lambda ds: setattr(ds, "EchoTime", 20))
    assert "part: TE 20 ms" in run("inspect", tmp_path).stdout


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_no_line_is_wider_than_the_terminal(columns, tmp_path):
    write(tmp_path)
    lines = run("inspect", tmp_path, columns=columns).stdout.splitlines()
    assert max(map(len, lines)) <= int(columns)


def test_refusals_and_usage(tmp_path):
    done = run("inspect", tmp_path / "nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("error[not-found]: ")
    assert len(done.stderr.splitlines()) == 1
    assert run("inspect", tmp_path).returncode == 1
    assert run("inspect").returncode == 2
    assert run("inspect", tmp_path, "--nonsense").returncode == 2


def test_origins_are_those_of_the_real_tools(data, tool, tmp_path):
    folder = data / "knee_axcor" / "cor_pd_fs"
    [series] = json.loads(run("inspect", folder, "--json").stdout)["series"]
    subprocess.run(
        [tool("dcm2niix"), "-b", "n", "-z", "n", "-f", "v", "-o", tmp_path, folder],
        check=True, capture_output=True,
    )  # fmt: skip
    by_name = {origin["viewers"]: origin for origin in series["origins"]}
    [nifti] = [origin for name, origin in by_name.items() if "dcm2niix" in name]
    np.testing.assert_allclose(nib.load(tmp_path / "v.nii").affine[:3, 3], nifti["ras"], atol=1e-3)


def test_computed_tomography_has_no_gradient_distortion(tmp_path):
    edit(write(tmp_path), lambda ds: setattr(ds, "Modality", "CT"))
    [series] = json.loads(run("inspect", tmp_path, "--json").stdout)["series"]
    assert "no gradient distortion" in series["verdict"][1]
    assert {finding["severity"] for finding in series["findings"]} <= {"note"}


def test_a_corrected_series_is_told(tmp_path):
    write(tmp_path / "in")
    loaded, series = load_series(tmp_path / "in")
    about = Derivation("c" * 64, "1" * 64, "0.1.0", (), 1.0, 0.0)
    write_derived_series(series, loaded, about, tmp_path / "out")
    said = words(run("inspect", tmp_path / "out").stdout)
    assert "says that distcorr has corrected it" in said
    assert "correcting it again would distort it" in said
    assert "state-unknown" not in said
    [found] = json.loads(run("inspect", tmp_path / "out", "--json").stdout)["series"]
    assert found["facts"]["corrected_by"] == {
        "value": "c" * 64,
        "source": "ContributingEquipmentSequence (0018,A001)",
    }
    assert "residual-distortion" not in {one["code"] for one in found["findings"]}


def test_names_that_are_no_text_are_shown(tmp_path):
    """As a process: its output has to be encoded."""
    for path in write(tmp_path / "scan"):
        odd = os.fsencode(path.parent) + b"/\xff\x1b[2J" + os.fsencode(path.name)
        os.rename(os.fsencode(path), odd)  # noqa: PTH104 - the name is no text
    (tmp_path / "scan" / "empty").touch()
    for options in ([], ["--json"]):
        done = run_process("inspect", tmp_path, *options)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr
    assert len(json.loads(done.stdout)["series"][0]["files"]) == 6


def test_names_that_are_too_long_are_no_internal_error():
    done = run("inspect", "x" * 5000)
    assert done.returncode == 1
    assert done.stderr.startswith("error[not-found]")
