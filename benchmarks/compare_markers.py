"""Markers of a real scanner: distcorr's fit against plain harmonics and thin-plate splines.

The markers of ``marker_figures.py`` are split, every model is fitted to one part, and
its error is the distance between where a marker of the other part is shown and where it
was predicted. Inside and outside are told by the convex hull of the true places of the
fitted markers. Nearly all markers lie on one sphere, so that random halves leave most
of the others a little outside. The harder split leaves out both ends of an axis, and
the models must extrapolate. Usage:

    python benchmarks/compare_markers.py --data FOLDER [--markdown FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import marker_peers
import numpy as np
from marker_figures import MANY_REPEATS, REPEATS, linac_pairs, matched_lists, split
from marker_peers import Fitted
from numpy.typing import NDArray
from pages import Section, Table, publish
from scipy.spatial import ConvexHull
from threadpoolctl import threadpool_limits

from distcorr.learn.point_figures import UNTRUSTED
from distcorr.learn.point_fit import fit_points
from distcorr.learn.point_pairs import PointPairs

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

END_MM = 90.0
"""Markers farther than this from the isocentre along an axis are one of its ends."""

AXES = "xyz"
SHOWN_AS = "as shown"

PEERS: Mapping[str, Callable[[Array, Array], Fitted]] = {
    "best linear map": marker_peers.linear,
    f"least squares, degree {marker_peers.PUBLISHED_DEGREE} as published": (
        marker_peers.harmonics_as_published
    ),
    "least squares, degree by cross-validation": marker_peers.harmonics_by_cross_validation,
    "thin-plate spline": marker_peers.thin_plate,
    "thin-plate spline, smoothing by cross-validation": marker_peers.smoothed_thin_plate,
    "radial spline, kernel and smoothing by cross-validation": marker_peers.radial_spline,
}


@dataclass(frozen=True, eq=False)
class Errors:
    """Distances of left-out markers from where a model expected them.

    Attributes
    ----------
    inside, outside : ndarray
        By the hull of the fitted markers, mm.
    beyond : ndarray
        How far from the hull those outside are, mm.
    chosen : str
        What the model chose for itself.
    """

    inside: Array
    outside: Array
    beyond: Array
    chosen: str = ""


def beyond_hull(known: Array, asked: Array) -> Array:
    """How far points (m, 3) are beyond the convex hull of others (k, 3); negative inside.

    The largest distance from the plane of a facet: outside, edges and corners may be
    somewhat farther.
    """
    planes = ConvexHull(known).equations
    return np.asarray((asked @ planes[:, :3].T + planes[:, 3]).max(axis=1))


def errors(pairs: PointPairs, known: Rows, asked: Rows) -> dict[str, Errors]:
    """Fit every model to some markers and judge it on others.

    Returns
    -------
    dict of str to Errors
        By model; "as shown" is the raw displacement.
    """
    true, shown = pairs.true_scanner, pairs.shown_scanner
    beyond = beyond_hull(true[known], true[asked])
    within = beyond <= 0
    predicted = {SHOWN_AS: (true[asked], "")}
    for name, fit in PEERS.items():
        fitted = fit(true[known], shown[known])
        predicted[name] = (fitted.predict(true[asked]), fitted.chosen)
    ours = fit_points([pairs.subset(known)])
    expected = pairs.predicted(ours.field, ours.state.motions[0], ours.views[0].calibration)
    predicted["distcorr"] = (expected[asked], f"degree {ours.max_degree}")
    found = {}
    for name, (places, chosen) in predicted.items():
        off = np.linalg.norm(places - shown[asked], axis=1)
        found[name] = Errors(off[within], off[~within], beyond[~within], chosen)
    return found


def halves(pairs: PointPairs, repeats: int) -> Iterator[dict[str, Errors]]:
    """Judge on random halves, the same as ``markers.py`` takes."""
    for seed in range(repeats):
        print(f"half {seed + 1} of {repeats}, {pairs.id}", file=sys.stderr, flush=True)
        yield errors(pairs, *split(len(pairs), seed, first=True))


def ends(pairs: PointPairs, axis: int) -> tuple[Rows, Rows]:
    """Rows of the markers between the ends of an axis, and of those at its ends."""
    at_end = np.abs(pairs.true_scanner[:, axis]) > END_MM
    return np.flatnonzero(~at_end), np.flatnonzero(at_end)


def sets(folder: Path) -> Iterator[tuple[str, PointPairs]]:
    """Both acquisitions; the one with contradicting pairs with and without them."""
    pairs = linac_pairs(folder)
    fit = fit_points([pairs])
    kept = np.flatnonzero(fit.views[0].trust >= UNTRUSTED)
    yield "Lists CT/MR.mrk.json", matched_lists(folder, fit)
    yield "MatchedMarkerVolume.csv", pairs
    yield (
        f"MatchedMarkerVolume.csv without {len(pairs) - len(kept)} contradicting pairs",
        replace(pairs.subset(kept), id="kept"),
    )


def half_table(found: Sequence[dict[str, Errors]], few: int) -> Table:
    """Errors at the left-out markers of the first halves, and of all."""
    columns = [
        f"{what} {count} halves"
        for count in sorted({min(few, len(found)), len(found)})
        for what in ("inside, mean (p95)", "outside, mean (p95)")
    ]
    rows = []
    for name in found[0]:
        cells = [name]
        for count in sorted({min(few, len(found)), len(found)}):
            some = [one[name] for one in found[:count]]
            cells += [_cell([one.inside for one in some]), _cell([one.outside for one in some])]
        rows.append((*cells, _choices(one[name].chosen for one in found)))
    return Table(("model", *columns, "chosen"), tuple(rows))


def end_table(pairs: PointPairs) -> tuple[Table, str]:
    """Errors beyond what was fitted, for each axis, and how many markers that concerns."""
    by_axis, counts = [], []
    for axis, name in enumerate(AXES):
        known, asked = ends(pairs, axis)
        found = errors(pairs, known, asked)
        by_axis.append(found)
        one = found[SHOWN_AS]
        counts.append(
            f"{name}: {len(known)} fitted, {len(one.inside)} inside, {len(one.outside)} outside "
            f"by {np.median(one.beyond):.0f} mm in the median"
        )
    header = ("model", *(f"{name}, mean (p95)" for name in AXES), "chosen")
    rows = tuple(
        (
            model,
            *(_cell([np.concatenate([one[model].inside, one[model].outside])]) for one in by_axis),
            _choices(one[model].chosen for one in by_axis),
        )
        for model in by_axis[0]
    )
    return Table(header, rows), "; ".join(counts)


def section(folder: Path, repeats: int) -> Section:
    """Compare on all sets."""
    parts: list[str | Table] = [
        "Two acquisitions of one phantom in a 1 T MR-Linac. Each model is fitted to some "
        "markers, and its error at the others is the distance in mm between where they are "
        "shown and where it expected them; inside and outside of the convex hull of the "
        "fitted ones. Every model also fits the unknown placement and calibration; *as shown* "
        "is the displacement with neither. The harmonics by least squares have no prior; the "
        "splines are SciPy's `RBFInterpolator`: its `thin_plate_spline`, and whichever of its "
        "kernels without a width does best."
    ]
    for title, pairs in sets(folder):
        found = list(halves(pairs, repeats))
        inside = [len(one[SHOWN_AS].inside) for one in found]
        outside = [len(one[SHOWN_AS].outside) for one in found]
        beyond = np.concatenate([one[SHOWN_AS].beyond for one in found])
        parts.append(
            f"### {title}, {len(pairs)} markers\n\nRandom halves: of the "
            f"{inside[0] + outside[0]} markers left out, {_range(inside)} lie inside and "
            f"{_range(outside)} outside, by {np.median(beyond):.1f} mm in the median and at most "
            f"{beyond.max():.1f}."
        )
        parts.append(half_table(found, REPEATS))
        table, counts = end_table(pairs)
        parts.append(
            f"Extrapolation: both ends of one axis left out, beyond {END_MM:.0f} mm. {counts}."
        )
        parts.append(table)
    return Section(
        "Markers",
        "python benchmarks/compare_markers.py --data FOLDER",
        ("scipy",),
        tuple(parts),
    )


def _cell(distances: Sequence[Array]) -> str:
    """Mean and 95th percentile over the markers of all halves."""
    every = np.concatenate(distances)
    return f"{every.mean():.2f} ({np.percentile(every, 95):.2f})" if every.size else "none"


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _choices(chosen: Iterable[str]) -> str:
    """Name the values that were chosen, the most frequent first."""
    counted = Counter(one for one in chosen if one)
    if not counted:
        return ""
    what = next(iter(counted)).rsplit(" ", 1)[0]
    return f"{what} " + ", ".join(
        f"{one.rsplit(' ', 1)[1]} ({count})" for one, count in counted.most_common()
    )


def main() -> None:
    """Print the section, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with gnl_linac1T")
    parser.add_argument("--repeats", type=int, default=MANY_REPEATS)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the section there")
    chosen = parser.parse_args()
    with threadpool_limits(1, user_api="blas"):
        made = section(chosen.data / "gnl_linac1T", chosen.repeats)
    publish(made, chosen.markdown)


if __name__ == "__main__":
    main()
