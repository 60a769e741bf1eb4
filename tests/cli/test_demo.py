"""The demonstration ends with a rounder head and a smaller error, and leaves its files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from distcorr.cli import demo as module

COARSE_VOXEL_MM = 8.0


def test_demo_rounds_the_heads_and_shrinks_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "VOXEL_MM", COARSE_VOXEL_MM)
    folder = tmp_path / "demo"
    module.demo(folder, quiet=True)
    told = capsys.readouterr().out
    heads = re.findall(r"axis ratio (\d\.\d+) as scanned .*?, (\d\.\d+) corrected", told)
    assert len(heads) == 2
    for shown, corrected in heads:
        assert float(shown) < 0.92
        assert float(corrected) > 0.97
    error = re.search(r"mean (\d+\.\d+) mm .* as scanned, mean (\d+\.\d+) mm", told)
    assert error is not None
    assert float(error[2]) < 0.4 * float(error[1])
    for name in ("scanner.distcorr", "scanner.distcorr.html", "before_after.png", "cohort.toml"):
        assert (folder / name).stat().st_size > 0
    page = (folder / "scanner.distcorr.html").read_text(encoding="utf-8")
    assert "Are the femoral heads round?" in page
    assert len(re.findall(r"none beyond chance", page)) >= 3  # of four heads, corrected
    assert list((folder / "corrected").glob("*_corrected.nrrd"))
