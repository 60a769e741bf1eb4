"""Correct one scan from files to files: load, apply, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from distcorr.apply import apply_correction
from distcorr.batch.drawings import (
    Drawing,
    draw_corrected,
    drawing_sha256,
    require_same_drawing,
)
from distcorr.batch.folder import Claim
from distcorr.batch.formats import WRITERS, ImageFormat, Product, Writer
from distcorr.batch.jobs import Job
from distcorr.batch.load import LoadedScan, load_scan
from distcorr.batch.receipts import Receipt, stamp_of
from distcorr.batch.recipe import Recipe
from distcorr.batch.records import (
    AttachmentRecord,
    InputFiles,
    OutputRecord,
    StoredRecord,
    files_below,
    record_name,
    record_text,
)
from distcorr.errors import Code, DistcorrError, Finding, in_order_of_harm
from distcorr.memory import Admit
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
    attachments : tuple of AttachmentRecord
        What became of each thing that was drawn on the scan.
    attachment_findings : tuple of (str, tuple of Finding)
        By the names of the corrected files; empty as ``findings`` is.
    done_before : bool
        Whether an earlier run had done it.
    receipt : Receipt, optional
        Of what had been done before; what this run has written is read by the next.
    """

    outputs: tuple[Path, ...]
    largest_displacement_mm: float
    supported_fraction: float
    findings: tuple[Finding, ...]
    attachments: tuple[AttachmentRecord, ...]
    attachment_findings: tuple[tuple[str, tuple[Finding, ...]], ...]
    done_before: bool
    receipt: Receipt | None = None

    @property
    def lost(self) -> tuple[AttachmentRecord, ...]:
        """What was drawn on the scan and could not be corrected."""
        return tuple(one for one in self.attachments if one.error_code)


def correct(
    job: Job, recipe: Recipe, destination: Destination, admit: Admit | None = None
) -> Outcome:
    """Correct one scan and what was drawn on it, and write all of it, unless that has been done.

    Done is what an intact record says: made from the same content of input files
    and correction with the same options, and all outputs as they were written. Files
    are read for it unless they are as the job's receipt says.

    Parameters
    ----------
    job : Job
    recipe : Recipe
    destination : Destination
    admit : callable, optional
        Told the scan's size before its pixels are read; may refuse it by raising.

    Raises
    ------
    DistcorrError
        As loading, applying and writing do; then nothing was replaced and nothing
        is left. ``output-exists`` if outputs are there that were made from
        something else, ``input-changed``. Of what was drawn on a scan, each fails
        alone, and the record says so.
    """
    destination.claim.require_current()
    files = InputFiles.below(job.path)
    made = destination.writer.outputs(job.name)
    record = destination.directory / record_name(job.name)
    stored = StoredRecord.read(record)
    stamp = None if stored is None else _stamp(job, files, record, stored)
    known = job.receipt is not None and job.receipt.stamp == stamp
    contents = job.receipt.contents if job.receipt is not None and known else _read(job, files)
    attached = list(zip(job.attachments, contents[1:], strict=True))
    key = recipe.key(job, contents[0], attached, destination.image_format)
    if stored is not None and _is_done(stored, key, destination, unread=known):
        receipt = None if stamp is None else Receipt(stamp=stamp, contents=contents)
        outcome = _outcome(destination, record, stored, (), (), done_before=True)
        return replace(outcome, receipt=receipt)
    drawn = [name for one in job.attachments for name in one.outputs]
    paths = [destination.directory / name for name in (*made, *drawn, record.name)]
    _refuse_existing(paths, stored, key, overwrite=destination.overwrite)
    loaded = _load(job, admit)
    destination.writer.require_writable(loaded)
    corrected = apply_correction(loaded.scan, recipe.correction, recipe.options, recipe.like)
    findings = in_order_of_harm((*loaded.findings, *corrected.findings))
    product = Product(loaded, corrected, recipe.correction, recipe.options)
    with destination.claim.staged() as folder:
        destination.writer.write(product, folder, job.name)
        drawings = draw_corrected(job, product, folder)
        names = [*made, *(name for one in drawings for name in one.outputs)]
        text = _recorded(folder, names, record.name, key, product, findings, drawings)
        files.require_unchanged(job.path)
        for one, content in attached:
            require_same_drawing(one, content)
        destination.claim.commit(folder, (*names, record.name))
    stored = StoredRecord.model_validate_json(text)
    told = tuple((one.record.name, one.findings) for one in drawings)
    return _outcome(destination, record, stored, findings, told, done_before=False)


