"""Reference pairs and scans in memory: the fast path, without files.

A pair is what a participant of a reference cohort gives: one axial and one
coronal scan of the same subject, between which the subject moved a little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import numpy as np

from distcorr.facts import Plane, VendorState
from distcorr.field import ScannerField
from distcorr.phantom.anatomy import Anatomy
from distcorr.phantom.contrasts import Contrast
from distcorr.phantom.legs import DigitalLegs
from distcorr.phantom.scanner import SimulatedScan, acquire, random_motion
from distcorr.phantom.settings import ScanSettings
from distcorr.phantom.volume_anatomy import VolumeAnatomy
from distcorr.space import PatientPosition

DEFAULT_MOTION_MM = 2.0
DEFAULT_MOTION_DEG = 1.0

FINEST_RASTER_MM = 1.25
COARSEST_RASTER_MM = 2.5
"""Limits of a subject's raster: 80 MB, and walls of bone that are still seen."""

_AXIAL = ScanSettings(Plane.AXIAL, VendorState.TRUSTED)
_CORONAL = ScanSettings(Plane.CORONAL, VendorState.ND)


@dataclass(frozen=True, slots=True)
class PairSettings:
    """How the two scans of a subject are made.

    Attributes
    ----------
    axial, coronal : ScanSettings
    motion_mm, motion_deg : float
        Standard deviation of each translation and rotation between the scans.
    """

    axial: ScanSettings = _AXIAL
    coronal: ScanSettings = _CORONAL
    motion_mm: float = DEFAULT_MOTION_MM
    motion_deg: float = DEFAULT_MOTION_DEG


@dataclass(frozen=True, eq=False)
class SimulatedPair:
    """The two scans of one reference subject."""

    id: str
    axial: SimulatedScan
    coronal: SimulatedScan


class AnatomyKind(StrEnum):
    """Anatomies to build subjects of; all but the legs are real."""

    LEGS = "legs"
    HEAD = "head"
    CALVES = "calves"


class Case(StrEnum):
    """Combinations of protocol that a correction has to cope with."""

    ND_TRUSTED = "nd-trusted"
    ND_DIS3D = "nd-dis3d"
    DIS2D_BOTH = "dis2d-both"
    ND_BOTH = "nd-both"
    INVERTED_CONTRAST = "inverted-contrast"
    OTHER_CONTRAST = "other-contrast"
    FEET_FIRST = "feet-first"
    TABLE_MOVED = "table-moved"
    THICK_SLICES = "thick-slices"
    OBLIQUE = "oblique"


def raster_for(voxel_mm: float) -> float:
    """Spacing of a raster, mm, that is finer than the voxels of its scans."""
    return min(max(0.75 * voxel_mm, FINEST_RASTER_MM), COARSEST_RASTER_MM)


def subject(
    kind: AnatomyKind, seed: int, data: Path | None = None, raster_mm: float = 1.5
) -> Anatomy:
    """Build a subject.

    Parameters
    ----------
    kind : AnatomyKind
    seed : int
        Subjects of different seeds differ in size, shape and texture.
    data : Path, optional
        Folder of the real volumes ``colin27_t1_1mm.nii.gz`` and
        ``test_low.nii.gz``; not needed for the legs.
    raster_mm : float
        Spacing of the subject's raster, see :func:`raster_for`.
    """
    folder = Path() if data is None else data
    if kind is AnatomyKind.LEGS:
        return DigitalLegs(seed, raster_mm)
    if kind is AnatomyKind.HEAD:
        # Doubled, a head fills a body-sized field of view.
        path = folder / "colin27_t1_1mm.nii.gz"
        return VolumeAnatomy(path, (2.0, 2.0, 2.0), seed, raster_mm=raster_mm, name=f"head{seed}")
    if kind is AnatomyKind.CALVES:
        # The volume is 186 mm long; stretched, its ends leave the field of view.
        path = folder / "test_low.nii.gz"
        return VolumeAnatomy(path, (1.0, 1.0, 2.6), seed, raster_mm=raster_mm, name=f"calves{seed}")
    assert_never(kind)


