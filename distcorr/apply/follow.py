"""Bring what was drawn on a scan to its true place: points, normals, label maps.

A point that the scan shows at s belongs to tissue at r = T^-1 shown_to_true(T s),
with T from patient LPS to the scanner frame of the scan. A label map is resampled
as the scan itself is: voxel r takes the label that is shown at s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.acquisition import Acquisition, Scan
from distcorr.apply.guards import require_applicable
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.space import Grid, transform_points, transform_vectors

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

NAMED = 5
"""Points that a message names before it only counts."""


@dataclass(frozen=True, eq=False)
class CorrectedPoints:
    """Points at their true places.

    Attributes
    ----------
    shown_lps : ndarray, shape (m, 3)
        As given, patient LPS, mm.
    true_lps : ndarray, shape (m, 3)
        Patient LPS, mm; equal to ``shown_lps`` where ``mapped`` is False.
    mapped : ndarray of bool, shape (m,)
        Whether the correction knows a true place for the point.
    supported : ndarray of bool, shape (m,)
        Whether it holds there in full; where not, it fades out and what is left
        of the distortion is unknown.
    in_scan : ndarray of bool, shape (m,)
        Whether the point lies within the scan's voxels.
    doubts : tuple of Finding
        About scan and correction.
    """

    shown_lps: Array
    true_lps: Array
    mapped: Mask
    supported: Mask
    in_scan: Mask
    doubts: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.shown_lps)

    def __repr__(self) -> str:
        return (
            f"CorrectedPoints({len(self)} points, moved by up to "
            f"{self.largest_displacement_mm:.2f} mm, {self.supported_fraction:.1%} supported)"
        )

    @property
    def displacement_mm(self) -> Array:
        """Way of each point, mm, shape (m,)."""
        return np.asarray(np.linalg.norm(self.true_lps - self.shown_lps, axis=-1))

    @property
    def largest_displacement_mm(self) -> float:
        """Longest way; 0 without points."""
        return float(self.displacement_mm.max(initial=0.0))

    @property
    def supported_fraction(self) -> float:
        """Share of the points where the correction holds in full."""
        return float(self.supported.mean()) if len(self) else 0.0

    def findings(self, names: tuple[str, ...] | None = None) -> tuple[Finding, ...]:
        """Tell which points may not be relied on.

        Parameters
        ----------
        names : tuple of str, optional
            One for each point, for messages; they are counted only if absent.
        """
        rows = (
            (Code.NO_TRUE_PLACE, ~self.mapped, "have no true place and were left where shown", ""),
            (
                Code.OUTSIDE_SUPPORT,
                self.mapped & ~self.supported,
                "are outside of the correction's support",
                "do not measure there",
            ),
            (Code.OUTSIDE_SCAN, ~self.in_scan, "lie outside of the scan", ""),
        )
        told = [
            Finding(
                code, f"{where.sum()} of {len(self)} points {what}", _named(where, names), remedy
            )
            for code, where, what, remedy in rows
            if where.any()
        ]
        return (*self.doubts, *told)


def correct_points(
    points_lps: ArrayLike, scan: Scan, correction: Correction, force_reason: str | None = None
) -> CorrectedPoints:
    """Bring points from where a scan shows them to where they are.

    Parameters
    ----------
    points_lps : array_like, shape (m, 3)
        Places in the scan as acquired, patient LPS, mm.
    scan : Scan
        On which they were placed; its grid and facts are used, not its voxels.
    correction : Correction
        Of the scanner that made the scan.
    force_reason : str, optional
        See :func:`distcorr.apply.require_applicable`.

    Returns
    -------
    CorrectedPoints

    Raises
    ------
    DistcorrError
        ``outside-scan`` if no point lies within the scan; as
        :func:`distcorr.apply.require_applicable`.
    """
    shown = np.array(points_lps, dtype=np.float64).reshape(-1, 3)
    doubts = require_applicable(scan, correction, force_reason)
    acquisition = scan.acquisition
    in_scan = inside_grid(scan.volume.grid, shown)
    if len(shown) and not in_scan.any():
        raise _not_of_the_scan(shown, scan.volume.grid)
    at_scan = transform_points(acquisition.T_scanner_patient, shown)
    true_scanner = acquisition.shown_to_true(correction.field, at_scan)
    mapped = np.asarray(np.isfinite(true_scanner).all(axis=-1))
    true = transform_points(np.linalg.inv(acquisition.T_scanner_patient), true_scanner)
    true[~mapped] = shown[~mapped]
    supported = supported_pairs(correction, acquisition, true_scanner, at_scan)
    return CorrectedPoints(shown, true, mapped, supported, in_scan, doubts)


def turn_normals(
    normals_lps: ArrayLike, corrected: CorrectedPoints, scan: Scan, correction: Correction
) -> Array:
    """Turn the normals of a shown surface into those of the true one.

    Normals are no vectors between points: with J = ds/dr the derivative of the map
    true to shown, n_true is parallel to J^T n_shown.

    Parameters
    ----------
    normals_lps : array_like, shape (m, 3)
        At the points of ``corrected``, patient LPS.
    corrected : CorrectedPoints
    scan : Scan
    correction : Correction
        The same as those of ``corrected``.

    Returns
    -------
    ndarray, shape (m, 3)
        Of the lengths that they had; unchanged where the point is not mapped.
    """
    normals = np.array(normals_lps, dtype=np.float64).reshape(-1, 3)
    acquisition, mapped = scan.acquisition, corrected.mapped
    T = acquisition.T_scanner_patient
    J = acquisition.jacobian(
        correction.field,
        transform_points(T, corrected.true_lps[mapped]),
        transform_points(T, corrected.shown_lps[mapped]),
    )
    turned = np.einsum("mij,mi->mj", J, transform_vectors(T, normals[mapped]))
    lengths = np.linalg.norm(turned, axis=-1, keepdims=True)
    wanted = np.linalg.norm(normals[mapped], axis=-1, keepdims=True)
    scaled = turned * np.divide(wanted, lengths, out=np.zeros_like(wanted), where=lengths > 0)
    normals[mapped] = transform_vectors(np.linalg.inv(T), scaled)
    return normals


def supported_pairs(
    correction: Correction, acquisition: Acquisition, true_scanner: Array, shown_scanner: Array
) -> Mask:
    """Whether every displacement is supported that leads from true to shown points.

    Parameters
    ----------
    correction : Correction
    acquisition : Acquisition
    true_scanner, shown_scanner : ndarray, shape (m, 3)
        Corresponding points, scanner frame, mm; NaN counts as unsupported.
    """
    sound = np.isfinite(true_scanner).all(axis=-1) & np.isfinite(shown_scanner).all(axis=-1)
    supported = sound & correction.supported(true_scanner)
    if acquisition.vendor_projector.any():
        supported &= correction.supported(shown_scanner)
    return supported


def inside_grid(grid: Grid, points_lps: Array) -> Mask:
    """Whether points (m, 3) lie within the voxels of a grid, counted whole."""
    index = transform_points(grid.T_index_lps, points_lps)
    return np.asarray(((index >= -0.5) & (index <= np.array(grid.size) - 0.5)).all(axis=-1))


def _named(where: Mask, names: tuple[str, ...] | None) -> str:
    if names is None:
        return ""
    chosen = np.flatnonzero(where)
    told = ", ".join(names[index] for index in chosen[:NAMED])
    return told + (f" and {len(chosen) - NAMED} more" if len(chosen) > NAMED else "")


def _not_of_the_scan(points_lps: Array, grid: Grid) -> DistcorrError:
    low, high = grid.corners_lps.min(axis=0), grid.corners_lps.max(axis=0)
    return DistcorrError(
        Code.OUTSIDE_SCAN,
        "none of the points lies within the scan",
        f"points LPS {box_text(points_lps.min(axis=0), points_lps.max(axis=0))}, "
        f"scan {box_text(low, high)}",
    )


def box_text(low: Array, high: Array) -> str:
    """Write a box as x, y and z from ... to ... in whole millimetres."""
    return " ".join(
        f"{axis} {a:.0f} to {b:.0f}" for axis, a, b in zip("xyz", low, high, strict=True)
    )
