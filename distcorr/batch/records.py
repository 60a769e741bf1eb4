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

from distcorr import __version__
from distcorr.batch.formats import Product
from distcorr.batch.recipe import SCHEMA, Recipe
from distcorr.errors import Code, DistcorrError, Finding, Severity


def record_name(name: str) -> str:
    """Name the record of a scan."""
    return f"{name}_corrected.json"


def severity_of(finding: Finding) -> str:
    """Name the harm of a finding that came with a result.

    What would be a refusal was overridden if there is a result: it is serious.
    """
    return min(finding.severity, Severity.SERIOUS).name.lower()


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
        """List the files of a scan: one file, or all of a folder that are not hidden.

        Raises
        ------
        DistcorrError
            ``not-found``, or ``input-changed`` if a file vanishes meanwhile.
        """
        if not path.exists():
            raise DistcorrError(Code.NOT_FOUND, "no such file or folder", str(path))
        found = path.rglob("*") if path.is_dir() else [path]
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


def _vanished(error: OSError) -> DistcorrError:
    return DistcorrError(
        Code.INPUT_CHANGED,
        "a file of the scan can't be read",
        f"{error.filename}: {error.strerror or error}",
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class OutputRecord(BaseModel):
    """What one output holds.

    Attributes
    ----------
    name : str
        Of a file or folder.
    bytes : int
    sha256 : str
        Of a file; of a folder that of the lines ``sha256  path`` of its files, sorted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> OutputRecord:
        """Describe an output as it is."""
        if not path.is_dir():
            return cls(name=path.name, bytes=path.stat().st_size, sha256=file_sha256(path))
        files = [file for file in path.rglob("*") if file.is_file()]
        lines = sorted(
            f"{file_sha256(file)}  {file.relative_to(path).as_posix()}" for file in files
        )
        return cls(
            name=path.name,
            bytes=sum(file.stat().st_size for file in files),
            sha256=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
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


class StoredRecord(BaseModel):
    """What of a record is read again."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1]
    key: str
    outputs: tuple[OutputRecord, ...]
    largest_displacement_mm: float
    supported_fraction: float

    @classmethod
    def read(cls, path: Path) -> StoredRecord | None:
        """Read a record; None if there is none that can be understood."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return None

    def intact(self, directory: Path) -> bool:
        """Whether all outputs are there and hold what was written."""
        return all(output.intact(directory) for output in self.outputs)


def record_text(
    key: str,
    product: Product,
    recipe: Recipe,
    findings: Sequence[Finding],
    outputs: Iterable[OutputRecord],
) -> str:
    """Write down how the outputs of a scan came about, as JSON."""
    loaded, corrected = product.loaded, product.corrected
    facts = loaded.scan.facts
    record = {
        "schema_version": SCHEMA,
        "distcorr": __version__,
        "key": key,
        "correction_sha256": recipe.correction_sha256,
        "correction_scanner": asdict(recipe.correction.scanner),
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
        "options": asdict(recipe.options),
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
        "outputs": [output.model_dump() for output in outputs],
    }
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
