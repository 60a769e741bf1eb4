"""What is done to every scan of a run, and the key of what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from distcorr.apply import ApplyOptions
from distcorr.batch.attachments import Attachment
from distcorr.batch.formats import ImageFormat
from distcorr.batch.jobs import Job
from distcorr.correction import Correction
from distcorr.dicom import load_series
from distcorr.images import SUFFIXES, read_volume
from distcorr.space import Grid

SCHEMA = 2
"""Of keys and records. Counts up when a record means something else, or when equal
keys would give other outputs; what was done before is then done again."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """What is done to every scan.

    Attributes
    ----------
    correction : Correction
    options : ApplyOptions
    like : Grid, optional
        Grid of the results; each scan's own by default.
    correction_sha256 : str
        The correction's identifier.
    """

    correction: Correction
    options: ApplyOptions = field(default_factory=ApplyOptions)
    like: Grid | None = None
    correction_sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "correction_sha256", self.correction.identifier)

    def key(
        self,
        job: Job,
        input_sha256: str,
        attached: Sequence[tuple[Attachment, str]],
        image_format: ImageFormat,
    ) -> str:
        """SHA-256 of everything that the outputs of a scan are made from.

        Parameters
        ----------
        job : Job
        input_sha256 : str
            Of the scan's files.
        attached : sequence of (Attachment, str)
            What was drawn on it, and the SHA-256 of each.
        image_format : ImageFormat
        """
        parts = {
            "schema_version": SCHEMA,
            "input": input_sha256,
            "part": job.part,
            "statement": asdict(job.statement),
            "attachments": [[one.name, one.kind, content] for one, content in attached],
            "mesh_axes": job.mesh_axes,
            "correction": self.correction_sha256,
            "options": asdict(self.options),
            "format": image_format,
            "like": self.like and _grid(self.like),
        }
        text = json.dumps(parts, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def load_grid(path: Path) -> Grid:
    """Read the grid of a scan, whatever its format; nothing else of it is used.

    Raises
    ------
    DistcorrError
        As the readers do.
    """
    if path.name.lower().endswith(SUFFIXES) and not path.is_dir():
        return read_volume(path).grid
    return load_series(path).volume.grid


def _grid(grid: Grid) -> dict[str, Any]:
    names = ("size", "origin_lps", "spacing", "direction")
    return {name: np.asarray(getattr(grid, name)).tolist() for name in names}
