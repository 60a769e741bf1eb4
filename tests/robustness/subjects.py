"""Undamaged series, simulated and real, with known truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
from scipy.spatial.transform import Rotation

from distcorr.dicom import Layout, load_series
from distcorr.facts import AcquisitionFacts, VendorState
from distcorr.space import Volume
from tests.correction.examples import correction_of, example_field
from tests.dicom.examples import enhanced, grid, write
from tests.robustness.truth import label_volume


@dataclass(frozen=True)
class Kind:
    """A series to damage.

    Attributes
    ----------
    name : str
    layout : Layout
    make : callable
        Writes its files into a folder, given the folder of the real data.
    real : bool
        Whether it needs the real data.
    siemens : bool
        Whether its header holds all facts, as Siemens writes them.
    compressed, labelled, square : bool
    spacing_tag : bool
        Whether SpacingBetweenSlices states the distance of the slices.
    """

    name: str
    layout: Layout
    make: Callable[[Path, Path | None], None]
    real: bool = False
    siemens: bool = False
    compressed: bool = False
    labelled: bool = True
    square: bool = False
    spacing_tag: bool = False


@dataclass(frozen=True)
class Subject:
    """An undamaged series on disk, and what loading it has to give."""

    kind: Kind
    folder: Path
    files: tuple[Path, ...]
    truth: Volume
    facts: AcquisitionFacts
    correction: Path


CORONAL = grid()
OBLIQUE = grid(
    size=(6, 8, 7),
    spacing=(2.0, 1.25, 3.0),
    origin=(-12.5, 20.0, -33.0),
    direction=Rotation.from_euler("xyz", [8, -5, 12], degrees=True).as_matrix(),
)


def _coronal(folder: Path, data: Path | None) -> None:
    write(folder, label_volume(CORONAL))


def _oblique(folder: Path, data: Path | None) -> None:
    write(folder, label_volume(OBLIQUE), seed=2, state=VendorState.ND, table_position_mm=(0, 0, 20))


def _enhanced(folder: Path, data: Path | None) -> None:
    parts = folder.parent / f"{folder.name}-classic"
    enhanced(write(parts, label_volume(CORONAL)), folder / "enhanced.dcm", shared=False)


def _copied(name: str, count: int | None = None, *, relabel: bool = True):
    """Copy the first slices of a real series, their pixels replaced by labels."""

    def make(folder: Path, data: Path | None) -> None:
        assert data is not None
        folder.mkdir(parents=True)
        ordered = load_series(data / name).series.files
        for path in ordered[:count]:
            (folder / path.name).write_bytes(path.read_bytes())
        if relabel:
            _relabel(folder)

    return make


def _relabel(folder: Path) -> None:
    volume, series = load_series(folder)
    labels = label_volume(volume.grid).array
    for k, path in enumerate(series.files):
        ds = pydicom.dcmread(path)
        order = "<" if ds.original_encoding[1] else ">"
        ds.PixelData = labels[k].astype(f"{order}u2").tobytes()
        ds.PixelRepresentation, ds.BitsStored, ds.HighBit = 0, 16, 15
        for keyword in ("RescaleSlope", "RescaleIntercept", "PixelPaddingValue"):
            if keyword in ds:
                delattr(ds, keyword)
        ds.save_as(path)


KINDS: tuple[Kind, ...] = (
    Kind("coronal", Layout.CLASSIC, _coronal, siemens=True),
    Kind("oblique", Layout.CLASSIC, _oblique, siemens=True),
    Kind("enhanced", Layout.MULTIFRAME, _enhanced),
    Kind(
        "siemens", Layout.CLASSIC, _copied("gnl_linac1T/MR_dicom_ND", 4),
        real=True, siemens=True, square=True, spacing_tag=True,
    ),
    Kind(
        "hitachi", Layout.CLASSIC, _copied("edge/d2n_hitachi_anatomical_001"),
        real=True, square=True, spacing_tag=True,
    ),
    Kind(
        "oblong", Layout.CLASSIC, _copied("edge/d2n_generic_anatomical_002_non_isotropic"),
        real=True,
    ),
    Kind(
        "rle", Layout.CLASSIC, _copied("edge/d2n_generic_compressed_rle_001", relabel=False),
        real=True, compressed=True, labelled=False, square=True,
    ),
    Kind(
        "jpeg2000", Layout.CLASSIC, _copied("edge/d2n_generic_compressed_001", relabel=False),
        real=True, compressed=True, labelled=False, square=True,
    ),
)  # fmt: skip


class Ward:
    """Undamaged subjects, made when first asked for."""

    def __init__(self, folder: Path, data: Path | None) -> None:
        self.folder, self.data = folder, data
        self.kinds = tuple(kind for kind in KINDS if data is not None or not kind.real)
        self.subject = cache(self._make)

    def _make(self, kind: Kind) -> Subject:
        folder = self.folder / kind.name
        kind.make(folder, self.data)
        volume, series = load_series(folder)
        if kind.labelled:
            assert np.array_equal(volume.array, label_volume(volume.grid).array)
        simulated = {"coronal": CORONAL, "oblique": OBLIQUE, "enhanced": CORONAL}
        if kind.name in simulated:
            assert volume.grid.same_as(simulated[kind.name])
        correction = self.folder / f"{kind.name}.distcorr"
        correction_of(
            example_field(), spacing_mm=30.0, scanner=series.facts.scanner
        ).save(correction)  # fmt: skip
        return Subject(kind, folder, series.files, volume, series.facts, correction)
