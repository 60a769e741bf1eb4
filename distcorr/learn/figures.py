"""The figures of a fit, for people and for the correction file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.correction import (
    FULL_SUPPORT,
    Axis,
    ComponentRevealed,
    Figures,
    ReferenceFigures,
    shell_figures,
)
from distcorr.correction.nodes import at_nodes
from distcorr.field import LatticeField
from distcorr.learn.revealed import MIN_GAIN

if TYPE_CHECKING:
    from distcorr.learn.estimate import FitResult
    from distcorr.learn.outcomes import ReferenceOutcome

Array = NDArray[np.float64]


def figures_of(result: FitResult) -> Figures:
    """Describe a fit."""
    prior = result.state.prior
    remainder = result.remainder
    return Figures(
        references=tuple(_reference(outcome) for outcome in result.references),
        revealed=tuple(_component(result, a) for a in range(3)),
        min_jacobian=result.supported.min_jacobian,
        shells=shell_figures(KnownFit(result)),
        hyperparameters={
            "harmonic_degree": float(prior.basis.max_degree),
            **{f"{name}_width_factor": scale for name, scale in prior.scales.items()},
            "remainder_width_mm": remainder.width_mm,
            "scatter_inflation": result.state.inflation,
            **{
                f"log_evidence_of_degree_{degree}": value - max(result.evidence.values())
                for degree, value in result.evidence.items()
            },
            **{
                f"left_out_gain_of_remainder_{tau:g}_mm": min(gains)
                for tau, gains in remainder.gains.items()
            },
        },
        notes=result.history,
    )


def _reference(outcome: ReferenceOutcome) -> ReferenceFigures:
    motion = outcome.motion
    # Figures state the motion about the isocentre, whatever the fit turned about.
    t = motion.matrix[:3, 3]
    w = np.rad2deg(motion.rotation_vector)
    return ReferenceFigures(
        id=outcome.id,
        translation_mm=(float(t[0]), float(t[1]), float(t[2])),
        rotation_deg=(float(w[0]), float(w[1]), float(w[2])),
        points=outcome.after.agreement.points,
        residual_before=outcome.before.agreement.residual,
        residual_after=outcome.after.agreement.residual,
        residual_mm=outcome.after.shifts.mean,
    )


_NAMES = ("left-right", "front-back", "head-foot")


def _component(result: FitResult, a: int) -> ComponentRevealed:
    axis = (Axis.X, Axis.Y, Axis.Z)[a]
    gain, share = result.gain.components[a], result.information[a]
    revealed = result.gain.revealed[a]
    where = (
        "differs between the two scans of a pair"
        if result.references
        else "moves the shown points as no placement or calibration could"
    )
    if revealed:
        text = (
            f"D_{axis} ({_NAMES[a]}) is shown: {min(gain, 1):.0%} of it {where}, "
            f"and the data removed {share:.1%} of its prior variance."
        )
    else:
        text = (
            f"D_{axis} ({_NAMES[a]}) is not shown: only {gain:.0%} of it {where}, "
            f"less than the {MIN_GAIN:.0%} that a measurement needs."
        )
    return ComponentRevealed(component=axis, revealed=revealed, information=share, text=text)


@dataclass(frozen=True, eq=False)
class KnownFit:
    """A fit as stored: what its nodes say holds around them."""

    fit: FitResult

    @property
    def field(self) -> LatticeField:
        """The field as it is stored and applied."""
        return self.fit.field

    def support_at(self, points_scanner: ArrayLike) -> Array:
        """Weight of the field at points (..., 3), trilinear; 0 off the lattice."""
        supported = self.fit.supported
        return at_nodes(supported.lattice, supported.weight, points_scanner, outside=0.0)

    def supported(self, points_scanner: ArrayLike) -> NDArray[np.bool_]:
        """Whether the field holds in full at points (m, 3)."""
        k, j, i = self._nodes(points_scanner)
        return np.asarray(self.fit.supported.weight[k, j, i] >= FULL_SUPPORT)

    def standard_deviation_at(self, points_scanner: ArrayLike) -> Array:
        """One standard deviation of D at points (m, 3), by component, mm."""
        k, j, i = self._nodes(points_scanner)
        return np.asarray(self.fit.sd[:, k, j, i].T)

    def _nodes(self, points_scanner: ArrayLike) -> NDArray[np.intp]:
        layout = self.fit.supported.lattice
        index = np.rint((np.asarray(points_scanner) - layout.origin) / layout.spacing)
        return np.clip(index.astype(np.intp), 0, np.array(layout.nodes) - 1).T[::-1]
