"""Figures of a real axial and coronal pair: what is learned, and does it help.

Learns from the DICOM folders as they are, applies the correction to both, and
prints how far it moves tissue inside the body, whether anything folds, and how
well the two scans agree before and after. Usage:

    python benchmarks/real_pair.py [--axial FOLDER --coronal FOLDER]

The default is ``knee_axcor`` of the data folder (DISTCORR_DATA, or
../shared/data beside the project).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from distcorr.acquisition import Scan
from distcorr.apply import apply_correction
from distcorr.batch import Statement, load_scan
from distcorr.correction import Correction, Provenance
from distcorr.learn import FitSettings, Reference, learn
from distcorr.learn.body import find_body
from distcorr.space import transform_points

DATA = Path(os.environ.get("DISTCORR_DATA", Path(__file__).parents[2] / "shared" / "data"))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axial", type=Path, default=DATA / "knee_axcor" / "ax_pd_fs")
    parser.add_argument("--coronal", type=Path, default=DATA / "knee_axcor" / "cor_pd_fs")
    chosen = parser.parse_args()
    statement = Statement("command line")
    axial = load_scan(chosen.axial, statement).scan
    coronal = load_scan(chosen.coronal, statement).scan
    result = learn([Reference("pair", axial, coronal)], FitSettings())
    correction = result.correction(
        axial.facts.scanner, Provenance(created="2000-01-01", distcorr="benchmark")
    )
    for row in correction.figures.revealed:
        print(row.text)
    outcome = result.references[0]
    before, after = outcome.before, outcome.after
    print(
        f"agreement: unexplained part of the local contrast {before.agreement.residual:.1%} -> "
        f"{after.agreement.residual:.1%}, rms local correlation "
        f"{before.agreement.correlation:.3f} -> {after.agreement.correlation:.3f}, "
        f"shift of blocks {before.shifts.mean or 0:.2f} -> {after.shifts.mean or 0:.2f} mm"
    )
    print(f"smallest Jacobian of the field {correction.min_jacobian():.3f}")
    for scan in (axial, coronal):
        _effect(scan, correction)


def _effect(scan: Scan, correction: Correction) -> None:
    """Print how far tissue moves in one scan."""
    points = find_body(scan).points()
    shown = scan.acquisition.true_to_shown(correction.field, points)
    moved = np.linalg.norm(shown - points, axis=1)
    radius = np.linalg.norm(points, axis=1)
    jacobian = scan.acquisition.jacobian(correction.field, points, shown)
    made = apply_correction(scan, correction)
    centre = transform_points(scan.acquisition.T_scanner_patient, scan.volume.grid.corners_lps)
    print(
        f"{scan.plane}: body {radius.min():.0f} to {radius.max():.0f} mm from the isocentre, field "
        f"of view to {np.linalg.norm(centre, axis=1).max():.0f} mm; moved by mean "
        f"{moved.mean():.2f}, 95 % below {np.percentile(moved, 95):.2f}, largest "
        f"{moved.max():.2f} mm; smallest determinant {np.linalg.det(jacobian).min():.3f}; "
        f"{made.supported_fraction:.1%} supported"
    )


if __name__ == "__main__":
    main()
