"""A cohort on disk: DICOM series as a scanner exports them, a manifest, the truth.

DIR/cohort.toml              which scans belong together
DIR/ref01/axial, .../coronal reference subjects, scanned twice; several stations
                             of the table are axial-1, axial-2, ...
DIR/new01/coronal            other subjects of the same scanner
DIR/truth/                   what no real scanner tells
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import field as field_of
from pathlib import Path

import numpy as np

from distcorr.dicom.export import InPlanePhaseEncoding, MRSeriesHeader, write_classic_series
from distcorr.errors import Code, DistcorrError
from distcorr.facts import Plane, VendorState
from distcorr.phantom.anatomy import Anatomy
from distcorr.phantom.fields import FieldName, named_field
from distcorr.phantom.pairs import (
    AnatomyKind,
    PairSettings,
    raster_for,
    simulate_new_scan,
    simulate_pair,
    subject,
)
from distcorr.phantom.scanner import SIMULATED_SCANNER, SimulatedScan
from distcorr.phantom.settings import PhaseEncoding, ScanSettings
from distcorr.phantom.truth import field_record, write_json, write_scan_truth
from distcorr.space import PatientPosition

MAX_SUBJECTS = 99
"""Ids carry two digits."""

TRUTH_SCHEMA = 1


@dataclass(frozen=True)
class CohortSettings:
    """A cohort to simulate.

    Attributes
    ----------
    subjects, new : int
        Reference subjects, scanned twice, and others, scanned coronally.
    pair : PairSettings
    field : FieldName
    seed : int
        Equal seeds and settings give equal files.
    """

    subjects: int = 2
    new: int = 1
    pair: PairSettings = field_of(default_factory=PairSettings)
    field: FieldName = FieldName.DEFAULT
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (("subjects", self.subjects, 1), ("new", self.new, 0)):
            if not least <= value <= MAX_SUBJECTS:
                raise DistcorrError(
                    Code.BAD_FORMAT,
                    "this number of subjects can't be simulated",
                    f"{name} = {value}",
                    f"give {least} to {MAX_SUBJECTS}",
                )
        scans = (*self.pair.axials, self.pair.coronal)
        head_first = all(scan.patient_position is PatientPosition.HFS for scan in scans)
        if not head_first and len({scan.isocentre_lps for scan in scans}) > 1:
            raise DistcorrError(
                Code.BAD_FORMAT,
                "a table that moves between two scans is written for HFS only",
                " and ".join(str(scan.table_mm) for scan in scans)
                + f", patient {scans[0].patient_position}",
                "give one table position or HFS",
            )
        if self.seed < 0:
            raise DistcorrError(
                Code.BAD_FORMAT, "the seed is negative", f"seed = {self.seed}", "give 0 or more"
            )


@dataclass(frozen=True)
class _Subject:
    id: str
    seed: int
    is_reference: bool


def simulate_cohort(
    settings: CohortSettings,
    directory: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Simulate a cohort; the folder appears once it is complete.

    Parameters
    ----------
    settings : CohortSettings
    directory : Path
        Must not exist, or be an empty folder.
    progress : callable, optional
        Told the number of scans done and of all.

    Returns
    -------
    Path
        The manifest, ``directory/cohort.toml``.

    Raises
    ------
    DistcorrError
        ``output-exists``, ``output-unwritable``.
    """
    directory = Path(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise DistcorrError(Code.OUTPUT_EXISTS, "there is something already", str(directory))
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    except OSError as failure:
        raise _unwritable(directory, failure) from None
    try:
        _write(settings, temporary, progress)
        temporary.chmod(0o755)  # mkdtemp makes it private; a cohort is not
        temporary.replace(directory)
    except OSError as failure:
        raise _unwritable(directory, failure) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return directory / "cohort.toml"


def _unwritable(directory: Path, failure: OSError) -> DistcorrError:
    return DistcorrError(
        Code.OUTPUT_UNWRITABLE, "the cohort can't be written", f"{directory}: {failure}"
    )


def _write(
    settings: CohortSettings, folder: Path, progress: Callable[[int, int], None] | None
) -> None:
    field = named_field(settings.field, settings.seed)
    truth = folder / "truth"
    truth.mkdir()
    write_json(field_record(field), truth / "field.json")
    records = []
    pair = settings.pair
    total = (len(pair.axials) + 1) * settings.subjects + settings.new
    raster = raster_for(min(scan.pixel_mm for scan in (*pair.axials, pair.coronal)))
    for one in _subjects(settings):
        anatomy = subject(AnatomyKind.LEGS, one.seed, raster_mm=raster)
        for scan in _scans(one, anatomy, settings):
            _write_series(scan, one, folder / scan.name)
            records.append(write_scan_truth(scan, anatomy.spheres, truth, one.seed))
            if progress is not None:
                progress(len(records), total)
    write_json(
        {
            "schema": TRUTH_SCHEMA,
            "field": str(settings.field),
            "seed": settings.seed,
            "points": "patient LPS, mm; shown = in the scan, true = where the tissue is",
            "scans": records,
        },
        truth / "truth.json",
    )
    (folder / "cohort.toml").write_text(manifest(settings), encoding="utf-8")


def _subjects(settings: CohortSettings) -> Iterator[_Subject]:
    for n in range(settings.subjects + settings.new):
        is_reference = n < settings.subjects
        number = n + 1 if is_reference else n + 1 - settings.subjects
        id = f"ref{number:02d}" if is_reference else f"new{number:02d}"
        yield _Subject(id, 1000 * settings.seed + n + 1, is_reference)


def _scans(one: _Subject, anatomy: Anatomy, settings: CohortSettings) -> Iterator[SimulatedScan]:
    field = named_field(settings.field, settings.seed)
    if one.is_reference:
        pair = simulate_pair(anatomy, settings.pair, field, seed=one.seed, id=one.id)
        yield from pair.axials
        yield pair.coronal
    else:
        yield simulate_new_scan(anatomy, settings.pair, field, seed=one.seed, id=one.id)


def _write_series(scan: SimulatedScan, one: _Subject, folder: Path) -> None:
    s = scan.settings
    x, y, z = s.table_mm
    header = MRSeriesHeader(
        patient_id=one.id,
        study_uid_seed=f"{one.id}-{one.seed}",
        series_uid_seed=_series_key(scan),
        series_number=_series_number(scan),
        description=f"{s.contrast}_{s.plane}",
        state=s.state,
        patient_position=s.patient_position,
        table_position_mm=(x, y, z),
        scanner=SIMULATED_SCANNER,
        slice_thickness_mm=s.slice_thickness_mm,
        dimension=s.dimension,
        # A moved table gives another frame of reference on the scanner, too.
        frame_of_reference_uid_seed=f"{one.id}-{one.seed}-{x:g},{y:g},{z:g}",
        phase_encoding=(
            InPlanePhaseEncoding.ROW
            if s.phase_encoding is PhaseEncoding.ROW
            else InPlanePhaseEncoding.COLUMN
        ),
        pixel_bandwidth_hz=s.bandwidth_per_pixel_hz,
    )
    shuffle = int(np.random.default_rng([one.seed, _series_number(scan)]).integers(2**31))
    write_classic_series(scan.volume, header, folder, shuffle_seed=shuffle)


def _series_number(scan: SimulatedScan) -> int:
    """Return the series number: 4 for coronal, 3 for axial, from 11 on for stations."""
    if scan.settings.plane is Plane.CORONAL:
        return 4
    _, _, station = scan.name.partition("axial-")
    return 10 + int(station) if station else 3


def _series_key(scan: SimulatedScan) -> str:
    """Everything that makes this scan another one, so that its UIDs are its own."""
    placed = scan.T_patient_subject.tolist()
    sides = scan.side_motion
    moved = None if sides is None else (sides.T_left.tolist(), sides.T_right.tolist())
    return f"{scan.settings!r} {placed} {moved} {scan.noise_sd!r}"


def manifest(settings: CohortSettings) -> str:
    """Write the manifest of a cohort as TOML.

    A state is stated only where the header keeps silent (``trusted``), and the
    isocentre only where a moved table's sign is not documented for the
    patient position.
    """
    lines = ["# Simulated cohort; the truth about it is in truth/", ""]
    pair = settings.pair
    for one in _subjects(settings):
        if one.is_reference:
            coronal = pair.coronal
            lines += [
                "[[reference]]",
                f'id = "{one.id}"',
                f"axial = {_axial_folders(one.id, len(pair.axials))}",
                f'coronal = "{one.id}/coronal"',
            ]
            scans: tuple[tuple[str, ScanSettings], ...] = (
                ("axial_state", pair.axial),
                ("coronal_state", coronal),
            )
        else:
            coronal = pair.of_new_subjects
            lines += ["[[scan]]", f'id = "{one.id}"', f'path = "{one.id}/coronal"']
            scans = (("state", coronal),)
        for key, scan in scans:
            if scan.state is VendorState.TRUSTED:
                lines.append(f'{key} = "{scan.state}"')
        if any(coronal.table_mm) and coronal.patient_position is not PatientPosition.HFS:
            lines.append(f"isocentre_lps = {list(coronal.isocentre_lps)}")
        lines.append("")
    return "\n".join(lines)


def _axial_folders(id: str, stations: int) -> str:
    """Name the folder of the axial scan, or list those of several stations, as TOML."""
    if stations == 1:
        return f'"{id}/axial"'
    return "[" + ", ".join(f'"{id}/axial-{n + 1}"' for n in range(stations)) + "]"
