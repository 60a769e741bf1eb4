"""A batch to make pages of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from distcorr.errors import Code, DistcorrError
from distcorr.report.results import Results, ScanResult, Status
from distcorr.space import Grid, Volume

GRID = Grid((40, 30, 20), np.zeros(3), np.array([4.0, 4.0, 6.0]), np.eye(3))


def corrected(name: str, moved_mm: float, supported: float) -> ScanResult:
    paths = Path(f"{name}_corrected.nrrd"), Path(f"/data/{name}")
    return ScanResult(name, Status.CORRECTED, "", "", "", 2.5, supported, moved_mm, *paths)


RESULTS = Results(
    False,
    (
        corrected("near", 3.0, 0.99),
        corrected("far", 21.0, 0.97),
        ScanResult(
            "later", Status.UNFINISHED, "", "", "", None, None, None, None, Path("/data/later")
        ),
        ScanResult(
            "broken", Status.FAILED, "slices-missing", "2 slices are missing", "export it again",
            0.4, None, None, None, Path("/data/broken"),
        ),
    ),
)  # fmt: skip


def load_example(path: Path) -> Volume:
    """A ball, squeezed before; no scan as acquired of ``near``."""
    if path == Path("/data/near"):
        raise DistcorrError(Code.NOT_FOUND, "gone", str(path))
    squeeze = 1.0 if path.name.endswith(".nrrd") else 1.4
    points = GRID.points_lps() - np.array([78.0, 58.0, 57.0])
    radius = np.linalg.norm(points * np.array([1.0, squeeze, 1.0]), axis=-1)
    return Volume((100 * (radius < 45)).astype(np.int16), GRID)
