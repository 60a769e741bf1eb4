"""What the README promises can be typed in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distcorr.batch import read_cohort
from tests.correction.examples import correction_of, example_field

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_it_opens_with_two_commands_of_one_line() -> None:
    first, second = (block.strip() for block in blocks("sh")[:2])
    assert first.startswith("python3 -m venv ")
    assert first.endswith("distcorr demo")
    assert second.startswith("python3 -m venv ")
    assert "pytest -n auto" in second
    assert "\n" not in first + second


def test_links_and_pictures_exist() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_manifest_is_read(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    path = tmp_path / "cohort.toml"
    path.write_text(text, encoding="utf-8")
    cohort = read_cohort(path)
    assert (len(cohort.references), len(cohort.scans)) == (2, 1)


def test_a_correction_opens_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    correction = correction_of(example_field())
    correction.save(tmp_path / "scanner.distcorr")
    (code,) = [block for block in blocks("python") if "np.load" in block]
    assert "distcorr." not in code.replace('"scanner.distcorr"', "")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    for point in ([80.0, 0.0, 100.0], [-31.0, 22.5, -64.0]):
        expected = correction.field.displacement(point)
        assert np.linalg.norm(expected) > 0.01
        np.testing.assert_allclose(names["displacement"](point), expected, atol=1e-9)
