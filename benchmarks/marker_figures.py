"""What markers of a real 1 T MR-Linac say: the field from one half of them, judged on the other.

Two acquisitions of one phantom. The lists ``CT.mrk.json`` and ``MR.mrk.json`` are what
the published harmonics were fitted to; their 336 markers have no labels and are matched
through the field of the other. ``MatchedMarkerVolume.csv`` holds 288 labelled pairs of
which B0 along the readout z has been taken out (``*_gnl``; a quarter of the shift is left
in y, along the slice selection), and three that are mismatched, 4 to 9 mm off while their
neighbours agree: its figures are given with all, and without those that a fit to all marks.

Each set is split at random. Field, placement and calibration come from one half; error is
the distance between where the other half is shown and where it was predicted. What bounds
it is printed as well: the published harmonics with the best linear map, fitted to all that
they are judged on; the fit to all; and leaving out one marker at a time, in the linear
model around the fit to all with its widths (Cook & Weisberg 1982, Residuals and Influence
in Regression, ch. 2).

The lists' readout was x, and so the inhomogeneity of the magnet is in their D_x: the terms
that the table marks as the magnet's, of which (8, 0) is the largest of all. Where published
and fitted terms are compared at the markers, what is linear is taken out of both, because
the published ones hold the offset of the image from the isocentre, which the fit finds, in
their own expansion's origin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from threadpoolctl import threadpool_limits

from distcorr.acquisition import Acquisition
from distcorr.facts import VendorState
from distcorr.field import HarmonicField
from distcorr.learn.calibration import calibration_rows
from distcorr.learn.point_figures import UNTRUSTED
from distcorr.learn.point_fit import PointFit, fit_points
from distcorr.learn.point_pairs import CALIBRATION_SD, FREE_PLACEMENT, OFFSET_SD_MM, PointPairs
from distcorr.learn.rigid import RIGID
from distcorr.phantom.fields import LinacTerms, linac_1t
from distcorr.points import read_pairs, read_points

Array = NDArray[np.float64]

REPEATS = 5
MANY_REPEATS = 20
HULL_MM = 155.0
"""Radius of the sphere on which nearly all markers lie."""


@dataclass(frozen=True)
class Errors:
    """Mean and 95th percentile of distances, mm."""

    mean_mm: float
    p95_mm: float

    @classmethod
    def of(cls, vectors: Array) -> Errors:
        """Summarise vectors (m, 3)."""
        size = np.linalg.norm(vectors, axis=1)
        return cls(float(size.mean()), float(np.percentile(size, 95)))

    def __str__(self) -> str:
        return f"{self.mean_mm:5.3f} {self.p95_mm:5.2f}"


@dataclass(frozen=True, eq=False)
class Half:
    """What a fit to one half predicts of the other.

    Attributes
    ----------
    degree : int
    raw, error, consistent : Errors
        Without correction, of all pairs of the other half, and without those that
        the fit to all marks as contradicting.
    within_2_sd : float
        Share of coordinates within two predicted standard deviations.
    predicted : ndarray, shape (m, 3)
        Of all markers of the set, scanner frame, mm.
    """

    degree: int
    raw: Errors
    error: Errors
    consistent: Errors
    within_2_sd: float
    predicted: Array


@dataclass(frozen=True, eq=False)
class SetFigures:
    """Figures of one set.

    Attributes
    ----------
    fit : PointFit
        To all pairs.
    kept : ndarray of bool, shape (m,)
        Pairs that do not contradict the others in it.
    in_sample, left_out : Errors
        Of the kept pairs: what the fit to all leaves, and leaving out one.
    halves : tuple of Half
    disagreement_mm : tuple of float
        For the first halves, mean distance between what the fits to either half
        predict of all markers, over the square root of 2: the error of one of
        them but for what both share. No marker's own scatter is in it.
    """

    fit: PointFit
    kept: NDArray[np.bool_]
    in_sample: Errors
    left_out: Errors
    halves: tuple[Half, ...]
    disagreement_mm: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Agreement:
    """The lists' fit and what was published of the same markers.

    Attributes
    ----------
    published : HarmonicField
        All terms of degree 2 and more.
    published_in_sample : Errors
        What it leaves at the markers with the best linear map.
    size_mm, difference_mm, coil_size_mm, coil_difference_mm : tuple of float
        At the markers, rms in x, y, z: of all published terms, of the difference
        of the fit from them, and the same for the coils' terms alone.
    """

    published: HarmonicField
    published_in_sample: Errors
    size_mm: tuple[float, ...]
    difference_mm: tuple[float, ...]
    coil_size_mm: tuple[float, ...]
    coil_difference_mm: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Markers:
    """All figures.

    Attributes
    ----------
    lists, pairs : SetFigures
        ``CT.mrk.json`` and ``MR.mrk.json``; ``MatchedMarkerVolume.csv``.
    agreement : Agreement
    gradient_difference_mm : float
        Between the coils' terms of the fit to the pairs, another acquisition than
        the published, and the published ones, rms within ``HULL_MM``.
    """

    lists: SetFigures
    pairs: SetFigures
    agreement: Agreement
    gradient_difference_mm: float


def linac_pairs(folder: Path) -> PointPairs:
    """Read the pairs: scanner frame and patient LPS are one."""
    matched = read_pairs(folder / "MatchedMarkerVolume.csv")
    return PointPairs(
        "pairs",
        Acquisition(VendorState.ND, np.eye(4), np.array([0.0, 0.0, 1.0])),
        matched.true_lps,
        matched.shown_lps,
        motion_sd=FREE_PLACEMENT,
        calibration_sd=CALIBRATION_SD,
        offset_sd_mm=OFFSET_SD_MM,
    )


def matched_lists(folder: Path, known: PointFit) -> PointPairs:
    """Match the markers of the two unlabelled lists through a field that is known.

    Iterated closest points: the CT's markers are moved rigidly, bent by the field
    and its calibration, and paired with the nearest of the MR's, 20 mm apart.
    """
    ct, mr = (read_points(folder / f"{name}.mrk.json").points_lps for name in ("CT", "MR"))
    tree, calibration = cKDTree(mr), known.views[0].calibration
    true = ct - ct.mean(axis=0) + mr.mean(axis=0)
    for _ in range(40):
        shown = (true + known.field.displacement(true)) @ calibration.stretch
        distance, nearest = tree.query(shown)
        near = distance <= max(float(np.quantile(distance, 0.7)), 1.0)
        wanted = true + mr[nearest] - shown
        turn = Rotation.align_vectors(
            wanted[near] - wanted[near].mean(axis=0), ct[near] - ct[near].mean(axis=0)
        )[0]
        true = turn.apply(ct - ct[near].mean(axis=0)) + wanted[near].mean(axis=0)
    if len(set(nearest.tolist())) != len(ct):
        raise RuntimeError("the lists could not be matched one to one")
    return replace(known.pairs[0], id="lists", true_lps=true, shown_lps=mr[nearest])


def evaluate(folder: Path, repeats: int = MANY_REPEATS, compared: int = REPEATS) -> Markers:
    """Run the benchmark on the folder ``gnl_linac1T``.

    Parameters
    ----------
    folder : Path
    repeats : int
        Halves of each set that are fitted and judged on the rest.
    compared : int
        Of how many of them the rest is fitted, too.
    """
    with threadpool_limits(1, user_api="blas"):
        pairs = set_figures(linac_pairs(folder), repeats, compared)
        lists = set_figures(matched_lists(folder, pairs.fit), repeats, compared)
    inside = _ball(HULL_MM)
    gradient = pairs.fit.coil_field.displacement(inside) - linac_1t(folder).displacement(inside)
    return Markers(
        lists,
        pairs,
        agreement(folder, lists.fit),
        float(np.sqrt((gradient**2).sum(axis=1).mean())),
    )


def set_figures(pairs: PointPairs, repeats: int, compared: int) -> SetFigures:
    """Fit to all pairs of a set and to random halves."""
    fit = fit_points([pairs])
    kept = fit.views[0].trust >= UNTRUSTED
    halves = tuple(half(pairs, kept, seed, first=True) for seed in range(repeats))
    others = (half(pairs, kept, seed, first=False) for seed in range(min(compared, repeats)))
    apart = tuple(
        Errors.of(one.predicted - other.predicted).mean_mm / float(np.sqrt(2))
        for one, other in zip(halves, others, strict=False)
    )
    in_sample, left_out = (
        Errors.of(fit.views[0].residual[kept]),
        Errors.of(left_out_errors(fit)[kept]),
    )
    return SetFigures(fit, kept, in_sample, left_out, halves, apart)


def half(pairs: PointPairs, kept: NDArray[np.bool_], seed: int, *, first: bool) -> Half:
    """Fit to the first or second half of a random order and judge on the other."""
    train, test = split(len(pairs), seed, first=first)
    fit = fit_points([pairs.subset(train)])
    motion, view = fit.state.motions[0], fit.views[0]
    predicted = pairs.predicted(fit.field, motion, view.calibration)
    error = (predicted - pairs.shown_scanner)[test]
    field_sd = fit.state.sd_of_field(motion.apply(pairs.true_scanner[test]))
    sd = np.sqrt(field_sd**2 + view.noise_sd_mm**2)
    return Half(
        fit.max_degree,
        Errors.of((pairs.shown_scanner - pairs.true_scanner)[test]),
        Errors.of(error),
        Errors.of(error[kept[test]]),
        float((np.abs(error) < 2 * sd).mean()),
        predicted,
    )


def split(count: int, seed: int, *, first: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of one half of a random order, and of the other, each ascending."""
    order = np.random.default_rng(seed).permutation(count)
    one, other = np.sort(order[0::2]), np.sort(order[1::2])
    return (one, other) if first else (other, one)


