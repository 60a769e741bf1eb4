"""Learn from a cohort's files."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from distcorr import __version__
from distcorr.batch.cohort import Cohort
from distcorr.batch.points import LoadedPoints
from distcorr.batch.references import LoadedReference
from distcorr.correction import Correction, Provenance, ProvenanceInput
from distcorr.errors import Finding
from distcorr.facts import Scanner
from distcorr.learn import FitResult, FitSettings, Reference
from distcorr.learn.point_result import learn_from_points

LIBRARIES = ("numpy", "scipy", "numba", "SimpleITK", "pydicom")
"""Libraries whose versions can change a number of the result."""


def references_of(loaded: Sequence[LoadedReference]) -> list[Reference]:
    """Hand loaded references to the estimator."""
    return [
        Reference(one.id, axial, one.coronal, mask)
        for one in loaded
        for axial, mask in zip(one.axials, one.masks, strict=True)
    ]


def pack(result: FitResult, loaded: Sequence[LoadedReference], settings: FitSettings) -> Correction:
    """Turn the result of a fit into a correction that says where it comes from.

    Parameters
    ----------
    result : FitResult
    loaded : sequence of LoadedReference
        What it was learned from.
    settings : FitSettings
    """
    inputs = [source for one in loaded for source in one.inputs]
    return result.correction(scanner_of(loaded), _provenance(inputs, settings))


def learn_points(
    loaded: Sequence[LoadedPoints], cohort: Cohort, settings: FitSettings
) -> tuple[Correction, tuple[Finding, ...]]:
    """Learn from a cohort's points alone.

    Parameters
    ----------
    loaded : sequence of LoadedPoints
    cohort : Cohort
        States the scanner; the correction is of an unknown one if it doesn't.
    settings : FitSettings

    Returns
    -------
    correction : Correction
    findings : tuple of Finding
        Which pairs contradict the others.

    Raises
    ------
    DistcorrError
        As :func:`distcorr.learn.point_result.learn_from_points`.
    """
    result, findings = learn_from_points([one.pairs for one in loaded], settings)
    scanner = Scanner() if cohort.scanner is None else cohort.scanner.scanner()
    provenance = _provenance([one.input for one in loaded], settings)
    return result.correction(scanner, provenance), findings


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
    scanners = [scan.facts.scanner for one in loaded for scan in one.scans]
    return max(
        scanners,
        key=lambda s: sum(
            bool(part) for part in (s.manufacturer, s.model, s.serial, s.field_strength_t)
        ),
    )


def _provenance(inputs: Sequence[ProvenanceInput], settings: FitSettings) -> Provenance:
    software = {"python": platform.python_version()}
    software |= {name: version(name) for name in LIBRARIES}
    return Provenance(
        created=datetime.now(UTC).date(),
        distcorr=__version__,
        software=software,
        settings=settings.model_dump(),
        inputs=tuple(inputs),
    )
