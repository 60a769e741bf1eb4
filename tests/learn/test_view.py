"""What a pair says in few rows, against all of its residuals."""

from __future__ import annotations

import numpy as np

from distcorr.field import HarmonicBasis
from distcorr.learn.body import find_body
from distcorr.learn.fit import lattice_of
from distcorr.learn.normal import accumulate, design
from distcorr.learn.pair import PairLevel, Reference, build_level
from distcorr.learn.rigid import Motion
from distcorr.learn.view import Pose, look, rows_of
from distcorr.space import transform_points
from tests.learn.examples import SETTINGS, unlearned

BASIS = HarmonicBasis(5)
CONDENSED = 0.04
"""Share by which three rows a cube differ from all rows: cubes are 8 mm, or two
steps (12 mm here), wide, and the harmonics change by some percent across them."""


def level_of(reference: Reference) -> PairLevel:
    return build_level(reference, find_body(reference.axial, 8.0), 6.0, 6.0, 20.0)


def test_three_rows_stand_for_all_residuals_of_a_cube(references: list[Reference]) -> None:
    level = level_of(references[0])
    field = lattice_of(unlearned(5, np.zeros(3)).harmonics, SETTINGS)
    motion = Motion(np.array([1.0, -2, 0.5]), np.array([0.01, 0, 0.02]), np.zeros(3))
    seen = look(level, field, motion)
    few = rows_of(level, seen, field, motion)
    assert len(few.residual) == 3 * level.cubes.count < 0.9 * len(level.points)
    made, _ = accumulate(
        BASIS, few.probes, few.by_motion, few.residual, [np.arange(len(few.residual))]
    )
    pose = Pose.of(level, motion)
    moved = transform_points(pose.T_coronal_axial, level.points)
    root = np.sqrt(seen.weight)[:, None]
    gradient = (seen.gradient * root) @ pose.T_coronal_axial[:3, :3].T
    X = np.concatenate(
        [
            (gradient[:, :, None] * BASIS.values(moved)[:, None, :]).reshape(len(moved), -1),
            motion.rows(moved, gradient),
        ],
        axis=1,
    )
    all_matrix, all_vector = X.T @ X, -X.T @ (seen.residual * root[:, 0])
    scale = np.sqrt(np.diag(all_matrix))
    off = (made.matrix - all_matrix) / np.outer(scale, scale)
    assert np.abs(off).max() < CONDENSED
    assert np.abs(made.vector - all_vector).max() < CONDENSED * np.abs(all_vector).max()


def test_rows_predict_the_change_of_their_residuals(references: list[Reference]) -> None:
    """A small change of field and motion lowers the misfit as the rows say."""
    level = level_of(references[0])
    state = unlearned(5, level.points.mean(axis=0))
    field = lattice_of(state.harmonics, SETTINGS)
    motion = state.motions[0]
    seen = look(level, field, motion)
    rows = rows_of(level, seen, field, motion)
    X = design(BASIS, rows.probes, rows.by_motion, np.arange(len(rows.residual)))
    step = np.linalg.lstsq(X[:, -12:-6], -rows.residual, rcond=None)[0]
    size = 0.2 / np.abs(step[:3]).max()
    after = look(level, field, motion.stepped(size * step))
    both = (seen.weight > 0) & (after.weight > 0)
    w = seen.weight[both]
    before, then = (float((w * one.residual[both] ** 2).sum()) for one in (seen, after))
    e = rows.residual
    predicted = float(((e + X[:, -12:-6] @ (size * step)) ** 2).sum() - (e**2).sum())
    assert predicted < 0
    assert 0.5 < (then - before) / predicted < 1.5


def test_points_out_of_reach_are_left_out(references: list[Reference]) -> None:
    level = level_of(references[0])
    near = np.linalg.norm(level.points, axis=1) < 60
    part = level.restricted(near)
    assert len(part.points) == near.sum()
    assert part.cubes.count < level.cubes.count
    assert level.restricted(np.ones(len(near), bool)) is level
