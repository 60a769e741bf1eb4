"""Many scans at once: what a manifest names, loaded and checked."""

from distcorr.batch.cohort import (
    Cohort,
    CohortPoints,
    CohortReference,
    CohortScan,
    CohortScanner,
    read_cohort,
)
from distcorr.batch.load import LoadedScan, Statement, content_sha256, load_scan
from distcorr.batch.points import LoadedPoints, load_points
from distcorr.batch.references import LoadedReference, load_references

__all__ = [
    "Cohort",
    "CohortPoints",
    "CohortReference",
    "CohortScan",
    "CohortScanner",
    "LoadedPoints",
    "LoadedReference",
    "LoadedScan",
    "Statement",
    "content_sha256",
    "load_points",
    "load_references",
    "load_scan",
    "read_cohort",
]
