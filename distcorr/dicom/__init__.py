"""DICOM in and out; the only room that imports pydicom."""

from distcorr.dicom.derivation import Derivation
from distcorr.dicom.derived import write_derived_series
from distcorr.dicom.extent import probe
from distcorr.dicom.header import Frame, Layout
from distcorr.dicom.scan import Skip
from distcorr.dicom.series import (
    LoadedSeries,
    SearchResult,
    Series,
    find_series,
    load_series,
    measure_series,
)
from distcorr.dicom.stack import Regularity

__all__ = [
    "Derivation",
    "Frame",
    "Layout",
    "LoadedSeries",
    "Regularity",
    "SearchResult",
    "Series",
    "Skip",
    "find_series",
    "load_series",
    "measure_series",
    "probe",
    "write_derived_series",
]
