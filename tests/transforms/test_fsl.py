"""FSL warps beyond what all formats share: codes, header, NiTransforms' reader."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nitransforms.nonlinear import DenseFieldTransform

from distcorr.space import Grid
from distcorr.transforms import NiftiConvention, write_transform
from tests.transforms.examples import GRIDS, centres, random_points, scan_map
from tests.transforms.readers import by_fsl_convention

FNIRT_FIELD, VECTOR = 2006, 1007
SINGLE_MM = 5e-5
RAS_GRID = Grid((20, 18, 16), (80.0, 38.0, -2.0), np.full(3, 4.0), np.diag([-1.0, -1.0, 1.0]))
"""Voxels to the right, to the front and up: the affine is diagonal and positive."""


def warp(folder: Path, grid: Grid, convention: NiftiConvention) -> Path:
    path = folder / f"{convention}.nii.gz"
    write_transform(path, scan_map(grid), grid, convention=convention)
    return path


@pytest.mark.parametrize(
    ("convention", "code"),
    [(NiftiConvention.FSL, FNIRT_FIELD), (NiftiConvention.FSL_ABSOLUTE, VECTOR)],
)
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_the_header_is_what_fsl_expects(
    tmp_path: Path, grid: Grid, convention: NiftiConvention, code: int
) -> None:
    image = nib.load(warp(tmp_path, grid, convention))
    assert int(image.header["intent_code"]) == code
    assert image.shape == (*grid.size, 3)
    assert image.get_data_dtype() == np.float32
    assert image.header.get_xyzt_units()[0] == "mm"
    ras = np.diag([-1, -1, 1, 1]) @ grid.T_lps_index
    for affine, affine_code in (image.get_sform(coded=True), image.get_qform(coded=True)):
        np.testing.assert_allclose(affine, ras, atol=1e-4)
        assert affine_code == 1


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_absolute_is_relative_plus_the_voxel_s_own_place(tmp_path: Path, grid: Grid) -> None:
    relative, absolute = (
        np.asarray(nib.load(warp(tmp_path, grid, convention)).dataobj)
        for convention in (NiftiConvention.FSL, NiftiConvention.FSL_ABSOLUTE)
    )
    i, j, k = np.meshgrid(*(np.arange(n) for n in grid.size), indexing="ij")
    index = np.stack([grid.size[0] - 1 - i, j, k], axis=-1)
    np.testing.assert_allclose(absolute - relative, index * grid.spacing, atol=SINGLE_MM)


def test_fsl_s_own_guess_of_the_convention_is_right(tmp_path: Path) -> None:
    """Without --abs or --rel, FSL takes the version of less spread for relative."""
    grid = GRIDS["coronal"]
    for convention in (NiftiConvention.FSL, NiftiConvention.FSL_ABSOLUTE):
        as_is = np.asarray(nib.load(warp(tmp_path, grid, convention)).dataobj, dtype=float)
        i, j, k = np.meshgrid(*(np.arange(n) for n in grid.size), indexing="ij")
        places = np.stack([grid.size[0] - 1 - i, j, k], axis=-1) * grid.spacing
        spread = as_is.std(axis=(0, 1, 2)).sum()
        spread_less_places = (as_is - places).std(axis=(0, 1, 2)).sum()
        taken_for_absolute = bool(spread > spread_less_places)
        assert taken_for_absolute is (convention is NiftiConvention.FSL_ABSOLUTE)


def test_nitransforms_reads_it_where_its_reader_holds(tmp_path: Path) -> None:
    """That reader negates x and takes the rest for RAS: right for diagonal affines."""
    path = warp(tmp_path, RAS_GRID, NiftiConvention.FSL)
    theirs = DenseFieldTransform.from_filename(path, fmt="fsl")
    lps_ras = np.array([-1.0, -1.0, 1.0])
    at = centres(RAS_GRID)
    expected = scan_map(RAS_GRID).moved_patient(at)
    assert np.abs(expected - at).max() > 0.5
    assert np.abs(theirs.map(at * lps_ras) * lps_ras - expected).max() < SINGLE_MM


def test_nitransforms_reader_does_not_hold_for_other_axes(tmp_path: Path) -> None:
    """Were this to fail, the independent reader could be replaced by theirs everywhere."""
    grid = GRIDS["coronal"]
    path = warp(tmp_path, grid, NiftiConvention.FSL)
    theirs = DenseFieldTransform.from_filename(path, fmt="fsl")
    lps_ras = np.array([-1.0, -1.0, 1.0])
    at = centres(grid)
    expected = scan_map(grid).moved_patient(at)
    assert np.abs(theirs.map(at * lps_ras) * lps_ras - expected).max() > 0.5


def test_fslpy_reads_it(tmp_path: Path) -> None:
    """FSL's own Python library, where it is installed; it takes the nearest voxel."""
    pytest.importorskip("fsl.transform.nonlinear")
    from fsl.data.image import Image
    from fsl.transform.nonlinear import DeformationField

    for grid in GRIDS.values():
        at = centres(grid)
        expected = scan_map(grid).moved_patient(at)
        for convention in (NiftiConvention.FSL, NiftiConvention.FSL_ABSOLUTE):
            path = warp(tmp_path, grid, convention)
            ras = np.diag([-1, -1, 1, 1]) @ grid.T_lps_index
            scan = Image(nib.Nifti1Image(np.zeros(grid.size, np.int16), ras))
            kind = "relative" if convention is NiftiConvention.FSL else "absolute"
            for stated in (kind, None):  # None: fslpy guesses as FSL does
                field = DeformationField(str(path), src=scan, ref=scan, defType=stated)
                lps_ras = np.array([-1.0, -1.0, 1.0])
                moved = field.transform(at * lps_ras, from_="world", to="world") * lps_ras
                assert np.abs(moved - expected).max() < SINGLE_MM
            path.unlink()


def test_the_reader_of_the_tests_tells_conventions_apart(tmp_path: Path) -> None:
    grid = GRIDS["coronal"]
    path = warp(tmp_path, grid, NiftiConvention.FSL_ABSOLUTE)
    points = random_points(grid, 10)
    wrong = by_fsl_convention(path, absolute=False)(points)
    assert np.abs(wrong - scan_map(grid).moved_patient(points)).max() > 10
