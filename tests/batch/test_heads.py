"""Femoral heads that a manifest names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distcorr.batch import load_references, read_cohort
from distcorr.batch.heads import load_heads
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState
from distcorr.images import write_volume
from distcorr.roundness import measure_roundness
from distcorr.space import Grid, Volume
from tests.batch.examples import AXIAL, CORONAL, volume, write_dicom
from tests.roundness.examples import mesh_of

PAIR = '[[reference]]\nid = "r1"\naxial = "ax"\ncoronal = "cor"\n'
# The examples' scans span about -50 to 50, -40 to 40 and -60 to 60 mm in LPS.
INSIDE = np.array([5.0, -8.0, 10.0])


def heads_of(folder: Path, values: np.ndarray, grid: Grid) -> list[tuple[str, float]]:
    """Load a pair with this label map; names of the heads and their largest radii."""
    write_dicom(folder / "ax", AXIAL, seed=1, state=VendorState.DIS3D)
    write_dicom(folder / "cor", CORONAL)
    write_volume(Volume(values, grid), folder / "heads.nrrd")
    manifest = folder / "cohort.toml"
    manifest.write_text(PAIR + 'head = "heads.nrrd"\n', encoding="utf-8")
    (reference,) = load_references(read_cohort(manifest))
    return [
        (one.name, float(np.linalg.norm(one.surface.points_lps - INSIDE, axis=1).max()))
        for one in reference.heads
    ]


def grid_around(centre: np.ndarray) -> Grid:
    return Grid((40, 40, 40), centre - 39.0, np.full(3, 2.0), np.eye(3))


def ball(grid: Grid, centre: np.ndarray, radius: float) -> np.ndarray:
    return np.linalg.norm(grid.points_lps() - centre, axis=-1) < radius


def test_every_label_is_a_head(tmp_path: Path) -> None:
    grid = grid_around(INSIDE)
    values = np.zeros(grid.shape, np.uint8)
    values[ball(grid, INSIDE, 24.0)] = 3
    values[ball(grid, INSIDE, 12.0)] = 5
    found = heads_of(tmp_path, values, grid)
    assert [name for name, _ in found] == ["label 3", "label 5"]
    assert [size for _, size in found] == pytest.approx([24.0, 12.0], abs=3.0)


def test_a_mesh_is_a_head(tmp_path: Path) -> None:
    points, triangles = mesh_of((20.0, 17.0, 20.0), INSIDE)
    lines = ["# SPACE=LPS", *("v {:.6f} {:.6f} {:.6f}".format(*point) for point in points)]
    lines += ["f {} {} {}".format(*(corner + 1)) for corner in np.asarray(triangles)]
    path = tmp_path / "head.obj"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (head,) = load_heads(path, volume(CORONAL).grid)
    assert head.name == "mesh"
    assert measure_roundness(head.surface).axis_ratio == pytest.approx(0.85, abs=0.01)


def test_no_head_is_named(tmp_path: Path) -> None:
    write_dicom(tmp_path / "ax", AXIAL, seed=1, state=VendorState.DIS3D)
    write_dicom(tmp_path / "cor", CORONAL)
    (tmp_path / "cohort.toml").write_text(PAIR, encoding="utf-8")
    (reference,) = load_references(read_cohort(tmp_path / "cohort.toml"))
    assert reference.heads == ()


@pytest.mark.parametrize(
    ("centre", "radius", "code"),
    [
        (INSIDE, 0.0, Code.MANIFEST_INVALID),
        (INSIDE + np.array([200.0, 0.0, 0.0]), 20.0, Code.MANIFEST_INVALID),
        (INSIDE, 3.0, Code.NO_CONTRAST),
    ],
)
def test_unusable_labels_are_refused(
    tmp_path: Path, centre: np.ndarray, radius: float, code: Code
) -> None:
    grid = grid_around(centre)
    with pytest.raises(DistcorrError) as refusal:
        heads_of(tmp_path, ball(grid, centre, radius).astype(np.uint8), grid)
    assert refusal.value.code is code


def test_an_image_is_no_label_map(tmp_path: Path) -> None:
    grid = grid_around(INSIDE)
    values = np.random.default_rng(0).integers(0, 1000, grid.shape).astype(np.uint16)
    with pytest.raises(DistcorrError) as refusal:
        heads_of(tmp_path, values, grid)
    assert refusal.value.code is Code.BAD_FORMAT
