"""Series: what a folder holds, one entry for each volume, and loading one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from distcorr.dicom.acquisition_facts import read_facts_of_stack
from distcorr.dicom.effect import residual_finding
from distcorr.dicom.extent import extent_of
from distcorr.dicom.header import FileHeader, Frame, Layout
from distcorr.dicom.pixels import load_stack
from distcorr.dicom.scan import Progress, Skip, scan
from distcorr.dicom.split import Part, split
from distcorr.dicom.stack import Regularity, Stack, build_stack
from distcorr.errors import Code, DistcorrError, Finding, in_order_of_harm
from distcorr.facts import AcquisitionFacts, Plane, nearest_plane
from distcorr.memory import Admit, Extent
from distcorr.space import Grid, Volume

MAGNETIC = ("MR", "")
"""Modalities whose facts are missed if absent; an empty one is given the benefit of doubt."""


@dataclass(frozen=True, eq=False)
class Series:
    """One volume of one series, or the reason why it is none.

    Attributes
    ----------
    uid, study_uid : str
        SeriesInstanceUID and StudyInstanceUID.
    part : str
        What distinguishes this volume from the others of its series; ``"all"``
        if the series is one volume.
    description : str
    modality : str
    patient_key : str
        Hash of the patient's identity.
    layout : Layout
    files : tuple of Path
        In the order of the slices.
    frames : tuple of Frame
        In the order of the slices where there is a stack.
    facts : AcquisitionFacts
    findings : tuple of Finding
        The most harmful first.
    plane : Plane or None
        Plane nearest to the slices.
    stack : Stack or None
        Order and placement of the slices; None if refused.
    refusal : DistcorrError or None
        Why this is no volume.
    """

    uid: str
    study_uid: str
    part: str
    description: str
    modality: str
    patient_key: str
    layout: Layout
    files: tuple[Path, ...]
    frames: tuple[Frame, ...]
    facts: AcquisitionFacts
    findings: tuple[Finding, ...]
    plane: Plane | None
    stack: Stack | None
    refusal: DistcorrError | None

    @property
    def grid(self) -> Grid | None:
        """Grid of the volume in patient LPS; None if refused."""
        return None if self.stack is None else self.stack.grid

    @property
    def regularity(self) -> Regularity | None:
        """How the slices follow each other; None if refused."""
        return None if self.stack is None else self.stack.regularity

    def __repr__(self) -> str:
        what = str(self.refusal) if self.refusal else f"{self.regularity}, {self.grid!r}"
        return f"Series({self.description!r}, part {self.part!r}, {what})"


@dataclass(frozen=True)
class SearchResult:
    """What was found below some paths.

    Attributes
    ----------
    series : tuple of Series
        Sorted by the path of their first file, then by part.
    skipped : dict
        Number of files passed over, for each reason.
    findings : tuple of Finding
        What concerns no single series, such as damaged files.
    """

    series: tuple[Series, ...]
    skipped: dict[Skip, int]
    findings: tuple[Finding, ...]


class LoadedSeries(NamedTuple):
    """A volume and the series it was loaded from."""

    volume: Volume
    series: Series


def find_series(paths: Iterable[Path], progress: Progress | None = None) -> SearchResult:
    """Find all series at or below some paths without loading their pixels.

    Parameters
    ----------
    paths : iterable of Path
        Folders and files.
    progress : callable, optional
        Called with the number of files read and of all files.

    Returns
    -------
    SearchResult
        A series that is no volume is listed with its refusal.

    Raises
    ------
    DistcorrError
        ``not-found`` if a path does not exist.
    """
    found = scan(paths, progress)
    return SearchResult(_group(found.headers), found.skipped, found.findings)


def load_series(
    paths: Path | Iterable[Path], part: str | None = None, admit: Admit | None = None
) -> LoadedSeries:
    """Load the one volume that some paths hold.

    Parameters
    ----------
    paths : Path or iterable of Path
        Folder or files of a series.
    part : str, optional
        Which volume, if there are several: its name or its number, from 1, in
        the list that the refusal gives.
    admit : callable, optional
        Told the volume's size before any pixel is read; may refuse it by raising.

    Returns
    -------
    LoadedSeries
        Volume and series; irregular stacks are resampled and say so in
        ``series.findings``.

    Raises
    ------
    DistcorrError
        If there is no volume, or several and none is named, or a file is damaged.
    """
    series, stack = _one_volume(paths, part)
    if admit is not None:
        admit(extent_of(stack))
    return LoadedSeries(load_stack(stack), series)


def measure_series(path: Path, part: str | None = None) -> Extent:
    """Tell how large the volume is that :func:`load_series` would load, from headers.

    Parameters
    ----------
    path : Path
    part : str, optional

    Returns
    -------
    Extent

    Raises
    ------
    DistcorrError
        As :func:`load_series` does, but for what concerns pixels.
    """
    return extent_of(_one_volume(path, part)[1])


def _one_volume(paths: Path | Iterable[Path], part: str | None) -> tuple[Series, Stack]:
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found = scan([Path(path) for path in given])
    if found.problems:
        raise found.problems[0]
    shown = ", ".join(str(path) for path in given[:3])
    if not found.headers:
        raise DistcorrError(
            Code.NOT_DICOM,
            "no DICOM image was found",
            f"{shown}: {sum(found.skipped.values())} files are something else",
        )
    series = _choose(_group(found.headers), part, shown)
    if series.refusal is not None:
        raise series.refusal
    assert series.stack is not None  # either a stack or a refusal
    return series, series.stack


def _choose(series: Sequence[Series], part: str | None, shown: str) -> Series:
    if part is not None:
        wanted = part.strip().lower()
        named = [one for one in series if one.part.lower() == wanted]
        if not named and wanted.isdigit() and 0 < int(wanted) <= len(series):
            named = [series[int(wanted) - 1]]
        if len(named) == 1:
            return named[0]
    volumes = [one for one in series if one.refusal is None]
    if part is None and len(series) == 1:
        return series[0]
    if part is None and not volumes:
        first = series[0].refusal
        assert first is not None
        raise DistcorrError(
            first.code,
            f"none of the {len(series)} parts is a volume; of the first: {first.finding.what}",
            first.finding.evidence,
            first.finding.remedy,
        )
    listed = "; ".join(f"{n}: {_listed(one, series)}" for n, one in enumerate(series, start=1))
    if part is None:
        what = f"{len(series)} volumes were found where one was expected"
    else:
        what = f"no single part is called {part!r}"
    raise DistcorrError(Code.SEVERAL_VOLUMES, what, f"{shown} holds {listed}")


def _listed(one: Series, series: Sequence[Series]) -> str:
    several = len({other.uid for other in series}) > 1
    name = f"{one.description} ({one.part})" if several else one.part
    return f"{name} (no volume)" if one.refusal else name


def _group(headers: Sequence[FileHeader]) -> tuple[Series, ...]:
    by_uid: dict[str, list[FileHeader]] = defaultdict(list)
    for header in headers:
        by_uid[header.series_uid].append(header)
    return tuple(series for group in by_uid.values() for series in _series_of(group))


def _series_of(headers: list[FileHeader]) -> list[Series]:
    """Build the volumes of one SeriesInstanceUID."""
    frames = tuple(frame for header in headers for frame in header.frames)
    refusal = _mixed_patients(headers)
    broken = next((header.problem for header in headers if header.problem is not None), None)
    if refusal is not None or broken is not None:
        part = Part(frames, refusal=refusal or broken)
        return [_series(headers, "all", part)]
    return [_series(headers, name, part) for name, part in split(frames)]


def _mixed_patients(headers: list[FileHeader]) -> DistcorrError | None:
    first = headers[0]
    for other in headers[1:]:
        if (other.patient_key, other.study_uid) != (first.patient_key, first.study_uid):
            what = "patients" if other.patient_key != first.patient_key else "studies"
            return DistcorrError(
                Code.PATIENTS_MIXED,
                f"images of several {what} share one series",
                f"{first.path} and {other.path} have the same SeriesInstanceUID (0020,000E)",
            )
    return None


def _series(headers: list[FileHeader], name: str, part: Part) -> Series:
    first = headers[0]
    frames, refusal, stack = part.frames, part.refusal, None
    if refusal is None:
        try:
            stack = build_stack(frames)
            frames = stack.frames
        except DistcorrError as reason:
            refusal = reason
    facts, findings = AcquisitionFacts(description=first.description), list(part.findings)
    if frames:
        read = read_facts_of_stack(frames, first.description)
        facts = read.facts
        # What is refused is told why and nothing else; only MR has these distortions.
        if stack is not None and first.modality in MAGNETIC:
            findings += read.findings
    if stack is not None:
        findings += stack.findings
        findings += residual_finding(stack.grid, facts) if first.modality in MAGNETIC else []
    paths = dict.fromkeys(frame.path for frame in frames)
    return Series(
        uid=first.series_uid,
        study_uid=first.study_uid,
        part=name,
        description=first.description,
        modality=first.modality,
        patient_key=first.patient_key,
        layout=first.layout,
        files=tuple(paths) or tuple(header.path for header in headers),
        frames=frames,
        facts=facts,
        findings=in_order_of_harm(findings),
        plane=nearest_plane(frames[0].normal_lps) if frames else None,
        stack=stack,
        refusal=refusal,
    )
