"""Correct what was drawn on a scan along with it, into the folder of its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distcorr.batch.attachments import Attachment
from distcorr.batch.follow import FollowOptions, followed_by
from distcorr.batch.formats import Product
from distcorr.batch.jobs import Job
from distcorr.batch.record_parts import file_sha256
from distcorr.batch.records import AttachmentRecord
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.outputs import unwritable

ABSENT = "absent"
"""Stands for the content of a file that can't be read."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What became of one attachment.

    Attributes
    ----------
    record : AttachmentRecord
    outputs : tuple of str
        Names of the corrected file and of its own record; none if it failed.
    findings : tuple of Finding
    """

    record: AttachmentRecord
    outputs: tuple[str, ...]
    findings: tuple[Finding, ...]


def drawing_sha256(attachment: Attachment) -> str:
    """SHA-256 of the file, or ``ABSENT``: a missing one fails alone, later."""
    try:
        return file_sha256(attachment.path)
    except OSError:
        return ABSENT


def require_same_drawing(attachment: Attachment, content: str) -> None:
    """Make sure that what was corrected is what was hashed.

    Raises
    ------
    DistcorrError
        ``input-changed``.
    """
    if drawing_sha256(attachment) != content:
        raise DistcorrError(
            Code.INPUT_CHANGED,
            "a file drawn on the scan changed while it was corrected",
            str(attachment.path),
        )


def draw_corrected(job: Job, product: Product, folder: Path) -> list[Drawing]:
    """Correct all attachments of a scan and write them and their records into a folder.

    Raises
    ------
    DistcorrError
        ``disk-full`` or ``output-unwritable``; a refusal of one attachment is its
        :class:`Drawing`.
    """
    # Label maps are brought to a grid of their own; the scan's option is for the scan.
    options = FollowOptions(job.mesh_axes, force_reason=product.options.force_reason)
    return [_drawing(one, product, folder, options) for one in job.attachments]


def _drawing(
    attachment: Attachment, product: Product, folder: Path, options: FollowOptions
) -> Drawing:
    file, record = attachment.output(folder), attachment.record(folder)
    try:
        followed = followed_by(attachment, product.loaded, product.correction, options)
    except DistcorrError as refusal:
        found = refusal.finding
        what = "; ".join(part for part in (found.what, found.evidence) if part)
        failed = AttachmentRecord(name=attachment.label, error_code=found.code, what=what)
        return Drawing(failed, (), (found,))
    try:
        followed.write(file, record)
    except OSError as error:
        raise unwritable(file, error) from error
    made = AttachmentRecord(
        name=attachment.label,
        output=file.name,
        largest_displacement_mm=round(followed.largest_displacement_mm, 4),
        supported_fraction=round(followed.supported_fraction, 6),
    )
    return Drawing(made, (file.name, record.name), followed.findings)
