"""``distcorr convert`` keeps the geometry exactly."""

import nibabel as nib
import numpy as np
import pytest

from distcorr.images import read_volume
from tests.cli.running import run, run_process
from tests.dicom.examples import add_copies, edit, grid, volume, write


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".nii"])
def test_exact_geometry(suffix, tmp_path):
    write(tmp_path / "in")
    out = tmp_path / "made" / f"v{suffix}"
    done = run("convert", tmp_path / "in", out)
    assert done.returncode == 0, done.stderr
    converted = read_volume(out)
    assert converted.grid.same_as(grid(), 1e-4)
    np.testing.assert_array_equal(converted.array, volume().array)
    assert "residual-distortion" in done.stderr


def test_an_independent_reader_agrees(tmp_path):
    write(tmp_path / "in")
    run("convert", tmp_path / "in", tmp_path / "v.nii.gz")
    image = nib.load(tmp_path / "v.nii.gz")
    expected = np.diag([-1, -1, 1, 1]) @ grid().T_lps_index
    np.testing.assert_allclose(image.affine, expected, atol=1e-5)


def test_part(tmp_path):
    paths = write(tmp_path / "in" / "a")
    add_copies(paths, tmp_path / "in" / "b", lambda ds: setattr(ds, "EchoTime", 20))
    refused = run("convert", tmp_path / "in", tmp_path / "v.nrrd")
    assert refused.returncode == 1
    assert "error[several-volumes]" in refused.stderr
    assert not (tmp_path / "v.nrrd").exists()
    done = run("convert", tmp_path / "in", tmp_path / "v.nrrd", "--part", "TE 20 ms")
    assert done.returncode == 0, done.stderr


def test_refusals(tmp_path):
    paths = write(tmp_path / "in")
    out = tmp_path / "v.nrrd"
    assert "error[bad-format]" in run("convert", tmp_path / "in", tmp_path / "v.jpg").stderr
    out.touch()
    assert "error[output-exists]" in run("convert", tmp_path / "in", out).stderr
    assert run("convert", tmp_path / "in", out, "--overwrite").returncode == 0
    edit(paths[0], lambda ds: setattr(ds, "PixelData", b"12"))
    refused = run_process("convert", tmp_path / "in", tmp_path / "w.nrrd")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error[pixels-unreadable]")
    assert "Traceback" not in refused.stderr
    assert run("convert", tmp_path / "in").returncode == 2
