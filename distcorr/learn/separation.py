"""Which part of the shifts is the scanner's and which the subject's.

What the scanner does to a place it does to every subject that lies there; what
susceptibility, motion within a scan or a wrong match do is each subject's own.
So, for shifts y of several subjects at one place with measurement variances v,
one component at a time, by the method of moments for a one-way layout with
random effects (Searle, Casella and McCulloch 1992, Variance Components, ch. 3):

    scanner  mean of y_i y_j over pairs of different subjects
    subject  variance of y between the subjects, less the mean of v
    noise    mean of v

each averaged over the places. Noise and subjects' own shifts are independent
from subject to subject, so they cancel in the first; what repeats cancels in
the second.

The two need different evidence. A difference beyond noise can't be the
scanner's, be it at a single place: the error of the subject part is that of the
noise. Agreement at one place can be chance, for own shifts are smooth: the error
of the scanner part comes from a jackknife over regions (Kuensch 1989, Ann Stat
17:1217) that are wider than such shifts.

Variances as claimed count each regression window as one observation, which is too
careful by a factor that is nearly the same for all places and components (0.2 to
0.45 in simulated subjects without anything of their own, whose differences are then
normal). The factor is estimated from the median of the squared differences between
subjects, which own shifts in a smaller part of the body hardly move. It never
exceeds one.

The fit itself takes the subjects' mean away, so the scanner part of its
residuals can come out below zero, which counts as none; the difference of two
subjects seen through one field is free of the fit. Residuals of subjects left
out, each seen through another field, overstate the subject part by up to n / (n
- 1) for n subjects. Each subject's rigid motion is aligned away beforehand and
belongs to neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from distcorr.correction import SHELL_EDGES_MM, Axis
from distcorr.learn.shifts import BLOCK_MM, SHIFT_SD_MM, Shifts

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

MISCALIBRATION = 0.3
"""Relative error of the noise's mean square: how far single components depart from
the common factor in simulations."""

MEDIAN_CHI_SQUARE = 0.4549
"""Median of the square of a standard normal variable."""

MAX_SD_MM = 1.0
"""Measurement error of a block beyond which it says nothing of parts of some tenths."""

REGION_BLOCKS = 3
"""Edge of a jackknife region in blocks, 90 mm: an air cavity's field, the
widest of the subject's own, falls off within it."""

MIN_PLACES = 12
"""Fewest places shared by two subjects; below, one bad match decides."""

MIN_REGIONS = 6
"""Fewest regions from which a standard error can be had."""

SIGNIFICANT_ERRORS = 2.0
"""Standard errors that a part has to exceed to count as shown; one sided, one
in forty by chance."""


DOMINANCE = 4.0
"""Ratio of mean squares, twofold in size, below which two parts that are both shown
are called both's."""


@dataclass(frozen=True)
class Part:
    """One part of the shifts.

    Attributes
    ----------
    mean_square_mm2 : float
        As estimated, so it scatters about zero where there is nothing.
    error_mm2 : float
        Its standard error.
    """

    mean_square_mm2: float
    error_mm2: float

    @property
    def rms_mm(self) -> float:
        """Root mean square; zero where the estimate is negative."""
        return float(np.sqrt(max(self.mean_square_mm2, 0.0)))

    @property
    def rms_error_mm(self) -> float:
        """What one standard error more would add to the root mean square."""
        more = max(self.mean_square_mm2, 0.0) + self.error_mm2
        return float(np.sqrt(more)) - self.rms_mm

    @property
    def shown(self) -> bool:
        """Whether it is more than chance."""
        return self.mean_square_mm2 > SIGNIFICANT_ERRORS * self.error_mm2

    @property
    def at_most_mm2(self) -> float:
        """Mean square that it could have by chance."""
        return max(self.mean_square_mm2 + SIGNIFICANT_ERRORS * self.error_mm2, 0.0)

    def outweighs(self, other: Part) -> bool:
        """Whether it is shown and more than the other could be, clearly so if that is shown."""
        least = DOMINANCE * other.mean_square_mm2 if other.shown else 0.0
        return self.shown and self.mean_square_mm2 > max(least, other.at_most_mm2)


