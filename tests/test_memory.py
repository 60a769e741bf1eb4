"""Sizes, what is free, and the refusal of what does not fit."""

from __future__ import annotations

import contextlib
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr import memory
from distcorr.errors import Code, DistcorrError
from distcorr.memory import Allowance, Extent, free_bytes, parse_bytes, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4GB", 4 * 10**9), ("1.5 GiB", 3 * 2**29), ("800M", 8 * 10**8), ("64kib", 65536),
     ("2t", 2 * 10**12)],
)  # fmt: skip
def test_sizes(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "4", "GB", "-1GB", "0GB", "4 GBB", "1e3GB", "four GB", "nan"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size such as 4GB"):
        parse_bytes(text)


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_bytes(text) >= 0


@given(st.integers(1_000_000, 10**13))
def test_shown_sizes_are_read_again(number: int) -> None:
    assert parse_bytes(shown(number)) == pytest.approx(number, rel=0.05)


def test_the_refusal_names_both_sizes_and_what_to_do() -> None:
    with pytest.raises(DistcorrError) as refusal:
        Allowance.of(10**9).require(3 * 10**9, "learning", "two scans", "give coarser scans")
    assert refusal.value.code is Code.MEMORY_LIMIT
    assert str(refusal.value) == (
        "error[memory-limit]: learning would take more memory than is allowed; about 3.0 GB "
        "needed for two scans, 1.0 GB allowed (--max-memory); give coarser scans"
    )
    Allowance.of(10**9).require(10**9, "learning", "two scans")
    Allowance(None, "not known").require(10**18, "learning", "two scans")


def test_by_default_a_share_of_what_is_free() -> None:
    with mock.patch.object(memory, "free_bytes", return_value=10**10):
        assert Allowance.of(None) == Allowance(8 * 10**9, "80% of what is free")
    with mock.patch.object(memory, "free_bytes", return_value=None):
        assert Allowance.of(None).bytes is None
    free = free_bytes()
    assert free is None or free > 0


def write(folder: Path, **texts: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize("version", [1, 2])
def test_every_cgroup_above_counts(tmp_path: Path, version: int) -> None:
    """The tightest of them, where cached files do not count."""
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]

    def group(folder: Path, limit: str, usage: int, cached: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / names[0]).write_text(f"{limit}\n")
        (folder / names[1]).write_text(f"{usage}\n")
        (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")

    group(tmp_path / "job", "9000", 4000, 1000)
    group(tmp_path / "job" / "step", "max" if version == 2 else str(2**63 - 4096), 3000, 0)
    membership = tmp_path / "membership"
    membership.write_text(("4:memory:" if version == 1 else "0::") + "/job/step\n3:cpu:/x\n")
    patched = memory._Controller(tmp_path, *names)
    with mock.patch.object(memory, f"_VERSION_{version}", patched):
        rooms = [room for room in memory._cgroups(membership) if room is not None]
    assert min(rooms) == 6000
    assert memory._cgroups(tmp_path / "absent") == []


def test_the_machine(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:   2048 kB\n")
    assert memory._machine(meminfo) == 2 << 20
    total = memory._machine(tmp_path / "absent")
    assert total is None or total > 1 << 20


def test_extents() -> None:
    extent = Extent((4, 5, 6), (1.0, 1.0, 2.0), 2)
    assert (extent.voxels, extent.bytes, extent.volume_mm3) == (120, 240, 240.0)
    assert str(extent) == "4 x 5 x 6 voxels of 2 bytes"
