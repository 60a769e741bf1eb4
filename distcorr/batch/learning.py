"""Learn from a cohort's files."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from distcorr import __version__
from distcorr.batch.cohort import Cohort
from distcorr.batch.points import LoadedPoints, load_points
from distcorr.batch.references import LoadedReference, load_references
from distcorr.correction import Correction, Provenance, ProvenanceInput
from distcorr.correction.identity import ScannerMatch, match_scanners
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.facts import Scanner
from distcorr.learn import FitResult, FitSettings, Reference, learn
from distcorr.learn.fit import Progress
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.point_result import learn_from_points

LIBRARIES = ("numpy", "scipy", "numba", "SimpleITK", "pydicom")
"""Libraries whose versions can change a number of the result."""


@dataclass(frozen=True, eq=False)
class Material:
    """All that a cohort gives to learn from.

    Attributes
    ----------
    references : tuple of LoadedReference
    points : tuple of LoadedPoints
    scanner : Scanner
        Whose field it is.
    """

    references: tuple[LoadedReference, ...]
    points: tuple[LoadedPoints, ...]
    scanner: Scanner

    @property
    def findings(self) -> list[tuple[str, tuple[Finding, ...]]]:
        """What was found on the way, under the id of each reference or set."""
        of_images = [(one.id, one.findings) for one in self.references]
        return [*of_images, *((one.id, one.findings) for one in self.points)]

    @property
    def inputs(self) -> list[ProvenanceInput]:
        """All files, by hash."""
        images = [source for one in self.references for source in one.inputs]
        return [*images, *(one.input for one in self.points)]

    @property
    def pairs(self) -> list[Reference]:
        """The references as the estimator takes them, one for each axial scan."""
        return [
            Reference(one.id, axial, one.coronal, mask)
            for one in self.references
            for axial, mask in zip(one.axials, one.masks, strict=True)
        ]

    @property
    def point_pairs(self) -> list[PointPairs]:
        """The sets of points as the estimator takes them."""
        return [one.pairs for one in self.points]


def load_material(cohort: Cohort) -> Material:
    """Load all references and points of a cohort, in the order of their ids.

    So that the order of the manifest changes nothing, not even the last digits of sums
    or the order of the provenance, it is not followed.

    Parameters
    ----------
    cohort : Cohort

    Raises
    ------
    DistcorrError
        ``scanners-differ`` if the manifest states another scanner than the
        files, and as :func:`distcorr.batch.load_references` and
        :func:`distcorr.batch.load_points`.
    """
    references = tuple(sorted(load_references(cohort), key=lambda one: one.id))
    stated = None if cohort.scanner is None else cohort.scanner.scanner()
    return Material(
        references,
        tuple(sorted(load_points(cohort), key=lambda one: one.id)),
        scanner_of(references, stated),
    )


def learn_from(
    material: Material, settings: FitSettings, progress: Progress | None = None
) -> FitResult:
    """Learn from references, from points, or from both.

    Parameters
    ----------
    material : Material
    settings : FitSettings
    progress : callable, optional
        Called with a line of text and the share done, 0 to 1.

    Raises
    ------
    DistcorrError
        As :func:`distcorr.learn.learn` and
        :func:`distcorr.learn.point_result.learn_from_points`.
    """
    if not material.references:
        return learn_from_points(material.point_pairs, settings)
    return learn(material.pairs, settings, progress, material.point_pairs)


def pack(
    result: FitResult,
    material: Material,
    settings: FitSettings,
    force_reason: str | None = None,
) -> Correction:
    """Turn the result of a fit into a correction that says where it comes from.

    Parameters
    ----------
    result : FitResult
    material : Material
        What it was learned from.
    settings : FitSettings
    force_reason : str, optional
        Why a field that is in doubt is to be stored.

    Raises
    ------
    DistcorrError
        The first of the fit's doubts, unless a reason is given.
    """
    reason = force_reason if result.doubts else None
    return result.correction(material.scanner, _provenance(material.inputs, settings, reason))


def scanner_of(references: Sequence[LoadedReference], stated: Scanner | None = None) -> Scanner:
    """Name the scanner of a cohort.

    Parameters
    ----------
    references : sequence of LoadedReference
        Whose scanners are known to agree.
    stated : Scanner, optional
        In the manifest.

    Returns
    -------
    Scanner
        The identity that says most.

    Raises
    ------
    DistcorrError
        ``scanners-differ`` if the manifest contradicts the files.
    """
    found = [scan.facts.scanner for one in references for scan in one.scans]
    for scanner in found:
        if stated is not None and match_scanners(stated, scanner) is ScannerMatch.DIFFERENT:
            raise DistcorrError(
                Code.SCANNERS_DIFFER,
                "the manifest states another scanner than the references come from",
                f"stated {stated}, in the files {scanner}",
            )
    return max(
        [*found, Scanner() if stated is None else stated],
        key=lambda s: sum(
            bool(part) for part in (s.manufacturer, s.model, s.serial, s.field_strength_t)
        ),
    )


def _provenance(
    inputs: Sequence[ProvenanceInput], settings: FitSettings, force_reason: str | None
) -> Provenance:
    software = {"python": platform.python_version()}
    software |= {name: version(name) for name in LIBRARIES}
    return Provenance(
        created=datetime.now(UTC).date(),
        distcorr=__version__,
        software=software,
        settings=settings.model_dump(),
        inputs=tuple(inputs),
        force_reason=force_reason,
    )
