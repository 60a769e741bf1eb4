"""Facts of real acquisitions, each with the place it was read from."""

import numpy as np
import pytest

from distcorr.dicom import find_series
from distcorr.dicom.effect import AFTER_3D_ROWS, EFFECT_ROWS
from distcorr.dicom.vendors import STATE_ROWS, TABLE_ROWS
from distcorr.errors import Code, Severity
from distcorr.facts import AcquisitionDimension, Plane, VendorState
from distcorr.space import PatientPosition, transform_points
from tests.dicom.examples import edit, write


def first(data, name):
    return find_series([data / name]).series[0]


@pytest.mark.parametrize(
    ("name", "state", "source"),
    [
        ("acr_nd_vs_dis2d/snr20ch_ND", VendorState.ND, "ImageType (0008,0008)"),
        ("acr_nd_vs_dis2d/acr_tra_t1_DIS2D", VendorState.DIS2D, "ImageType (0008,0008)"),
        ("gnl_linac1T/MR_dicom_ND", VendorState.ND, "ImageType (0008,0008)"),
        ("knee_axcor/cor_pd_fs", VendorState.DIS2D, "ImageType (0008,0008)"),
        ("edge/enhanced_mr_siemens_xa30_t1", VendorState.DIS2D, "ImageTypeText (0021,xx75)"),
        ("edge/d2n_siemens_multiframe_anatomical_001", VendorState.DIS2D, "ImageTypeText"),
        ("epi_3plane_mosaic/axasc35", VendorState.ND, "ImageType (0008,0008)"),
    ],
)
def test_vendor_state(name, state, source, data):
    fact = first(data, name).facts.state
    assert fact.value is state
    assert source in fact.source


def test_other_vendors_are_unknown_and_hints_are_shown(data):
    philips = first(data, "table_position/1301_Dual-echo_iso")
    assert not philips.facts.state.known
    [told] = [f for f in philips.findings if f.code is Code.STATE_UNKNOWN]
    assert "MRSeriesGeometryCorrection" in told.evidence
    assert "not verified" in told.evidence
    ge = first(data, "edge/ge_ffs_4d")
    assert not ge.facts.state.known
    [told] = [f for f in ge.findings if f.code is Code.STATE_UNKNOWN]
    assert "GradWarp" in told.evidence


def test_moved_table_siemens(data):
    still = first(data, "table_position/7_gre_fm_siemens_baseline")
    moved = first(data, "table_position/9_gre_fm_siemens_baseline_table_moved_H20")
    assert still.facts.isocentre_lps.value == (0, 0, 0)
    assert moved.facts.isocentre_lps.value == (0, 0, 20)
    assert "(0019,xx14)" in moved.facts.isocentre_lps.source
    # The scanner drew the same slices in its own frame both times.
    places = [
        transform_points(series.facts.T_scanner_patient(), series.grid.corners_lps)
        for series in (still, moved)
    ]
    np.testing.assert_allclose(*places, atol=0.01)


def test_moved_table_other_vendors(data):
    ge = first(data, "edge/ge_ffs_4d")
    centre = ge.grid.corners_lps.mean(axis=0)[2]
    assert ge.facts.isocentre_lps.value[2] == pytest.approx(centre, abs=0.01)
    moved = first(data, "table_position/2201_Dual-echo_FH-60_table_moved")
    assert moved.facts.isocentre_lps.value[2] == pytest.approx(-60.3)


def test_without_a_table_position_nothing_is_assumed_and_a_hint_is_given(data):
    series = first(data, "knee_axcor/cor_pd_fs")
    assert not series.facts.isocentre_lps.known
    assert "the origin of the patient coordinates is" in series.facts.isocentre_lps.source
    assert str(series.files[0].parent) not in series.facts.isocentre_lps.source
    [told] = [f for f in series.findings if f.code is Code.ISOCENTRE_UNKNOWN]
    assert "state isocentre_lps = [0, 0, 0]" in told.evidence
    assert str(series.files[0]) in told.evidence
    assert series.facts.T_scanner_patient() is None


