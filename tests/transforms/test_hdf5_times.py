"""Times are erased from HDF5 headers and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from distcorr.transforms import hdf5_times, write_transform
from tests.transforms.examples import GRIDS, scan_map


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


def test_itk_writes_headers_with_times(tmp_path: Path) -> None:
    """Else the test of equal bytes would show nothing."""
    path = tmp_path / "t.h5"
    write_transform(path, scan_map(GRIDS["coronal"]), GRIDS["coronal"])
    assert path.read_bytes().count(b"OHDR") >= 3