class Verdict(StrEnum):
    """Whose the shifts are."""

    SCANNER = "scanner"
    SUBJECT = "subject"
    BOTH = "both"
    NOISE = "noise"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Parts:
    """The parts of one component of the shifts, in one shell or everywhere.

    Attributes
    ----------
    axis : Axis
    shell_mm : tuple of float or None
        Inner and outer radius; None for all of space.
    places : int
        Blocks of the scanner where at least two subjects were measured.
    regions : int
        Cubes of 90 mm that they lie in.
    scanner, subject : Part or None
        None with fewer than ``MIN_PLACES`` or ``MIN_REGIONS``.
    noise_mm : float or None
        Root mean square measurement error.
    """

    axis: Axis
    shell_mm: tuple[float, float] | None
    places: int
    regions: int
    scanner: Part | None = None
    subject: Part | None = None
    noise_mm: float | None = None

    @property
    def verdict(self) -> Verdict:
        """Whose these shifts are, so far as the figures carry it."""
        if self.scanner is None or self.subject is None:
            return Verdict.UNKNOWN
        if self.subject.outweighs(self.scanner):
            return Verdict.SUBJECT
        if self.scanner.outweighs(self.subject):
            return Verdict.SCANNER
        if self.scanner.shown and self.subject.shown:
            return Verdict.BOTH
        if self.scanner.shown or self.subject.shown:
            return Verdict.UNKNOWN
        return Verdict.NOISE

    @property
    def repeating(self) -> float | None:
        """Least share of the mean square that repeats; None if nothing can be told.

        The subject part counts with all that it could be.
        """
        if self.scanner is None or self.subject is None:
            return None
        repeats = max(self.scanner.mean_square_mm2, 0.0)
        total = repeats + self.subject.at_most_mm2
        return repeats / total if total > 0 else None


@dataclass(frozen=True)
class Separation:
    """The parts of the shifts of a cohort, by component (x, y, z).

    Attributes
    ----------
    whole : tuple of Parts
    shells : tuple of Parts
        Component slowest; without shells where no place is shared.
    noise_factor : float
        Variance of the measurements in units of what they claim, at most one.
    """

    whole: tuple[Parts, ...]
    shells: tuple[Parts, ...]
    noise_factor: float


def separate(subjects: Sequence[Shifts]) -> Separation:
    """Separate the shifts of several subjects of one scanner.

    Parameters
    ----------
    subjects : sequence of Shifts
        One for each subject; with fewer than two no place is shared and no part
        can be told.
    """
    whole, shells = [], []
    seen = [_seen(subjects, component) for component in range(3)]
    factor = _noise_factor(seen)
    for axis, values in zip(Axis, seen, strict=True):
        shared = _shared(values, factor)
        whole.append(_parts(shared, axis, None))
        found = (_parts(shared, axis, shell) for shell in pairwise(SHELL_EDGES_MM))
        shells += [parts for parts in found if parts.places]
    return Separation(tuple(whole), tuple(shells), factor)


@dataclass(frozen=True, eq=False)
class _Seen:
    """One component of the shifts of all subjects, sorted by place.

    Attributes
    ----------
    block : ndarray of int, shape (m, 3)
    value : ndarray, shape (m,)
        mm.
    claimed : ndarray, shape (m,)
        Its variance as claimed, mm2.
    """

    block: NDArray[np.intp]
    value: Array
    claimed: Array


