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
from distcorr.phantom.motion import SideMotion, random_motion
from distcorr.phantom.scanner import SimulatedScan, acquire
from distcorr.phantom.settings import ScanSettings
from distcorr.phantom.volume_anatomy import VolumeAnatomy
from distcorr.space import PatientPosition

DEFAULT_MOTION_MM = 2.0
DEFAULT_MOTION_DEG = 1.0

FINEST_RASTER_MM = 1.25
COARSEST_RASTER_MM = 2.5
"""Limits of a subject's raster: 80 MB, and walls of bone that are still seen."""

STATION_OVERLAP_MM = 20.0

_STATION_SEEDS = 1_000_003
"""Distance of the seeds of a subject's stations: farther than subjects are apart."""

HEAD_FAT_FROM = (0.75, 0.9)
"""Brightness of the head's fat, as a share of full brightness; white matter is at
0.65. The calves' fat is no brighter than their muscle."""

_AXIAL = ScanSettings(Plane.AXIAL, VendorState.TRUSTED)
_CORONAL = ScanSettings(Plane.CORONAL, VendorState.ND)


@dataclass(frozen=True, slots=True)
class PairSettings:
    """How the two scans of a subject are made.

    Attributes
    ----------
    axial, coronal : ScanSettings
    further_axials : tuple of ScanSettings
        More axial scans, at other stations of the table; the subject lies still
        between them.
    new : ScanSettings, optional
        How other subjects are scanned; as ``coronal`` if absent.
    motion_mm, motion_deg : float
        Standard deviation of each translation and rotation between the scans.
    side_motion_mm, side_motion_deg : float
        The same of the left and of the right side, on top of that.
    """

    axial: ScanSettings = _AXIAL
    coronal: ScanSettings = _CORONAL
    further_axials: tuple[ScanSettings, ...] = ()
    new: ScanSettings | None = None
    motion_mm: float = DEFAULT_MOTION_MM
    motion_deg: float = DEFAULT_MOTION_DEG
    side_motion_mm: float = 0.0
    side_motion_deg: float = 0.0

    @property
    def axials(self) -> tuple[ScanSettings, ...]:
        """All axial scans."""
        return (self.axial, *self.further_axials)

    @property
    def of_new_subjects(self) -> ScanSettings:
        """How subjects that are no reference are scanned."""
        return self.coronal if self.new is None else self.new


@dataclass(frozen=True, eq=False)
class SimulatedPair:
    """The scans of one reference subject.

    Attributes
    ----------
    id : str
    axials : tuple of SimulatedScan
        One, or one for each station of the table.
    coronal : SimulatedScan
    """

    id: str
    axials: tuple[SimulatedScan, ...]
    coronal: SimulatedScan

    @property
    def axial(self) -> SimulatedScan:
        """The only axial scan, or the first station's."""
        return self.axials[0]


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
    DIS3D_BOTH = "dis3d-both"
    MONOTONE_CONTRAST = "monotone-contrast"
    NON_MONOTONE_CONTRAST = "non-monotone-contrast"
    MIDDLE_BRIGHTEST = "middle-brightest"
    INVERTED_CONTRAST = "inverted-contrast"
    FEET_FIRST = "feet-first"
    TABLE_MOVED = "table-moved"
    THICK_SLICES = "thick-slices"
    OBLIQUE = "oblique"
    LEGS_MOVE = "legs-move"
    CHEMICAL_SHIFT = "chemical-shift"
    TABLE_STATIONS = "table-stations"
    PARTIAL_COVERAGE = "partial-coverage"


_STATES = {
    Case.ND_DIS3D: (VendorState.DIS3D, VendorState.ND),
    Case.DIS2D_BOTH: (VendorState.DIS2D, VendorState.DIS2D),
    Case.ND_BOTH: (VendorState.ND, VendorState.ND),
    Case.DIS3D_BOTH: (VendorState.DIS3D, VendorState.DIS3D),
    Case.TABLE_MOVED: (VendorState.ND, VendorState.ND),
    Case.TABLE_STATIONS: (VendorState.ND, VendorState.ND),
}
"""States of the axial and the coronal scan, where they are not trusted and ND."""

_CONTRASTS = {
    Case.MONOTONE_CONTRAST: Contrast.T1_GRE,
    Case.NON_MONOTONE_CONTRAST: Contrast.T2_FS,
    Case.MIDDLE_BRIGHTEST: Contrast.PD_FS,
    Case.INVERTED_CONTRAST: Contrast.INVERTED,
}
"""Contrast of the coronal scan, where it is not that of the axial one, T1w."""

TABLE_MOVE_MM = 100.0
THICK_MM = 4.0


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
        return VolumeAnatomy(
            path,
            (2.0, 2.0, 2.0),
            seed,
            raster_mm=raster_mm,
            name=f"head{seed}",
            fat_from=HEAD_FAT_FROM,
        )
    if kind is AnatomyKind.CALVES:
        # The volume is 186 mm long; stretched, its ends leave the field of view.
        path = folder / "test_low.nii.gz"
        return VolumeAnatomy(path, (1.0, 1.0, 2.6), seed, raster_mm=raster_mm, name=f"calves{seed}")
    assert_never(kind)


