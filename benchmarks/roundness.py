"""Roundness of simulated femoral heads against what is known of them.

Three fields, three subjects: both heads of a coronal scan, one as a whole ball, the
other cut from its neck, as label maps and meshes; where they truly are, as the scan
shows them, and moved back by the field itself or by what was learned from two other
subjects. A subject who lies feet first, heads at the edge of the field of view, the
points that the demonstration measures and the report's table of heads are among them.
See heads.py for what counts as known. Printed are the known axis ratio, ours, its
difference and standard deviation, the angle between both directions of the squeeze,
and, for each kind, the worst line and how often two standard deviations cover the
difference. Usage:

    python benchmarks/roundness.py [--seeds 1 2 3] [--voxels 2 4] [--learn-voxel 0]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from heads import (
    TABLE_MM,
    Head,
    Known,
    cropped,
    heads_of,
    known_shape,
    label_of,
    second_moments,
    unpainted_scan,
)
from landmarks import learned
from numpy.typing import NDArray

from distcorr.acquisition import Acquisition, Scan
from distcorr.apply import measure_ball
from distcorr.cli.demo import known_surface
from distcorr.facts import VendorState
from distcorr.field import ScannerField
from distcorr.phantom.fields import FieldName, named_field
from distcorr.phantom.legs import DigitalLegs
from distcorr.phantom.pairs import Case
from distcorr.phantom.scanner import SimulatedScan
from distcorr.phantom.truth import sphere_labels, sphere_surfaces
from distcorr.roundness import (
    Roundness,
    Surface,
    measure_roundness,
    surface_of_label,
    surface_of_triangles,
)
from distcorr.space import PatientPosition, Volume

Array = NDArray[np.float64]

TARGET = 0.005
"""Largest difference from the known axis ratio, relative."""

COVERED = 2.0
"""Standard deviations that have to cover a larger difference."""

SQUEEZED = 0.98
"""Known axis ratio above which a squeeze has no direction worth comparing."""

FIELDS = {
    FieldName.DEFAULT: VendorState.ND,
    FieldName.CLINICAL_3T: VendorState.DIS2D,
    FieldName.WIDE_BORE_1_5T: VendorState.ND,
}
"""Fields, and what the vendor's software does to the scan in each."""

LOST = 0.2
"""Part of a head that lies outside of the field of view."""


@dataclass(frozen=True, eq=False)
class Row:
    """One head measured.

    Attributes
    ----------
    kind : str
        Rows of a kind are judged together.
    name : str
    known : Known
    found : Roundness
    """

    kind: str
    name: str
    known: Known
    found: Roundness

    @property
    def difference(self) -> float:
        """Of the axis ratios, relative to the known one."""
        return self.found.axis_ratio / self.known.axis_ratio - 1.0

    @property
    def off_deg(self) -> float | None:
        """Angle between the directions of the squeeze; None where there is hardly one."""
        if max(self.known.axis_ratio, self.known.middle_ratio) > SQUEEZED:
            return None
        along = abs(float(self.found.squeeze_lps @ self.known.squeeze_lps))
        return float(np.rad2deg(np.arccos(min(along, 1.0))))

    @property
    def sd(self) -> float:
        """Of the axis ratio, relative; infinite where none is given."""
        sd = self.found.axis_ratio_sd
        return np.inf if sd is None else sd / self.known.axis_ratio

    @property
    def met(self) -> bool:
        """Whether the difference is within the target."""
        return abs(self.difference) <= TARGET

    @property
    def covered(self) -> bool:
        """Whether the standard deviation covers the difference."""
        return abs(self.difference) <= COVERED * self.sd

    def text(self) -> str:
        """One line of the table."""
        angle = "     " if self.off_deg is None else f"{self.off_deg:5.1f}"
        verdict = "met" if self.met else "covered" if self.covered else "MISSED"
        return (
            f"{self.kind:26s} | {self.name:38s} | {self.known.axis_ratio:.4f} "
            f"{self.found.axis_ratio:.4f} | {self.difference:+7.2%} ± {self.sd:6.2%} | "
            f"{angle} | {verdict}"
        )


HEADING = f"{'kind':26s} | {'head':38s} | known  ours   | difference ± sd   | deg   |"


