"""Propose a manifest: which scans are references and which are to be corrected."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from distcorr.batch.survey import (
    Candidate,
    LeftOut,
    Omission,
    same_grid,
    survey,
)
from distcorr.batch.survey_pairs import Pair, pairs_of
from distcorr.batch.survey_scanners import Machine, choose_machine, machines_of
from distcorr.dicom import SearchResult, Series, find_series
from distcorr.facts import Plane, VendorState

Progress = Callable[[int, int], None]

MIN_REACH_MM = 100.0
"""Within this distance of the isocentre distortions stay near 1 mm (3.3 at most) on a
3 T scanner; a scan that reaches no farther is left out."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a volume lies, as a manifest names it.

    Attributes
    ----------
    path : str
        Relative to the manifest, with slashes.
    part : str or None
        Which volume of the folder.
    """

    path: str
    part: str | None


@dataclass(frozen=True, eq=False)
class ProposedReference:
    """A reference, and what else might have been one.

    Attributes
    ----------
    id : str
    pair : Pair
    others : tuple of Pair
        Of the same session, the best first.
    """

    id: str
    pair: Pair
    others: tuple[Pair, ...]


@dataclass(frozen=True, eq=False)
class ProposedScan:
    """A scan to correct.

    Attributes
    ----------
    id : str
    scan : Candidate
    reference : str
        Id of the reference of the same session; empty if there is none.
    """

    id: str
    scan: Candidate
    reference: str


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a manifest may say.

    Attributes
    ----------
    machine : Machine or None
        None if nothing was found.
    references : tuple of ProposedReference
    useless : tuple of Pair
        The best pair of each session whose pairs are known to show nothing.
    scans : tuple of ProposedScan
    omissions : tuple of Omission
        Every other series, in the order of their files.
    locations : dict
        Of every volume that can be named.
    """

    machine: Machine | None
    references: tuple[ProposedReference, ...]
    useless: tuple[Pair, ...]
    scans: tuple[ProposedScan, ...]
    omissions: tuple[Omission, ...]
    locations: dict[Series, Location]

    def location(self, scan: Candidate) -> Location:
        """Say where a volume of the proposal lies."""
        return self.locations[scan.series]

    @property
    def shown(self) -> tuple[str, ...]:
        """Components of D that the references show by their headers."""
        found = {name for one in self.references for name in one.pair.shown}
        return tuple(sorted(found))


def propose(
    found: SearchResult, folder: Path, scanner: str | None, progress: Progress | None = None
) -> Proposal:
    """Propose references and scans to correct.

    Parameters
    ----------
    found : SearchResult
        Everything below the given paths.
    folder : Path
        Where the manifest will lie.
    scanner : str, optional
        Serial number or model of the scanner that it is for.
    progress : callable, optional
        Called with the number of series judged and of all.

    Returns
    -------
    Proposal

    Raises
    ------
    DistcorrError
        ``several-scanners`` if none or no single one is chosen.
    """
    candidates, omissions = survey(found.series, progress)
    locations, lost = _locate(candidates, found, folder)
    candidates = [one for one in candidates if one.series in locations]
    machine = choose_machine(machines_of(candidates), scanner)
    volumes = () if machine is None else machine.volumes
    ours = set(volumes)
    strangers = [
        Omission(one.series, LeftOut.OTHER_SCANNER, str(one.series.facts.scanner))
        for one in candidates
        if one not in ours
    ]
    sessions = pairs_of(volumes)
    useful = [pairs for pairs in sessions if not pairs[0].useless]
    references = tuple(
        ProposedReference(f"ref{number:02d}", _in_one_part(pairs[0], locations), tuple(pairs[1:]))
        for number, pairs in enumerate(useful, start=1)
    )
    scans, rest = _to_correct(volumes, references)
    order = {one: number for number, one in enumerate(found.series)}
    return Proposal(
        machine,
        references,
        tuple(pairs[0] for pairs in sessions if pairs[0].useless),
        scans,
        tuple(sorted([*omissions, *lost, *strangers, *rest], key=lambda one: order[one.series])),
        locations,
    )


def _in_one_part(pair: Pair, locations: dict[Series, Location]) -> Pair:
    """Keep the stations that one ``axial_part`` of a manifest can name."""
    part = locations[pair.axials[0].series].part
    kept = tuple(one for one in pair.axials if locations[one.series].part == part)
    return replace(pair, axials=kept)


def _to_correct(
    volumes: Sequence[Candidate], references: Sequence[ProposedReference]
) -> tuple[tuple[ProposedScan, ...], list[Omission]]:
    """Choose the scans that need a correction, and say why others do not."""
    chosen: list[Candidate] = []
    rest: list[Omission] = []
    taken: dict[tuple[str, str, float | None], list[Candidate]] = {}
    paired = {scan.series for one in references for scan in one.pair.scans}
    everything = {name for one in references for name in one.pair.shown} >= {"D_x", "D_y", "D_z"}
    # Of two reconstructions of one acquisition ND is interpolated once less, but needs all of D.
    first = VendorState.ND if everything else VendorState.DIS2D
    for one in sorted(volumes, key=lambda one: one.state is not first):
        key = (one.series.study_uid, one.protocol.acquired, one.protocol.echo_time_ms)
        twin = next((other for other in taken.get(key, ()) if _twins(one, other)), None)
        if one.shows_truth:
            reason = LeftOut.NEEDS_NOTHING, f"{one.state} by {one.series.facts.state.source}"
        elif one.reach_mm < MIN_REACH_MM and one.series.facts.isocentre_lps.known:
            evidence = f"it reaches {one.reach_mm:.0f} mm from the isocentre"
            reason = LeftOut.SMALL, f"{evidence}, where distortions stay near 1 mm"
        elif one.state is None and one.plane is not Plane.CORONAL:
            reason = LeftOut.STATE_UNKNOWN, "nobody knows whether it needs anything"
        elif twin is not None:
            reason = (
                LeftOut.DUPLICATE,
                f"{one.state} of an acquisition that is taken as {twin.state}",
            )
        else:
            chosen.append(one)
            taken.setdefault(key, []).append(one)
            continue
        if one.series not in paired:
            rest.append(Omission(one.series, *reason))
    order = {one: number for number, one in enumerate(volumes)}
    chosen.sort(key=lambda one: order[one])
    return _named(chosen, references), rest


