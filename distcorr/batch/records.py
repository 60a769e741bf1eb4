"""The record of a corrected scan: how it came about, and whether it is still as written.

``NAME_corrected.json`` is written last, so where it is, all outputs of the scan are.
It holds no time and no path: equal inputs, corrections and options give equal bytes.
Its ``key`` tells what the outputs were made from, its ``outputs`` what they hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from distcorr.batch.formats import Product
from distcorr.batch.recipe import SCHEMA
from distcorr.batch.record_parts import file_sha256, findings_record, sources_record
from distcorr.batch.sidecar import sidecar_path
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.images import SUFFIXES


def record_name(name: str) -> str:
    """Name the record of a scan."""
    return f"{name}_corrected.json"


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files of a scan at one moment.

    Attributes
    ----------
    states : tuple
        Path, size, and time of the last change as the file system tells it; the
        times are only ever compared for equality.
    """

    states: tuple[tuple[Path, int, int], ...]

    @classmethod
    def below(cls, path: Path) -> InputFiles:
        """List the files of a scan: one with its sidecar, or all in a folder but hidden ones.

        Raises
        ------
        DistcorrError
            ``not-found``, or ``input-changed`` if a file vanishes meanwhile.
        """
        if not path.exists():
            raise DistcorrError(Code.NOT_FOUND, "no such file or folder", str(path))
        found = path.rglob("*") if path.is_dir() else _with_sidecar(path)
        try:
            states = [
                (file, status.st_size, status.st_mtime_ns)
                for file in sorted(found)
                if not file.name.startswith(".") and file.is_file()
                for status in [file.stat()]
            ]
        except OSError as error:
            raise _vanished(error) from error
        return cls(tuple(states))

    def sha256(self) -> str:
        """SHA-256 of the sorted SHA-256 of all files; names do not matter.

        Raises
        ------
        DistcorrError
            ``input-changed`` if a file can't be read any more.
        """
        try:
            digests = sorted(file_sha256(file) for file, _, _ in self.states)
        except OSError as error:
            raise _vanished(error) from error
        return hashlib.sha256("".join(digests).encode("ascii")).hexdigest()

    def require_unchanged(self, path: Path) -> None:
        """Make sure that what was read is what was hashed.

        Raises
        ------
        DistcorrError
            ``input-changed``.
        """
        now = InputFiles.below(path) if path.exists() else InputFiles(())
        changed = set(self.states) ^ set(now.states)
        if changed:
            first = min(file for file, _, _ in changed)
            raise DistcorrError(
                Code.INPUT_CHANGED, "the scan's files changed while it was corrected", str(first)
            )


def _with_sidecar(path: Path) -> list[Path]:
    if not path.name.lower().endswith(SUFFIXES):
        return [path]
    return [one for one in (path, sidecar_path(path)) if one.exists()]


def _vanished(error: OSError) -> DistcorrError:
    return DistcorrError(
        Code.INPUT_CHANGED,
        "a file of the scan can't be read",
        f"{error.filename}: {error.strerror or error}",
    )


def files_below(folder: Path) -> tuple[str, ...]:
    """List what a folder holds that is no folder, as relative paths."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return tuple(sorted(path.relative_to(folder).as_posix() for path in found))


class OutputRecord(BaseModel):
    """What one output holds.

    Attributes
    ----------
    name : str
        Of a file or folder.
    bytes : int
    sha256 : str
        Of a file; of a folder that of the lines ``sha256  path`` of its files, sorted.
    files : tuple of str
        Paths of a folder's files, sorted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bytes: int
    sha256: str
    files: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> OutputRecord:
        """Describe an output as it is."""
        if not path.is_dir():
            return cls(name=path.name, bytes=path.stat().st_size, sha256=file_sha256(path))
        files = files_below(path)
        lines = sorted(f"{file_sha256(path / name)}  {name}" for name in files)
        return cls(
            name=path.name,
            bytes=sum((path / name).stat().st_size for name in files),
            sha256=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
            files=files,
        )

    def intact(self, directory: Path) -> bool:
        """Whether the output is there and holds the same."""
        path = directory / self.name
        try:
            # The size first: it costs nothing and finds what was cut short.
            if path.is_file() and path.stat().st_size != self.bytes:
                return False
            return OutputRecord.of(path) == self
        except OSError:
            return False


class AttachmentRecord(BaseModel):
    """What became of something that was drawn on the scan.

    Attributes
    ----------
    name : str
    output : str
        Name of the corrected file; empty if it failed.
    error_code, what : str
        Empty unless it failed.
    largest_displacement_mm, supported_fraction : float or None
        None if it failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    output: str = ""
    error_code: str = ""
    what: str = ""
    largest_displacement_mm: float | None = None
    supported_fraction: float | None = None


class StoredRecord(BaseModel):
    """What of a record is read again."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[2]
    key: str
    outputs: tuple[OutputRecord, ...]
    largest_displacement_mm: float
    supported_fraction: float
    attachments: tuple[AttachmentRecord, ...]

    @classmethod
    def read(cls, path: Path) -> StoredRecord | None:
        """Read a record; None if there is none that can be understood."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def files(self, directory: Path) -> list[Path]:
        """List the files of all outputs as they are."""
        paths = [directory / output.name for output in self.outputs]
        return [
            file
            for path in paths
            for file in ([path / name for name in files_below(path)] if path.is_dir() else [path])
        ]

    def intact(self, directory: Path) -> bool:
        """Whether all outputs are there and hold what was written."""
        return all(output.intact(directory) for output in self.outputs)


def record_text(
    key: str,
    product: Product,
    findings: Sequence[Finding],
    outputs: Iterable[OutputRecord],
    attachments: Iterable[AttachmentRecord],
) -> str:
    """Write down how the outputs of a scan came about, as JSON."""
    corrected = product.corrected
    record = {
        "schema_version": SCHEMA,
        "key": key,
        **sources_record(product.loaded, product.correction),
        "options": asdict(product.options),
        "largest_displacement_mm": round(corrected.largest_displacement_mm, 4),
        "supported_fraction": round(corrected.supported_fraction, 6),
        "findings": findings_record(findings),
        "outputs": [output.model_dump() for output in outputs],
        "attachments": [one.model_dump() for one in attachments],
    }
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