def left_out_errors(fit: PointFit) -> Array:
    """Predict each marker (m, 3) of the one set from all others, widths and weights kept.

    With H_ii the share of a marker in its own prediction, its error without it is
    ``(I - H_ii)^-1`` times its residual.
    """
    pairs, view, motion = fit.pairs[0], fit.views[0], fit.state.motions[0]
    moved = motion.apply(pairs.true_scanner)
    shown = pairs.acquisition.true_to_shown(fit.field, moved)
    stretch = view.calibration.stretch
    values = fit.state.prior.basis.values(moved)
    by_field = np.einsum("ab,mk->mabk", stretch, values).reshape(len(moved), 3, -1)
    by_place = stretch @ pairs.acquisition.jacobian(fit.field, moved, shown)
    by_motion = by_place @ motion.sensitivity(moved)[..., :RIGID]
    X = np.concatenate([by_field, by_motion, calibration_rows(shown)], axis=2)
    precision = np.concatenate(
        [fit.state.prior.precision, pairs.motion_precision[:RIGID], pairs.calibration_precision]
    )
    weighted = X * view.weight[:, None, None]
    information = np.einsum("mai,maj->ij", weighted, X, optimize=True) + np.diag(precision)
    share = np.einsum("mai,ij,mbj->mab", X, np.linalg.inv(information), weighted, optimize=True)
    return np.linalg.solve(np.eye(3) - share, view.residual[..., None])[..., 0]


