"""Hold a correction's expected error against published tolerances."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from distcorr.correction import Correction

Array = NDArray[np.float64]

SAMPLE_MM = 10.0
"""Distance of samples: expected errors change over some 50 mm."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """One published tolerance.

    Attributes
    ----------
    name : str
        What it is for.
    radius_mm : float
        Of the sphere around the isocentre that it speaks of.
    limit_mm : float
        Largest displacement of any place in it.
    source : str
        Publication that states it.
    as_cited_by : str
        Publication that repeats it, if one is known.
    """

    name: str
    radius_mm: float
    limit_mm: float
    source: str
    as_cited_by: str = ""


class Verdict(StrEnum):
    """Whether a tolerance is kept."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A tolerance and what is expected of corrected scans.

    Attributes
    ----------
    tolerance : Tolerance
    verdict : Verdict
        Kept if the whole sphere is supported and nothing in it is expected, nor
        was measured in a shell of a left-out subject, beyond the limit. Not kept
        if something is. Not known if all that is supported keeps it.
    supported : float
        Supported part of the sphere.
    within : float
        Part of what is supported whose expected error is within the limit.
    mean_mm, largest_mm : float or None
        Expected error (one standard deviation) of what is supported; None if
        nothing is.
    left_out_mm : float or None
        Largest mean shift in a shell, within the sphere, of tissue that took no
        part in the fit; None if none was left out.
    """

    tolerance: Tolerance
    verdict: Verdict
    supported: float
    within: float
    mean_mm: float | None
    largest_mm: float | None
    left_out_mm: float | None


def tolerances() -> tuple[Tolerance, ...]:
    """Read the published tolerances that come with the package."""
    text = files("distcorr.report").joinpath("tolerances.toml").read_text(encoding="utf-8")
    return tuple(Tolerance(**row) for row in tomllib.loads(text)["tolerance"])


def judge(correction: Correction, tolerance: Tolerance) -> Judgement:
    """Hold a correction against one tolerance."""
    points = _ball(tolerance.radius_mm)
    supported = correction.supported(points)
    left_out = _left_out(correction, tolerance.radius_mm)
    share = float(supported.mean())
    if not supported.any():
        return Judgement(tolerance, Verdict.UNKNOWN, 0.0, 0.0, None, None, left_out)
    sd = np.linalg.norm(correction.standard_deviation_at(points[supported]), axis=-1)
    largest, limit = float(sd.max()), tolerance.limit_mm
    verdict = Verdict.PASS if share == 1.0 else Verdict.UNKNOWN
    if max(largest, left_out or 0.0) > limit:
        verdict = Verdict.FAIL
    within = float((sd <= limit).mean())
    return Judgement(tolerance, verdict, share, within, float(sd.mean()), largest, left_out)


def _left_out(correction: Correction, radius_mm: float) -> float | None:
    """Largest mean shift in the shells that lie within a sphere."""
    rows = [
        shell.after_mm
        for shell in correction.figures.validated_shells()
        if shell.outer_mm <= radius_mm
    ]
    return max(rows, default=None)


def _ball(radius_mm: float) -> Array:
    """Points of a grid within a sphere around the isocentre, and its poles."""
    axis = np.arange(-np.floor(radius_mm / SAMPLE_MM), np.floor(radius_mm / SAMPLE_MM) + 1)
    grid = SAMPLE_MM * np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    inside = grid[np.linalg.norm(grid, axis=1) <= radius_mm]
    return np.concatenate([inside, radius_mm * np.eye(3), -radius_mm * np.eye(3)])