def test_an_unverified_sign_is_a_warning(tmp_path):
    [series] = find_series(
        [
            write(tmp_path, patient_position=PatientPosition.FFS, table_position_mm=(0, 0, 7))[
                0
            ].parent
        ]
    ).series
    assert series.facts.isocentre_lps.value == (0, 0, 7)
    [told] = [f for f in series.findings if f.code is Code.ISOCENTRE_UNVERIFIED]
    assert told.severity is Severity.WARNING
    assert "patient FFS; verified for HFS" in told.evidence


def test_position_dimension_plane(data):
    series = first(data, "edge/decubitus_HFDR")
    assert series.facts.patient_position.value is PatientPosition.HFDR
    assert series.facts.dimension.value is AcquisitionDimension.D2
    assert series.plane is Plane.SAGITTAL
    scout = first(data, "edge/enhanced_mr_siemens_xa30_t1")
    assert scout.facts.dimension.value is AcquisitionDimension.D3
    assert scout.facts.bandwidth_per_pixel_hz.value == 150
    assert scout.facts.phase_encode_lps.known


def test_computed_tomography_is_not_asked_for_magnetic_facts(data):
    series = first(data, "edge/d2n_failing_sliceincrement_001")
    codes = {finding.code for finding in series.findings}
    assert not codes & {Code.STATE_UNKNOWN, Code.ISOCENTRE_UNKNOWN}


def test_every_row_says_where_it_comes_from():
    for row in (*STATE_ROWS, *TABLE_ROWS):
        assert row.source
        assert row.software
    for effect in (*EFFECT_ROWS, *AFTER_3D_ROWS):
        assert effect.source
        assert effect.mean_mm < effect.maximum_mm


def test_size_of_the_effect_is_looked_up_by_reach(data):
    series = first(data, "knee_axcor/cor_pd_fs")
    [told] = [f for f in series.findings if f.code is Code.RESIDUAL_DISTORTION]
    assert told.what.startswith("front-to-back")
    corners = series.grid.corners_lps
    farthest = np.linalg.norm(corners - corners.mean(axis=0), axis=1).max()
    assert f"{farthest:.0f} mm from the centre of the image" in told.evidence
    [placed] = find_series([data / "gnl_linac1T" / "MR_dicom_ND"]).series
    [told] = [f for f in placed.findings if f.code is Code.RESIDUAL_DISTORTION]
    farthest = np.linalg.norm(placed.grid.corners_lps, axis=1).max()
    assert f"{farthest:.0f} mm from the isocentre" in told.evidence


def test_table_that_moves_within_a_series_has_no_isocentre(tmp_path):
    paths = write(tmp_path)

    def move(ds):
        ds.private_block(0x0019, "SIEMENS MR HEADER")[0x14].value = [0, 0, 100]

    edit(paths[3:], move)
    [series] = find_series([tmp_path]).series
    assert not series.facts.isocentre_lps.known
    [told] = [f for f in series.findings if f.code is Code.TABLE_MOVED]
    assert "moved within the series" in told.what
    assert "moved within the series" in series.facts.isocentre_lps.source


@pytest.mark.parametrize("text", ["", "LOOK\\UP", "SIDE"])
def test_impossible_patient_position_is_unknown(text, tmp_path):
    edit(write(tmp_path), lambda ds: setattr(ds, "PatientPosition", text))
    [series] = find_series([tmp_path]).series
    assert not series.facts.patient_position.known
    assert series.facts.T_scanner_patient() is None
    assert Code.POSITION_UNKNOWN in [finding.code for finding in series.findings]


def test_contradicting_states_are_unknown(tmp_path):
    edit(write(tmp_path), lambda ds: setattr(ds, "ImageType", ["ORIGINAL", "M", "ND", "DIS3D"]))
    [series] = find_series([tmp_path]).series
    assert not series.facts.state.known
    assert "two different" in series.findings[0].what
