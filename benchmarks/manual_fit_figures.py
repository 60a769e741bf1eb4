"""Pictures of scans and fits: one cohort that is learned from, and one that can't be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from manual_drawing import (
    BLUE,
    FONT_PT,
    INK,
    ORANGE,
    RED,
    SPREADS,
    add_bar,
    draw_plane,
    length,
    new_figure,
    plane_grid,
    polish,
)
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray
from runs import in_bodies, references_of
from scipy.ndimage import map_coordinates

import distcorr
from distcorr.acquisition import Scan
from distcorr.correction import FULL_SUPPORT, Correction, Provenance
from distcorr.correction.planes import Box
from distcorr.facts import Plane
from distcorr.learn import FitSettings, learn
from distcorr.phantom import (
    AnatomyKind,
    Case,
    FieldName,
    SimulatedCase,
    SimulatedPair,
    SimulatedScan,
    body_points,
    case_settings,
    named_field,
    simulate_case,
    simulate_pair,
    subject,
)
from distcorr.phantom.anatomy import Sphere
from distcorr.phantom.pairs import raster_for
from distcorr.space import transform_points

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Study:
    """A cohort, and what was learned from its references."""

    case: SimulatedCase
    correction: Correction

    @property
    def new(self) -> SimulatedScan:
        """The scan of a subject who took no part."""
        return self.case.new[0]


def simulated_case(voxel_mm: float) -> SimulatedCase:
    """Two references, coronal ND and axial true, and a new subject, on a clinical 3 T scanner."""
    field = named_field(FieldName.CLINICAL_3T)
    return simulate_case(AnatomyKind.LEGS, Case.ND_TRUSTED, field, voxel_mm=voxel_mm)


def learned_study(voxel_mm: float) -> Study:
    """Simulate the cohort and learn from it."""
    case = simulated_case(voxel_mm)
    references = [one for pair in case.references for one in references_of(pair)]
    result = learn(references, FitSettings())
    # No date: equal versions draw equal pictures.
    provenance = Provenance(created=date(2000, 1, 1), distcorr=distcorr.__version__)
    return Study(case, result.correction(case.new[0].facts.scanner, provenance))


TABLE_MM = -55.0
"""Brings the femoral heads some 150 mm from the isocentre, as in a scan of whole femurs."""

AIR_SHARE = 0.08
"""Brightness below which there is no body, as a share of white."""


@dataclass(frozen=True, eq=False)
class Twins:
    """Two scans of a subject who lay still, and its femoral heads."""

    scans: SimulatedPair
    spheres: tuple[Sphere, ...]


def nd_twins(voxel_mm: float) -> Twins:
    """Scan a subject axially and coronally, both without vendor correction.

    By coils of even sensitivity, so that the two differ by noise alone.
    """
    pair = case_settings(Case.ND_BOTH, voxel_mm)
    table_mm = (0.0, 0.0, TABLE_MM)
    still = replace(
        pair,
        axial=replace(pair.axial, bias=0.0, table_mm=table_mm),
        coronal=replace(pair.coronal, bias=0.0, table_mm=table_mm),
        motion_mm=0.0,
        motion_deg=0.0,
    )
    person = subject(AnatomyKind.LEGS, 1, Path(), raster_for(voxel_mm))
    scans = simulate_pair(person, still, named_field(FieldName.CLINICAL_3T), seed=1)
    return Twins(scans, person.spheres)


CUT_STEP_MM = 2.5


def both_nd(twins: Twins) -> Figure:
    """Draw two ND scans of one subject: alike, and both wrong."""
    pair, T = twins.scans, twins.scans.axial.T_scanner_patient
    heads = [np.array(sphere.centre) for sphere in twins.spheres]  # nobody moved: patient LPS
    height = float(transform_points(T, pair.axial.shown_lps(heads[0]))[2])
    grid = plane_grid(Plane.AXIAL, height, CUT_STEP_MM)
    points_lps = transform_points(np.linalg.inv(T), grid[0])
    axial, coronal = (_sampled(scan, points_lps) for scan in (pair.axial, pair.coronal))
    white = float(np.percentile(axial, 99.5))
    wrong = length(points_lps - pair.axial.true_lps(points_lps))
    wrong[axial < AIR_SHARE * white] = np.nan
    images = (
        ("axial scan, ND", axial, (0.0, white), "gray"),
        ("coronal scan, ND, cut axially", coronal, (0.0, white), "gray"),
        ("difference of the two", axial - coronal, (-white / 2, white / 2), "gray"),
        ("how far both are wrong", wrong, (0.0, 20.0), "viridis"),
    )
    figure = new_figure(4.0)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for axes, (title, values, limits, colours) in zip(panels.flat, images, strict=True):
        mesh = draw_plane(axes, Plane.AXIAL, grid, values, limits, colours)
        for head, sphere in zip(heads, twins.spheres, strict=True):
            where = transform_points(T, head)[:2]
            axes.add_patch(Circle(where, sphere.radius, fill=False, ec=ORANGE, lw=1.3, ls="--"))
        axes.set_title(title)
        axes.label_outer()
        polish(axes)
    add_bar(figure, mesh, list(panels[:, 1]), "displacement, mm")
    return figure


def _sampled(scan: SimulatedScan, points_lps: Array) -> Array:
    """Sample a scan linearly at points (..., 3)."""
    index = transform_points(scan.volume.grid.T_index_lps, points_lps)
    at = np.moveaxis(index[..., ::-1], -1, 0)
    return np.asarray(map_coordinates(scan.volume.array.astype(np.float64), at, order=1))


MOST_SD_MM = 2.0
"""Where the support ends."""

WIDE_BOX: Box = (np.array([-270.0, -170.0, -270.0]), np.array([270.0, 170.0, 270.0]))


def sd_and_support(study: Study) -> Figure:
    """Draw the standard deviation of D, the edge of the support, and the references' bodies."""
    known = study.correction
    figure = new_figure(3.2)
    panels = list(figure.subplots(1, 2))
    for axes, plane in zip(panels, (Plane.CORONAL, Plane.AXIAL), strict=True):
        grid = plane_grid(plane, 0.0, 4.0, WIDE_BOX)
        points, right, up = grid
        sd = length(known.standard_deviation_at(points))
        mesh = draw_plane(axes, plane, grid, sd, (0.0, MOST_SD_MM), SPREADS)
        flat = points.reshape(-1, 3)
        body = in_bodies(study.case, flat).reshape(points.shape[:2]).astype(np.float64)
        axes.contour(right, up, body, [0.5], colors=[ORANGE], linewidths=1.4)
        weight = known.support_at(points)
        if weight.min() < FULL_SUPPORT < weight.max():
            axes.contour(right, up, weight, [FULL_SUPPORT], colors="white", linewidths=2.4)
            axes.contour(
                right, up, weight, [FULL_SUPPORT], colors=[INK], linewidths=1.4, linestyles="--"
            )
        axes.set_title(f"{plane} plane through the isocentre")
        polish(axes)
    add_bar(figure, mesh, panels, "standard deviation of D, mm")
    return figure


