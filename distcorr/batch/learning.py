"""Learn from a cohort's files."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from distcorr import __version__
from distcorr.batch.references import LoadedReference
from distcorr.correction import Correction, Provenance
from distcorr.facts import Scanner
from distcorr.learn import FitResult, FitSettings, Reference

LIBRARIES = ("numpy", "scipy", "numba", "SimpleITK", "pydicom")
"""Libraries whose versions can change a number of the result."""


def references_of(loaded: Sequence[LoadedReference]) -> list[Reference]:
    """Hand loaded references to the estimator."""
    return [Reference(one.id, one.axial, one.coronal, one.mask) for one in loaded]


def pack(result: FitResult, loaded: Sequence[LoadedReference], settings: FitSettings) -> Correction:
    """Turn the result of a fit into a correction that says where it comes from.

    Parameters
    ----------
    result : FitResult
    loaded : sequence of LoadedReference
        What it was learned from.
    settings : FitSettings
    """
    return result.correction(scanner_of(loaded), _provenance(loaded, settings))


def scanner_of(loaded: Sequence[LoadedReference]) -> Scanner:
    """Name the scanner of a cohort.

    Parameters
    ----------
    loaded : sequence of LoadedReference
        At least one.

    Returns
    -------
    Scanner
        The identity that says most; all are known to agree.
    """
    scanners = [scan.facts.scanner for one in loaded for scan in (one.axial, one.coronal)]
    return max(
        scanners,
        key=lambda s: sum(
            bool(part) for part in (s.manufacturer, s.model, s.serial, s.field_strength_t)
        ),
    )


def _provenance(loaded: Sequence[LoadedReference], settings: FitSettings) -> Provenance:
    software = {"python": platform.python_version()}
    software |= {name: version(name) for name in LIBRARIES}
    return Provenance(
        created=datetime.now(UTC).date(),
        distcorr=__version__,
        software=software,
        settings=settings.model_dump(),
        inputs=tuple(source for one in loaded for source in one.inputs),
    )
