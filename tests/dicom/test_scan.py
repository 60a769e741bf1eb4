"""Series are found whatever their files are called; nothing is passed over in silence."""

import shutil

import pydicom
import pytest

from distcorr.dicom import Skip, find_series, load_series
from distcorr.errors import Code, DistcorrError
from tests.dicom.examples import edit, write


def test_any_tree_any_name(tmp_path):
    paths = write(tmp_path / "a")
    deep = tmp_path / "a" / "b b" / "ü"
    deep.mkdir(parents=True)
    for n, path in enumerate(paths[::2]):
        shutil.move(path, deep / f"x{n}.{'txt' if n else 'IMA'}")
    [series] = find_series([tmp_path]).series
    assert len(series.frames) == len(paths)
    assert series.refusal is None


def test_what_is_no_image_is_counted(tmp_path):
    paths = write(tmp_path / "a")
    shutil.copy(paths[0], tmp_path / "DICOMDIR")
    shutil.copy(paths[0], tmp_path / ".hidden")
    (tmp_path / "notes.txt").write_text("hello" * 100)
    (tmp_path / "short").write_bytes(b"ab")

    def no_image(ds):
        ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
        del ds.Rows
        del ds.PixelData

    report = tmp_path / "report"
    shutil.copy(paths[0], report)
    edit(report, no_image)
    result = find_series([tmp_path])
    assert len(result.series) == 1
    assert result.skipped == {
        Skip.DICOMDIR: 1,
        Skip.HIDDEN: 1,
        Skip.NOT_DICOM: 2,
        Skip.NO_IMAGE: 1,
    }
    assert not result.findings


def test_a_path_given_twice_counts_once(tmp_path):
    paths = write(tmp_path)
    [series] = find_series([tmp_path, paths[0], tmp_path]).series
    assert len(series.frames) == len(paths)


def test_empty_file_is_refused(tmp_path):
    write(tmp_path)
    (tmp_path / "empty").touch()
    result = find_series([tmp_path])
    assert result.skipped == {Skip.EMPTY: 1}
    assert result.findings[0].code is Code.UNREADABLE
    with pytest.raises(DistcorrError, match="empty"):
        load_series(tmp_path)


@pytest.mark.parametrize("kept", [140, 200, 400, 700, 1000])
def test_a_cut_header_never_loads(kept, tmp_path):
    paths = write(tmp_path)
    paths[2].write_bytes(paths[2].read_bytes()[:kept])
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code in (
        Code.UNREADABLE,
        Code.GEOMETRY_MISSING,
        Code.GEOMETRY_INVALID,
        Code.PATIENTS_MIXED,
    )


def test_files_without_preamble_are_found(tmp_path):
    paths = write(tmp_path)
    for path in paths:
        ds = pydicom.dcmread(path)
        meta_free = tmp_path / f"bare-{path.name}"
        pydicom.filewriter.dcmwrite(
            meta_free,
            _bare(ds),
            implicit_vr=True,
            little_endian=True,
            enforce_file_format=False,
        )
        path.unlink()
    assert load_series(tmp_path).volume.grid.size == (7, 5, 6)


def _bare(ds):
    bare = pydicom.Dataset()
    bare.update({element.tag: element for element in ds})
    return bare


def test_missing_path_and_nothing_there(tmp_path):
    with pytest.raises(DistcorrError) as refusal:
        find_series([tmp_path / "nowhere"])
    assert refusal.value.code is Code.NOT_FOUND
    assert find_series([tmp_path]).series == ()
    with pytest.raises(DistcorrError) as refusal:
        load_series(tmp_path)
    assert refusal.value.code is Code.NOT_DICOM


def test_progress_counts_files(tmp_path):
    paths = write(tmp_path)
    seen = []
    find_series([tmp_path], lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(paths), len(paths))


def test_inspection_reads_no_pixels(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr("distcorr.dicom.pixels.decode", lambda path: pytest.fail("pixels read"))
    assert find_series([tmp_path]).series[0].refusal is None
