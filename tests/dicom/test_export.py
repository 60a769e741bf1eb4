"""Series that are written load again as what they were."""

from dataclasses import replace

import numpy as np
import pytest

from distcorr.dicom import find_series, load_series
from distcorr.dicom.export import InPlanePhaseEncoding
from distcorr.errors import Code, DistcorrError
from distcorr.facts import AcquisitionDimension, VendorState
from distcorr.space import PatientPosition, Volume
from tests.dicom.examples import HEADER, grid, volume, write
from tests.oracles import dciodvfy_errors


def test_integers_come_back_exactly(tmp_path):
    original = volume()
    write(tmp_path, original)
    loaded = load_series(tmp_path).volume
    assert loaded.grid.same_as(original.grid, 1e-9)
    assert loaded.array.dtype == np.uint16
    np.testing.assert_array_equal(loaded.array, original.array)
    assert loaded.valid is None


def test_real_numbers_come_back_within_a_step(tmp_path):
    array = np.random.default_rng(0).normal(-3, 50, grid().shape)
    write(tmp_path, Volume(array, grid()))
    loaded = load_series(tmp_path).volume
    step = np.ptp(np.minimum(array, 0)) + array.max()
    np.testing.assert_allclose(loaded.array, array, atol=step / 65535)


@pytest.mark.parametrize("state", VendorState)
@pytest.mark.parametrize("dimension", AcquisitionDimension)
def test_dciodvfy_finds_no_error(state, dimension, tmp_path, tool):
    tool("dciodvfy")
    for path in write(tmp_path, state=state, dimension=dimension)[:2]:
        assert not dciodvfy_errors(path)


@pytest.mark.parametrize("position", PatientPosition)
def test_facts_come_back(position, tmp_path):
    write(
        tmp_path,
        patient_position=position,
        table_position_mm=(0, 0, 20),
        phase_encoding=InPlanePhaseEncoding.COLUMN,
    )
    [series] = find_series([tmp_path]).series
    facts = series.facts
    assert facts.state.value is VendorState.DIS2D
    assert facts.patient_position.value is position
    assert facts.isocentre_lps.value == (0, 0, 20)
    assert facts.dimension.value is AcquisitionDimension.D2
    np.testing.assert_allclose(facts.phase_encode_lps.value, (0, 0, -1))
    assert facts.bandwidth_per_pixel_hz.value == 200
    assert facts.scanner == HEADER.scanner
    codes = [finding.code for finding in series.findings]
    # The sign of the table position was verified for this position alone.
    assert (Code.ISOCENTRE_UNVERIFIED in codes) == (position is not PatientPosition.HFS)


def test_silent_header_leaves_the_state_unknown(tmp_path):
    write(tmp_path, state=VendorState.TRUSTED)
    [series] = find_series([tmp_path]).series
    assert not series.facts.state.known
    assert series.findings[0].code is Code.STATE_UNKNOWN


def test_writing_is_deterministic_and_names_mean_nothing(tmp_path):
    one = write(tmp_path / "a", seed=5)
    two = write(tmp_path / "b", seed=5)
    assert [path.name for path in one] == [path.name for path in two]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True))
    assert sorted(one) != one
    ordered = write(tmp_path / "c", seed=None)
    assert sorted(ordered) == ordered


def test_refusals(tmp_path):
    write(tmp_path)
    with pytest.raises(DistcorrError) as refusal:
        write(tmp_path)
    assert refusal.value.code is Code.OUTPUT_EXISTS
    with pytest.raises(DistcorrError, match="whole millimetres"):
        write(tmp_path / "b", table_position_mm=(0, 0, 0.5))
    nan = Volume(np.full(grid().shape, np.nan), grid())
    with pytest.raises(DistcorrError, match="NaN"):
        write(tmp_path / "c", nan)


def test_header_is_frozen():
    with pytest.raises(AttributeError):
        HEADER.patient_id = "x"
    assert replace(HEADER, patient_id="x").patient_id == "x"