def station_scans(
    axial: ScanSettings, count: int, overlap_mm: float = STATION_OVERLAP_MM
) -> tuple[ScanSettings, ...]:
    """Split an axial scan into stations of the table, from foot to head.

    Each station is a scan of its own, at a table position (whole millimetres, as
    headers tell it) that brings its middle to the isocentre's height.

    Parameters
    ----------
    axial : ScanSettings
        The whole; its extent along head-foot is shared out.
    count : int
    overlap_mm : float
        Length that neighbours have in common.
    """
    if count == 1:
        return (axial,)
    left_right, front_back, whole = axial.fov_mm
    length = (whole + (count - 1) * overlap_mm) / count
    x, y, table = axial.table_mm
    across, deep, middle = axial.centre_scanner_mm
    first = table + middle - (whole - length) / 2
    return tuple(
        replace(
            axial,
            fov_mm=(left_right, front_back, length),
            table_mm=(x, y, float(round(first + n * (length - overlap_mm)))),
            centre_scanner_mm=(across, deep, 0.0),
        )
        for n in range(count)
    )


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
    if case in _STATES:
        axial_state, coronal_state = _STATES[case]
        axial, coronal = replace(axial, state=axial_state), replace(coronal, state=coronal_state)
    if case in _CONTRASTS:
        coronal = replace(coronal, contrast=_CONTRASTS[case])
    pair = PairSettings(axial, coronal)
    match case:
        case Case.FEET_FIRST:
            new = replace(coronal, patient_position=PatientPosition.FFS)
            return replace(pair, new=new)
        case Case.TABLE_MOVED:
            return replace(pair, axial=replace(axial, table_mm=(0.0, 0.0, -TABLE_MOVE_MM)))
        case Case.THICK_SLICES:
            return replace(pair, axial=_thick(axial), coronal=_thick(coronal))
        case Case.OBLIQUE:
            return replace(
                pair,
                axial=replace(axial, oblique_deg=(7.0, -4.0, 3.0)),
                coronal=replace(coronal, oblique_deg=(-6.0, 5.0, 8.0)),
            )
        case Case.LEGS_MOVE:
            return replace(pair, side_motion_mm=2.0, side_motion_deg=1.5)
        case Case.CHEMICAL_SHIFT:
            return replace(
                pair,
                axial=replace(axial, fat_shift_pixels=1.0),
                coronal=replace(coronal, fat_shift_pixels=1.0),
            )
        case Case.TABLE_STATIONS:
            first, *others = station_scans(axial, 3)
            return replace(pair, axial=first, further_axials=tuple(others))
        case Case.PARTIAL_COVERAGE:
            half = replace(axial, fov_mm=(400.0, 240.0, 200.0), centre_scanner_mm=(0.0, 0.0, 60.0))
            return replace(pair, axial=half)
    return pair


def _thick(scan: ScanSettings) -> ScanSettings:
    return replace(scan, slice_spacing_mm=THICK_MM, slice_thickness_mm=THICK_MM)


def simulate_pair(
    anatomy: Anatomy,
    settings: PairSettings,
    field: ScannerField,
    *,
    seed: int = 0,
    id: str = "",
) -> SimulatedPair:
    """Scan a subject axially and coronally; it moves in between.

    The axial scans see it in its own place, the coronal one after a random
    rigid motion of ``settings.motion_mm`` and ``settings.motion_deg``, and of its
    sides by ``settings.side_motion_mm`` and ``settings.side_motion_deg``.
    """
    rng = np.random.default_rng([seed, 0x9A12])
    motion = random_motion(rng, settings.motion_mm, settings.motion_deg)
    sides = None
    if settings.side_motion_mm > 0 or settings.side_motion_deg > 0:
        sides = SideMotion.drawn(rng, settings.side_motion_mm, settings.side_motion_deg)
    id = id or anatomy.name
    names = [f"{id}/axial"]
    if settings.further_axials:
        names = [f"{id}/axial-{n + 1}" for n in range(len(settings.axials))]
    axials = tuple(
        acquire(anatomy, axial, field, seed=2 * seed + n * _STATION_SEEDS, name=name)
        for n, (axial, name) in enumerate(zip(settings.axials, names, strict=True))
    )
    coronal = acquire(
        anatomy,
        settings.coronal,
        field,
        T_patient_subject=motion,
        side_motion=sides,
        seed=2 * seed + 1,
        name=f"{id}/coronal",
    )
    return SimulatedPair(id, axials, coronal)


def simulate_new_scan(
    anatomy: Anatomy,
    settings: PairSettings,
    field: ScannerField,
    *,
    seed: int = 0,
    id: str = "",
) -> SimulatedScan:
    """Scan a subject once, with the protocol of new subjects, at a random place."""
    rng = np.random.default_rng([seed, 0x9A12])
    return acquire(
        anatomy,
        settings.of_new_subjects,
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
