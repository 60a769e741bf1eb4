"""Whether there is memory to learn from a cohort, from the headers of its scans."""

from __future__ import annotations

from distcorr.batch.cohort import Cohort, CohortReference
from distcorr.batch.footprint import Pair, learning
from distcorr.batch.load import measure_scan
from distcorr.memory import Allowance


def require_room(cohort: Cohort, allowance: Allowance, max_degree: int) -> None:
    """Refuse to learn where it would take more memory than is allowed.

    Parameters
    ----------
    cohort : Cohort
        Points of a cohort take next to none.
    allowance : Allowance
    max_degree : int
        Of the harmonics.

    Raises
    ------
    DistcorrError
        ``memory-limit``, and as :func:`distcorr.batch.load.measure_scan`.
    """
    if allowance.bytes is None:
        return
    pairs = [pair for entry in cohort.references for pair in _pairs(cohort, entry)]
    scans = [scan for pair in pairs for scan in (pair.axial, pair.coronal)]
    if not scans:
        return
    largest = max(scans, key=lambda scan: scan.bytes)
    allowance.require(
        learning(pairs, max_degree),
        "learning",
        f"{len(scans)} scans, the largest of {largest}",
        "give coarser scans, fewer references, or more with --max-memory",
    )


def _pairs(cohort: Cohort, entry: CohortReference) -> list[Pair]:
    coronal = measure_scan(cohort.resolve(entry.coronal), entry.coronal_part)
    return [
        Pair(measure_scan(cohort.resolve(axial), entry.axial_part), coronal)
        for axial in entry.axials
    ]