@dataclass(frozen=True, eq=False)
class Drawn:
    """A head as it was drawn, with what is known of it."""

    kind: str
    name: str
    head: Head
    surface: Surface

    def rows(self, fields: dict[str, ScannerField]) -> Iterator[Row]:
        """Measure it as the scan shows it, and moved back by each field."""
        scan, ball = self.head.scan, self.head.ball()
        shown = scan.shown_lps(ball)
        yield Row(
            self.kind, f"{self.name}, shown", known_shape(shown), measure_roundness(self.surface)
        )
        for by, field in fields.items():
            acquisition = acquisition_of(scan)
            corrected = known_shape(acquisition.shown_to_true_patient(field, shown))
            found = measure_ball(self.surface, acquisition, field).corrected
            yield Row(self.kind, f"{self.name}, {by}", corrected, found)


def acquisition_of(scan: SimulatedScan) -> Acquisition:
    """Build the map of a scan as its header would have it."""
    return Scan(scan.volume, scan.facts).acquisition


def true_row(kind: str, name: str, head: Head, surface: Surface) -> Row:
    """Measure a head where it truly is."""
    return Row(kind, f"{name}, true", known_shape(head.ball()), measure_roundness(surface))


def label_rows(
    head: Head,
    name: str,
    spacing_mm: tuple[float, float, float],
    fields: dict[str, ScannerField],
    phase: Array,
) -> Iterator[Row]:
    """Measure a head's label maps."""
    kind = f"label {'x'.join(f'{mm:g}' for mm in spacing_mm)} mm {_cut_of(head)}"
    true = label_of(head, spacing_mm, shown=False, phase=phase)
    yield true_row(kind, name, head, surface_of_label(true, 1))
    shown = label_of(head, spacing_mm, shown=True, phase=phase)
    yield from Drawn(kind, name, head, surface_of_label(shown, 1)).rows(fields)


def mesh_rows(head: Head, name: str, fields: dict[str, ScannerField]) -> Iterator[Row]:
    """Measure a head's meshes."""
    kind = f"mesh {_cut_of(head)}"
    vertices, triangles = head.mesh()
    yield true_row(kind, name, head, surface_of_triangles(vertices, triangles))
    shown = surface_of_triangles(head.scan.shown_lps(vertices), triangles)
    yield from Drawn(kind, name, head, shown).rows(fields)


def edge_rows(head: Head, name: str, voxel_mm: float, phase: Array) -> Iterator[Row]:
    """Measure a head at the edge of the field of view, which ends across each axis in turn."""
    whole = label_of(head, (voxel_mm,) * 3, shown=True, phase=phase)
    for axis in range(3):
        label = cropped(whole, axis, LOST)
        drawn = Drawn(
            f"label {voxel_mm:g} mm at the edge",
            f"{name}, axis {axis}",
            head,
            surface_of_label(label, 1),
        )
        yield from drawn.rows({"field": head.scan.field})


def demo_rows(head_number: int, scan: SimulatedScan, seed: int) -> Iterator[Row]:
    """Measure the points and the labels that the demonstration and its report measure."""
    head = heads_of(seed, scan, whole=True)[head_number]
    spheres = DigitalLegs(seed).spheres
    _, shown = sphere_surfaces(scan, spheres)
    fields = {"field": scan.field}
    points = known_surface(shown[head_number])
    yield from Drawn("points of the demo", head.name, head, points).rows(fields)
    grid = _fine_grid(scan)
    labels, _ = sphere_labels(grid, spheres)
    surface = surface_of_label(Volume(labels, grid.volume.grid), head_number + 1)
    yield from Drawn("labels of the demo's report", head.name, head, surface).rows(fields)


def _fine_grid(scan: SimulatedScan) -> SimulatedScan:
    """Return the scan with the voxels of the demonstration's."""
    seed = int(scan.name.removeprefix("legs"))
    return unpainted_scan(seed, scan.field, scan.settings.state, voxel_mm=4.0)


