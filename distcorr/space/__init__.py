"""Where things are: grids, volumes and frames, in millimetres and DICOM LPS."""

from distcorr.space.axes import FileAxes
from distcorr.space.frames import (
    PatientPosition,
    rotation_scanner_patient,
    transform_points,
    transform_vectors,
    translation,
)
from distcorr.space.grid import Grid
from distcorr.space.volume import Volume

__all__ = [
    "FileAxes",
    "Grid",
    "PatientPosition",
    "Volume",
    "rotation_scanner_patient",
    "transform_points",
    "transform_vectors",
    "translation",
]
