"""Label map files: voxels change, names and colours of segments stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from distcorr.errors import Code, DistcorrError
from distcorr.images import to_sitk
from distcorr.labels import read_labels
from distcorr.space import Grid, Volume

GRID = Grid((7, 6, 5), np.array([1.0, -2.0, 3.0]), np.array([1.0, 2.0, 3.0]), np.eye(3))

SEGMENTS = {
    "Segmentation_ReferenceImageExtentOffset": "10 20 30",
    "Segmentation_MasterRepresentation": "Binary labelmap",
    "Segment0_ID": "Segment_1",
    "Segment0_Name": "femur links",
    "Segment0_Color": "0.5 0.1 0.9",
    "Segment0_LabelValue": "1",
    "Segment0_Layer": "0",
    "Segment0_Extent": "0 6 0 5 0 4",
    "Segment0_Tags": "TerminologyEntry:Segmentation category~SCT^123037004^Anatomical Structure|",
    "Segment1_Name": "cartilage",
    "Segment1_LabelValue": "1",
    "Segment1_Layer": "1",
    "Segment1_Extent": "0 6 0 5 0 4",
}


def layer(*box: slice) -> Volume:
    array = np.zeros(GRID.shape, np.uint8)
    array[box] = 1
    return Volume(array, GRID)


BONE = layer(slice(1, 3), slice(2, 5), slice(3, 6))
CARTILAGE = layer(slice(2, 4), slice(2, 5), slice(3, 6))


def seg_nrrd(path: Path, *layers: Volume) -> Path:
    images = [to_sitk(one) for one in layers]
    image = images[0] if len(images) == 1 else sitk.Compose(images)
    for key, value in SEGMENTS.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(path), True)
    return path


@pytest.mark.parametrize("count", [1, 2])
def test_a_segmentation_keeps_names_and_colours(tmp_path: Path, count: int) -> None:
    path = seg_nrrd(tmp_path / "a.seg.nrrd", *(BONE, CARTILAGE)[:count])
    before = path.read_bytes()
    found = read_labels(path)
    assert len(found.layers) == count
    for one, expected in zip(found.layers, (BONE, CARTILAGE), strict=False):
        np.testing.assert_array_equal(one.array, expected.array)
    if count == 1:
        return
    # Grown by one voxel at the low end of i, as corrections grow cropped maps.
    grown = Grid((8, 6, 5), GRID.origin_lps - [1.0, 0, 0], GRID.spacing, GRID.direction)
    arrays = [np.pad(one.array, ((0, 0), (0, 0), (1, 0))) for one in found.layers]
    out = tmp_path / "b.seg.nrrd"
    found.write(out, [Volume(array, grown) for array in arrays])
    image = sitk.ReadImage(str(out))
    assert image.GetNumberOfComponentsPerPixel() == count
    header = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    changed = {
        "Segmentation_ReferenceImageExtentOffset": "9 20 30",
        "Segment0_Extent": "4 6 2 4 1 2",
        "Segment1_Extent": "4 6 2 4 2 3",
        "distcorr": "corrected by distcorr",
    }
    assert {key: header[key] for key in SEGMENTS | changed} == SEGMENTS | changed
    np.testing.assert_allclose(image.GetOrigin(), grown.origin_lps)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image)[..., 1], arrays[1])
    assert path.read_bytes() == before
    assert not found.corrected
    assert read_labels(out).corrected


def test_an_empty_segment_and_another_grid(tmp_path: Path) -> None:
    found = read_labels(seg_nrrd(tmp_path / "a.seg.nrrd", BONE, CARTILAGE))
    other = Grid((4, 4, 4), GRID.origin_lps, np.ones(3), np.eye(3))
    empty = Volume(np.zeros(other.shape, np.uint8), other)
    found.write(tmp_path / "b.seg.nrrd", [empty, empty])
    image = sitk.ReadImage(str(tmp_path / "b.seg.nrrd"))
    assert image.GetMetaData("Segment0_Extent") == "0 -1 0 -1 0 -1"
    assert image.GetMetaData("Segmentation_ReferenceImageExtentOffset") == "0 0 0"


@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ".nii.gz"])
def test_plain_label_maps(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(to_sitk(BONE), str(path))
    found = read_labels(path)
    assert found.grid.same_as(GRID)
    out = tmp_path / f"b{suffix}"
    found.write(out, found.layers)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(out))), BONE.array)
    assert not found.corrected
    assert read_labels(out).corrected


def test_what_is_no_label_map_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "a.nrrd"
    broken.write_bytes(b"NRRD0004\nnothing\n\n")
    flat = tmp_path / "b.nrrd"
    sitk.WriteImage(sitk.Image(4, 4, sitk.sitkUInt8), str(flat))
    for path, code in (
        (broken, Code.UNREADABLE),
        (flat, Code.BAD_FORMAT),
        (tmp_path / "c.nrrd", Code.NOT_FOUND),
        (tmp_path / "d.png", Code.BAD_FORMAT),
    ):
        with pytest.raises(DistcorrError) as raised:
            read_labels(path)
        assert raised.value.code is code
