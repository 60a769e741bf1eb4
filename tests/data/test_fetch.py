"""Fetched files are the listed ones, from wherever they come, or nothing is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from distcorr.data import FolderOrigin, WebOrigin, fetch
from distcorr.data.fetch import GITHUB_RAW
from distcorr.errors import Code, DistcorrError
from tests.data.examples import COMMIT, PLAIN, clone, dataset, served


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def as_github(root: Path) -> Path:
    """Lay out a clone as GitHub's host of raw files does."""
    clone(root / "owner" / "repo" / COMMIT)
    return root


def test_the_web_is_github_over_https() -> None:
    assert WebOrigin().host == GITHUB_RAW
    one = dataset()
    folder, file = one.members[0]
    assert one.address(GITHUB_RAW, folder, file) == (
        f"https://raw.githubusercontent.com/owner/repo/{COMMIT}/In/part/a.bin"
    )


@pytest.mark.parametrize("packed", [False, True])
def test_from_a_server(tmp_path: Path, packed: bool, capfd: pytest.CaptureFixture[str]) -> None:
    one, into = dataset(packed=packed), tmp_path / "into"
    steps: list[tuple[int, int]] = []
    with served(as_github(tmp_path / "web")) as (host, asked):
        folder = fetch(one, into, WebOrigin(host), lambda *step: steps.append(step))
        first = list(asked)
        fetch(one, into, WebOrigin(host))
    assert folder == into / "small"
    expected = {"part/c.dcm": b"third"} if packed else {f"part/{n}": b for n, b in PLAIN.items()}
    assert files_of(folder) == expected
    assert len(first) == len(one.members) == steps[-1][1]
    assert asked == first  # what is there and right is not fetched again
    assert capfd.readouterr() == ("", "")


def test_a_damaged_copy_is_fetched_anew(tmp_path: Path) -> None:
    one, into = dataset(), tmp_path / "into"
    with served(as_github(tmp_path / "web")) as (host, asked):
        folder = fetch(one, into, WebOrigin(host))
        (folder / "part" / "a.bin").write_bytes(b"other")
        fetch(one, into, WebOrigin(host))
    assert (folder / "part" / "a.bin").read_bytes() == PLAIN["a.bin"]
    assert len(asked) == 3


def test_a_damaged_unpacked_file_is_unpacked_anew(tmp_path: Path) -> None:
    one, root = dataset(packed=True), clone(tmp_path / "clone")
    folder = fetch(one, tmp_path / "into", FolderOrigin.holding(root, (one,)))
    (folder / "part" / "c.dcm").write_bytes(b"other")
    fetch(one, tmp_path / "into", FolderOrigin.holding(root, (one,)))
    assert files_of(folder) == {"part/c.dcm": b"third"}


def test_another_file_on_the_server_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    web = as_github(tmp_path / "web")
    (web / "owner" / "repo" / COMMIT / "In" / "part" / "a.bin").write_bytes(b"frist")
    into = tmp_path / "into"
    with served(web) as (host, _), pytest.raises(DistcorrError, match=r"a\.bin") as refusal:
        fetch(dataset(), into, WebOrigin(host))
    assert refusal.value.code is Code.HASH_MISMATCH
    assert files_of(into) == {}


def test_what_is_not_on_the_server_is_told(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    with (
        served(tmp_path / "web") as (host, _),
        pytest.raises(DistcorrError, match="404") as refusal,
    ):
        fetch(dataset(), tmp_path / "into", WebOrigin(host))
    assert refusal.value.code is Code.DOWNLOAD_FAILED


def test_no_network(tmp_path: Path) -> None:
    with served(tmp_path) as (host, _):
        pass  # nobody listens there any more
    with pytest.raises(DistcorrError, match="--from") as refusal:
        fetch(dataset(), tmp_path / "into", WebOrigin(host))
    assert refusal.value.code is Code.DOWNLOAD_FAILED
    assert files_of(tmp_path) == {}


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "into").write_text("a file")
    with served(as_github(tmp_path / "web")) as (host, _), pytest.raises(DistcorrError) as refusal:
        fetch(dataset(), tmp_path / "into", WebOrigin(host))
    assert refusal.value.code is Code.OUTPUT_UNWRITABLE


def test_from_a_clone_or_by_content(tmp_path: Path) -> None:
    one, root = dataset(), clone(tmp_path / "clone")
    fetched = files_of(fetch(one, tmp_path / "a", FolderOrigin.holding(root, (one,))))
    assert fetched == {f"part/{name}": body for name, body in PLAIN.items()}
    (root / "In" / "part").rename(root / "renamed")
    (root / "renamed" / "a.bin").rename(root / "other name")
    os.mkfifo(root / "renamed" / "pipe")
    again = files_of(fetch(one, tmp_path / "b", FolderOrigin.holding(root, (one,))))
    assert again == fetched


def test_a_folder_that_lacks_a_file_or_holds_another(tmp_path: Path) -> None:
    one, root = dataset(), clone(tmp_path / "clone")
    (root / "In" / "part" / "b.bin").unlink()
    with pytest.raises(DistcorrError, match=r"b\.bin") as refusal:
        fetch(one, tmp_path / "into", FolderOrigin.holding(root, (one,)))
    assert refusal.value.code is Code.NOT_FOUND
    assert files_of(tmp_path / "into") == {"small/part/a.bin": b"first"}
    (root / "In" / "part" / "b.bin").write_bytes(b"secodn")
    with pytest.raises(DistcorrError) as refusal:
        fetch(one, tmp_path / "into", FolderOrigin.holding(root, (one,)))
    assert refusal.value.code is Code.HASH_MISMATCH
    with pytest.raises(DistcorrError) as refusal:
        FolderOrigin.holding(root / "absent", (one,))
    assert refusal.value.code is Code.NOT_FOUND
