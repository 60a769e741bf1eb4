"""Figures of real axial and coronal pairs: what is learned, and does it help.

Learns from DICOM folders as they are, applies the correction to both scans, and
prints how far it moves tissue inside the body, whether anything folds, and how
well the two scans agree before and after; with ``--cross-validate`` also what a
field learned from three quarters of the body does to the fourth. There is no
truth here: the figures show that nothing breaks, not how right it is. Usage:

    python benchmarks/real_pairs.py [--data FOLDER] [--cross-validate]

Pairs of the data folder (DISTCORR_DATA, or ../shared/data beside the project): a
knee whose scans were both corrected within their slices; a head in echo-planar
mosaics, both uncorrected at one table position, which must be refused; a phantom
in three planes of 15 mm slices whose vendor state is unknown, which must be refused
as well. The last two are tried once more as if the axial scan were right: what
then shows is the difference of the two, which is not the gradients' (in the head
it is susceptibility, whose direction turns with the phase encoding).
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distcorr.acquisition import Scan
from distcorr.apply import apply_correction
from distcorr.batch import Statement, load_scan
from distcorr.correction import Correction, Provenance
from distcorr.errors import DistcorrError
from distcorr.facts import VendorState
from distcorr.learn import FitSettings, Reference, learn
from distcorr.learn.body import find_body
from distcorr.learn.outcomes import ReferenceOutcome
from distcorr.learn.spatial_cv import cross_validate
from distcorr.space import transform_points

DATA = Path(os.environ.get("DISTCORR_DATA", Path(__file__).parents[2] / "shared" / "data"))


@dataclass(frozen=True)
class RealPair:
    """Where a pair lies, and what has to be stated of it.

    Attributes
    ----------
    name : str
    axial, coronal : str
        Folders within the data folder.
    axial_part, coronal_part : str, optional
    axial_state, coronal_state : VendorState, optional
    isocentre_lps : tuple of float, optional
        Of both scans.
    """

    name: str
    axial: str
    coronal: str
    axial_part: str | None = None
    coronal_part: str | None = None
    axial_state: VendorState | None = None
    coronal_state: VendorState | None = None
    isocentre_lps: tuple[float, float, float] | None = None


_KNEE = ("knee_axcor/ax_pd_fs", "knee_axcor/cor_pd_fs")
_KNEE_ISOCENTRE = (0.0, 0.0, 0.0)
"""Its headers lost the table position with all private elements. Both scans share one
frame of reference, and on Siemens its origin is the isocentre unless the table moved."""
_EPI = ("epi_3plane_mosaic/axasc35", "epi_3plane_mosaic/corasc35", "acquisition 1", "acquisition 1")
_GE = ("acr_ge_3plane/05_3_Plane_Localizer_HF",) * 2 + ("axial", "coronal")
PAIRS = (
    RealPair("knee", *_KNEE, isocentre_lps=_KNEE_ISOCENTRE),
    RealPair("head EPI, as it is", *_EPI),
    RealPair("head EPI, as if the axial were right", *_EPI, VendorState.TRUSTED, VendorState.ND),
    RealPair("GE phantom, as it is", *_GE),
    RealPair("GE phantom, as if the axial were right", *_GE, VendorState.TRUSTED, VendorState.ND),
)


def load(pair: RealPair, data: Path) -> Reference:
    """Load a pair."""
    scans = [
        load_scan(data / path, Statement("benchmark", state, None, pair.isocentre_lps), part).scan
        for path, state, part in (
            (pair.axial, pair.axial_state, pair.axial_part),
            (pair.coronal, pair.coronal_state, pair.coronal_part),
        )
    ]
    for scan in scans:
        _ = scan.acquisition  # refuses where a fact is unknown
    return Reference(pair.name, *scans)


def figures(reference: Reference) -> list[str]:
    """Learn from a pair and describe what it does."""
    result = learn([reference], FitSettings())
    correction = result.correction(
        reference.axial.facts.scanner, Provenance(created="2000-01-01", distcorr="benchmark")
    )
    return [
        *(row.text for row in correction.figures.revealed),
        _agreement(result.references[0]),
        f"smallest Jacobian of the field {correction.min_jacobian():.3f}",
        *(
            _effect(scan, correction)
            for scan in (reference.axial, reference.coronal)
            if not scan.acquisition.shows_truth
        ),
    ]


def _agreement(outcome: ReferenceOutcome) -> str:
    before, after = outcome.before, outcome.after
    return (
        f"unexplained part of the local contrast {before.agreement.residual:.1%} -> "
        f"{after.agreement.residual:.1%}, rms local correlation "
        f"{before.agreement.correlation:.3f} -> {after.agreement.correlation:.3f}, "
        f"shift of blocks {before.shifts.mean or 0:.2f} -> {after.shifts.mean or 0:.2f} mm"
    )


def _effect(scan: Scan, correction: Correction) -> str:
    """Say how far tissue moves in one scan."""
    points = find_body(scan).points()
    shown = scan.acquisition.true_to_shown(correction.field, points)
    moved = np.linalg.norm(shown - points, axis=1)
    radius = np.linalg.norm(points, axis=1)
    jacobian = scan.acquisition.jacobian(correction.field, points, shown)
    made = apply_correction(scan, correction)
    corners = transform_points(scan.acquisition.T_scanner_patient, scan.volume.grid.corners_lps)
    return (
        f"{scan.plane}: body {radius.min():.0f} to {radius.max():.0f} mm from the isocentre, field "
        f"of view to {np.linalg.norm(corners, axis=1).max():.0f} mm; moved by mean "
        f"{moved.mean():.2f}, 95 % below {np.percentile(moved, 95):.2f}, largest "
        f"{moved.max():.2f} mm; smallest determinant {np.linalg.det(jacobian).min():.3f}; "
        f"{made.supported_fraction:.1%} supported"
    )


def cross_validated(reference: Reference) -> list[str]:
    """Leave quarters of the body out, one at a time."""
    folds = cross_validate([reference], FitSettings(), None)
    return [
        f"fold {one.fold + 1} left out: {len(one.after.length)} blocks, shift "
        f"{one.before.mean or 0:.2f} -> {one.after.mean or 0:.2f} mm"
        for one in folds
    ]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cross-validate", action="store_true", help="of the knee")
    chosen = parser.parse_args()
    for pair in PAIRS:
        print(f"\n{pair.name}")
        try:
            reference = load(pair, chosen.data)
            lines = figures(reference)
            if chosen.cross_validate and pair is PAIRS[0]:
                lines += cross_validated(reference)
        except DistcorrError as refusal:
            lines = [f"refused: {refusal}"]
        for line in lines:
            print(f"  {line}")


if __name__ == "__main__":
    main()
