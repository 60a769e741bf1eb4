"""A real mosaic, corrected and written as DICOM, says what was done to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom

from distcorr.apply import ApplyOptions, Interpolation, apply_correction
from distcorr.batch.dicom_out import write_dicom
from distcorr.batch.load import Statement, load_scan
from distcorr.dicom import load_series
from tests.correction.examples import correction_of, example_field

MOSAIC = "epi_3plane_mosaic/corasc35"


def test_a_corrected_mosaic_becomes_a_classic_series(data: Path, tmp_path: Path) -> None:
    loaded = load_scan(data / MOSAIC, Statement("test"), "acquisition 1")
    other = replace(loaded.scan.facts.scanner, serial="7")
    correction = correction_of(example_field(), scanner=other, support_mm=90.0)
    options = ApplyOptions(Interpolation.LINEAR, force_reason="the magnet was moved, not changed")
    corrected = apply_correction(loaded.scan, correction, options)
    paths = write_dicom(loaded, corrected, correction, options, tmp_path / "out")
    assert len(paths) == 35
    volume, series = load_series(tmp_path / "out")
    assert volume.grid.same_as(loaded.scan.volume.grid)
    np.testing.assert_array_equal(volume.array, corrected.volume.array)
    assert not np.array_equal(volume.array, loaded.scan.volume.array)
    assert series.facts.corrected_by.value == correction.identifier
    assert series.layout == "classic"
    told = pydicom.dcmread(paths[0]).DerivationDescription
    for said in (
        "state ND",
        "interpolation linear",
        "correct_intensity False",
        f"{corrected.supported_fraction:.1%} of the image supported",
        "forced: the magnet was moved, not changed",
    ):
        assert said in told
