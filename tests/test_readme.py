"""How the README opens; tests/manual follows its commands and links."""

from __future__ import annotations

import re
from pathlib import Path

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
