"""Measure a ball where a scan shows it, and where a correction says that it is."""

from __future__ import annotations

from dataclasses import dataclass

from distcorr.acquisition import Acquisition
from distcorr.field import ScannerField
from distcorr.roundness import Roundness, Surface, measure_roundness


@dataclass(frozen=True, eq=False)
class MeasuredBall:
    """Roundness of one ball.

    Attributes
    ----------
    shown, corrected : Roundness
        As the scan shows it, and with its surface where it truly is.
    """

    shown: Roundness
    corrected: Roundness


def measure_ball(surface: Surface, acquisition: Acquisition, field: ScannerField) -> MeasuredBall:
    """Measure a ball that was drawn on a scan, before and after correction.

    Parameters
    ----------
    surface : Surface
        Patient LPS, mm, as the scan shows it.
    acquisition : Acquisition
        Of the scan on which it was drawn.
    field : ScannerField
        Of the correction.

    Raises
    ------
    DistcorrError
        As :func:`distcorr.roundness.measure_roundness`.
    """
    true_lps = acquisition.shown_to_true_patient(field, surface.points_lps)
    return MeasuredBall(measure_roundness(surface), measure_roundness(surface.moved_to(true_lps)))
