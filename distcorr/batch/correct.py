"""Correct scans from files to files, each on its own, so that one failure stays alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from distcorr import __version__
from distcorr.apply import ApplyOptions, Corrected, apply_correction
from distcorr.batch.cohort import read_cohort
from distcorr.batch.dicom_out import DICOM_SUFFIX, require_series, write_dicom
from distcorr.batch.load import LoadedScan, Statement, load_scan
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError, Finding, Severity, in_order_of_harm
from distcorr.images import SUFFIXES, write_volume
from distcorr.outputs import refuse_existing, refuse_existing_directory, whole_output
from distcorr.space import Volume


class ImageFormat(Enum):
    """Format of corrected volumes, by suffix; a DICOM series is a folder."""

    NRRD = ".nrrd"
    NIFTI = ".nii.gz"
    DICOM = ""

    @property
    def mask_suffix(self) -> str:
        """Suffix of the mask that comes with a volume of this format."""
        return self.value or ImageFormat.NRRD.value


@dataclass(frozen=True, slots=True)
class Job:
    """One scan to correct.

    Attributes
    ----------
    name : str
        Stem of the output files.
    path : Path
    statement : Statement
    part : str, optional
        Which of several volumes of a DICOM series.
    """

    name: str
    path: Path
    statement: Statement
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and how results are written.

    Attributes
    ----------
    directory : Path
    image_format : ImageFormat
    overwrite : bool
        Whether existing files may be replaced.
    """

    directory: Path
    image_format: ImageFormat = ImageFormat.NRRD
    overwrite: bool = False

    def files(self, name: str) -> OutputFiles:
        """Name the files of one scan."""
        suffix = self.image_format.value
        return OutputFiles(
            self.directory / f"{name}_corrected{suffix}",
            self.directory / f"{name}_supported{self.image_format.mask_suffix}",
            self.directory / f"{name}_corrected.json",
        )


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """Files that one corrected scan becomes.

    Attributes
    ----------
    volume : Path
        Of DICOM the folder.
    supported : Path
        Mask: 1 where the correction holds in full and something was acquired.
    record : Path
        How the volume came about, as JSON.
    """

    volume: Path
    supported: Path
    record: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one job.

    Attributes
    ----------
    files : OutputFiles
    largest_displacement_mm : float
    supported_fraction : float
    findings : tuple of Finding
    """

    files: OutputFiles
    largest_displacement_mm: float
    supported_fraction: float
    findings: tuple[Finding, ...]


def plan(series: Sequence[Path], statement: Statement, part: str | None = None) -> list[Job]:
    """Turn paths into jobs with names of their own.

    Parameters
    ----------
    series : sequence of Path
        Scans, and manifests (``.toml``), of which every ``[[scan]]`` is taken.
    statement : Statement
        What is stated about scans that no manifest describes; its reason to force
        holds for all.
    part : str, optional

    Returns
    -------
    list of Job
        Named by the manifest's id, else by the file or folder, with as many
        parent folders as it takes to tell them apart.

    Raises
    ------
    DistcorrError
        ``manifest-invalid`` if a manifest lists no scan or one scan occurs twice.
    """
    jobs: list[Job] = []
    plain = [path.absolute() for path in series if path.suffix.lower() != ".toml"]
    names = _distinct_names(plain)
    jobs += [Job(names[path], path, statement, part) for path in plain]
    for manifest in (path for path in series if path.suffix.lower() == ".toml"):
        cohort = read_cohort(manifest)
        if not cohort.scans:
            raise DistcorrError(
                Code.MANIFEST_INVALID, f"{manifest} lists no scan", "", "add a [[scan]]"
            )
        source = manifest.name
        jobs += [
            Job(
                scan.id,
                cohort.resolve(scan.path),
                replace(scan.statement(source), force_reason=statement.force_reason),
                scan.part,
            )
            for scan in cohort.scans
        ]
    repeated = [
        name for name, count in Counter(job.name.lower() for job in jobs).items() if count > 1
    ]
    if repeated:
        raise DistcorrError(
            Code.MANIFEST_INVALID,
            "two scans would be written under one name",
            ", ".join(repeated),
            "name every scan once",
        )
    return jobs


def _distinct_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Join the last parts of each path, as few as tell all of them apart."""
    longest = max((len(path.parts) for path in paths), default=1)
    names: dict[Path, str] = {}
    for depth in range(1, longest + 1):
        names = {path: "_".join(_parts(path)[-depth:]) for path in paths}
        if len({name.lower() for name in names.values()}) == len(set(paths)):
            break
    return names