def _seen(subjects: Sequence[Shifts], component: int) -> _Seen:
    blocks, values, variances = [np.zeros((0, 3), np.intp)], [np.zeros(0)], [np.zeros(0)]
    for shifts in subjects:
        value, variance = shifts.without_prior()
        # Where the images say less than the prior there is nothing to compare.
        known = variance[:, component] < SHIFT_SD_MM**2
        blocks.append(shifts.block[known])
        values.append(value[known, component])
        variances.append(variance[known, component])
    block = np.concatenate(blocks)
    order = np.lexsort(block.T)
    return _Seen(block[order], np.concatenate(values)[order], np.concatenate(variances)[order])


def _noise_factor(seen: Sequence[_Seen]) -> float:
    ratios = []
    for one in seen:
        same = (one.block[1:] == one.block[:-1]).all(axis=1)
        difference = (one.value[1:] - one.value[:-1])[same]
        ratios.append(difference**2 / (one.claimed[1:] + one.claimed[:-1])[same])
    together = np.concatenate(ratios)
    if len(together) < MIN_PLACES:
        return 1.0
    return min(1.0, float(np.median(together)) / MEDIAN_CHI_SQUARE)


@dataclass(frozen=True, eq=False)
class _Shared:
    """One component at the places shared by subjects.

    Attributes
    ----------
    radius : ndarray, shape (p,)
        Of the centres of the blocks, mm.
    region : ndarray of int, shape (p,)
    subjects : ndarray, shape (p,)
        Number of subjects at each.
    repeating, between, noise : ndarray, shape (p,)
        Mean product of pairs, variance between subjects, mean variance of the
        measurements, mm2.
    """

    radius: Array
    region: NDArray[np.intp]
    subjects: Array
    repeating: Array
    between: Array
    noise: Array


def _shared(seen: _Seen, noise_factor: float) -> _Shared:
    v = noise_factor * seen.claimed
    known = v < MAX_SD_MM**2
    y, v = seen.value[known], v[known]
    place, member, count = np.unique(
        seen.block[known], axis=0, return_inverse=True, return_counts=True
    )
    total, square, noise = (np.bincount(member.reshape(-1), of, len(place)) for of in (y, y**2, v))
    twice = count >= 2
    place, n = place[twice], count[twice].astype(np.float64)
    total, square, noise = total[twice], square[twice], noise[twice]
    _, region = np.unique(place // REGION_BLOCKS, axis=0, return_inverse=True)
    return _Shared(
        radius=np.linalg.norm((place + 0.5) * BLOCK_MM, axis=1),
        region=region.reshape(-1),
        subjects=n,
        repeating=(total**2 - square) / (n * (n - 1)),
        between=(square - total**2 / n) / (n - 1),
        noise=noise / n,
    )


def _parts(shared: _Shared, axis: Axis, shell_mm: tuple[float, float] | None) -> Parts:
    low, high = shell_mm or (0.0, np.inf)
    inside = (shared.radius >= low) & (shared.radius < high)
    places, regions = int(inside.sum()), len(np.unique(shared.region[inside]))
    if places < MIN_PLACES or regions < MIN_REGIONS:
        return Parts(axis, shell_mm, places, regions)
    noise = shared.noise[inside]
    own = shared.between[inside] - noise
    # Variance of a noncentral chi-square variable with n - 1 degrees of freedom.
    variance = 2 * noise * (noise + 2 * np.maximum(own, 0)) / (shared.subjects[inside] - 1)
    own_error = np.hypot(np.sqrt(variance.sum()) / places, MISCALIBRATION * noise.mean())
    repeating = shared.repeating[inside]
    return Parts(
        axis,
        shell_mm,
        places,
        regions,
        Part(float(repeating.mean()), jackknife_error(repeating, shared.region[inside])),
        Part(float(own.mean()), float(own_error)),
        float(np.sqrt(noise.mean())),
    )


def jackknife_error(values: Array, region: NDArray[np.intp]) -> float:
    """Return the standard error of a mean, leaving one region out at a time."""
    _, member, count = np.unique(region, return_inverse=True, return_counts=True)
    sums = np.bincount(member, values)
    without = (values.sum() - sums) / (len(values) - count)
    groups = len(count)
    return float(np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum()))