def agreement(folder: Path, fit: PointFit) -> Agreement:
    """Compare the lists' fit with what was published of them."""
    published, coil = linac_1t(folder, LinacTerms.ALL), linac_1t(folder)
    pairs = fit.pairs[0]
    placed = pairs.true_scanner
    moved = fit.state.motions[0].apply(placed)
    known, known_coil = published.displacement(placed), coil.displacement(placed)
    linear = _without_linear(pairs.shown_scanner - placed - known, placed)
    return Agreement(
        published,
        Errors.of(linear),
        _rms_by_axis(_without_linear(known, placed)),
        _rms_by_axis(_without_linear(fit.field.displacement(moved) - known, placed)),
        _rms_by_axis(_without_linear(known_coil, placed)),
        _rms_by_axis(_without_linear(fit.coil_field.displacement(moved) - known_coil, placed)),
    )


def _without_linear(vectors: Array, places: Array) -> Array:
    """Take out of vectors (m, 3) what is constant or linear in the places (m, 3)."""
    X = np.column_stack([np.ones(len(places)), places])
    return vectors - X @ np.linalg.lstsq(X, vectors, rcond=None)[0]


def _ball(radius_mm: float, count: int = 4000) -> Array:
    generator = np.random.default_rng(0)
    direction = generator.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return direction * radius_mm * np.cbrt(generator.uniform(size=(count, 1)))


def _rms_by_axis(vectors: Array) -> tuple[float, ...]:
    return tuple(float(v) for v in np.sqrt((vectors**2).mean(axis=0)))
