"""Corrections to test with: small, with known fields."""

from __future__ import annotations

from datetime import date

import numpy as np

from distcorr.correction import (
    Axis,
    ComponentRevealed,
    Correction,
    Figures,
    InputRole,
    LeaveOneOutRow,
    Provenance,
    ProvenanceInput,
    ReferenceFigures,
    ShellFigures,
)
from distcorr.facts import Scanner, VendorState
from distcorr.field import HarmonicField, Lattice, ScannerField

SCANNER = Scanner("SIEMENS", "Prisma", "12345", 3.0, "VE11C")


def example_field() -> HarmonicField:
    """A whole-body system's main terms, a few millimetres at 100 mm, all components."""
    return HarmonicField.from_terms(
        x={(3, 1): -18.0, (3, 3): -9.0, (5, 1): -6.0},
        y={(3, -1): -18.0, (3, -3): 8.0, (5, -1): -6.0},
        z={(3, 0): -13.0, (5, 0): -5.0},
    )


def correction_of(
    field: ScannerField,
    reach_mm: float = 150.0,
    spacing_mm: float = 15.0,
    support_mm: float | None = None,
    scanner: Scanner = SCANNER,
    harmonics: HarmonicField | None = None,
) -> Correction:
    """A correction that interpolates ``field``; supported within ``support_mm`` of the centre."""
    lattice = Lattice.covering([-reach_mm] * 3, [reach_mm] * 3, spacing_mm)
    lattice = lattice.interpolating(field.displacement)
    radius = np.linalg.norm(lattice.node_points(), axis=-1)
    inside = np.inf if support_mm is None else support_mm
    support = np.clip((inside - radius) / spacing_mm + 1, 0, 1)
    sd = np.broadcast_to(0.05 + (radius / 200) ** 4, (3, *radius.shape))
    references = ("ref01", "ref02")
    return Correction(
        lattice,
        sd.astype(np.float32),
        support.astype(np.float32),
        harmonics,
        scanner,
        Provenance(
            created=date(2026, 1, 2),
            distcorr="0.1.0",
            software={"numpy": "2.0"},
            settings={"max_degree": 7, "robust": True},
            inputs=tuple(
                ProvenanceInput(
                    reference=reference,
                    role=role,
                    state=VendorState.ND if role is InputRole.CORONAL else VendorState.DIS3D,
                    sha256=f"{index:064x}",
                )
                for index, reference in enumerate(references)
                for role in (InputRole.AXIAL, InputRole.CORONAL)
            ),
        ),
        Figures(
            references=tuple(
                ReferenceFigures(
                    id=reference,
                    translation_mm=(0.4, -1.2, 0.3),
                    rotation_deg=(0.1, 0.0, -0.3),
                    points=120_000,
                    residual_before=0.31,
                    residual_after=0.06,
                    residual_mm=0.2,
                )
                for reference in references
            ),
            revealed=tuple(
                ComponentRevealed(
                    component=axis,
                    revealed=True,
                    information=0.95,
                    text=f"The pairs show the {axis} component.",
                )
                for axis in Axis
            ),
            min_jacobian=0.62,
            shells=tuple(
                ShellFigures(
                    inner_mm=inner,
                    outer_mm=inner + 50,
                    supported=supported,
                    mean_mm=mean,
                    p95_mm=2 * mean,
                    max_mm=3 * mean,
                    sd_mm=0.05 * mean,
                )
                for inner, supported, mean in ((0, 1.0, 0.4), (50, 1.0, 0.9), (100, 0.8, 2.9))
            ),
            hyperparameters={"prior_sd_symmetric_mm": 15.0},
            leave_one_out=tuple(
                LeaveOneOutRow(
                    left_out=reference,
                    residual_before=0.31,
                    residual_after=0.08,
                    field_change_mean_mm=0.1,
                    field_change_p95_mm=0.3,
                )
                for reference in references
            ),
        ),
    )


def example_correction(seed: int = 0, harmonics: bool = True) -> Correction:
    """A small correction with an arbitrary smooth field."""
    rng = np.random.default_rng(seed)
    field = example_field()
    scaled = HarmonicField(field.basis, field.coefficients * rng.uniform(0.5, 1.0, (3, 1)))
    return correction_of(
        scaled, 90.0, 30.0, support_mm=80.0, harmonics=scaled if harmonics else None
    )
