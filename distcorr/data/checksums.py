"""Checksums of a study's files in the format of ``sha256sum``, and their comparison.

``cohort.sha256`` beside ``cohort.toml`` has a line for each file: its SHA-256, two
spaces, its name. A name that holds a backslash or a line break is escaped, and its line
begins with a backslash, as GNU coreutils do it. So ``sha256sum -c cohort.sha256`` in
that folder checks the files without distcorr.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from distcorr.batch.record_parts import file_sha256
from distcorr.data.inputs import Inputs
from distcorr.dicom.scan import Progress
from distcorr.errors import Code, DistcorrError
from distcorr.outputs import whole_output

MAX_RECORD_BYTES = 256 << 20
"""A million files with long names; a larger file was given by mistake."""

_LINE = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.+)")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_PLAIN = {escaped: plain for plain, escaped in _ESCAPES.items()}


class Change(StrEnum):
    """What became of one file since it was recorded."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    MISSING = "missing"
    NEW = "new"
    UNNAMED = "not named any more"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Checksums:
    """SHA-256 of files by name.

    Attributes
    ----------
    digests : dict
        By the names of :class:`distcorr.data.Inputs`.
    """

    digests: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Checksums:
        """Read a record.

        Raises
        ------
        DistcorrError
            ``not-found``, ``too-large``, or ``bad-format`` with the line at fault.
        """
        if not path.is_file():
            raise DistcorrError(
                Code.NOT_FOUND,
                "the study's files were not recorded yet",
                str(path),
                "record them with --record",
            )
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise DistcorrError(Code.TOO_LARGE, "this is too large for a record", str(path))
        digests: dict[str, str] = {}
        for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
            if not line.strip() or line.startswith(b"#"):
                continue
            match = _LINE.fullmatch(line.removesuffix(b"\r"))
            name = None if match is None else _name(match[3], escaped=bool(match[1]))
            if match is None or name is None or name in digests:
                raise DistcorrError(
                    Code.BAD_FORMAT,
                    "a record of checksums is damaged",
                    f"{path}, line {number}",
                    "fetch an intact copy, or record anew with --record --overwrite",
                )
            digests[name] = match[2].decode("ascii")
        return cls(digests)

    def write(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the record, sorted by name.

        Raises
        ------
        DistcorrError
            ``output-exists``, ``output-unwritable``, ``disk-full``.
        """
        lines = [_line(name, self.digests[name]) for name in sorted(self.digests)]
        with whole_output(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(b"".join(lines))


def record_path(manifest: Path) -> Path:
    """Name the record of a manifest: ``cohort.sha256`` for ``cohort.toml``."""
    return manifest.with_suffix(".sha256")


def hash_files(inputs: Inputs, progress: Progress | None = None) -> Checksums:
    """Hash all files of a study, one after the other and in parts.

    Raises
    ------
    DistcorrError
        As listing did if something could not be listed; ``unreadable``.
    """
    for refusal in inputs.refused.values():
        raise refusal
    digests = {}
    for done, (name, path) in enumerate(inputs.files.items(), start=1):
        try:
            digests[name] = file_sha256(path)
        except OSError as failure:
            reason = failure.strerror or str(failure)
            raise DistcorrError(
                Code.UNREADABLE, "a file can't be read", f"{path}: {reason}", "check its rights"
            ) from failure
        if progress is not None:
            progress(done, len(inputs.files))
    return Checksums(digests)


def compare_files(
    recorded: Checksums, inputs: Inputs, folder: Path, progress: Progress | None = None
) -> dict[str, Change]:
    """Compare the files of a study with a record.

    Parameters
    ----------
    recorded : Checksums
    inputs : Inputs
        As the manifest names them now.
    folder : Path
        That of the manifest, to which recorded names are relative.
    progress : callable, optional

    Returns
    -------
    dict
        By name, sorted: all recorded files, new ones, and what the manifest names
        and nothing is found of.
    """
    told: dict[str, Change] = {}
    for done, (name, digest) in enumerate(recorded.digests.items(), start=1):
        path = inputs.files.get(name)
        told[name] = _compare(folder / name if path is None else path, digest)
        if told[name] is Change.UNCHANGED and path is None:
            told[name] = Change.UNNAMED
        if progress is not None:
            progress(done, len(recorded.digests))
    told |= {name: Change.NEW for name in inputs.files if name not in told}
    for name, refusal in inputs.refused.items():
        if refusal.code is Code.UNREADABLE:
            told[name] = Change.UNREADABLE
        elif not any(one == name or one.startswith(f"{name}/") for one in recorded.digests):
            told[name] = Change.MISSING
    return dict(sorted(told.items()))


def _compare(path: Path, digest: str) -> Change:
    if not path.is_file():
        return Change.MISSING
    try:
        return Change.UNCHANGED if file_sha256(path) == digest else Change.CHANGED
    except FileNotFoundError:
        return Change.MISSING
    except OSError:
        return Change.UNREADABLE


def _line(name: str, digest: str) -> bytes:
    escaped = re.sub(r"[\\\n\r]", lambda match: _ESCAPES[match[0]], name)
    mark = "" if escaped == name else "\\"
    return os.fsencode(f"{mark}{digest}  {escaped}\n")


def _name(written: bytes, *, escaped: bool) -> str | None:
    """Return a name as it was; None if its escapes are not ours."""
    name = os.fsdecode(written)
    if not escaped:
        return name
    if re.fullmatch(r"(?:[^\\]|\\[\\nr])*", name) is None:
        return None
    return re.sub(r"\\[\\nr]", lambda match: _PLAIN[match[0]], name)
