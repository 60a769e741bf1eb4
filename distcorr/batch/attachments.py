"""What was drawn on a scan: which files they are, and what they are called corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from distcorr.batch.cohort import Cohort, CohortScan
from distcorr.errors import Code, DistcorrError
from distcorr.images import SUFFIXES as LABEL_SUFFIXES
from distcorr.meshes import MESH_SUFFIXES
from distcorr.points import POINT_SUFFIXES


class Kind(StrEnum):
    """What can be drawn on a scan."""

    LABELS = "labels"
    POINTS = "points"
    MESH = "mesh"


_SUFFIXES = {
    Kind.LABELS: LABEL_SUFFIXES,
    Kind.POINTS: POINT_SUFFIXES,
    Kind.MESH: MESH_SUFFIXES,
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file to correct along with its scan.

    Attributes
    ----------
    name : str
        Stem of the output.
    path : Path
    kind : Kind
    """

    name: str
    path: Path
    kind: Kind

    def __post_init__(self) -> None:
        if not self.suffix:
            raise DistcorrError(
                Code.BAD_FORMAT, f"the file name names no known format of {self.kind}",
                str(self.path), f"end it in one of {', '.join(_SUFFIXES[self.kind])}",
            )  # fmt: skip

    @property
    def suffix(self) -> str:
        """Ending that names the format, as written."""
        return _suffix(self.path, self.kind)

    @property
    def label(self) -> str:
        """Name by which people are told of it."""
        return self.name + self.suffix

    @property
    def outputs(self) -> tuple[str, str]:
        """Names of the corrected file and of the record beside it."""
        return self.output(Path()).name, self.record(Path()).name

    def output(self, directory: Path) -> Path:
        """Name the corrected file."""
        return directory / f"{self.name}_corrected{self.suffix}"

    def record(self, directory: Path) -> Path:
        """Name the record of how the corrected file came about."""
        return directory / f"{self.name}_corrected{self.suffix}.json"


def attachment_of(path: Path, name: str | None = None) -> Attachment:
    """Tell by its name what a file is.

    Parameters
    ----------
    path : Path
    name : str, optional
        Stem of the output; that of the file by default.

    Raises
    ------
    DistcorrError
        ``bad-format`` if the name ends as no known format does.
    """
    for kind in Kind:
        suffix = _suffix(path, kind)
        if suffix:
            return Attachment(name or path.name[: -len(suffix)], path, kind)
    known = ", ".join(suffix for suffixes in _SUFFIXES.values() for suffix in suffixes)
    raise DistcorrError(
        Code.BAD_FORMAT, "the file name names no known format", str(path), f"end it in {known}"
    )


def attachments_of(paths: Sequence[Path]) -> list[Attachment]:
    """Tell what files are, with names of their own.

    Parameters
    ----------
    paths : sequence of Path

    Raises
    ------
    DistcorrError
        ``manifest-invalid`` if two would be written under one name.
    """
    attachments = [attachment_of(Path(path)) for path in paths]
    require_distinct(attachments)
    return attachments


def require_distinct(attachments: Sequence[Attachment], taken: Sequence[str] = ()) -> None:
    """Refuse attachments of which one would replace another output.

    Parameters
    ----------
    attachments : sequence of Attachment
    taken : sequence of str
        Stems of the scans that are written to the same folder.
    """
    outputs = Counter(one.output(Path()).name.lower() for one in attachments)
    stems = {name.lower() for name in taken}
    repeated = [name for name, count in outputs.items() if count > 1]
    repeated += [one.name for one in attachments if one.name.lower() in stems]
    if repeated:
        raise DistcorrError(
            Code.MANIFEST_INVALID,
            "two files would be written under one name",
            ", ".join(repeated),
            "rename one of them, or write to different folders",
        )


def attachments_of_scan(cohort: Cohort, scan: CohortScan) -> tuple[Attachment, ...]:
    """List what a manifest says was drawn on a scan, named by the scan's id first.

    Raises
    ------
    DistcorrError
        ``bad-format`` if a file name ends as no known format of its kind does.
    """
    listed = (
        (Kind.LABELS, scan.labels),
        (Kind.POINTS, scan.points),
        (Kind.MESH, scan.meshes),
    )
    found = []
    for kind, paths in listed:
        for path in map(cohort.resolve, paths):
            suffix = _suffix(path, kind)
            stem = path.name.removesuffix(suffix) if suffix else path.name
            found.append(Attachment(f"{scan.id}_{stem}", path, kind))
    return tuple(found)


def _suffix(path: Path, kind: Kind) -> str:
    """Return the longest ending of the name that belongs to a kind, as written."""
    name = path.name.lower()
    found = max((s for s in _SUFFIXES[kind] if name.endswith(s)), key=len, default="")
    return path.name[len(path.name) - len(found) :] if found else ""
