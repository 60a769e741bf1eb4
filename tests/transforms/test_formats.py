"""What holds for every format: read back by its own tool, the map is the same."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st

from distcorr.acquisition import Acquisition
from distcorr.apply import ApplyOptions, Interpolation, apply_correction
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.field import HarmonicField
from distcorr.space import Grid, PatientPosition
from distcorr.transforms import (
    EXACT_MM,
    Direction,
    NiftiConvention,
    ScanMap,
    TransformFormat,
    write_transform,
)
from tests import strategies
from tests.apply.examples import coronal_grid, facts, scan_of
from tests.apply.test_apply import itk_image
from tests.correction.examples import correction_of
from tests.transforms.examples import (
    CORRECTION,
    GRIDS,
    MOVED_TABLE,
    POSITIONS,
    STATES,
    centres,
    random_points,
    scan_map,
)
from tests.transforms.readers import read_back, read_sitk

FORMATS = pytest.mark.parametrize("kind", list(TransformFormat), ids=lambda kind: kind.name)
DIRECTIONS = pytest.mark.parametrize("direction", list(Direction), ids=lambda d: d.name)
SINGLE_MM = 2e-5
"""Rounding of float32 coordinates of some 100 mm."""


def write(folder: Path, kind: TransformFormat, on: ScanMap, grid: Grid, name: str = "t") -> Path:
    path = folder / f"{name}{kind.suffix}"
    assert write_transform(path, on, grid, convention=kind.convention) == ()
    return path


@FORMATS
@DIRECTIONS
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_thousand_random_points_move_as_the_map_moves_them(
    tmp_path: Path, kind: TransformFormat, direction: Direction, state: VendorState, grid: Grid
) -> None:
    on = scan_map(grid, state, direction=direction)
    moves = read_back(write(tmp_path, kind, on, grid), kind)
    points = random_points(grid)
    expected = on.moved_patient(points)
    assert np.linalg.norm(expected - points, axis=1).max() > 0.5
    assert np.abs(moves(points) - expected).max() < EXACT_MM


@FORMATS
@pytest.mark.parametrize("position", POSITIONS)
def test_positions_and_a_moved_table_are_followed(
    tmp_path: Path, kind: TransformFormat, position: PatientPosition
) -> None:
    grid = GRIDS["coronal"]
    on = scan_map(grid, VendorState.DIS2D, position, isocentre=MOVED_TABLE)
    moves = read_back(write(tmp_path, kind, on, grid), kind)
    points = random_points(grid)
    assert np.abs(moves(points) - on.moved_patient(points)).max() < EXACT_MM
    unmoved = scan_map(grid, VendorState.DIS2D, position).moved_patient(points)
    assert np.abs(moves(points) - unmoved).max() > 10 * EXACT_MM


@FORMATS
@DIRECTIONS
def test_displacement_fields_are_exact_at_voxel_centres(
    tmp_path: Path, kind: TransformFormat, direction: Direction
) -> None:
    grid = GRIDS["oblique"]
    on = scan_map(grid, VendorState.DIS2D, PatientPosition.FFDL, direction)
    moves = read_back(write(tmp_path, kind, on, grid), kind)
    at = centres(grid)
    tolerance = EXACT_MM if kind is TransformFormat.TFM else SINGLE_MM
    assert np.abs(moves(at) - on.moved_patient(at)).max() < tolerance


@FORMATS
def test_the_inverse_undoes_the_pull_back(tmp_path: Path, kind: TransformFormat) -> None:
    grid = GRIDS["coronal"]
    pull, push = (
        read_back(
            write(tmp_path, kind, scan_map(grid, direction=direction), grid, direction.name), kind
        )
        for direction in Direction
    )
    true = random_points(grid, margin=1.5)
    assert np.abs(push(pull(true)) - true).max() < 2 * EXACT_MM
    assert np.abs(pull(true) - push(true)).max() > 100 * EXACT_MM


@FORMATS
def test_exporting_twice_gives_equal_bytes(tmp_path: Path, kind: TransformFormat) -> None:
    grid = GRIDS["oblique"]
    on = scan_map(grid)
    before = CORRECTION.lattice.coefficients.copy()
    first = write(tmp_path, kind, on, grid, "a")
    # HDF5 and gzip stamp whole seconds: let one pass.
    time.sleep(1.1)
    second = write(tmp_path, kind, on, grid, "b")
    assert first.read_bytes() == second.read_bytes()
    assert np.array_equal(before, CORRECTION.lattice.coefficients)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in TransformFormat if kind.convention is NiftiConvention.ITK
     and kind is not TransformFormat.X5],
    ids=lambda kind: kind.name,
)  # fmt: skip
@pytest.mark.parametrize("state", STATES)
def test_resampling_with_it_equals_applying(
    tmp_path: Path, kind: TransformFormat, state: VendorState
) -> None:
    grid = coronal_grid()
    smooth = np.random.default_rng(0).normal(0, 100, grid.shape)
    scan = scan_of(smooth, grid, facts(state, PatientPosition.FFS))
    path = write(tmp_path, kind, ScanMap(CORRECTION, scan.acquisition), grid)
    image = itk_image(smooth, grid)
    theirs = sitk.GetArrayFromImage(
        sitk.Resample(image, image, read_sitk(path, kind), sitk.sitkLinear, 0.0)
    )
    ours = apply_correction(scan, CORRECTION, ApplyOptions(Interpolation.LINEAR)).volume.array
    inner = (slice(4, -4),) * 3
    # Neighbouring voxels differ by some 100 grey levels per 4 mm.
    tolerance = 300 / 4 * (SINGLE_MM if state is VendorState.ND else EXACT_MM)
    assert np.abs(theirs - ours)[inner].max() < tolerance


# The first folds an image's plane onto itself, the second shows nothing beyond a height.
FOLDING = correction_of(HarmonicField.from_terms(x={(2, 2): 900.0}, y={(2, -2): 900.0}, z={}))
ENDING = correction_of(HarmonicField.from_terms(x={}, y={}, z={(2, 0): 900.0}))


@FORMATS
@DIRECTIONS
def test_a_map_that_folds_is_refused_with_its_place(
    tmp_path: Path, kind: TransformFormat, direction: Direction
) -> None:
    grid = coronal_grid()
    acquisition = Acquisition.from_facts(facts(VendorState.DIS2D), grid.normal_lps)
    on = ScanMap(FOLDING, acquisition, direction)
    with pytest.raises(DistcorrError) as refusal:
        write(tmp_path, kind, on, grid)
    finding = refusal.value.finding
    assert finding.code is Code.FOLDING
    assert direction.value in finding.what
    assert "mm from the isocentre" in finding.evidence
    assert not any(tmp_path.iterdir())


def test_a_pull_back_without_an_inverse_is_exported_alone(tmp_path: Path) -> None:
    """Uncorrected, true to shown asks for no solution; its inverse does."""
    grid = coronal_grid()
    acquisition = Acquisition.from_facts(facts(VendorState.ND), grid.normal_lps)
    pull = ScanMap(ENDING, acquisition)
    write(tmp_path, TransformFormat.NRRD, pull, grid)
    push = replace(pull, direction=Direction.SHOWN_TO_TRUE)
    with pytest.raises(DistcorrError) as refusal:
        write(tmp_path, TransformFormat.NRRD, push, grid, "inverse")
    assert refusal.value.code is Code.FOLDING


@pytest.mark.parametrize("name", ["t.nii", "t.txt", "t", "nrrd", "t.dcm"])
def test_other_formats_are_refused(tmp_path: Path, name: str) -> None:
    grid = GRIDS["coronal"]
    with pytest.raises(DistcorrError) as refusal:
        write_transform(tmp_path / name, scan_map(grid), grid)
    assert refusal.value.code is Code.BAD_FORMAT
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("convention", [NiftiConvention.FSL, NiftiConvention.FSL_ABSOLUTE])
@pytest.mark.parametrize("suffix", [".nrrd", ".h5", ".tfm", ".x5", ".mha"])
def test_a_convention_goes_with_nifti_alone(suffix: str, convention: NiftiConvention) -> None:
    with pytest.raises(DistcorrError) as refusal:
        TransformFormat.of(Path(f"t{suffix}"), convention)
    assert refusal.value.code is Code.BAD_FORMAT


def test_the_convention_chooses_among_nifti_formats() -> None:
    path = Path("FIELD.NII.GZ")
    assert TransformFormat.of(path) is TransformFormat.NIFTI
    assert TransformFormat.of(path, NiftiConvention.FSL) is TransformFormat.FSL
    assert TransformFormat.of(path, NiftiConvention.FSL_ABSOLUTE) is TransformFormat.FSL_ABSOLUTE


def test_existing_files_stay(tmp_path: Path) -> None:
    grid = GRIDS["coronal"]
    path = tmp_path / "t.nrrd"
    path.write_text("mine")
    with pytest.raises(DistcorrError) as refusal:
        write_transform(path, scan_map(grid), grid)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    assert path.read_text() == "mine"
    write_transform(path, scan_map(grid), grid, overwrite=True)
    assert path.read_bytes().startswith(b"NRRD")


@settings(max_examples=20)
@given(
    rotation=strategies.rotations(),
    size=st.tuples(*[st.integers(2, 6)] * 3),
    spacing=st.tuples(*[st.floats(0.5, 8.0)] * 3),
    kind=st.sampled_from([TransformFormat.NRRD, TransformFormat.NIFTI, TransformFormat.FSL,
                          TransformFormat.FSL_ABSOLUTE, TransformFormat.X5]),
    direction=st.sampled_from(Direction),
)  # fmt: skip
def test_any_placement_of_the_grid_is_read_back(
    rotation: np.ndarray,
    size: tuple[int, int, int],
    spacing: tuple[float, float, float],
    kind: TransformFormat,
    direction: Direction,
) -> None:
    grid = Grid(size, np.array([30.0, -40.0, 25.0]), np.array(spacing), rotation)
    on = scan_map(grid, VendorState.DIS2D, direction=direction)
    with TemporaryDirectory() as folder:
        moves = read_back(write(Path(folder), kind, on, grid), kind)
        at = centres(grid, every=1)
        # SimpleITK may take a voxel of the rim for outside, by rounding: stay 1 % inside.
        at = at.mean(axis=0) + 0.99 * (at - at.mean(axis=0))
        assert np.abs(moves(at) - on.moved_patient(at)).max() < EXACT_MM
