"""Correct a scan with one interpolation."""

from distcorr.apply.guards import require_applicable
from distcorr.apply.resample import ApplyOptions, Corrected, apply_correction
from distcorr.apply.sampling import Interpolation

__all__ = ["ApplyOptions", "Corrected", "Interpolation", "apply_correction", "require_applicable"]
