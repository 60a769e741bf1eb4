"""Self-contained HTML pages about a correction and about a batch, to check them by eye."""

from distcorr.report.batch_page import is_batch_page, write_batch_report
from distcorr.report.build import write_report
from distcorr.report.captioned import Captioned
from distcorr.report.heads import HeadShape, measure_heads
from distcorr.report.pictures import (
    MatchedVolumes,
    PlanePictures,
    ReferencePictures,
    make_pictures,
    match_volumes,
)
from distcorr.report.results import Results, read_results

__all__ = [
    "Captioned",
    "HeadShape",
    "MatchedVolumes",
    "PlanePictures",
    "ReferencePictures",
    "Results",
    "is_batch_page",
    "make_pictures",
    "match_volumes",
    "measure_heads",
    "read_results",
    "write_batch_report",
    "write_report",
]
