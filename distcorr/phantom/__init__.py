"""The referee: a simulated scanner with a known field, and anatomy to scan with it.

Shares nothing with the estimator but the evaluation of a field.
"""

from distcorr.phantom.cohort import CohortSettings, simulate_cohort
from distcorr.phantom.contrasts import Contrast
from distcorr.phantom.fields import (
    FieldName,
    default_field,
    linac_1t,
    named_field,
    random_field,
    scaled_to_rim,
)
from distcorr.phantom.legs import DigitalLegs
from distcorr.phantom.markers import MarkerSettings, SimulatedMarkers, simulate_markers
from distcorr.phantom.motion import SideMotion, random_motion
from distcorr.phantom.pairs import (
    AnatomyKind,
    Case,
    PairSettings,
    SimulatedCase,
    SimulatedPair,
    case_settings,
    simulate_case,
    simulate_new_scan,
    simulate_pair,
    station_scans,
    subject,
)
from distcorr.phantom.scanner import SimulatedScan, acquire
from distcorr.phantom.settings import ScanSettings
from distcorr.phantom.truth import body_points, sphere_labels
from distcorr.phantom.volume_anatomy import VolumeAnatomy

__all__ = [
    "AnatomyKind",
    "Case",
    "CohortSettings",
    "Contrast",
    "DigitalLegs",
    "FieldName",
    "MarkerSettings",
    "PairSettings",
    "ScanSettings",
    "SideMotion",
    "SimulatedCase",
    "SimulatedMarkers",
    "SimulatedPair",
    "SimulatedScan",
    "VolumeAnatomy",
    "acquire",
    "body_points",
    "case_settings",
    "default_field",
    "linac_1t",
    "named_field",
    "random_field",
    "random_motion",
    "scaled_to_rim",
    "simulate_case",
    "simulate_cohort",
    "simulate_markers",
    "simulate_new_scan",
    "simulate_pair",
    "sphere_labels",
    "station_scans",
    "subject",
]
