"""Plan which scans are corrected, and under which names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from distcorr.batch.attachments import Attachment, attachments_of_scan, require_distinct
from distcorr.batch.cohort import Cohort, CohortScan, read_cohort
from distcorr.batch.load import Statement
from distcorr.batch.receipts import Receipt
from distcorr.errors import Code, DistcorrError
from distcorr.images import SUFFIXES
from distcorr.space import FileAxes


@dataclass(frozen=True, slots=True)
class Job:
    """One scan to correct.

    Attributes
    ----------
    name : str
        Stem of the output files.
    path : Path
        Absolute, because the process that reads it may run anywhere.
    statement : Statement
    part : str, optional
        Which of several volumes of a DICOM series.
    attachments : tuple of Attachment
        What was drawn on the scan.
    mesh_axes : FileAxes, optional
        Axes of its meshes, where their files do not state them or are wrong.
    receipt : Receipt, optional
        What an earlier run found; None to read all files in full.
    """

    name: str
    path: Path
    statement: Statement
    part: str | None = None
    attachments: tuple[Attachment, ...] = ()
    mesh_axes: FileAxes | None = None
    receipt: Receipt | None = None


def plan(series: Sequence[Path], statement: Statement, part: str | None = None) -> list[Job]:
    """Turn paths into jobs with names of their own.

    Parameters
    ----------
    series : sequence of Path
        Scans, and manifests (``.toml``), of which every ``[[scan]]`` is taken.
    statement : Statement
        What is stated about scans that no manifest describes.
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
    plain = [_absolute(path) for path in series if path.suffix.lower() != ".toml"]
    names = _distinct_names(plain)
    jobs += [Job(names[path], path, statement, part) for path in plain]
    for manifest in (path for path in series if path.suffix.lower() == ".toml"):
        cohort = read_cohort(manifest)
        if not cohort.scans:
            raise DistcorrError(
                Code.MANIFEST_INVALID, f"{manifest} lists no scan", "", "add a [[scan]]"
            )
        jobs += [_job_of(cohort, scan, statement.force_reason) for scan in cohort.scans]
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
    drawn = [attachment for job in jobs for attachment in job.attachments]
    require_distinct(drawn, [job.name for job in jobs])
    return jobs


def _job_of(cohort: Cohort, scan: CohortScan, force_reason: str | None) -> Job:
    attachments = tuple(
        replace(one, path=_absolute(one.path)) for one in attachments_of_scan(cohort, scan)
    )
    return Job(
        scan.id,
        _absolute(cohort.resolve(scan.path)),
        replace(scan.statement(cohort.path.name), force_reason=force_reason),
        scan.part,
        attachments,
        scan.mesh_space,
    )


def refuse_outputs_in_inputs(jobs: Sequence[Job], directory: Path) -> None:
    """Refuse an output folder inside a scan's folder: outputs would become part of the scan.

    Raises
    ------
    DistcorrError
        ``output-in-input``.
    """
    outputs = directory.resolve()
    for job in jobs:
        if job.path.is_dir() and outputs.is_relative_to(job.path.resolve()):
            raise DistcorrError(
                Code.OUTPUT_IN_INPUT, f"{directory} lies inside of a scan's folder", str(job.path)
            )


def _absolute(path: Path) -> Path:
    """Without ``..``, which would name outputs, and without following links, which have names."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps ".."


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
