"""Learning the scanner's field from subjects scanned twice."""

from distcorr.learn.estimate import FitResult, learn
from distcorr.learn.outcomes import ReferenceOutcome
from distcorr.learn.pair import Reference
from distcorr.learn.settings import FitSettings

__all__ = ["FitResult", "FitSettings", "Reference", "ReferenceOutcome", "learn"]
