"""What pages are made from in tests: a correction, pictures, heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from distcorr.acquisition import Scan
from distcorr.correction import Axis, ComponentLeft, Owner, ShiftShell
from distcorr.facts import VendorState
from distcorr.report import HeadShape, ReferencePictures, make_pictures
from distcorr.report.heads import Shape
from distcorr.space import Grid, Volume, transform_points
from tests.apply.examples import ISOCENTRE, facts
from tests.batch.examples import AXIAL, CORONAL
from tests.correction.examples import correction_of, example_field

CORRECTION = correction_of(example_field(), 160.0, 20.0)
STRONG = correction_of(
    replace(example_field(), coefficients=4 * example_field().coefficients), 160.0, 20.0
)
SHELLS = tuple(
    ShiftShell(inner_mm=inner, outer_mm=inner + 50, blocks=n, before_mm=raw, after_mm=left)
    for inner, n, raw, left in ((0.0, 10, 0.5, 0.2), (50.0, 30, 1.5, 0.3))
)
LEFT = tuple(
    ComponentLeft(component=axis, owner=Owner.NOISE, noise_mm=0.3, text=f"Noise along {axis}.")
    for axis in Axis
)
VALIDATED = replace(
    CORRECTION,
    figures=CORRECTION.figures.model_copy(
        update={
            "left": LEFT,
            "leave_one_out": tuple(
                row.model_copy(update={"shells": SHELLS[: 2 - number]})
                for number, row in enumerate(CORRECTION.figures.leave_one_out)
            ),
        }
    ),
)
HEADS = [HeadShape("ref01", "label 1", Shape(0.841, 0.01, "front-back"), Shape(0.995, None, "-"))]


def object_at(points_lps: np.ndarray) -> np.ndarray:
    """A ball of 130 mm with shells, about the isocentre."""
    radius = np.linalg.norm(points_lps - np.array(ISOCENTRE), axis=-1)
    return (800 + 300 * np.cos(radius / 6)) / (1 + np.exp((radius - 65) / 2))


def scan(direction: np.ndarray, state: VendorState, moved: np.ndarray | None = None) -> Scan:
    size, spacing = (56, 56, 40), np.array([3.0, 3.0, 4.2])
    half = direction @ ((np.array(size) - 1) * spacing / 2)
    grid = Grid(size, np.array(ISOCENTRE) - half, spacing, direction)
    empty = Scan(Volume(np.zeros(grid.shape), grid), facts(state))
    true = empty.acquisition.shown_to_true_patient(STRONG.field, grid.points_lps())
    if moved is not None:
        T = empty.acquisition.T_scanner_patient
        true = transform_points(np.linalg.inv(T) @ np.linalg.inv(moved) @ T, true)
    return Scan(Volume(object_at(true), grid), empty.facts)


def example_pictures() -> ReferencePictures:
    """A pair that the strong field brings into agreement."""
    motion = STRONG.figures.references[0].T_moved_still
    axial = scan(AXIAL, VendorState.DIS3D)
    coronal = scan(CORONAL, VendorState.ND, motion)
    brighter = Scan(Volume(3 * coronal.volume.array, coronal.volume.grid), coronal.facts)
    made = make_pictures("ref01", axial, brighter, STRONG)
    assert made is not None
    return made
