"""Many scans at once: what a manifest names, loaded and checked."""

from distcorr.batch.cohort import Cohort, CohortReference, CohortScan, read_cohort
from distcorr.batch.load import LoadedScan, Statement, content_sha256, load_scan
from distcorr.batch.references import LoadedReference, load_references

__all__ = [
    "Cohort",
    "CohortReference",
    "CohortScan",
    "LoadedReference",
    "LoadedScan",
    "Statement",
    "content_sha256",
    "load_references",
    "load_scan",
    "read_cohort",
]
