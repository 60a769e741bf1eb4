"""Settings, protocols and bare scans that the tests of the estimator share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from distcorr.acquisition import Scan
from distcorr.facts import AcquisitionFacts, Fact, VendorState
from distcorr.field import HarmonicBasis
from distcorr.learn import FitSettings, Reference
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.rigid import Motion
from distcorr.learn.state import State
from distcorr.phantom.fields import FieldName, named_field
from distcorr.phantom.pairs import Case, PairSettings, SimulatedPair, case_settings
from distcorr.space import Grid, PatientPosition, Volume

VOXEL_MM = 6.0
FOV_MM = (320.0, 170.0, 230.0)
FIELD = named_field(FieldName.STRONG)
SETTINGS = FitSettings(max_degree=5, lattice_spacing_mm=40, remainder_spacing_mm=110, extent_mm=240)

AXIAL = np.eye(3)
CORONAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def unlearned(max_degree: int, *centres: np.ndarray) -> State:
    """The state before any data, of subjects turning about given centres."""
    prior = HarmonicPrior(HarmonicBasis(max_degree))
    return State.initial(prior, tuple(Motion.none(centre) for centre in centres))


def protocol(case: Case = Case.ND_TRUSTED) -> PairSettings:
    """A named case in a small field of view and coarse voxels."""
    chosen = case_settings(case, VOXEL_MM)
    return replace(
        chosen,
        axial=replace(chosen.axial, fov_mm=FOV_MM),
        coronal=replace(chosen.coronal, fov_mm=FOV_MM),
    )


def reference_of(pair: SimulatedPair) -> Reference:
    """Hand a simulated pair to the estimator as it would come from files."""
    return Reference(
        pair.id,
        Scan(pair.axial.volume, pair.axial.facts),
        Scan(pair.coronal.volume, pair.coronal.facts),
    )


def bare_scan(
    state: VendorState,
    direction: np.ndarray,
    table_mm: float = 0.0,
    position: PatientPosition = PatientPosition.HFS,
    array: np.ndarray | None = None,
) -> Scan:
    """A scan of which only the facts and the grid matter."""
    size = (4, 4, 4) if array is None else array.shape[::-1]
    spacing = np.full(3, VOXEL_MM)
    origin = -direction @ (spacing * (np.array(size) - 1) / 2)
    facts = AcquisitionFacts(
        Fact(state, "test"),
        Fact(position, "test"),
        Fact((0.0, 0.0, table_mm), "test"),
        description="test",
    )
    voxels = np.zeros(size[::-1]) if array is None else array
    return Scan(Volume(voxels, Grid(size, origin, spacing, direction)), facts)


def bare_reference(
    axial: VendorState, coronal: VendorState, axial_table_mm: float = 0.0
) -> Reference:
    """A pair of which only the facts matter."""
    return Reference("r1", bare_scan(axial, AXIAL, axial_table_mm), bare_scan(coronal, CORONAL))
