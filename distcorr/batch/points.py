"""Load the markers and landmarks of a cohort."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from distcorr.acquisition import Acquisition
from distcorr.batch.cohort import Cohort, CohortPoints, Nuisance
from distcorr.correction import InputRole, ProvenanceInput
from distcorr.errors import Code, DistcorrError, Finding, in_order_of_harm
from distcorr.learn.point_pairs import CALIBRATION_SD, DEFAULT_SD_MM, FREE_PLACEMENT, PointPairs
from distcorr.points import MatchedPoints, match_lists, read_pairs, read_points
from distcorr.space.frames import T_scanner_patient


@dataclass(frozen=True, eq=False)
class LoadedPoints:
    """A set of points as loaded.

    Attributes
    ----------
    pairs : PointPairs
        For the estimator.
    labels : tuple of str
        Of the pairs; empty where a point has none.
    input : ProvenanceInput
        By hash.
    findings : tuple of Finding
        The most harmful first.
    """

    pairs: PointPairs
    labels: tuple[str, ...]
    input: ProvenanceInput
    findings: tuple[Finding, ...]

    @property
    def id(self) -> str:
        """Pseudonym of the phantom or subject."""
        return self.pairs.id


def load_points(cohort: Cohort) -> list[LoadedPoints]:
    """Load all sets of points of a cohort.

    Parameters
    ----------
    cohort : Cohort

    Returns
    -------
    list of LoadedPoints
        Empty if the cohort names none.

    Raises
    ------
    DistcorrError
        ``manifest-invalid`` if two sets are the same points, and as
        :mod:`distcorr.points` does.
    """
    loaded = [_load(cohort, entry) for entry in cohort.points]
    seen: dict[str, str] = {}
    for one in loaded:
        first = seen.setdefault(one.input.sha256, one.id)
        if first != one.id:
            raise DistcorrError(
                Code.MANIFEST_INVALID,
                f"{one.id} holds the same points as {first}",
                f"content {one.input.sha256[:12]}",
                "name every set once",
            )
    return loaded


def _load(cohort: Cohort, entry: CohortPoints) -> LoadedPoints:
    matched = _matched(cohort, entry)
    normal = np.array(entry.normal if entry.normal is not None else (0.0, 0.0, 1.0))
    acquisition = Acquisition(
        entry.shown_state,
        T_scanner_patient(entry.patient_position, entry.isocentre_lps),
        normal / np.linalg.norm(normal),
    )
    pairs = PointPairs(
        entry.id,
        acquisition,
        matched.true_lps,
        matched.shown_lps,
        DEFAULT_SD_MM if entry.sd_mm is None else entry.sd_mm,
        FREE_PLACEMENT if entry.placement is Nuisance.FREE else None,
        CALIBRATION_SD if entry.calibration is Nuisance.FREE else 0.0,
    )
    source = ProvenanceInput(
        reference=entry.id,
        role=InputRole.POINTS,
        state=entry.shown_state,
        sha256=points_sha256(matched),
    )
    return LoadedPoints(pairs, matched.labels, source, in_order_of_harm(matched.findings))


def _matched(cohort: Cohort, entry: CohortPoints) -> MatchedPoints:
    if entry.pairs is not None:
        return read_pairs(cohort.resolve(entry.pairs))
    assert entry.true is not None  # the manifest was checked
    assert entry.shown is not None
    true, shown = (read_points(cohort.resolve(path)) for path in (entry.true, entry.shown))
    return match_lists(true, shown, entry.pairing)


def points_sha256(matched: MatchedPoints) -> str:
    """SHA-256 of pairs, whatever file they came from.

    Hashed are the true and then the shown places, row by row, as little-endian
    float64 in patient LPS, mm.
    """
    digest = hashlib.sha256(np.ascontiguousarray(matched.true_lps, dtype="<f8").tobytes())
    digest.update(np.ascontiguousarray(matched.shown_lps, dtype="<f8").tobytes())
    return digest.hexdigest()
