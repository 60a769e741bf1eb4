"""Exported transforms, read back by SimpleITK and nibabel."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from distcorr import hdf5_times, transforms
from distcorr.acquisition import Acquisition
from distcorr.apply import ApplyOptions, Interpolation, apply_correction
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.field import HarmonicField
from distcorr.space import PatientPosition
from distcorr.transforms import (
    EXACT_MM,
    OFF_GRID_TOLERANCE_MM,
    TransformFormat,
    bspline_transform,
    displacement_field,
    write_transform,
)
from tests.apply.examples import coronal_grid, facts, oblique_grid, scan_of
from tests.apply.test_apply import itk_image
from tests.correction.examples import correction_of, example_field

CORRECTION = correction_of(example_field())
GRID = oblique_grid()
STATES = (VendorState.ND, VendorState.DIS2D)
DOUBLE_MM = 1e-9
SINGLE_MM = 1e-5


def acquisition_of(state: VendorState, position: PatientPosition) -> Acquisition:
    return Acquisition.from_facts(facts(state, position), GRID.normal_lps)


def random_points(count: int) -> np.ndarray:
    index = np.random.default_rng(3).uniform(0, np.array(GRID.size) - 1, (count, 3))
    return index @ GRID.T_lps_index[:3, :3].T + GRID.origin_lps


def read_back(path: Path, kind: TransformFormat) -> sitk.Transform:
    if kind in (TransformFormat.TFM, TransformFormat.H5):
        return sitk.ReadTransform(str(path))
    return sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))


def moved_by(transform: sitk.Transform, points: np.ndarray) -> np.ndarray:
    return np.array([transform.TransformPoint(point) for point in points.tolist()])


@pytest.mark.parametrize("position", [PatientPosition.HFS, PatientPosition.FFDL])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", list(TransformFormat))
def test_simpleitk_moves_points_as_the_map_does(
    tmp_path: Path, kind: TransformFormat, state: VendorState, position: PatientPosition
) -> None:
    acquisition = acquisition_of(state, position)
    path = tmp_path / f"t{kind.value}"
    assert write_transform(path, CORRECTION, acquisition, GRID) == ()
    transform = read_back(path, kind)
    points = random_points(1000)
    expected = acquisition.true_to_shown_patient(CORRECTION.field, points)
    assert np.linalg.norm(expected - points, axis=1).max() > 0.5
    miss = np.abs(moved_by(transform, points) - expected).max()
    assert miss < (EXACT_MM if kind is TransformFormat.TFM else OFF_GRID_TOLERANCE_MM)
    centres = GRID.points_lps()[1:-1:4, 1:-1:4, 1:-1:4].reshape(-1, 3)
    expected = acquisition.true_to_shown_patient(CORRECTION.field, centres)
    assert np.abs(moved_by(transform, centres) - expected).max() < EXACT_MM


@pytest.mark.parametrize("kind", list(TransformFormat))
def test_exporting_twice_gives_equal_bytes(
    tmp_path: Path, kind: TransformFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquisition = acquisition_of(VendorState.ND, PatientPosition.HFS)
    before = CORRECTION.lattice.coefficients.copy()
    first, second = tmp_path / f"a{kind.value}", tmp_path / f"b{kind.value}"
    write_transform(first, CORRECTION, acquisition, GRID)
    if kind is TransformFormat.H5:
        # HDF5 stamps whole seconds: let one pass, and see that it would have shown.
        import time

        time.sleep(1.1)
        content = first.read_bytes()
        assert content.count(b"OHDR") >= 3
    write_transform(second, CORRECTION, acquisition, GRID)
    assert first.read_bytes() == second.read_bytes()
    assert np.array_equal(before, CORRECTION.lattice.coefficients)


@pytest.mark.parametrize("kind", list(TransformFormat))
@pytest.mark.parametrize("state", STATES)
def test_resampling_with_it_equals_applying(
    tmp_path: Path, kind: TransformFormat, state: VendorState
) -> None:
    grid = coronal_grid()
    smooth = np.random.default_rng(0).normal(0, 100, grid.shape)
    scan = scan_of(smooth, grid, facts(state, PatientPosition.FFS))
    path = tmp_path / f"t{kind.value}"
    write_transform(path, CORRECTION, scan.acquisition, grid)
    image = itk_image(smooth, grid)
    theirs = sitk.GetArrayFromImage(
        sitk.Resample(image, image, read_back(path, kind), sitk.sitkLinear, 0.0)
    )
    ours = apply_correction(scan, CORRECTION, ApplyOptions(Interpolation.LINEAR)).volume.array
    inner = (slice(4, -4),) * 3
    # Neighbouring voxels differ by some 100 grey levels per 4 mm.
    tolerance = 300 / 4 * (SINGLE_MM if state is VendorState.ND else EXACT_MM)
    assert np.abs(theirs - ours)[inner].max() < tolerance


@pytest.mark.parametrize("position", list(PatientPosition))
def test_the_uncorrected_map_is_re_expressed_exactly(position: PatientPosition) -> None:
    acquisition = acquisition_of(VendorState.ND, position)
    transform, findings = bspline_transform(CORRECTION, acquisition, GRID)
    points = random_points(200)
    expected = acquisition.true_to_shown_patient(CORRECTION.field, points)
    assert np.abs(moved_by(transform, points) - expected).max() < DOUBLE_MM
    assert findings == ()


def test_an_inexact_transform_says_by_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "REFINEMENTS", (1,))
    coarse = correction_of(example_field(), spacing_mm=50.0)
    acquisition = acquisition_of(VendorState.DIS2D, PatientPosition.HFS)
    transform, (finding,) = bspline_transform(coarse, acquisition, GRID)
    assert finding.code is Code.TRANSFORM_INEXACT
    points = GRID.points_lps().reshape(-1, 3)
    expected = acquisition.true_to_shown_patient(coarse.field, points)
    miss = np.linalg.norm(moved_by(transform, points) - expected, axis=1).max()
    assert miss > EXACT_MM
    stated = float(finding.evidence.removeprefix("largest error ").removesuffix(" mm"))
    assert stated == pytest.approx(miss, abs=1e-3)


def test_vectors_in_nifti_are_lps_and_marked_as_vectors(tmp_path: Path) -> None:
    acquisition = acquisition_of(VendorState.ND, PatientPosition.HFS)
    path = tmp_path / "t.nii.gz"
    write_transform(path, CORRECTION, acquisition, GRID)
    image = nib.load(path)
    assert image.header.get_intent()[0] == "vector"
    stored = np.asarray(image.dataobj)[:, :, :, 0, :].transpose(2, 1, 0, 3)
    expected = displacement_field(CORRECTION, acquisition, GRID)
    np.testing.assert_allclose(stored, expected, atol=SINGLE_MM)
    ras = np.diag([-1, -1, 1, 1]) @ GRID.T_lps_index
    np.testing.assert_allclose(image.affine, ras, atol=1e-3)


def test_a_trusted_scan_has_no_displacement() -> None:
    acquisition = acquisition_of(VendorState.DIS3D, PatientPosition.HFS)
    assert not displacement_field(CORRECTION, acquisition, GRID).any()


@pytest.mark.parametrize("name", ["t.nii", "t.txt", "t", "nrrd"])
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    acquisition = acquisition_of(VendorState.ND, PatientPosition.HFS)
    with pytest.raises(DistcorrError) as refusal:
        write_transform(tmp_path / name, CORRECTION, acquisition, GRID)
    assert refusal.value.code is Code.BAD_FORMAT
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [TransformFormat.NRRD, TransformFormat.TFM])
def test_a_folding_map_is_not_exported(tmp_path: Path, kind: TransformFormat) -> None:
    folding = correction_of(HarmonicField.from_terms(x={(2, 2): 900.0}, y={(2, -2): 900.0}, z={}))
    grid = coronal_grid()
    acquisition = Acquisition.from_facts(facts(VendorState.DIS2D), grid.normal_lps)
    with pytest.raises(DistcorrError) as refusal:
        write_transform(tmp_path / f"t{kind.value}", folding, acquisition, grid)
    assert refusal.value.code is Code.FOLDING
    assert not any(tmp_path.iterdir())


def test_existing_files_stay(tmp_path: Path) -> None:
    acquisition = acquisition_of(VendorState.ND, PatientPosition.HFS)
    path = tmp_path / "t.nrrd"
    path.write_text("mine")
    with pytest.raises(DistcorrError) as refusal:
        write_transform(path, CORRECTION, acquisition, GRID)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    assert path.read_text() == "mine"
    write_transform(path, CORRECTION, acquisition, GRID, overwrite=True)
    assert path.read_bytes().startswith(b"NRRD")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", 0xDEADBEEF),
        (b"Four score and seven years ago", 0x17770551),
    ],
)
def test_lookup3_gives_its_author_s_values(data: bytes, value: int) -> None:
    assert hdf5_times.lookup3(data) == value


def test_bytes_that_only_look_like_a_header_stay(tmp_path: Path) -> None:
    path = tmp_path / "x"
    content = b"..OHDR\x02\x20" + bytes(range(1, 60)) + b"OHDR\x02\x20" + b"OHDR"
    path.write_bytes(content)
    hdf5_times.erase_times(path)
    assert path.read_bytes() == content
