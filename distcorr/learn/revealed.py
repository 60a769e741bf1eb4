"""What the given pairs can show of the field, before and after a fit.

A pair measures only how differently its two scans displace tissue. For each
component of D the gain says how much of it survives in that difference once
each subject's rigid motion has taken its share: 1 for a coronal ND scan against
a true axial one, 0 for two ND scans at one table position, which agree
perfectly while both are wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition
from distcorr.errors import Code, DistcorrError
from distcorr.field import HarmonicField, ScannerField
from distcorr.learn.pair import Reference
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.rigid import RIGID, Motion
from distcorr.space import transform_points
from distcorr.space.linear import solve3

Array = NDArray[np.float64]

MIN_GAIN = 0.2
"""Below it an error of the registration comes back five times larger in D. The
motion of a patient alone gives up to 0.15 to two scans that show D alike, a table
moved by 20 mm about 0.3."""

_DRAWS = 12
_POINTS = 1500


@dataclass(frozen=True)
class Gain:
    """Gains of the components x, y, z of D, and the shares of each subject."""

    components: tuple[float, float, float]

    def or_better(self, other: Gain) -> Gain:
        """Return the larger gain of each component: what either data show is shown."""
        x, y, z = (max(a, b) for a, b in zip(self.components, other.components, strict=True))
        return Gain((x, y, z))

    @property
    def revealed(self) -> tuple[bool, bool, bool]:
        """Which components are shown well enough to be measured."""
        x, y, z = (gain >= MIN_GAIN for gain in self.components)
        return x, y, z


def gain_of(
    references: Sequence[Reference],
    points: Sequence[Array],
    motions: Sequence[Motion],
    field: ScannerField,
    prior: HarmonicPrior,
) -> Gain:
    """Measure the gains of a set of pairs.

    Parameters
    ----------
    references : sequence of Reference
    points : sequence of ndarray, shape (m, 3)
        True points in each subject's body at axial time, scanner frame, mm.
    motions : sequence of Motion
    field : ScannerField
        Around which the maps are linearised.
    prior : HarmonicPrior
        From which test fields are drawn.
    """
    generator = np.random.default_rng(0)
    draws = generator.standard_normal((_DRAWS, *prior.sd.shape)) * prior.sd
    shown, total = np.zeros(3), np.zeros(3)
    for reference, own, motion in zip(references, points, motions, strict=True):
        sample = own[:: max(1, len(own) // _POINTS)]
        axial, coronal = reference.axial.acquisition, reference.coronal.acquisition
        T = motion.matrix @ coronal.T_scanner_patient @ np.linalg.inv(axial.T_scanner_patient)
        moved = transform_points(T, sample)  # the sides' motion is too small to matter here
        nuisance = motion.sensitivity(moved)[..., :RIGID].reshape(-1, RIGID)
        basis = np.linalg.qr(nuisance)[0]
        shifts = _Shift(coronal, field, moved), _Shift(axial, field, sample)
        for draw in draws:
            for a in range(3):
                coefficients = np.zeros_like(draw)
                coefficients[a] = draw[a]
                change = HarmonicField(prior.basis, coefficients)
                difference = shifts[0](change) - shifts[1](change) @ T[:3, :3].T
                flat = difference.reshape(-1)
                fitted = basis @ (basis.T @ flat)
                shown[a] += float(((flat - fitted) ** 2).sum())
                total[a] += float((change.displacement(moved) ** 2).sum())
    gains = np.sqrt(shown / np.maximum(total, 1e-12))
    return Gain((float(gains[0]), float(gains[1]), float(gains[2])))


class _Shift:
    """Apparent true displacement of tissue that changes of D cause in one scan."""

    def __init__(self, acquisition: Acquisition, field: ScannerField, points: Array) -> None:
        self._acquisition = acquisition
        self._points = points
        self._shown = acquisition.true_to_shown(field, points)
        self._stretch = np.eye(3) + field.jacobian(points)

    def __call__(self, change: HarmonicField) -> Array:
        if self._acquisition.shows_truth:
            return np.zeros_like(self._points)
        direct = change.displacement(self._points)
        direct -= change.displacement(self._shown) @ self._acquisition.vendor_projector.T
        return solve3(self._stretch, direct)


def refuse_if_nothing(references: Sequence[Reference], gain: Gain) -> None:
    """Refuse pairs that show no component of D.

    Raises
    ------
    DistcorrError
        ``nothing-to-learn``, with each pair's states and the gains.
    """
    if any(gain.revealed):
        return
    states = "; ".join(
        f"{r.id}: axial {r.axial.facts.state}, coronal {r.coronal.facts.state}" for r in references
    )
    gains = ", ".join(f"{g:.3f}" for g in gain.components)
    if all(
        r.axial.acquisition.shows_truth and r.coronal.acquisition.shows_truth for r in references
    ):
        what = "both scans of every pair are already right, so nothing is left to learn"
        remedy = "use the scans as they are"
    else:
        what = (
            "both scans of every pair displace tissue alike: they agree with each other "
            "while both are wrong"
        )
        remedy = ""
    raise DistcorrError(
        Code.NOTHING_TO_LEARN,
        what,
        f"{states}; share of D_x, D_y, D_z that differs between the scans: {gains}",
        remedy,
    )
