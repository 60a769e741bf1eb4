"""Order, spacing, holes and shear come from the positions and from nothing else."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distcorr.dicom import Regularity, find_series, load_series
from distcorr.dicom.header import Frame, Labels
from distcorr.dicom.stack import SLICE_TOLERANCE_MM, build_stack
from distcorr.errors import Code, DistcorrError
from distcorr.space import Volume, transform_points
from tests.dicom.examples import edit, grid, volume, write
from tests.strategies import rotations


def codes(series):
    return [finding.code for finding in series.findings]


def frame(k, position, direction=None, **values):
    direction = np.eye(3) if direction is None else direction
    settings = {
        "path": f"slice{k}",
        "index": 0,
        "rows": 4,
        "columns": 5,
        "position_lps": np.asarray(position, dtype=float),
        "row_lps": direction[:, 0],
        "column_lps": direction[:, 1],
        "pixel_spacing": (2.0, 1.5),
        "slope": 1.0,
        "intercept": 0.0,
        "padding": None,
        "thickness_mm": 3.0,
        "spacing_tag_mm": 3.0,
        "instance": k,
        "sop_instance": str(k),
        "labels": Labels(),
    }
    settings |= values
    settings["path"] = Path(settings["path"])
    return Frame(**settings)


@given(
    rotations(),
    st.integers(2, 30),
    st.floats(0.3, 30),
    st.tuples(*[st.floats(-500, 500)] * 3),
    st.randoms(use_true_random=False),
)
def test_any_orientation_any_order(direction, count, spacing, origin, random):
    truth = np.array(origin)
    places = [truth + k * spacing * direction[:, 2] for k in range(count)]
    frames = [frame(k, np.round(place, 6), direction) for k, place in enumerate(places)]
    random.shuffle(frames)
    stack = build_stack(frames)
    assert stack.regularity is Regularity.REGULAR
    assert [f.instance for f in stack.frames] == list(range(count))
    np.testing.assert_allclose(stack.grid.direction, direction, atol=1e-6)
    last = transform_points(stack.grid.T_lps_index, [0, 0, count - 1])
    np.testing.assert_allclose(last, places[-1], atol=1e-3)


@given(st.sets(st.integers(0, 40), min_size=8), st.floats(0.5, 10))
def test_holes_are_never_stretched_over(kept, spacing):
    slots = sorted(kept)
    gaps = np.diff(slots)
    if np.median(gaps) > 1 or (gaps == 1).sum() * 2 < gaps.size:
        return  # most steps are holes: the true spacing can't be told
    stack = build_stack([frame(k, (0, 0, k * spacing)) for k in slots])
    assert stack.slots == tuple(k - slots[0] for k in slots)
    assert stack.grid.spacing[2] == pytest.approx(spacing)
    assert (Code.SLICES_MISSING in [f.code for f in stack.findings]) == (gaps.max() > 1)


def test_misleading_tags_and_names_do_not_matter(tmp_path):
    paths = write(tmp_path, seed=None)
    for n, path in enumerate(paths):

        def lie(ds, n=n):
            ds.InstanceNumber = (n * 5) % 6 + 1
            ds.SliceLocation = -n * 3
            ds.SliceThickness = 1
            ds.SpacingBetweenSlices = 9
            ds.AcquisitionTime = f"12{(n * 7) % 60:02d}00"

        edit(path, lie)
    for n, path in enumerate(paths):
        path.rename(tmp_path / f"{(n * 11) % 17:03d}")
    loaded = load_series(tmp_path)
    assert loaded.volume.grid.same_as(grid(), 1e-6)
    np.testing.assert_array_equal(loaded.volume.array, volume().array)
    told = {finding.code: finding.evidence for finding in loaded.series.findings}
    assert "9 mm against 4.000 mm" in told[Code.SPACING_TAG_DISAGREES]
    assert "1 mm against 4.000 mm" in told[Code.THICKNESS_IS_NOT_SPACING]


def test_slicer_order_and_origin(tmp_path):
    write(tmp_path)
    [series] = find_series([tmp_path]).series
    normal = np.cross([1, 0, 0], [0, 0, -1])
    along = [f.position_lps @ normal for f in series.frames]
    assert along == sorted(along)
    np.testing.assert_allclose(series.grid.origin_lps, series.frames[0].position_lps)


def test_a_missing_slice_is_masked_in_its_place(tmp_path):
    paths = write(tmp_path)
    paths[2].unlink()
    loaded = load_series(tmp_path)
    assert loaded.volume.grid.same_as(grid(), 1e-6)
    assert loaded.series.regularity is Regularity.GAPS
    np.testing.assert_array_equal(
        loaded.volume.valid.all(axis=(1, 2)), [True, True, False, True, True, True]
    )
    kept = [0, 1, 3, 4, 5]
    np.testing.assert_array_equal(loaded.volume.array[kept], volume().array[kept])
    [told] = [f for f in loaded.series.findings if f.code is Code.SLICES_MISSING]
    assert told.what.startswith("1 slice is missing")
    assert "8.000 mm" in told.evidence
    assert paths[1].name in told.evidence


def ramp(on):
    """A linear function of place survives linear interpolation exactly."""
    return Volume((on.points_lps() @ [1.0, -2.0, 3.0] + 1000).astype(np.float64), on)


def test_uneven_slices_are_resampled_where_they_belong(tmp_path):
    places = np.array([0, 4, 8.3, 12, 15.8, 20])
    on = grid()
    paths = write(tmp_path, ramp(on))
    for n, path in enumerate(paths):

        def move(ds, n=n):
            x, y, z = (float(v) for v in ds.ImagePositionPatient)
            offset = places[n] - 4 * n
            ds.ImagePositionPatient = [x, y + offset, z]
            ds.RescaleIntercept = round(float(ds.RescaleIntercept) - 2 * offset, 6)

        edit(path, move)
    loaded = load_series(tmp_path)
    assert loaded.series.regularity is Regularity.IRREGULAR
    assert Code.SPACING_IRREGULAR in codes(loaded.series)
    expected = ramp(loaded.volume.grid).array
    np.testing.assert_allclose(loaded.volume.array, expected, atol=0.02)
    assert loaded.volume.grid.spacing[2] == pytest.approx(4.0, abs=0.31)


@pytest.mark.parametrize("shift", [0.7, -2.5])
def test_a_sheared_stack_is_made_right_angled(shift, tmp_path):
    paths = write(tmp_path, ramp(grid()))
    for n, path in enumerate(paths):

        def move(ds, n=n):
            x, y, z = (float(v) for v in ds.ImagePositionPatient)
            ds.ImagePositionPatient = [x, y, z + n * shift]
            ds.RescaleIntercept = round(float(ds.RescaleIntercept) + 3 * n * shift, 6)

        edit(path, move)
    loaded = load_series(tmp_path)
    assert loaded.series.regularity is Regularity.SHEARED
    [told] = [f for f in loaded.series.findings if f.code is Code.STACK_SHEARED]
    assert f"{5 * abs(shift):.2f} mm" in told.evidence
    valid = loaded.volume.valid
    np.testing.assert_allclose(
        loaded.volume.array[valid], ramp(loaded.volume.grid).array[valid], atol=0.02
    )
    # Nothing that was measured is cut off: as many voxels as there were, less the rims.
    assert valid.sum() >= volume().array.size * 0.7


def test_tolerance_is_where_it_is_said_to_be():
    def with_jitter(mm):
        return build_stack([frame(k, (0, 0, 3 * k + (mm if k == 2 else 0))) for k in range(7)])

    assert with_jitter(SLICE_TOLERANCE_MM * 0.7).regularity is Regularity.REGULAR
    assert with_jitter(SLICE_TOLERANCE_MM * 1.5).regularity is Regularity.IRREGULAR


def test_left_out_positions_are_no_volume():
    with pytest.raises(DistcorrError) as refusal:
        build_stack([frame(0, (0, 0, 0)), frame(1, (0, 0, 0))])
    assert refusal.value.code is Code.NOT_A_VOLUME