POINTS = 20_000
SHELL_MM = 15.0
MIN_POINTS = 50
"""Fewer say nothing of a percentile."""


def error_by_distance(study: Study) -> Figure:
    """Draw errors of the new subject before and after, and what the posterior expected."""
    scan = study.new
    acquisition = Scan(scan.volume, scan.facts).acquisition
    shown, true = body_points(scan, POINTS, seed=1)
    at = transform_points(acquisition.T_scanner_patient, true)
    left = acquisition.shown_to_true_patient(study.correction.field, shown) - true
    lines = (
        ("as scanned", length(shown - true), RED),
        ("corrected", length(left), BLUE),
    )
    expected = length(study.correction.standard_deviation_at(at))
    shell = np.floor(length(at) / SHELL_MM).astype(np.intp)
    kept = [n for n in range(int(shell.max()) + 1) if (shell == n).sum() >= MIN_POINTS]
    middle = (np.array(kept) + 0.5) * SHELL_MM
    figure = new_figure(3.4)
    axes = figure.subplots()
    for name, error, colour in lines:
        per_shell = [error[(shell == n) & np.isfinite(error)] for n in kept]
        rms = [np.sqrt((values**2).mean()) for values in per_shell]
        top = [np.percentile(values, 95) for values in per_shell]
        axes.semilogy(middle, rms, color=colour, lw=1.8, label=f"{name}: root mean square")
        axes.semilogy(middle, top, color=colour, lw=1.2, ls=":", label=f"{name}: 95 % below")
    sd = [np.sqrt(np.nanmean(expected[shell == n] ** 2)) for n in kept]
    told = "standard deviation as the fit tells it"
    axes.semilogy(middle, sd, color=ORANGE, lw=1.8, ls="--", label=told)
    axes.set_xlabel("distance from the isocentre, mm")
    axes.set_ylabel("error of place, mm")
    axes.grid(color="#e3e7ec", lw=0.6, which="major")
    axes.legend(fontsize=FONT_PT - 1, frameon=False, loc="upper left")
    axes.set_xlim(left=0)
    axes.set_ylim(top=200)
    polish(axes)
    return figure