def _is_done(stored: StoredRecord, key: str, destination: Destination, *, unread: bool) -> bool:
    return stored.key == key and (unread or stored.intact(destination.directory))


def _read(job: Job, files: InputFiles) -> tuple[str, ...]:
    """Hash the scan, and each thing that was drawn on it."""
    return (files.sha256(), *(drawing_sha256(one) for one in job.attachments))


def _stamp(job: Job, files: InputFiles, record: Path, stored: StoredRecord) -> str | None:
    """Stamp all that would have to be read to know that a scan is done."""
    inputs = [file for file, _, _ in files.states]
    drawn = [one.path for one in job.attachments]
    return stamp_of([*inputs, *drawn, record, *stored.files(record.parent)])


def _recorded(
    folder: Path,
    names: Sequence[str],
    record: str,
    key: str,
    product: Product,
    findings: Sequence[Finding],
    drawings: Sequence[Drawing],
) -> str:
    """Write the record of what is in the folder, and return its text."""
    try:
        outputs = [OutputRecord.of(folder / name) for name in names]
        text = record_text(key, product, findings, outputs, [one.record for one in drawings])
        (folder / record).write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(folder / record, error) from error
    return text


def _load(job: Job, admit: Admit | None) -> LoadedScan:
    try:
        return load_scan(job.path, job.statement, job.part, admit)
    except OSError as error:
        raise DistcorrError(
            Code.UNREADABLE,
            "a file of the scan can't be read",
            f"{error.filename or job.path}: {error.strerror or error}",
        ) from error


def _refuse_existing(
    paths: Sequence[Path], stored: StoredRecord | None, key: str, *, overwrite: bool
) -> None:
    """Refuse to replace what is not these outputs, damaged, or allowed to be replaced."""
    recorded = {output.name: output for output in stored.outputs} if stored else {}
    own = stored is not None and stored.key == key
    for path in paths:
        foreign = _foreign_in(path, recorded.get(path.name))
        if foreign is not None:
            raise DistcorrError(
                Code.OUTPUT_EXISTS, f"{path} holds what was not written by distcorr", foreign
            )
        replaceable = overwrite or (own and (path.name in recorded or path == paths[-1]))
        if path.exists() and not replaceable:
            evidence = "made from another input, correction or options" if stored else ""
            raise DistcorrError(Code.OUTPUT_EXISTS, f"{path} exists already", evidence)


def _foreign_in(path: Path, recorded: OutputRecord | None) -> str | None:
    """Name something in a folder that no record names; it is never replaced."""
    if not path.is_dir():
        return None
    foreign = set(files_below(path)) - set(recorded.files if recorded else ())
    if foreign:
        return min(foreign)
    return None if recorded else "an empty folder"


def _outcome(
    destination: Destination,
    record: Path,
    stored: StoredRecord,
    findings: tuple[Finding, ...],
    told: tuple[tuple[str, tuple[Finding, ...]], ...],
    *,
    done_before: bool,
) -> Outcome:
    """Take figures from the record, so that a run that resumes tells the same."""
    outputs = [destination.directory / output.name for output in stored.outputs]
    return Outcome(
        (*outputs, record),
        stored.largest_displacement_mm,
        stored.supported_fraction,
        findings,
        stored.attachments,
        told,
        done_before,
    )
