"""Markers of a real 1 T MR-Linac: the field from one half of them, judged on the other.

What is measured is told in ``marker_figures.py``.

Usage:

    python benchmarks/markers.py --data FOLDER
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from marker_figures import HULL_MM, MANY_REPEATS, REPEATS, Markers, SetFigures, evaluate
from numpy.typing import NDArray

from distcorr.field import HarmonicBasis, HarmonicField
from distcorr.learn.prior import allowed_by_coil

Array = NDArray[np.float64]

TARGET_MEAN_MM = 0.4

SHOWN_TERM_MM = 3.0
"""Smallest coefficient, mm at 200 mm, that the table lists."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with gnl_linac1T")
    parser.add_argument("--repeats", type=int, default=MANY_REPEATS)
    chosen = parser.parse_args()
    found = evaluate(chosen.data / "gnl_linac1T", chosen.repeats)
    for figures in (found.lists, found.pairs):
        _print_set(figures)
    _print_agreement(found)


def _print_set(figures: SetFigures) -> None:
    print("\n".join(figures.fit.describe()))
    scales = figures.fit.state.prior.scales.items()
    print("widths: " + ", ".join(f"{name} x {scale:.1f}" for name, scale in scales))
    for finding in figures.fit.findings():
        print(finding)
    halves = figures.halves
    print(
        "\nhalf | degree | raw mean  p95 | error mean p95 | "
        f"{figures.kept.sum()} kept    | in 2 SD | apart"
    )
    for number, one in enumerate(halves[: len(figures.disagreement_mm)]):
        print(
            f"{number + 1:4d} | {one.degree:6d} |   {one.raw} |    {one.error} | "
            f"{one.consistent} | {one.within_2_sd:7.1%} | {figures.disagreement_mm[number]:.2f}"
        )
    for count in sorted({min(REPEATS, len(halves)), len(halves)}):
        some = halves[:count]
        mean = float(np.mean([one.error.mean_mm for one in some]))
        print(
            f"{count} halves: raw {np.mean([one.raw.mean_mm for one in some]):.2f} mm, "
            f"error {mean:.3f} mm ({'within' if mean <= TARGET_MEAN_MM else 'above'} "
            f"{TARGET_MEAN_MM} mm), of kept pairs "
            f"{np.mean([one.consistent.mean_mm for one in some]):.3f} mm, in 2 SD "
            f"{np.mean([one.within_2_sd for one in some]):.1%}"
        )
    print(
        f"floors, of kept pairs: fit to all in sample {figures.in_sample} mm, "
        f"leaving out one {figures.left_out} mm\n"
    )


def _print_agreement(found: Markers) -> None:
    agreed = found.agreement
    print(
        f"published harmonics and the best linear map, in sample: {agreed.published_in_sample} mm"
    )
    fields = found.lists.fit.field, found.pairs.fit.field, agreed.published
    basis = HarmonicBasis(max(field.basis.max_degree for field in fields))
    lists, pairs, published = (_coefficients(field, basis) for field in fields)
    print("\nmm at 200 mm |         | lists | pairs | published")
    for a, axis in enumerate("xyz"):
        for column, term in enumerate(basis.terms):
            if abs(published[a, column]) >= SHOWN_TERM_MM:
                whose = "coil" if allowed_by_coil(a, term) else "magnet"
                print(
                    f"{axis} ({term.n},{term.m:2d})     | {whose:7s} | {lists[a, column]:5.1f} | "
                    f"{pairs[a, column]:5.1f} | {published[a, column]:6.1f}"
                )
    rows = (
        ("all terms", agreed.difference_mm, agreed.size_mm),
        ("the coils' terms", agreed.coil_difference_mm, agreed.coil_size_mm),
    )
    for name, difference, size in rows:
        print(
            f"{name}, lists minus published at the markers: "
            + ", ".join(f"{v:.2f}" for v in difference)
            + " mm rms in x, y, z, of "
            + ", ".join(f"{v:.2f}" for v in size)
        )
    print(
        f"the coils' terms, pairs minus published within {HULL_MM:.0f} mm: "
        f"{found.gradient_difference_mm:.2f} mm rms"
    )


def _coefficients(field: HarmonicField, basis: HarmonicBasis) -> Array:
    """Coefficients in the order of a basis that holds all of the field's terms."""
    at = {term: column for column, term in enumerate(basis.terms)}
    out = np.zeros((3, basis.size))
    for column, term in enumerate(field.basis.terms):
        out[:, at[term]] = field.coefficients[:, column]
    return out


if __name__ == "__main__":
    main()
