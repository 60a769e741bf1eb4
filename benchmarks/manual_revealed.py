"""What pairs of vendor states reveal of the field: the gains that ``learn`` computes.

No images are needed: a gain depends on where the two scans see the body, and on what
their vendors have done.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from pages import Table

from distcorr.acquisition import Scan
from distcorr.facts import AcquisitionFacts, Fact, Plane, VendorState
from distcorr.field import HarmonicBasis, HarmonicField
from distcorr.learn import FitSettings, Reference
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.revealed import MIN_GAIN, Gain, gain_of
from distcorr.learn.rigid import Motion
from distcorr.phantom import ScanSettings
from distcorr.phantom.pairs import TABLE_MOVE_MM
from distcorr.space import Volume, transform_points

Array = NDArray[np.float64]

STATES = (VendorState.ND, VendorState.DIS2D, VendorState.DIS3D)
"""DIS3D stands for trusted, too: both show tissue where it is."""

TABLE_MOVES_MM = (0.0, TABLE_MOVE_MM)

BODY_HALF_AXES_MM = (180.0, 100.0)
BODY_HALF_LENGTH_MM = 180.0
"""Two legs, or a trunk: an elliptic cylinder along the bore."""

POINT_DISTANCE_MM = 20.0
COARSE_MM = 100.0
"""Voxels of scans of which no voxel is looked at."""


@dataclass(frozen=True, slots=True)
class Row:
    """One combination of two scans.

    Attributes
    ----------
    coronal, axial : VendorState
    table_move_mm : float
        By how much the table was moved between them, half to either side.
    gain : Gain
    """

    coronal: VendorState
    axial: VendorState
    table_move_mm: float
    gain: Gain

    @property
    def told(self) -> str:
        """What ``learn`` does with the pair, in words."""
        if not any(self.gain.revealed):
            return "nothing: refused"
        names = [f"D_{axis}" for axis, seen in zip("xyz", self.gain.revealed, strict=True) if seen]
        return "all of D" if len(names) == 3 else " and ".join(names)


def rows() -> list[Row]:
    """Work out all combinations, the table at rest first."""
    return [
        Row(coronal, axial, move, pair_gain(coronal, axial, move))
        for move, coronal, axial in product(TABLE_MOVES_MM, STATES, STATES)
    ]


def pair_gain(coronal: VendorState, axial: VendorState, table_move_mm: float) -> Gain:
    """Gains of D's components, before any fit, for a subject that lies still."""
    reference = Reference(
        "ref",
        _scan(Plane.AXIAL, axial, -table_move_mm / 2),
        _scan(Plane.CORONAL, coronal, table_move_mm / 2),
    )
    prior = HarmonicPrior(HarmonicBasis(FitSettings().max_degree))
    no_field = HarmonicField(prior.basis, np.zeros((3, prior.basis.size)))
    points = transform_points(reference.axial.acquisition.T_scanner_patient, _body_lps())
    return gain_of([reference], [points], [Motion.none(np.zeros(3))], no_field, prior)


def table() -> str:
    """Gains of all combinations, as Markdown."""
    header = ("coronal", "axial", "table moved", "D_x", "D_y", "D_z", "shown")
    cells = (
        (
            *(_name(state) for state in (row.coronal, row.axial)),
            f"{row.table_move_mm:.0f} mm" if row.table_move_mm else "no",
            *(f"{gain + 0.0:.2f}" for gain in row.gain.components),
            row.told,
        )
        for row in rows()
    )
    limit = f"Shown is a component whose gain is {MIN_GAIN:g} or more."
    return Table(header, tuple(cells), numbers=False).markdown() + f"\n\n{limit}"


def _name(state: VendorState) -> str:
    return "DIS3D, trusted" if state is VendorState.DIS3D else str(state)


def _scan(plane: Plane, state: VendorState, table_mm: float) -> Scan:
    settings = ScanSettings(
        plane,
        state,
        pixel_mm=COARSE_MM,
        slice_spacing_mm=COARSE_MM,
        table_mm=(0.0, 0.0, table_mm),
    )
    grid = settings.grid()
    facts = AcquisitionFacts(
        state=Fact(state, "stated"),
        patient_position=Fact(settings.patient_position, "stated"),
        isocentre_lps=Fact(settings.isocentre_lps, "stated"),
    )
    return Scan(Volume(np.zeros(grid.size[::-1], np.float32), grid), facts)


def _body_lps() -> Array:
    """Points of a body around the origin, patient LPS, mm."""
    reach = (*BODY_HALF_AXES_MM, BODY_HALF_LENGTH_MM)
    axes = [np.arange(-r, r + 1, POINT_DISTANCE_MM) for r in reach]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = ((points[:, :2] / BODY_HALF_AXES_MM) ** 2).sum(axis=1) <= 1
    return np.asarray(points[inside])
