"""Files of scans to load."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from distcorr.dicom.export import MRSeriesHeader, write_classic_series
from distcorr.facts import AcquisitionDimension, Scanner, VendorState
from distcorr.images import write_volume
from distcorr.space import Grid, PatientPosition, Volume
from tests.correction.examples import SCANNER

AXIAL = np.eye(3)
CORONAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
SAGITTAL = np.array([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]])


def volume(direction: np.ndarray, seed: int = 0) -> Volume:
    grid = Grid((10, 12, 8), direction @ [-45.0, -55, -35], np.full(3, 10.0), direction)
    values = np.random.default_rng(seed).integers(0, 1000, grid.shape).astype(np.uint16)
    return Volume(values, grid)


def write_image(path: Path, direction: np.ndarray, seed: int = 0) -> Path:
    write_volume(volume(direction, seed), path)
    return path


def write_dicom(
    folder: Path,
    direction: np.ndarray,
    seed: int = 0,
    state: VendorState = VendorState.ND,
    scanner: Scanner = SCANNER,
    frame: str = "frame",
    content: Volume | None = None,
) -> Path:
    header = MRSeriesHeader(
        patient_id="p",
        study_uid_seed="study",
        series_uid_seed=str(folder),
        series_number=1,
        description="SURNAME^GIVEN t1",
        state=state,
        patient_position=PatientPosition.HFS,
        table_position_mm=(0.0, 0.0, 15.0),
        scanner=scanner,
        slice_thickness_mm=10.0,
        dimension=AcquisitionDimension.D3,
        frame_of_reference_uid_seed=frame,
    )
    content = content or volume(direction, seed)
    write_classic_series(content, header, folder, shuffle_seed=seed)
    return folder
