"""One self-contained HTML page about a correction, with pictures to check it by eye."""

from distcorr.report.build import write_report
from distcorr.report.pictures import PlanePictures, ReferencePictures, make_pictures

__all__ = ["PlanePictures", "ReferencePictures", "make_pictures", "write_report"]
