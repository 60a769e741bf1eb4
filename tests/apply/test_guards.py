"""What is refused to be corrected, what is a doubt, and what a stated reason forces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from distcorr.apply import ApplyOptions, apply_correction
from distcorr.correction import Axis, ComponentRevealed, Correction
from distcorr.errors import Code, DistcorrError, Severity
from distcorr.facts import AcquisitionFacts, Fact, Scanner, VendorState
from distcorr.space import Grid
from tests.apply.examples import coronal_grid, facts, scan_of
from tests.correction.examples import SCANNER, correction_of, example_field

CORRECTION = correction_of(example_field())

REFUSED: list[tuple[AcquisitionFacts, Code]] = [
    (facts(VendorState.DIS3D), Code.NOTHING_TO_CORRECT),
    (facts(VendorState.TRUSTED, None), Code.NOTHING_TO_CORRECT),
    (replace(facts(), corrected_by=Fact("c" * 64, "test")), Code.ALREADY_CORRECTED),
    (replace(facts(None), corrected_by=Fact("c" * 64, "test")), Code.ALREADY_CORRECTED),
    (facts(None), Code.STATE_UNKNOWN),
    (facts(position=None), Code.POSITION_UNKNOWN),
    (replace(facts(), isocentre_lps=Fact()), Code.ISOCENTRE_UNKNOWN),
    (facts(scanner=replace(SCANNER, serial="999")), Code.WRONG_SCANNER),
    (facts(scanner=replace(SCANNER, serial="", model="Skyra")), Code.WRONG_SCANNER),
    (facts(scanner=replace(SCANNER, serial="", field_strength_t=1.5)), Code.WRONG_SCANNER),
]


@pytest.mark.parametrize(("known", "code"), REFUSED)
def test_refusals(known: AcquisitionFacts, code: Code) -> None:
    grid = coronal_grid((4, 4, 4))
    with pytest.raises(DistcorrError) as refusal:
        apply_correction(scan_of(np.zeros(grid.shape), grid, known), CORRECTION)
    assert refusal.value.code is code


def test_no_reason_forces_a_second_correction() -> None:
    known = replace(facts(), corrected_by=Fact("c" * 64, "ImageType (0008,0008)"))
    scan = scan_of(np.zeros((4, 4, 4)), coronal_grid((4, 4, 4)), known)
    with pytest.raises(DistcorrError) as refusal:
        apply_correction(scan, CORRECTION, ApplyOptions(force_reason="the mark is wrong"))
    assert refusal.value.code is Code.ALREADY_CORRECTED
    assert f"{'c' * 64} (ImageType (0008,0008))" in str(refusal.value)


ACCEPTED: list[Callable[[Scanner], Scanner]] = [
    lambda s: s,
    lambda s: replace(s, manufacturer="Siemens Healthineers", model="prisma", software=""),
    lambda s: replace(s, field_strength_t=2.89),
]


@pytest.mark.parametrize("change", ACCEPTED)
def test_the_same_scanner_under_other_spellings(change: Callable[[Scanner], Scanner]) -> None:
    grid = coronal_grid((4, 4, 4))
    scan = scan_of(np.zeros(grid.shape), grid, facts(scanner=change(SCANNER)))
    assert apply_correction(scan, CORRECTION).findings == ()


DOUBTED: list[tuple[Scanner, list[Code]]] = [
    (replace(SCANNER, software="XA30"), [Code.SOFTWARE_DIFFERS]),
    (replace(SCANNER, serial=""), [Code.SCANNER_UNKNOWN]),
    (replace(SCANNER, serial="ANONYMIZED"), [Code.SCANNER_UNKNOWN]),
    (Scanner(software="XA30"), [Code.SCANNER_UNKNOWN, Code.SOFTWARE_DIFFERS]),
]


@pytest.mark.parametrize(("scanner", "codes"), DOUBTED)
def test_doubts_about_the_scanner_are_warnings(scanner: Scanner, codes: list[Code]) -> None:
    grid = coronal_grid((4, 4, 4))
    scan = scan_of(np.zeros(grid.shape), grid, facts(scanner=scanner))
    findings = apply_correction(scan, CORRECTION).findings
    assert [finding.code for finding in findings] == codes
    assert {finding.severity for finding in findings} == {Severity.WARNING}


def test_an_unknown_scanner_is_a_doubt() -> None:
    grid = coronal_grid((4, 4, 4))
    scan = scan_of(np.zeros(grid.shape), grid, facts(scanner=Scanner()))
    (finding,) = apply_correction(scan, CORRECTION).findings
    assert finding.code is Code.SCANNER_UNKNOWN
    assert finding.severity is Severity.WARNING
    assert "unknown scanner" in finding.evidence


def test_forcing_records_the_reason() -> None:
    grid = coronal_grid((4, 4, 4))
    scan = scan_of(np.zeros(grid.shape), grid, facts(scanner=replace(SCANNER, serial="9")))
    options = ApplyOptions(force_reason="gradient coil moved to a new magnet")
    (finding,) = apply_correction(scan, CORRECTION, options).findings
    assert finding.code is Code.SCANNER_FORCED
    assert finding.severity is Severity.SERIOUS
    assert "gradient coil moved" in str(finding)
    with pytest.raises(ValueError, match="reason"):
        ApplyOptions(force_reason=" ")


def learned_from(*revealed: bool) -> Correction:
    """As from pairs that show some components: (False, True, True) from two DIS2D scans."""
    rows = tuple(
        ComponentRevealed(component=axis, revealed=seen, information=0.5, text=f"About D_{axis}.")
        for axis, seen in zip(Axis, revealed, strict=True)
    )
    return replace(CORRECTION, figures=CORRECTION.figures.model_copy(update={"revealed": rows}))


def test_a_scan_that_needs_an_unseen_component_is_refused() -> None:
    """Two DIS2D scans never show D_x, by which an uncorrected scan is displaced."""
    grid = coronal_grid((4, 4, 4))
    scan = scan_of(np.zeros(grid.shape), grid, facts(VendorState.ND))
    with pytest.raises(DistcorrError) as refusal:
        apply_correction(scan, learned_from(False, True, True))
    assert refusal.value.code is Code.COMPONENT_UNSEEN
    for words in ("displaced by D_x,", "the scan is ND", "About D_x", "add a reference pair"):
        assert words in str(refusal.value)
    options = ApplyOptions(force_reason="only heights are measured")
    (finding,) = apply_correction(scan, learned_from(False, True, True), options).findings
    assert finding.code is Code.COMPONENT_UNSEEN
    assert finding.severity is Severity.SERIOUS
    assert "without D_x" in finding.what
    assert "only heights are measured" in finding.evidence


def test_a_flat_slice_needs_the_component_along_its_normal_alone() -> None:
    scan = scan_of(np.zeros((4, 4, 4)), coronal_grid((4, 4, 4)), facts(VendorState.DIS2D))
    assert apply_correction(scan, learned_from(False, True, False)).findings == ()
    with pytest.raises(DistcorrError, match="displaced by D_y,"):
        apply_correction(scan, learned_from(True, False, True))
    tilted = scan_of(np.zeros((4, 4, 4)), _tilted(30.0), facts(VendorState.DIS2D))
    with pytest.raises(DistcorrError, match="displaced by D_x,"):
        apply_correction(tilted, learned_from(False, True, True))


def _tilted(degrees: float) -> Grid:
    """A coronal grid turned about head-foot."""
    grid = coronal_grid((4, 4, 4))
    turn = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    return Grid(grid.size, grid.origin_lps, grid.spacing, turn @ grid.direction)
