"""Pictures that need a field alone: what it is, and what each vendor state leaves of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from manual_drawing import (
    BLUE,
    FONT_PT,
    GREEN,
    INK,
    ORANGE,
    RED,
    add_bar,
    draw_plane,
    length,
    new_figure,
    plane_grid,
    polish,
)
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition
from distcorr.cli.demo import known_surface
from distcorr.correction.planes import LAYOUTS
from distcorr.facts import Plane, VendorState
from distcorr.field import HarmonicField
from distcorr.phantom import FieldName, named_field
from distcorr.phantom.pairs import TABLE_MOVE_MM
from distcorr.report.acceptance import tolerances
from distcorr.roundness import measure_roundness
from distcorr.space import PatientPosition
from distcorr.space.frames import T_scanner_patient

Array = NDArray[np.float64]

NORMALS = {Plane.AXIAL: np.array([0.0, 0.0, 1.0]), Plane.CORONAL: np.array([0.0, 1.0, 0.0])}


def sphere(count: int) -> Array:
    """Spread unit vectors evenly (Fibonacci lattice), shape (count, 3)."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    azimuth, r = np.pi * (1 + 5**0.5) * n, np.sqrt(1 - z * z)
    return np.stack([r * np.cos(azimuth), r * np.sin(azimuth), z], axis=-1)


@dataclass(frozen=True, slots=True)
class Measured:
    """Displacements of a phantom's markers in a real scanner, in shells.

    Attributes
    ----------
    name : str
    radius_mm, mean_mm, largest_mm : tuple of float
        Middle of each shell, and displacements in it.
    """

    name: str
    radius_mm: tuple[float, ...]
    mean_mm: tuple[float, ...]
    largest_mm: tuple[float, ...]


MEASURED = (
    Measured(
        "3 T, 2,554 markers",
        (35.0, 75.0, 112.5, 137.5, 162.5, 187.5, 212.5),
        (0.4, 0.9, 2.0, 3.6, 5.6, 8.2, 10.7),
        (1.1, 3.3, 5.0, 8.6, 11.6, 13.9, 15.7),
    ),
    Measured("1.5 T", (70.0, 125.0, 175.0, 225.0), (0.5, 2.4, 7.4, 13.6), (1.3, 4.4, 17.7, 30.0)),
)
"""Of two clinical scanners, without vendor correction. The outmost shell of the first has
no outer limit and is drawn at 212.5 mm."""

PLANNING = "MR in radiotherapy planning"
"""Begins the names of TG-284's tolerances of the largest displacement within a sphere."""


def field_by_distance() -> Figure:
    """Draw displacement over distance: measured markers, simulated fields, tolerances."""
    figure = new_figure(3.6)
    axes = figure.subplots()
    radius, directions = np.arange(5.0, 251.0, 5.0), sphere(1500)
    fields = ((FieldName.CLINICAL_3T, BLUE), (FieldName.WIDE_BORE_1_5T, ORANGE))
    for name, colour in fields:
        field = named_field(name)
        mean = [length(field.displacement(r * directions)).mean() for r in radius]
        axes.plot(radius, mean, color=colour, lw=1.8, label=f"simulator, {name}: mean")
    for one, colour, mark in zip(MEASURED, (BLUE, ORANGE), "os", strict=True):
        axes.vlines(one.radius_mm, one.mean_mm, one.largest_mm, color=colour, lw=1.0, alpha=0.7)
        axes.plot(one.radius_mm, one.mean_mm, mark, color=colour, ms=5, mec=INK, mew=0.5,
                  label=f"measured, {one.name}: mean, line to the largest")  # fmt: skip
    accepted = sorted((t.radius_mm, t.limit_mm) for t in tolerances() if PLANNING in t.name)
    radii, limits = zip(*accepted, strict=True)
    axes.stairs(limits, (0.0, *radii), baseline=None, color=GREEN, lw=2.0, ls="--",
                label="tolerance of TG-284")  # fmt: skip
    axes.set_xlim(0, 250)
    axes.set_ylim(0, 32)
    axes.set_xlabel("distance from the isocentre, mm")
    axes.set_ylabel("displacement, mm")
    axes.grid(color="#e3e7ec", lw=0.6)
    axes.legend(fontsize=FONT_PT - 1, frameon=False, loc="upper left")
    polish(axes)
    return figure


def field_planes() -> Figure:
    """Draw D of a clinical 3 T scanner in two planes, with its in-plane part as arrows."""
    figure = new_figure(3.2)
    field = named_field(FieldName.CLINICAL_3T)
    panels = list(figure.subplots(1, 2))
    for axes, plane in zip(panels, (Plane.CORONAL, Plane.AXIAL), strict=True):
        grid = plane_grid(plane, 0.0, 4.0)
        mesh = draw_plane(axes, plane, grid, length(field.displacement(grid[0])), (0.0, 20.0))
        _arrows(axes, plane, field)
        axes.set_title(f"{plane} plane through the isocentre")
        polish(axes)
    add_bar(figure, mesh, panels, "length of D, mm")
    return figure


LEAST_ARROW_MM = 1.5
"""Shorter arrows would be specks."""


def _arrows(axes: Axes, plane: Plane, field: HarmonicField) -> None:
    points = plane_grid(plane, 0.0, 40.0)[0].reshape(-1, 3)
    D, layout = field.displacement(points), LAYOUTS[plane]
    seen = np.hypot(D[:, layout.right], D[:, layout.up]) > LEAST_ARROW_MM
    points, D = points[seen], D[seen]
    axes.quiver(
        points[:, layout.right], points[:, layout.up], D[:, layout.right], D[:, layout.up],
        angles="xy", scale_units="xy", scale=1, color="white", edgecolor=INK, linewidth=0.4,
        width=0.008,
    )  # fmt: skip


