"""A validation in tables, in sentences and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table

from distcorr.correction import Axis
from distcorr.learn.separation import (
    DOMINANCE,
    MIN_PLACES,
    MIN_REGIONS,
    REGION_BLOCKS,
    SIGNIFICANT_ERRORS,
    Part,
    Parts,
    Separation,
    Verdict,
)
from distcorr.learn.shifts import BLOCK_MM, Shifts
from distcorr.learn.spatial_cv import CUBE_MM, FOLDS
from distcorr.learn.validate import (
    LeaveOneOut,
    Separations,
    SpatialCrossValidation,
    Validation,
    shell_rows,
)

DIRECTIONS = {Axis.X: "left-right", Axis.Y: "front-back", Axis.Z: "head-foot"}

CANT_SEPARATE = (
    "One reference can't tell the scanner's part from the subject's: its own susceptibility "
    "and its motion within the scan repeat in every part of its body and count as the scanner's "
    "here. Add a second reference to tell them apart."
)

RULE = (
    f"Rule: a part is called the one's rather than the other's where its mean square exceeds "
    f"{SIGNIFICANT_ERRORS:g} of its standard errors, the other's plus {SIGNIFICANT_ERRORS:g} of "
    f"those, and {DOMINANCE:g} times the other's if that one is beyond its errors too. Errors of "
    f"what repeats are over regions of {REGION_BLOCKS * BLOCK_MM:.0f} mm, of what does not over "
    f"the measurement's noise."
)


def tables_of(validation: Validation) -> list[Table]:
    """Lay a validation out for a terminal."""
    if isinstance(validation, SpatialCrossValidation):
        return [_folds(validation)]
    found = validation.separations
    return [
        _subjects(validation),
        _whole(found),
        _by_shell(found.fitted),
    ]


def sentences_of(validation: Validation) -> list[str]:
    """Say what a validation means, in whole sentences."""
    if isinstance(validation, SpatialCrossValidation):
        return [CANT_SEPARATE]
    found = validation.separations
    raw = [_repeating(parts) for parts in found.as_scanned.whole]
    return [*raw, *(verdict_of(parts) for parts in found.fitted.whole), RULE]


def _repeating(parts: Parts) -> str:
    direction, share = DIRECTIONS[parts.axis], parts.repeating
    if share is None:
        return f"As scanned, too little is seen {direction} to tell whether it repeats."
    return (
        f"As scanned, at least {share:.0%} of what is seen {direction} (mean square) repeats from "
        f"subject to subject."
    )


def verdict_of(parts: Parts) -> str:
    """Say whose one component of what is left is."""
    what = f"What is left {DIRECTIONS[parts.axis]}"
    scanner, subject, noise = parts.scanner, parts.subject, parts.noise_mm
    if scanner is None or subject is None or noise is None:
        return (
            f"{what}: can't tell whose it is; {parts.places} places of {BLOCK_MM:.0f} mm in "
            f"{parts.regions} regions were measured in two subjects, {MIN_PLACES} in "
            f"{MIN_REGIONS} needed."
        )
    own, repeats = f"{_mm(subject)} mm", f"{_mm(scanner)} mm"
    match parts.verdict:
        case Verdict.SUBJECT:
            return f"{what} is the subject's ({own}) rather than the scanner's ({repeats})."
        case Verdict.SCANNER:
            return f"{what} is the scanner's ({repeats}) rather than the subject's ({own})."
        case Verdict.BOTH:
            return f"{what} is in part the subject's ({own}) and in part the scanner's ({repeats})."
        case Verdict.NOISE:
            return f"{what} is no more than the measurement's noise ({noise:.2f} mm)."
        case Verdict.UNKNOWN:
            return (
                f"{what}: can't tell whose it is; {repeats} repeats and {own} differs, beside "
                f"noise of {noise:.2f} mm."
            )


def data_of(validation: Validation) -> dict[str, Any]:
    """Turn a validation into JSON data: all figures and all sentences."""
    data: dict[str, Any] = {"method": str(validation.method)}
    if isinstance(validation, SpatialCrossValidation):
        data |= {
            "reference": validation.reference,
            "cube_mm": CUBE_MM,
            "folds": [
                {"fold": fold.fold + 1, **_lengths(fold.before, fold.after)}
                for fold in validation.folds
            ],
            **_lengths(validation.before, validation.after),
        }
    else:
        found = validation.separations
        data |= {
            "left_out": [
                {**subject.row.model_dump(), **_lengths(subject.before, subject.after)}
                for subject in validation.subjects
            ],
            "separation": {
                "as_scanned": _separation(found.as_scanned),
                "left_out": _separation(found.left_out),
                "learned": _separation(found.fitted),
            },
        }
    return {**data, "sentences": sentences_of(validation)}


def _lengths(before: Shifts, after: Shifts) -> dict[str, Any]:
    return {
        "blocks": len(before.block),
        "shift_before_mm": before.mean,
        "shift_after_mm": after.mean,
        "shells": [asdict(row) for row in shell_rows(before, after)],
    }


def _separation(found: Separation) -> dict[str, Any]:
    parts = [
        {**asdict(one), "verdict": str(one.verdict), "repeating_share": one.repeating}
        for one in (*found.whole, *found.shells)
    ]
    return {"noise_factor": found.noise_factor, "parts": parts}


def _subjects(validation: LeaveOneOut) -> Table:
    table = _shift_table(
        "Leave one subject out: shift of tissue between the two scans of the one left out, mm",
        "left out",
    )
    for subject in validation.subjects:
        _add_shifts(table, subject.row.left_out, subject.before, subject.after, shells=True)
    return table


def _folds(validation: SpatialCrossValidation) -> Table:
    table = _shift_table(
        f"Spatial cross-validation within {validation.reference}: shift of tissue in left-out "
        f"cubes of {CUBE_MM:.0f} mm, mm",
        "left out",
    )
    _add_shifts(table, "each in turn", validation.before, validation.after, shells=True)
    for fold in validation.folds:
        name = f"fold {fold.fold + 1} of {FOLDS}"
        _add_shifts(table, name, fold.before, fold.after, shells=False)
    return table


def _shift_table(title: str, first: str) -> Table:
    table = Table(title=title)
    table.add_column(first)
    for name in ("shell, mm", "blocks", "before", "after"):
        table.add_column(name, justify="right")
    return table


def _add_shifts(table: Table, name: str, before: Shifts, after: Shifts, *, shells: bool) -> None:
    table.add_row(name, "all", str(len(before.block)), _length(before.mean), _length(after.mean))
    for row in shell_rows(before, after) if shells else ():
        table.add_row(
            "",
            _shell((row.inner_mm, row.outer_mm)),
            str(row.blocks),
            _length(row.before_mm),
            _length(row.after_mm),
        )


def _whole(found: Separations) -> Table:
    table = _parts_table(
        "What repeats in all subjects (scanner) and what does not (subject), rms in mm", "scans"
    )
    stages = (
        ("as scanned", found.as_scanned),
        ("left out", found.left_out),
        ("learned", found.fitted),
    )
    for number, axis in enumerate(Axis):
        for row, (stage, separation) in enumerate(stages):
            name = "" if row else DIRECTIONS[axis]
            _add_parts(table, name, stage, separation.whole[number])
    return table


def _by_shell(found: Separation) -> Table:
    table = _parts_table("The same by distance, after learning from all subjects", "shell, mm")
    for axis in Axis:
        rows = [parts for parts in found.shells if parts.axis is axis]
        for row, parts in enumerate(rows):
            name = "" if row else DIRECTIONS[axis]
            _add_parts(table, name, _shell(parts.shell_mm), parts)
    return table


def _parts_table(title: str, second: str) -> Table:
    table = Table(title=title)
    table.add_column("direction")
    table.add_column(second)
    for name in ("places", "scanner", "subject", "noise"):
        table.add_column(name, justify="right")
    table.add_column("whose")
    return table


def _add_parts(table: Table, name: str, label: str, parts: Parts) -> None:
    table.add_row(
        name,
        label,
        str(parts.places),
        _mm(parts.scanner),
        _mm(parts.subject),
        _length(parts.noise_mm),
        _WHOSE[parts.verdict],
    )


_WHOSE = {
    Verdict.SCANNER: "scanner's",
    Verdict.SUBJECT: "subject's",
    Verdict.BOTH: "both",
    Verdict.NOISE: "noise",
    Verdict.UNKNOWN: "can't tell",
}


def _mm(part: Part | None) -> str:
    return "-" if part is None else f"{part.rms_mm:.2f} ± {part.rms_error_mm:.2f}"


def _length(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _shell(shell_mm: tuple[float, float] | None) -> str:
    return "all" if shell_mm is None else f"{shell_mm[0]:.0f}-{shell_mm[1]:.0f}"
