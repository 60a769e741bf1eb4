"""Volume files keep the geometry, and independent readers agree."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its customary name
from hypothesis import HealthCheck, given, settings

from distcorr.errors import Code, DistcorrError
from distcorr.images import SUFFIXES, corrected_by, read_volume, write_volume
from distcorr.space import Grid, Volume, transform_points
from tests.strategies import grids

GRID = Grid((4, 5, 6), np.array([-10, 20, 3.5]), np.array([1, 1.5, 4]), np.eye(3)[:, [1, 2, 0]])


def volume(dtype=np.float32):
    values = np.random.default_rng(0).integers(0, 100, GRID.shape)
    return Volume(values.astype(dtype), GRID)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_round_trip(suffix, dtype, tmp_path):
    path = tmp_path / f"v{suffix}"
    write_volume(volume(dtype), path)
    again = read_volume(path)
    assert again.array.dtype == dtype
    np.testing.assert_array_equal(again.array, volume(dtype).array)
    assert again.grid.same_as(GRID, 1e-4)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_left_handed_files_become_right_handed_and_keep_every_voxel(axis, tmp_path):
    """As dcm2niix writes 2D acquisitions: rows from the other edge."""
    flips = np.eye(4)
    flips[axis, axis], flips[axis, 3] = -1, GRID.size[axis] - 1
    affine = np.diag([-1, -1, 1, 1]) @ GRID.T_lps_index @ flips
    array = np.flip(volume().array.transpose(2, 1, 0), axis)
    nib.save(nib.Nifti1Image(array, affine), tmp_path / "v.nii")
    again = read_volume(tmp_path / "v.nii")
    index = transform_points(again.grid.T_index_lps, GRID.points_lps())
    i, j, k = np.moveaxis(np.rint(index).astype(int), -1, 0)
    np.testing.assert_array_equal(again.array[k, j, i], volume().array)
    if axis == 1:
        assert again.grid.same_as(GRID, 1e-4)
    assert np.linalg.det(again.grid.direction) > 0


def test_nibabel_agrees(tmp_path):
    write_volume(volume(), tmp_path / "v.nii.gz")
    image = nib.load(tmp_path / "v.nii.gz")
    np.testing.assert_allclose(image.affine, np.diag([-1, -1, 1, 1]) @ GRID.T_lps_index, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), volume().array)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(grids())
def test_any_grid_survives(tmp_path_factory, grid):
    if np.prod(grid.size) > 20000:
        return
    path = tmp_path_factory.mktemp("v") / "v.nrrd"
    write_volume(Volume(np.zeros(grid.shape, np.uint8), grid), path)
    assert read_volume(path).grid.same_as(grid, 1e-6)


def test_same_volume_same_file(tmp_path):
    for name in ("a.nrrd", "b.nrrd", "a.nii.gz", "b.nii.gz"):
        write_volume(volume(), tmp_path / name)
    assert (tmp_path / "a.nrrd").read_bytes() == (tmp_path / "b.nrrd").read_bytes()
    a, b = ((tmp_path / f"{n}.nii.gz").read_bytes() for n in "ab")
    assert a == b


def test_nothing_is_replaced_unasked(tmp_path):
    path = tmp_path / "v.nrrd"
    write_volume(volume(), path)
    with pytest.raises(DistcorrError) as refusal:
        write_volume(volume(), path)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    write_volume(volume(np.uint8), path, overwrite=True)
    assert read_volume(path).array.dtype == np.uint8


def test_refusals(tmp_path):
    cases = {
        "absent.nrrd": Code.NOT_FOUND,
        "v.png": Code.BAD_FORMAT,
        "junk.nrrd": Code.UNREADABLE,
        "empty.nii": Code.UNREADABLE,
        "flat.nrrd": Code.BAD_FORMAT,
        "vector.nrrd": Code.BAD_FORMAT,
    }
    (tmp_path / "v.png").touch()
    (tmp_path / "junk.nrrd").write_bytes(b"NRRD0004\nnonsense\n\n")
    (tmp_path / "empty.nii").touch()
    sitk.WriteImage(sitk.Image(4, 4, sitk.sitkUInt8), tmp_path / "flat.nrrd")
    sitk.WriteImage(sitk.Image(4, 4, 4, sitk.sitkVectorUInt8), tmp_path / "vector.nrrd")
    for name, code in cases.items():
        with pytest.raises(DistcorrError) as refusal:
            read_volume(tmp_path / name)
        assert refusal.value.code is code, name


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DistcorrError) as refusal:
        write_volume(volume(), tmp_path / "file" / "v.nrrd")
    assert refusal.value.code is Code.OUTPUT_UNWRITABLE


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_mark_of_a_corrected_volume_stands_in_the_header(suffix, tmp_path):
    path = tmp_path / f"v{suffix}"
    write_volume(volume(), path, correction="c" * 64)
    assert corrected_by(path).value == "c" * 64
    np.testing.assert_array_equal(read_volume(path).array, volume().array)
    if suffix != ".nrrd":
        assert nib.load(path).header["descrip"].item().decode() == f"distcorr {'c' * 64}"
    write_volume(volume(), path, overwrite=True)
    assert not corrected_by(path).known


def test_other_remarks_and_unreadable_files_are_no_mark(tmp_path):
    header = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4))
    header.header["descrip"] = b"FSL5.0"
    nib.save(header, tmp_path / "v.nii")
    (tmp_path / "broken.nrrd").write_bytes(b"NRRD0004\n\n")
    for name in ("v.nii", "broken.nrrd", "absent.nrrd"):
        assert not corrected_by(tmp_path / name).known
