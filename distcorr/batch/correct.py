"""Correct one scan from files to files: load, apply, write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distcorr.apply import apply_correction
from distcorr.batch.folder import Claim
from distcorr.batch.formats import WRITERS, ImageFormat, Product, Writer
from distcorr.batch.jobs import Job
from distcorr.batch.load import LoadedScan, load_scan
from distcorr.batch.recipe import Recipe
from distcorr.batch.records import (
    InputFiles,
    OutputRecord,
    StoredRecord,
    record_name,
    record_text,
)
from distcorr.errors import Code, DistcorrError, Finding, in_order_of_harm
from distcorr.outputs import unwritable


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and how results are written.

    Attributes
    ----------
    claim : Claim
        The output folder.
    image_format : ImageFormat
    overwrite : bool
        Whether outputs may be replaced that were made from something else.
    """

    claim: Claim
    image_format: ImageFormat = ImageFormat.NRRD
    overwrite: bool = False

    @property
    def directory(self) -> Path:
        """The output folder."""
        return self.claim.directory

    @property
    def writer(self) -> Writer:
        """Writer of the format."""
        return WRITERS[self.image_format]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one job.

    Attributes
    ----------
    outputs : tuple of Path
        Files and folders, the main one first, the record last.
    largest_displacement_mm : float
    supported_fraction : float
    findings : tuple of Finding
        Empty if the work was done by an earlier run, whose record holds them.
    done_before : bool
        Whether an earlier run had done it.
    """

    outputs: tuple[Path, ...]
    largest_displacement_mm: float
    supported_fraction: float
    findings: tuple[Finding, ...]
    done_before: bool


def correct(job: Job, recipe: Recipe, destination: Destination) -> Outcome:
    """Correct one scan and write outputs and record, unless that has been done.

    Done is what an intact record says: made from the same content of input files
    and correction with the same options, and all outputs as they were written.

    Raises
    ------
    DistcorrError
        As loading, applying and writing do; then nothing was replaced and nothing
        is left. ``output-exists`` if outputs are there that were made from
        something else, ``input-changed``.
    """
    destination.claim.require_current()
    files = InputFiles.below(job.path)
    key = recipe.key(job, files.sha256(), destination.image_format)
    names = (*destination.writer.outputs(job.name), record_name(job.name))
    paths = tuple(destination.directory / name for name in names)
    stored = StoredRecord.read(paths[-1])
    if stored is not None and stored.key == key and stored.intact(destination.directory):
        return _outcome(paths, stored, (), done_before=True)
    _refuse_existing(paths, stored, key, overwrite=destination.overwrite)
    loaded = _load(job)
    corrected = apply_correction(loaded.scan, recipe.correction, recipe.options, recipe.like)
    findings = in_order_of_harm((*loaded.findings, *corrected.findings))
    product = Product(loaded, corrected)
    with destination.claim.staged() as folder:
        destination.writer.write(product, folder, job.name)
        try:
            made = [OutputRecord.of(folder / name) for name in names[:-1]]
            text = record_text(key, product, recipe, findings, made)
            (folder / names[-1]).write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(paths[-1], error) from error
        files.require_unchanged(job.path)
        destination.claim.commit(folder, names)
    return _outcome(paths, StoredRecord.model_validate_json(text), findings, done_before=False)


def _load(job: Job) -> LoadedScan:
    try:
        return load_scan(job.path, job.statement, job.part)
    except OSError as error:
        raise DistcorrError(
            Code.UNREADABLE,
            "a file of the scan can't be read",
            f"{error.filename or job.path}: {error.strerror or error}",
        ) from error


def _refuse_existing(
    paths: tuple[Path, ...], stored: StoredRecord | None, key: str, *, overwrite: bool
) -> None:
    """Refuse to replace what is not these outputs, damaged, or allowed to be replaced."""
    recorded = {output.name for output in stored.outputs} if stored else set()
    own = stored is not None and stored.key == key
    for path in paths:
        # A folder that no record names was not made here: it is never replaced.
        foreign_folder = path.is_dir() and path.name not in recorded
        replaceable = overwrite or (own and (path.name in recorded or path == paths[-1]))
        if path.exists() and (foreign_folder or not replaceable):
            evidence = "made from another input, correction or options" if stored else ""
            raise DistcorrError(Code.OUTPUT_EXISTS, f"{path} exists already", evidence)


def _outcome(
    paths: tuple[Path, ...],
    stored: StoredRecord,
    findings: tuple[Finding, ...],
    *,
    done_before: bool,
) -> Outcome:
    """Take figures from the record, so that a run that resumes tells the same."""
    return Outcome(
        paths, stored.largest_displacement_mm, stored.supported_fraction, findings, done_before
    )