def _twins(a: Candidate, b: Candidate) -> bool:
    """Whether two volumes of one time and echo are reconstructions of one acquisition."""
    return a.protocol.acquired != "" and a.state is not b.state and same_grid(a.grid, b.grid)


def _named(
    scans: Sequence[Candidate], references: Sequence[ProposedReference]
) -> tuple[ProposedScan, ...]:
    """Name scans: subjects are numbered as they first appear."""
    subjects: dict[tuple[str, str], list[Candidate]] = {}
    for one in scans:
        subjects.setdefault((one.series.patient_key, one.series.study_uid), []).append(one)
    of_session = {one.pair.coronal.series.study_uid: one.id for one in references}
    width = max(3, len(str(len(subjects))))
    names: dict[Candidate, str] = {}
    for number, own in enumerate(subjects.values(), start=1):
        for one in own:
            alike = [other for other in own if other.plane is one.plane]
            name = f"sub{number:0{width}d}"
            name += f"_{one.plane}" if len(own) > len(alike) else ""
            name += f"_{alike.index(one) + 1}" if len(alike) > 1 else ""
            names[one] = name
    return tuple(
        ProposedScan(names[one], one, of_session.get(one.series.study_uid, "")) for one in scans
    )


def _locate(
    candidates: Sequence[Candidate], found: SearchResult, folder: Path
) -> tuple[dict[Series, Location], list[Omission]]:
    """Find for each volume the path and part by which it is loaded again."""
    locations: dict[Series, Location] = {}
    lost: list[Omission] = []
    searched: dict[Path, SearchResult] = {}
    crowd = _Crowd(found)
    for one in candidates:
        series = one.series
        target = target_of(series)
        try:
            written = _relative(target, folder)
            part = crowd.part(series, target, searched)
        except _UnnameableError as reason:
            lost.append(Omission(series, LeftOut.UNNAMEABLE, str(reason)))
        else:
            locations[series] = Location(written, part)
    return locations, lost


class _UnnameableError(Exception):
    """Why a manifest can't name a volume."""


class _Crowd:
    """What else lies in the folders of a search."""

    def __init__(self, found: SearchResult) -> None:
        self._damaged = [finding.evidence for finding in found.findings]
        self._members: dict[Path, set[int]] = {}
        for number, series in enumerate(found.series):
            for file in series.files:
                for place in (file, *file.parents):
                    self._members.setdefault(place, set()).add(number)

    def part(self, series: Series, target: Path, searched: dict[Path, SearchResult]) -> str | None:
        """Name a volume among those that are found at ``target``; None if it is alone."""
        damaged = any(str(target) in evidence for evidence in self._damaged)
        if len(self._members[target]) == 1 and not damaged:
            return None
        if target not in searched:
            searched[target] = find_series([target])
        here = searched[target]
        if here.findings:
            raise _UnnameableError("a damaged or empty file lies beside its files")
        keys = [(one.uid, one.part) for one in here.series]
        if (series.uid, series.part) not in keys:
            raise _UnnameableError("its files are mixed with those of other series")
        names = [one.part.lower() for one in here.series]
        number = keys.index((series.uid, series.part))
        if len(keys) == 1:
            return None
        alone = names.count(series.part.lower()) == 1 and not series.part.isdigit()
        return series.part if alone else str(number + 1)


def target_of(series: Series) -> Path:
    """Path by which a series is loaded: its only file, or the folder that holds all."""
    if len(series.files) == 1:
        return series.files[0]
    return Path(os.path.commonpath([file.parent for file in series.files]))


def _relative(target: Path, folder: Path) -> str:
    """Write a path as a manifest in ``folder`` does."""
    real, home = os.path.realpath(target), Path(os.path.realpath(folder))
    try:
        written = Path(os.path.relpath(real, home)).as_posix()
    except ValueError:  # another drive
        written = Path(real).as_posix()
    if written.startswith("~"):  # a manifest takes that for somebody's home
        written = f"../{home.name}/{written}"
    try:
        written.encode("utf-8")
    except UnicodeEncodeError:
        raise _UnnameableError("its path is no valid Unicode; rename it") from None
    return written


def needs(scan: Candidate) -> tuple[str, ...]:
    """Name the facts of a scan that its header does not hold, as manifest keys."""
    facts = scan.series.facts
    return tuple(
        key
        for key, fact in (
            ("state", facts.state),
            ("patient_position", facts.patient_position),
            ("isocentre_lps", facts.isocentre_lps),
        )
        if not fact.known
    )