def _parts(path: Path) -> list[str]:
    parts = [part for part in path.parts if part != path.anchor]
    last = parts[-1] if parts else "scan"
    suffix = max((s for s in SUFFIXES if last.lower().endswith(s)), key=len, default="")
    return [*parts[:-1], last[: len(last) - len(suffix)]]


def correct(
    job: Job, correction: Correction, options: ApplyOptions, destination: Destination
) -> Outcome:
    """Correct one scan and write volume, mask and record.

    Raises
    ------
    DistcorrError
        As loading, applying and writing do; then no file was replaced, and none
        is left unless writing failed between two of them.
    """
    files = destination.files(job.name)
    _refuse_existing(files, destination)
    loaded = load_scan(job.path, job.statement, job.part)
    if destination.image_format is ImageFormat.DICOM:
        require_series(loaded)
    corrected = apply_correction(loaded.scan, correction, options)
    findings = in_order_of_harm((*loaded.findings, *corrected.findings))
    record = _record(loaded, correction, options, corrected, findings)
    _write_beside(files, corrected, record, destination)
    # The volume comes last: where it is, everything about it is too.
    if destination.image_format is ImageFormat.DICOM:
        write_dicom(
            loaded, corrected, correction, options, files.volume, overwrite=destination.overwrite
        )
    else:
        write_volume(
            corrected.volume,
            files.volume,
            overwrite=destination.overwrite,
            correction=correction.identifier,
        )
    return Outcome(files, corrected.largest_displacement_mm, corrected.supported_fraction, findings)


def severity_of(finding: Finding) -> str:
    """Name the harm of a finding that came with a result.

    What would be a refusal was overridden if there is a result: it is serious.
    """
    return min(finding.severity, Severity.SERIOUS).name.lower()


def _refuse_existing(files: OutputFiles, destination: Destination) -> None:
    for path in (files.supported, files.record):
        refuse_existing(path, overwrite=destination.overwrite)
    if destination.image_format is ImageFormat.DICOM:
        refuse_existing_directory(
            files.volume, overwrite=destination.overwrite, suffix=DICOM_SUFFIX
        )
    else:
        refuse_existing(files.volume, overwrite=destination.overwrite)


def _write_beside(
    files: OutputFiles, corrected: Corrected, record: dict[str, Any], destination: Destination
) -> None:
    supported = corrected.supported
    if corrected.volume.valid is not None:
        supported = supported & corrected.volume.valid
    mask = Volume(supported.view(np.uint8), corrected.volume.grid)
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_volume(mask, files.supported, overwrite=destination.overwrite)
    with whole_output(files.record, overwrite=destination.overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _record(
    loaded: LoadedScan,
    correction: Correction,
    options: ApplyOptions,
    corrected: Corrected,
    findings: tuple[Finding, ...],
) -> dict[str, Any]:
    facts = loaded.scan.facts
    return {
        "distcorr": __version__,
        "correction_sha256": correction.identifier,
        "correction_scanner": asdict(correction.scanner),
        "input_sha256": loaded.sha256,
        "input_scanner": asdict(facts.scanner),
        "facts": {
            name: {"value": fact.value, "source": fact.source}
            for name, fact in (
                ("state", facts.state),
                ("patient_position", facts.patient_position),
                ("isocentre_lps", facts.isocentre_lps),
            )
        },
        "options": asdict(options),
        "largest_displacement_mm": round(corrected.largest_displacement_mm, 4),
        "supported_fraction": round(corrected.supported_fraction, 6),
        "findings": [
            {
                "code": finding.code,
                "severity": severity_of(finding),
                "what": finding.what,
                "evidence": finding.evidence,
            }
            for finding in findings
        ],
    }
