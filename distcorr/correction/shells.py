"""Figures of a field by distance from the isocentre."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.correction.records import ShellFigures
from distcorr.field import LatticeField

SHELL_EDGES_MM = (0.0, 50.0, 100.0, 125.0, 150.0, 175.0, 200.0, 225.0, 250.0)
"""Radii of the shells, those at which phantom studies report; the last is the corner
of a body."""

SAMPLE_SPACING_MM = 10.0
"""Distance of samples: fields of whole-body coils change over some 50 mm."""


class KnownField(Protocol):
    """What has a field, and knows where it holds and how well."""

    @property
    def field(self) -> LatticeField:
        """The field as applied."""
        ...

    def supported(self, points_scanner: ArrayLike) -> NDArray[np.bool_]:
        """Whether the field holds in full."""
        ...

    def standard_deviation_at(self, points_scanner: ArrayLike) -> NDArray[np.float64]:
        """One standard deviation by component, mm."""
        ...


def shell_figures(
    known: KnownField, edges_mm: Sequence[float] = SHELL_EDGES_MM
) -> tuple[ShellFigures, ...]:
    """Gather displacement and uncertainty in shells around the isocentre.

    Parameters
    ----------
    known : Correction
        Or anything with its field, support and standard deviation.
    edges_mm : sequence of float
        Radii between the shells, increasing.

    Returns
    -------
    tuple of ShellFigures
        Values of zero where no part of a shell is supported.
    """
    reach = edges_mm[-1]
    axis = np.arange(-reach, reach + 1, SAMPLE_SPACING_MM)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    radius = np.linalg.norm(points, axis=-1)
    rows = []
    for inner, outer in pairwise(edges_mm):
        shell = points[(radius >= inner) & (radius < outer)]
        supported = known.supported(shell)
        rows.append(_row(known, inner, outer, shell[supported], float(supported.mean())))
    return tuple(rows)


def _row(
    known: KnownField, inner: float, outer: float, points: NDArray[np.float64], supported: float
) -> ShellFigures:
    length, sd = np.zeros(1), np.zeros(1)
    if len(points):
        length = np.linalg.norm(known.field.displacement(points), axis=-1)
        sd = np.linalg.norm(known.standard_deviation_at(points), axis=-1)
    return ShellFigures(
        inner_mm=inner,
        outer_mm=outer,
        supported=supported,
        mean_mm=float(length.mean()),
        p95_mm=float(np.percentile(length, 95)),
        max_mm=float(length.max()),
        sd_mm=float(sd.mean()),
    )
