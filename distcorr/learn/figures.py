"""The figures of a fit, for people and for the correction file."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distcorr.correction import (
    FULL_SUPPORT,
    Axis,
    ComponentRevealed,
    Figures,
    ReferenceFigures,
    ShellFigures,
)
from distcorr.learn.revealed import MIN_GAIN

if TYPE_CHECKING:
    from distcorr.learn.estimate import FitResult, ReferenceOutcome

Array = NDArray[np.float64]

SHELLS_MM = (0.0, 50.0, 100.0, 125.0, 150.0, 175.0, 200.0, 225.0, 250.0)
"""Radii at which phantom studies report; the last is the corner of a body."""

_SHELL_POINTS = 2000


def figures_of(result: FitResult) -> Figures:
    """Describe a fit."""
    prior = result.state.prior
    remainder = result.remainder
    return Figures(
        references=tuple(_reference(outcome) for outcome in result.references),
        revealed=tuple(_component(result, a) for a in range(3)),
        min_jacobian=result.supported.min_jacobian,
        shells=tuple(_shell(result, low, high) for low, high in pairwise(SHELLS_MM)),
        hyperparameters={
            "harmonic_degree": float(prior.basis.max_degree),
            "coil_terms_width_factor": prior.coil_scale,
            "other_terms_width_factor": prior.other_scale,
            "remainder_width_mm": remainder.width_mm,
            "scatter_inflation": result.state.inflation,
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


def _shell(result: FitResult, low: float, high: float) -> ShellFigures:
    generator = np.random.default_rng(0)
    direction = generator.standard_normal((_SHELL_POINTS, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = np.cbrt(generator.uniform(low**3, high**3, (_SHELL_POINTS, 1)))
    points = direction * radius
    layout = result.supported.lattice
    index = np.rint((points - layout.origin) / layout.spacing).astype(np.intp)
    i, j, k = np.clip(index, 0, np.array(layout.nodes) - 1).T
    held = result.supported.weight[k, j, i] >= FULL_SUPPORT
    size = np.linalg.norm(layout.displacement(points), axis=1)[held]
    sd = np.linalg.norm(result.sd[:, k, j, i], axis=0)[held]
    if not held.any():
        size = sd = np.zeros(1)
    return ShellFigures(
        inner_mm=low,
        outer_mm=high,
        supported=float(held.mean()),
        mean_mm=float(size.mean()),
        p95_mm=float(np.percentile(size, 95)),
        max_mm=float(size.max()),
        sd_mm=float(sd.mean()),
    )
