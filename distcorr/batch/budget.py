"""Share memory among the scans of a run: plan from one header each, enforce from all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from distcorr.apply import Interpolation
from distcorr.batch.footprint import STARTED_BYTES, applying, source_of
from distcorr.batch.formats import ImageFormat
from distcorr.batch.jobs import Job
from distcorr.batch.load import is_image, measure_scan
from distcorr.dicom import probe
from distcorr.errors import DistcorrError
from distcorr.images import measure_volume
from distcorr.memory import Admit, Allowance, Extent, shown


@dataclass(frozen=True, slots=True)
class Correcting:
    """What of a run decides how much memory a scan takes.

    Attributes
    ----------
    interpolation : Interpolation
    image_format : ImageFormat
    like_voxels : int or None
        Of the results' grid; each scan's own if None.
    """

    interpolation: Interpolation
    image_format: ImageFormat
    like_voxels: int | None = None

    def bytes(self, scan: Extent, path: Path) -> int:
        """Peak of correcting a scan of that size."""
        source = source_of(path)
        return applying(scan, self.interpolation, self.image_format, self.like_voxels, source)


@dataclass(frozen=True, slots=True)
class Budget:
    """Memory that the scans of a run may take.

    Attributes
    ----------
    kind : Correcting
    allowance : Allowance or None
        Of all processes together; None to give each scan what the machine that
        corrects it has free then.
    planned : dict of str to int
        Bytes foreseen for scans, by name.
    at_once : int
        Scans corrected at once.
    """

    kind: Correcting
    allowance: Allowance | None
    planned: Mapping[str, int]
    at_once: int = 1

    @classmethod
    def of_workers(cls, kind: Correcting, stated: int | None) -> Budget:
        """Let each worker of a cluster take what is stated, else of what its machine has free."""
        return cls(kind, None if stated is None else Allowance.of(stated), {})

    @property
    def allowed(self) -> str:
        """What may be taken, for people."""
        if self.allowance is None or self.allowance.bytes is None:
            return "no limit"
        return f"{shown(self.allowance.bytes)} allowed ({self.allowance.source})"

    def needed(self, at_once: int) -> int:
        """Peak of all processes, were so many scans corrected at once."""
        largest = sorted(self.planned.values(), reverse=True)[:at_once]
        parent = STARTED_BYTES if at_once > 1 else 0
        return parent + sum(largest)

    def admit(self, job: Job) -> Admit:
        """Return the judge of one scan's size; it refuses with ``memory-limit``."""

        def judge(scan: Extent) -> None:
            whole = Allowance.of(None) if self.allowance is None else self.allowance
            needed = self.kind.bytes(scan, job.path)
            whole.require(needed, "correcting the scan", str(scan))
            if self.at_once == 1 or whole.bytes is None:
                return
            share = max(self.planned.get(job.name, 0), whole.bytes // self.at_once)
            # Only where one header told too little of the rest.
            Allowance(share, f"share of one of {self.at_once} scans at once").require(
                needed, "correcting the scan beside others", str(scan), "run again with --jobs 1"
            )

        return judge


def budget_of(jobs: Sequence[Job], kind: Correcting, allowance: Allowance, wanted: int) -> Budget:
    """Plan how many scans are corrected at once: as many as wanted and as fit.

    Parameters
    ----------
    jobs : sequence of Job
    kind : Correcting
    allowance : Allowance
    wanted : int

    Returns
    -------
    Budget
        One scan at once always fits here; one that is too large alone is refused
        when its own headers are read, and takes nothing from the others.
    """
    planned = {}
    if wanted > 1 and allowance.bytes is not None:
        planned = {job.name: _foreseen(job, kind, allowance.bytes) for job in jobs}
    budget = Budget(kind, allowance, planned, wanted)
    limit = allowance.bytes
    at_once = wanted
    while at_once > 1 and limit is not None and budget.needed(at_once) > limit:
        at_once -= 1
    return Budget(kind, allowance, planned, at_once)


def _foreseen(job: Job, kind: Correcting, allowed: int) -> int:
    """Peak of a scan; of one that will be refused, of the process that refuses it."""
    try:
        scan = measure_volume(job.path) if is_image(job.path) else probe(job.path)
        if scan is None:
            return STARTED_BYTES
        if kind.bytes(scan, job.path) > allowed:
            # One image told of the whole folder: all of them may tell of less.
            scan = measure_scan(job.path, job.part)
    except (DistcorrError, OSError):
        return STARTED_BYTES
    needed = kind.bytes(scan, job.path)
    return STARTED_BYTES if needed > allowed else needed