def case_settings(case: Case, voxel_mm: float = 2.0) -> PairSettings:
    """Protocols of a named case.

    Parameters
    ----------
    case : Case
    voxel_mm : float
        Pixel size, slice spacing and slice thickness, unless the case says otherwise.
    """
    axial = ScanSettings(
        Plane.AXIAL,
        VendorState.TRUSTED,
        pixel_mm=voxel_mm,
        slice_spacing_mm=voxel_mm,
        slice_thickness_mm=voxel_mm,
    )
    coronal = replace(axial, plane=Plane.CORONAL, state=VendorState.ND)
    if case is Case.ND_DIS3D:
        axial = replace(axial, state=VendorState.DIS3D)
    elif case is Case.DIS2D_BOTH:
        axial = replace(axial, state=VendorState.DIS2D)
        coronal = replace(coronal, state=VendorState.DIS2D)
    elif case is Case.ND_BOTH:
        axial = replace(axial, state=VendorState.ND)
    elif case is Case.INVERTED_CONTRAST:
        coronal = replace(coronal, contrast=Contrast.T2W)
    elif case is Case.OTHER_CONTRAST:
        coronal = replace(coronal, contrast=Contrast.PD_FS)
    elif case is Case.FEET_FIRST:
        axial = replace(axial, patient_position=PatientPosition.FFS)
        coronal = replace(coronal, patient_position=PatientPosition.FFS)
    elif case is Case.TABLE_MOVED:
        axial = replace(axial, state=VendorState.ND, table_mm=(0.0, 0.0, 60.0))
    elif case is Case.THICK_SLICES:
        axial = replace(axial, slice_spacing_mm=5.0, slice_thickness_mm=5.0)
        coronal = replace(coronal, slice_spacing_mm=4.0, slice_thickness_mm=4.0)
    elif case is Case.OBLIQUE:
        axial = replace(axial, oblique_deg=(7.0, -4.0, 3.0))
        coronal = replace(coronal, oblique_deg=(-6.0, 5.0, 8.0))
    return PairSettings(axial, coronal)


def simulate_pair(
    anatomy: Anatomy,
    settings: PairSettings,
    field: ScannerField,
    *,
    seed: int = 0,
    id: str = "",
) -> SimulatedPair:
    """Scan a subject twice; it moves in between.

    The axial scan sees it in its own place, the coronal one after a random
    rigid motion of ``settings.motion_mm`` and ``settings.motion_deg``.
    """
    rng = np.random.default_rng([seed, 0x9A12])
    motion = random_motion(rng, settings.motion_mm, settings.motion_deg)
    id = id or anatomy.name
    axial = acquire(anatomy, settings.axial, field, seed=2 * seed, name=f"{id}/axial")
    coronal = acquire(
        anatomy,
        settings.coronal,
        field,
        T_patient_subject=motion,
        seed=2 * seed + 1,
        name=f"{id}/coronal",
    )
    return SimulatedPair(id, axial, coronal)


def simulate_new_scan(
    anatomy: Anatomy,
    settings: PairSettings,
    field: ScannerField,
    *,
    seed: int = 0,
    id: str = "",
) -> SimulatedScan:
    """Scan a subject once, with the coronal protocol, at a random place."""
    rng = np.random.default_rng([seed, 0x9A12])
    return acquire(
        anatomy,
        settings.coronal,
        field,
        T_patient_subject=random_motion(rng, settings.motion_mm, settings.motion_deg),
        seed=2 * seed + 1,
        name=f"{id or anatomy.name}/coronal",
    )


@dataclass(frozen=True, eq=False)
class SimulatedCase:
    """A cohort in memory: reference pairs, and new scans of other subjects."""

    references: tuple[SimulatedPair, ...]
    new: tuple[SimulatedScan, ...]
    field: ScannerField


def simulate_case(
    kind: AnatomyKind,
    case: Case,
    field: ScannerField,
    *,
    subjects: int = 2,
    new: int = 1,
    voxel_mm: float = 2.0,
    seed: int = 0,
    data: Path | None = None,
) -> SimulatedCase:
    """Simulate a named case with subjects of one kind.

    Parameters
    ----------
    kind : AnatomyKind
    case : Case
    field : ScannerField
    subjects, new : int
        Number of reference subjects and of other subjects scanned once.
    voxel_mm : float
    seed : int
    data : Path, optional
        Folder of the real volumes, see :func:`subject`.
    """
    settings = case_settings(case, voxel_mm)
    seeds = [100 * seed + 1 + i for i in range(subjects + new)]
    people = [subject(kind, s, data, raster_for(voxel_mm)) for s in seeds]
    references = tuple(
        simulate_pair(people[i], settings, field, seed=seeds[i], id=f"ref{i + 1:02d}")
        for i in range(subjects)
    )
    others = tuple(
        simulate_new_scan(person, settings, field, seed=s, id=f"new{i + 1:02d}")
        for i, (person, s) in enumerate(zip(people[subjects:], seeds[subjects:], strict=True))
    )
    return SimulatedCase(references, others, field)
