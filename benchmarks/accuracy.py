"""Accuracy of learned corrections on new subjects, against known truth.

Simulates cohorts of digital legs and of real anatomy (from the data folder) as a
scanner with a known field shows them, learns a correction from the reference
pairs, and measures on a subject that took no part how far tissue is from its
true place, before and after. Points: inside the body, within 200 mm of the
isocentre. Usage:

    python benchmarks/accuracy.py --data FOLDER [--anatomy legs head calves]
        [--case nd-trusted dis2d-both ...] [--field default ...] [--seeds 0 1 2]
        [--voxel 2] [--subjects 2]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from distcorr.acquisition import Scan
from distcorr.learn import FitResult, FitSettings, Reference, learn
from distcorr.phantom.fields import FieldName, linac_1t, named_field
from distcorr.phantom.pairs import AnatomyKind, Case, SimulatedCase, simulate_case
from distcorr.phantom.truth import body_points
from distcorr.space import transform_points

RADIUS_MM = 200.0
POINTS = 20_000
LINAC = "linac-1t"


@dataclass(frozen=True)
class Row:
    """Errors in mm of one cohort's new subject."""

    raw: np.ndarray
    left: np.ndarray
    radius: np.ndarray
    within_2_sd: float
    seconds: float

    def text(self) -> str:
        """One line of the table."""
        shells = " ".join(
            f"{self.left[(self.radius >= low) & (self.radius < high)].mean():5.3f}"
            for low, high in ((0, 100), (100, 150), (150, 200))
        )
        return (
            f"{self.raw.mean():5.2f} {np.percentile(self.raw, 95):6.2f} | "
            f"{self.left.mean():6.3f} {np.percentile(self.left, 95):6.3f} | {shells} | "
            f"{self.within_2_sd:6.1%} | {self.seconds:6.0f}"
        )


def reference_of(pair: object) -> Reference:
    """Hand a simulated pair to the estimator as it would come from files."""
    axial, coronal = pair.axial, pair.coronal  # type: ignore[attr-defined]
    return Reference(
        pair.id,  # type: ignore[attr-defined]
        Scan(axial.volume, axial.facts),
        Scan(coronal.volume, coronal.facts),
    )


def measure(case: SimulatedCase, settings: FitSettings, *, verbose: bool) -> tuple[Row, FitResult]:
    """Learn from a case's references and measure its first new subject."""
    start = time.perf_counter()
    references = [reference_of(pair) for pair in case.references]
    result = learn(references, settings, _tell if verbose else None)
    seconds = time.perf_counter() - start
    scan = case.new[0]
    shown, true = body_points(scan, POINTS, seed=1)
    acquisition = Scan(scan.volume, scan.facts).acquisition
    at = transform_points(acquisition.T_scanner_patient, true)
    keep = np.linalg.norm(at, axis=1) < RADIUS_MM
    true, shown, at = true[keep], shown[keep], at[keep]
    found = acquisition.shown_to_true_patient(result.field, shown)
    left = np.nan_to_num(np.linalg.norm(found - true, axis=1), nan=1e3)
    sd = result.standard_deviation_at(at)
    error = result.field.displacement(at) - case.field.displacement(at)
    seen = np.array(result.gain.revealed)
    inside = (np.abs(error[:, seen]) <= 2 * sd[:, seen]).mean()
    raw = np.linalg.norm(shown - true, axis=1)
    return Row(raw, left, np.linalg.norm(at, axis=1), float(inside), seconds), result


def _tell(text: str, share: float) -> None:
    print(f"    {share:4.0%} {text}", file=sys.stderr)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    data = os.environ.get("DISTCORR_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data))
    parser.add_argument("--anatomy", nargs="+", default=["legs", "head"])
    parser.add_argument("--case", nargs="+", default=["nd-trusted", "dis2d-both"])
    parser.add_argument("--field", nargs="+", default=["default"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--voxel", type=float, default=2.0)
    parser.add_argument("--subjects", type=int, default=2)
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args()
    print(
        f"{'cohort':42s} | raw mean p95 | left mean  p95  | <100 <150 <200 mm | in 2 SD | learn s"
    )
    rows = product(chosen.anatomy, chosen.case, chosen.field, chosen.seeds)
    for anatomy, case_name, field_name, seed in rows:
        field = (
            linac_1t(chosen.data / "gnl_linac1T")
            if field_name == LINAC
            else named_field(FieldName(field_name), seed)
        )
        case = simulate_case(
            AnatomyKind(anatomy),
            Case(case_name),
            field,
            subjects=chosen.subjects,
            voxel_mm=chosen.voxel,
            seed=seed,
            data=chosen.data / "anatomy",
        )
        row, _ = measure(case, FitSettings(), verbose=chosen.verbose)
        print(f"{f'{anatomy} {case_name} {field_name} seed {seed}':42s} | {row.text()}", flush=True)


if __name__ == "__main__":
    main()