BALL_MM, BALL_CENTRE = 24.0, np.array([90.0, 20.0, 140.0])
"""A femoral head where a scan of whole femurs has it, scanner frame, mm."""

VIEW_MM = 44.0
VIEW_STEP_MM = 0.5


@dataclass(frozen=True, slots=True)
class _View:
    title: str
    acquisition: Acquisition


def _views() -> tuple[_View, ...]:
    def view(title: str, state: VendorState, plane: Plane) -> _View:
        return _View(title, Acquisition(state, np.eye(4), NORMALS[plane]))

    return (
        view("ND\n(any orientation)", VendorState.ND, Plane.CORONAL),
        view("DIS2D,\ncoronal scan", VendorState.DIS2D, Plane.CORONAL),
        view("DIS2D,\naxial scan", VendorState.DIS2D, Plane.AXIAL),
        view("DIS3D\nor trusted", VendorState.DIS3D, Plane.CORONAL),
    )


def ball_by_state() -> Figure:
    """Draw a ball as each vendor state shows it, in an axial and in a coronal cut."""
    field = named_field(FieldName.CLINICAL_3T)
    views = _views()
    figure = new_figure(4.1)
    panels = figure.subplots(2, len(views), sharex=True, sharey="row")
    for column, view in enumerate(views):
        surface = BALL_CENTRE + BALL_MM * sphere(600)
        shown = view.acquisition.true_to_shown(field, surface)
        ratio = measure_roundness(known_surface(shown)).axis_ratio
        panels[0, column].set_title(f"{view.title}\naxis ratio {ratio:.2f}")
        for axes, plane in zip(panels[:, column], (Plane.AXIAL, Plane.CORONAL), strict=True):
            _draw_ball(axes, view.acquisition, field, plane, shown.mean(axis=0))
    panels[0, 0].set_ylabel("axial cut\nback, mm")
    panels[1, 0].set_ylabel("coronal cut\nhead, mm")
    for axes in panels[1]:
        axes.set_xlabel("left, mm")
    for axes in panels.flat:
        polish(axes)
    return figure


def _draw_ball(
    axes: Axes, acquisition: Acquisition, field: HarmonicField, plane: Plane, middle: Array
) -> None:
    """Cut through the middle of the shown ball; the dashed circle is the ball in its place."""
    layout = LAYOUTS[plane]
    line = np.arange(-VIEW_MM, VIEW_MM + VIEW_STEP_MM / 2, VIEW_STEP_MM)
    up, right = np.meshgrid(line, line, indexing="ij")
    cut = np.zeros((*up.shape, 3)) + BALL_CENTRE
    cut[..., layout.right] += right
    cut[..., layout.up] += up
    cut[..., layout.normal] = middle[layout.normal]
    inside = BALL_MM - length(acquisition.shown_to_true(field, cut) - BALL_CENTRE)
    axes.contourf(line, line, inside, levels=[0, BALL_MM], colors=[BLUE], alpha=0.35)
    axes.contour(line, line, inside, levels=[0], colors=[BLUE], linewidths=1.6)
    turn = np.linspace(0, 2 * np.pi, 200)
    axes.plot(BALL_MM * np.cos(turn), BALL_MM * np.sin(turn), color=RED, lw=1.4, ls="--")
    axes.set_aspect("equal")
    if layout.downwards:
        axes.set_ylim(VIEW_MM, -VIEW_MM)


@dataclass(frozen=True, slots=True)
class _Pair:
    title: str
    coronal: VendorState
    axial: VendorState
    table_move_mm: float = 0.0


PAIRS = (
    _Pair("coronal ND,\naxial DIS3D", VendorState.ND, VendorState.DIS3D),
    _Pair("coronal DIS2D,\naxial DIS3D", VendorState.DIS2D, VendorState.DIS3D),
    _Pair("both DIS2D", VendorState.DIS2D, VendorState.DIS2D),
    _Pair("both ND", VendorState.ND, VendorState.ND),
    _Pair("both ND, table\nmoved 100 mm", VendorState.ND, VendorState.ND, TABLE_MOVE_MM),
)

PLANE_OFFSET_MM = 60.0
"""Of the coronal plane that is drawn: through the isocentre D_y is zero by symmetry."""


def pair_differences() -> Figure:
    """Draw how differently the two scans of a pair show tissue: all that a fit can see."""
    field = named_field(FieldName.CLINICAL_3T)
    figure = new_figure(2.2)
    panels = list(figure.subplots(1, len(PAIRS), sharey=True))
    grid = plane_grid(Plane.CORONAL, PLANE_OFFSET_MM, 4.0)
    for axes, pair in zip(panels, PAIRS, strict=True):
        shown = [
            _acquisition(plane, state, move).true_to_shown_patient(field, grid[0])
            for plane, state, move in (
                (Plane.CORONAL, pair.coronal, pair.table_move_mm / 2),
                (Plane.AXIAL, pair.axial, -pair.table_move_mm / 2),
            )
        ]
        mesh = draw_plane(axes, Plane.CORONAL, grid, length(shown[0] - shown[1]), (0.0, 15.0))
        axes.set_title(pair.title)
        axes.set_ylabel("")
        axes.set_xticks([-150, 0, 150])
    panels[0].set_ylabel("head, mm")
    for axes in panels:
        axes.set_xlabel("left, mm")
        polish(axes)
    add_bar(figure, mesh, panels, "difference, mm")
    return figure


def _acquisition(plane: Plane, state: VendorState, table_mm: float) -> Acquisition:
    T = T_scanner_patient(PatientPosition.HFS, (0.0, 0.0, table_mm))
    return Acquisition(state, T, NORMALS[plane])
