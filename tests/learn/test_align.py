"""Rigid alignment of a pair without a field."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from distcorr.acquisition import Scan
from distcorr.facts import VendorState
from distcorr.field import HarmonicField, Lattice, LatticeField
from distcorr.learn import Reference
from distcorr.learn.align import align, find_motion
from distcorr.learn.body import find_body
from distcorr.learn.pair import PairLevel, build_level
from distcorr.learn.rigid import Motion
from distcorr.phantom.pairs import AnatomyKind, SimulatedPair, subject
from distcorr.phantom.scanner import acquire
from distcorr.space import transform_points
from tests.learn.conftest import RASTER_MM
from tests.learn.examples import protocol

NOTHING = LatticeField(Lattice.covering([-240] * 3, [240] * 3, 60.0))
FOUND_MM = 0.5
"""A twelfth of a voxel, over the whole body."""


def level_of(axial: Scan, coronal: Scan) -> PairLevel:
    reference = Reference("r1", axial, coronal)
    return build_level(reference, find_body(axial, 8.0), 6.0, 6.0, 20.0)


def error_mm(level: PairLevel, found: Motion, T: np.ndarray) -> float:
    p = level.points
    return float(np.linalg.norm(found.apply(p) - transform_points(T, p), axis=1).max())


def test_a_large_motion_is_found(pairs: list[SimulatedPair]) -> None:
    """15 mm and 8 degrees between two scans that show the truth."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_rotvec([5.0, -4.0, 4.8], degrees=True).as_matrix()
    T[:3, 3] = np.array([6.0, -5.0, 13.0])
    anatomy = subject(AnatomyKind.LEGS, 1, raster_mm=RASTER_MM)
    nowhere = HarmonicField.from_terms({}, {}, {})
    settings = replace(protocol().coronal, state=VendorState.TRUSTED)
    moved = acquire(anatomy, settings, nowhere, T_patient_subject=T, seed=5, name="moved")
    axial = pairs[0].axial
    level = level_of(Scan(axial.volume, axial.facts), Scan(moved.volume, moved.facts))
    start = Motion.none(level.points.mean(axis=0))
    assert error_mm(level, start, T) > 20
    assert error_mm(level, find_motion(level, NOTHING, start), T) < FOUND_MM


def test_identity_stays(pairs: list[SimulatedPair]) -> None:
    axial = pairs[0].axial
    scan = Scan(axial.volume, axial.facts)
    level = level_of(scan, scan)
    start = Motion.none(level.points.mean(axis=0))
    found, match = align(level, NOTHING, start, 5, 1.0)
    assert error_mm(level, found, np.eye(4)) < 3e-3
    assert 0.75 < match < 1  # the share of windows that the field of view cuts off is missing
