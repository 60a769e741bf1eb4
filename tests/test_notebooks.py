"""The notebooks run from top to bottom, and are committed without outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

CELL_TIMEOUT_S = 600
"""For a busy machine; a notebook takes a minute on two free processors."""

EXECUTE = "from nbclient.cli import main; main()"


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_geometry",
        "02_learn",
        "03_residuals",
        "04_apply",
        "05_slicer_ants",
        "06_phantom",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outputs_are_committed(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.mark.notebook
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, tmp_path: Path) -> None:
    """In a process of its own: the kernel's own warnings are not ours.

    It imports the source that all tests import, whose kernels are compiled by now,
    and not a copy that was installed.
    """
    done = subprocess.run(
        [
            sys.executable, "-c", EXECUTE, str(path),
            f"--timeout={CELL_TIMEOUT_S}", f"--output={tmp_path / path.stem}",
        ],
        capture_output=True,
        text=True,
        timeout=2 * CELL_TIMEOUT_S,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert (tmp_path / path.name).is_file()