def rows_of(
    name: FieldName, seed: int, voxels: list[tuple[float, float, float]], learn_voxel_mm: float
) -> Iterator[Row]:
    """Measure both heads of a subject in a field."""
    field, state = named_field(name, seed), FIELDS[name]
    scan = unpainted_scan(seed, field, state)
    fields: dict[str, ScannerField] = {"field": field}
    if learn_voxel_mm:
        case = Case.ND_TRUSTED if state is VendorState.ND else Case.DIS2D_BOTH
        fields["learned"] = learned(case, learn_voxel_mm, name, seed, TABLE_MM)[0].field
    left, right = heads_of(seed, scan, whole=True)[0], heads_of(seed, scan)[1]
    phase = np.random.default_rng([seed, list(FieldName).index(name)]).uniform(-0.5, 0.5, 3)
    for head in (left, right):
        where = f"{name} {seed} {head.name.split()[0]}"
        yield from mesh_rows(head, where, fields)
        for spacing in voxels:
            yield from label_rows(head, where, spacing, fields, phase)


def special_rows(seed: int) -> Iterator[Row]:
    """Measure a subject feet first, heads at the edge, and those of the demonstration."""
    field = named_field(FieldName.CLINICAL_3T)
    phase = np.random.default_rng(seed).uniform(-0.5, 0.5, 3)
    feet_first = unpainted_scan(
        seed, field, VendorState.ND, position=PatientPosition.FFS, table_mm=-TABLE_MM
    )
    for head in heads_of(seed, feet_first):
        fields = {"field": field}
        yield from label_rows(head, f"feet first {head.name.split()[0]}", (2.0,) * 3, fields, phase)
    scan = unpainted_scan(seed, field, VendorState.DIS2D)
    yield from edge_rows(heads_of(seed, scan, whole=True)[0], "left", 2.0, phase)
    for number in range(2):
        yield from demo_rows(number, scan, seed)


def verdicts(rows: list[Row]) -> Iterator[str]:
    """Judge each kind of row by its worst line."""
    for kind in dict.fromkeys(row.kind for row in rows):
        of_kind = [row for row in rows if row.kind == kind]
        worst = max(of_kind, key=lambda row: abs(row.difference))
        directions = [row.off_deg for row in of_kind if row.off_deg is not None]
        turned = f"{max(directions):4.1f} deg" if directions else "        "
        yield (
            f"{kind:28s} | {len(of_kind):3d} | within {TARGET:.1%} "
            f"{np.mean([row.met for row in of_kind]):4.0%} | within {COVERED:g} sd "
            f"{np.mean([row.covered for row in of_kind]):4.0%} | sd "
            f"{np.median([row.sd for row in of_kind]):.2%} | worst {worst.difference:+.2%} "
            f"({worst.name}) {turned}"
        )


def definitions() -> Iterator[str]:
    """Compare the known axis ratio with that of the second moments."""
    for name, state in FIELDS.items():
        head = heads_of(1, unpainted_scan(1, named_field(name, 1), state), whole=True)[0]
        known = known_shape(head.scan.shown_lps(head.ball()))
        moments = second_moments(head, head.scan.shown_lps)
        yield (
            f"{name} {state}: least distances {known.axis_ratio:.4f}, second moments "
            f"{moments:.4f}; bent by {known.bent_mm:.3f} mm rms"
        )


def _cut_of(head: Head) -> str:
    return "whole" if np.isinf(head.cut_mm) else "cut"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--voxels", type=float, nargs="+", default=[2.0, 4.0], help="mm")
    parser.add_argument("--thick", type=float, default=0.0, help="slices, mm, of voxels of 1 mm")
    parser.add_argument(
        "--learn-voxel", type=float, default=0.0, help="mm; 0 corrects with the field itself only"
    )
    chosen = parser.parse_args()
    voxels = [(mm, mm, mm) for mm in chosen.voxels]
    if chosen.thick:
        voxels.append((1.0, 1.0, chosen.thick))
    for line in definitions():
        print(line, flush=True)
    print(HEADING)
    rows: list[Row] = []
    for seed in chosen.seeds:
        for name in FIELDS:
            for row in rows_of(name, seed, voxels, chosen.learn_voxel):
                rows.append(row)
                print(row.text(), flush=True)
    for row in special_rows(chosen.seeds[0]):
        rows.append(row)
        print(row.text(), flush=True)
    print()
    for line in verdicts(rows):
        print(line)


if __name__ == "__main__":
    main()
