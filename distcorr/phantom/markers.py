"""Markers of a phantom in a known field, as software that localises them lists them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from distcorr.facts import VendorState
from distcorr.field import ScannerField
from distcorr.outputs import whole_output
from distcorr.phantom.maps import true_to_shown

Array = NDArray[np.float64]

COLUMNS = ("label", "true_x", "true_y", "true_z", "shown_x", "shown_y", "shown_z")


@dataclass(frozen=True, slots=True)
class MarkerSettings:
    """A phantom with a lattice of markers, scanned without vendor correction.

    Attributes
    ----------
    radius_mm : float
        Of the sphere around the isocentre that it fills.
    spacing_mm : float
        Distance of neighbouring markers.
    localisation_mm : float
        Standard deviation of each shown coordinate.
    shift_mm, turn_deg : tuple of float
        How the phantom lies in the scanner: the true places are those of its drawing.
    seed : int
        Of the localisation's error.
    """

    radius_mm: float = 210.0
    spacing_mm: float = 35.0
    localisation_mm: float = 0.2
    shift_mm: tuple[float, float, float] = (1.5, -1.0, 2.0)
    turn_deg: tuple[float, float, float] = (0.5, -0.3, 0.8)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class SimulatedMarkers:
    """Markers by drawing, by truth and as shown; equal rows are equal markers.

    Attributes
    ----------
    labels : tuple of str
    drawn_lps : ndarray, shape (m, 3)
        Where the phantom's drawing has them, mm; its frame is off by the placement.
    true_lps : ndarray, shape (m, 3)
        Where they lie in the scanner, which nobody knows of a real phantom.
    shown_lps : ndarray, shape (m, 3)
        Where the scan shows them, as localised.
    """

    labels: tuple[str, ...]
    drawn_lps: Array
    true_lps: Array
    shown_lps: Array

    def __len__(self) -> int:
        return len(self.labels)

    def write(self, path: Path) -> None:
        """Write the pairs that ``[[points]]`` of a manifest reads: drawing and scan.

        Parameters
        ----------
        path : Path
            CSV file.

        Raises
        ------
        DistcorrError
            ``output-exists`` or ``output-unwritable``.
        """
        rows = zip(self.labels, self.drawn_lps, self.shown_lps, strict=True)
        with whole_output(path) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            writer.writerows(
                [label, *(f"{mm:.4f}" for mm in (*drawn, *shown))] for label, drawn, shown in rows
            )


def simulate_markers(
    field: ScannerField, settings: MarkerSettings = MarkerSettings()
) -> SimulatedMarkers:
    """Place a phantom head first supine at the isocentre and localise its markers.

    Markers that the field folds are lost, as they are on a real scan.

    Parameters
    ----------
    field : ScannerField
    settings : MarkerSettings
    """
    count = int(settings.radius_mm // settings.spacing_mm)
    line = settings.spacing_mm * np.arange(-count, count + 1)
    drawn = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    drawn = drawn[np.linalg.norm(drawn, axis=1) <= settings.radius_mm]
    turn = Rotation.from_rotvec(settings.turn_deg, degrees=True)
    true = turn.apply(drawn) + np.array(settings.shift_mm)
    shown = true_to_shown(field, VendorState.ND, np.array([0.0, 0.0, 1.0]), true)
    rng = np.random.default_rng([settings.seed, 0x3A4C])
    shown = shown + rng.normal(0.0, settings.localisation_mm, shown.shape)
    seen = np.isfinite(shown).all(axis=1)
    labels = tuple(f"M{number:03d}" for number in range(1, int(seen.sum()) + 1))
    return SimulatedMarkers(labels, drawn[seen], true[seen], shown[seen])
