"""What is ITK's alone: the exact B-spline, its stated error, vectors in NIfTI."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from distcorr.acquisition import Acquisition
from distcorr.errors import Code
from distcorr.facts import VendorState
from distcorr.space import PatientPosition
from distcorr.transforms import (
    EXACT_MM,
    ScanMap,
    bspline_transform,
    displacement_field,
    itk_bspline,
    write_transform,
)
from tests.apply.examples import facts
from tests.correction.examples import correction_of, example_field
from tests.transforms.examples import CORRECTION, GRIDS, random_points, scan_map
from tests.transforms.readers import by_simpleitk

GRID = GRIDS["oblique"]
DOUBLE_MM = 1e-9
SINGLE_MM = 1e-5


@pytest.mark.parametrize("position", list(PatientPosition))
def test_the_uncorrected_map_is_re_expressed_exactly(position: PatientPosition) -> None:
    on = scan_map(GRID, VendorState.ND, position)
    transform, findings = bspline_transform(on, GRID)
    points = random_points(GRID, 200)
    assert np.abs(by_simpleitk(transform)(points) - on.moved_patient(points)).max() < DOUBLE_MM
    assert findings == ()


def test_an_inexact_transform_says_by_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(itk_bspline, "REFINEMENTS", (1,))
    coarse = correction_of(example_field(), spacing_mm=50.0)
    on = ScanMap(coarse, Acquisition.from_facts(facts(VendorState.DIS2D), GRID.normal_lps))
    transform, (finding,) = bspline_transform(on, GRID)
    assert finding.code is Code.TRANSFORM_INEXACT
    points = GRID.points_lps().reshape(-1, 3)
    moved = by_simpleitk(transform)(points)
    miss = np.linalg.norm(moved - on.moved_patient(points), axis=1).max()
    assert miss > EXACT_MM
    stated = float(finding.evidence.removeprefix("largest error ").removesuffix(" mm"))
    assert stated == pytest.approx(miss, abs=1e-3)


def test_vectors_in_nifti_are_lps_and_marked_as_vectors(tmp_path: Path) -> None:
    on = scan_map(GRID)
    path = tmp_path / "t.nii.gz"
    write_transform(path, on, GRID)
    image = nib.load(path)
    assert image.header.get_intent()[0] == "vector"
    stored = np.asarray(image.dataobj)[:, :, :, 0, :].transpose(2, 1, 0, 3)
    expected = displacement_field(CORRECTION, on.acquisition, GRID)
    np.testing.assert_allclose(stored, expected, atol=SINGLE_MM)
    ras = np.diag([-1, -1, 1, 1]) @ GRID.T_lps_index
    np.testing.assert_allclose(image.affine, ras, atol=1e-3)


def test_a_trusted_scan_has_no_displacement() -> None:
    acquisition = scan_map(GRID, VendorState.DIS3D).acquisition
    assert not displacement_field(CORRECTION, acquisition, GRID).any()
