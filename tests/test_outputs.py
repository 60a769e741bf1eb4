"""Folders appear whole or not at all."""

import pytest

from distcorr.errors import Code, DistcorrError
from distcorr.outputs import whole_directory


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_at_the_end(tmp_path):
    target = tmp_path / "new" / "out"
    with whole_directory(target) as temporary:
        (temporary / "a.dcm").write_text("a")
        assert not target.exists()
    assert names(target) == ["a.dcm"]
    assert names(target.parent) == ["out"]


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path):
    target = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), whole_directory(target):
        raise KeyboardInterrupt
    assert names(tmp_path) == []
    target.mkdir()
    (target / "old.dcm").write_text("old")
    with (
        pytest.raises(DistcorrError) as refusal,
        whole_directory(target, overwrite=True, suffix=".dcm"),
    ):
        raise OSError(28, "No space left on device")
    assert refusal.value.code is Code.DISK_FULL
    assert names(target) == ["old.dcm"]
    assert names(tmp_path) == ["out"]


def test_an_earlier_output_is_replaced_only_if_asked(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(DistcorrError) as refusal, whole_directory(target):
        pass
    assert refusal.value.code is Code.OUTPUT_EXISTS
    (target / "old.dcm").write_text("old")
    with whole_directory(target, overwrite=True, suffix=".dcm") as temporary:
        (temporary / "new.dcm").write_text("new")
    assert names(target) == ["new.dcm"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("foreign", ["notes.txt", "sub", "file", "link"])
def test_what_is_no_earlier_output_stays(foreign, tmp_path):
    target = tmp_path / "out"
    if foreign == "file":
        target.write_text("mine")
    elif foreign == "link":
        (tmp_path / "elsewhere").mkdir()
        target.symlink_to(tmp_path / "elsewhere")
    else:
        target.mkdir()
        (target / foreign).mkdir() if foreign == "sub" else (target / foreign).write_text("mine")
    before = names(tmp_path)
    with (
        pytest.raises(DistcorrError) as refusal,
        whole_directory(target, overwrite=True, suffix=".dcm"),
    ):
        pass
    assert refusal.value.code is Code.OUTPUT_EXISTS
    assert names(tmp_path) == before
