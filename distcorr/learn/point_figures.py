"""What a fit says of the points that went into it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orth

from distcorr.errors import Code, Finding
from distcorr.field import HarmonicField
from distcorr.learn.calibration import STRAIN_UNKNOWNS, calibration_rows
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.points import PointsLinear, shown_change
from distcorr.learn.revealed import Gain
from distcorr.learn.rigid import RIGID, Motion
from distcorr.learn.state import State

Array = NDArray[np.float64]

UNTRUSTED = 0.05
"""Share of full weight below which a pair contradicts the others: 10 standard
deviations off, as a label on the wrong marker is."""

_DRAWS = 12


def describe_points(
    sets: Sequence[PointPairs], views: Sequence[PointsLinear], motions: Sequence[Motion]
) -> list[str]:
    """Say in one line for each set what was found.

    Parameters
    ----------
    sets : sequence of PointPairs
    views : sequence of PointsLinear
        Of each set at the end of the fit.
    motions : sequence of Motion
        The last are those of the sets.
    """
    lines = []
    own = motions[len(motions) - len(sets) :]
    for pairs, view, motion in zip(sets, views, own, strict=True):
        percent = ", ".join(f"{100 * v:+.2f}" for v in np.diag(view.calibration.strain))
        offset = ", ".join(f"{v:+.2f}" for v in view.calibration.offset_mm)
        turned = np.rad2deg(np.linalg.norm(motion.rotation_vector))
        lines.append(
            f"{pairs.id}: {len(pairs)} pairs, scatter {view.scale_mm:.2f} mm, moved "
            f"{np.linalg.norm(motion.translation):.2f} mm and {turned:.2f} deg, "
            f"calibration {percent} %, offset {offset} mm, "
            f"{(view.trust < UNTRUSTED).sum()} contradict the rest"
        )
    return lines


def contradictions(
    sets: Sequence[PointPairs], views: Sequence[PointsLinear]
) -> tuple[Finding, ...]:
    """Tell which pairs contradict the others."""
    found = []
    for pairs, view in zip(sets, views, strict=True):
        rows = np.flatnonzero(np.isfinite(view.residual[:, 0]) & (view.trust < UNTRUSTED))
        if len(rows):
            off = np.linalg.norm(view.residual[rows], axis=1)
            listed = ", ".join(
                f"pair {row + 1}: {mm:.1f} mm" for row, mm in zip(rows, off, strict=True)
            )
            found.append(
                Finding(
                    Code.POINTS_DISAGREE,
                    f"{len(rows)} of {len(pairs)} pairs of {pairs.id} contradict the others",
                    listed,
                )
            )
    return tuple(found)


def gain_of_points(sets: Sequence[PointPairs], state: State) -> Gain:
    """Measure how much of each component of D the shown places betray.

    It is what motion and calibration, where they are free, can't mimic, as
    :func:`distcorr.learn.revealed.gain_of` measures it for pairs of scans.

    Parameters
    ----------
    sets : sequence of PointPairs
    state : State
        Field and motions around which the maps are linearised; from its prior
        test fields are drawn.
    """
    generator = np.random.default_rng(0)
    draws = generator.standard_normal((_DRAWS, *state.prior.sd.shape)) * state.prior.sd
    told, total = np.zeros(3), np.zeros(3)
    for pairs, motion in zip(sets, state.motions[len(state.motions) - len(sets) :], strict=True):
        moved = motion.apply(pairs.true_scanner)
        shown = pairs.acquisition.true_to_shown(state.harmonics, moved)
        nuisance = _nuisance(pairs, motion, moved, shown)
        for draw in draws:
            for a in range(3):
                one = np.zeros_like(draw)
                one[a] = draw[a]
                change = HarmonicField(state.prior.basis, one)
                seen = shown_change(pairs.acquisition, state.harmonics, change, moved, shown)
                flat = seen.reshape(-1)
                told[a] += float(((flat - nuisance @ (nuisance.T @ flat)) ** 2).sum())
                total[a] += float((change.displacement(moved) ** 2).sum())
    x, y, z = (float(g) for g in np.sqrt(told / np.maximum(total, 1e-12)))
    return Gain((x, y, z))


def _nuisance(pairs: PointPairs, motion: Motion, moved: Array, shown: Array) -> Array:
    """Orthonormal columns that motion and calibration span, shape (3 m, at most 15)."""
    columns = [np.zeros((3 * len(moved), 0))]
    if pairs.motion_sd is not None:
        columns.append(motion.sensitivity(moved)[..., :RIGID].reshape(-1, RIGID))
    by_strain, by_offset = np.split(calibration_rows(shown), [STRAIN_UNKNOWNS], axis=2)
    if pairs.calibration_sd > 0:
        columns.append(by_strain.reshape(3 * len(moved), -1))
    if pairs.offset_sd_mm > 0:
        columns.append(by_offset.reshape(3 * len(moved), -1))
    # Offset and motion are one where there is no field: not all columns need be independent.
    return np.asarray(orth(np.concatenate(columns, axis=1)))
