"""Tables of the manual that say what the code holds: codes, vendor facts, keys of a manifest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pages import Table

from distcorr.batch.cohort import manifest_schema
from distcorr.dicom.vendors import (
    GE_COMPONENT,
    GE_COMPONENT_TOKENS,
    ORIGIN_ROWS,
    SILENCE_ROWS,
    STATE_ROWS,
    TABLE_ROWS,
    Place,
    TableRow,
)
from distcorr.errors import REGISTRY, Severity
from distcorr.space import PatientPosition, rotation_scanner_patient

_HEAD_FOOT = {0: "first", 1: "second", 2: "third"}
NOT_VERIFIED = "not verified: a hint, which never decides"


def error_codes(severity: Severity) -> str:
    """List the codes of one severity in alphabetical order."""
    rows = sorted(
        (f"`{code.value}`", entry.meaning, entry.remedy)
        for code, entry in REGISTRY.items()
        if entry.severity is severity
    )
    return _text_table(("code", "meaning", "what to do"), rows)


def vendor_states() -> str:
    """List where vendors state their distortion correction."""
    header = ("vendor", "element", "value", "means", "written by", "source", "verified on")
    rows = (
        (
            row.maker.value.strip(),
            f"{row.name} {row.place}",
            f"`{row.token}`",
            str(row.state),
            row.software,
            row.source,
            row.verified or NOT_VERIFIED,
        )
        for row in STATE_ROWS
    )
    return _text_table(header, rows)


def vendor_silence() -> str:
    """List what vendors leave unsaid."""
    rows = ((row.maker.value.strip(), row.meaning, row.source) for row in SILENCE_ROWS)
    return _text_table(("vendor", "what is not said", "source"), rows)


def table_positions() -> str:
    """List where vendors state the table position, from which the isocentre follows."""
    header = ("vendor", "element", "isocentre z", "sign verified for", "written by", "source",
              "verified on")  # fmt: skip
    rows = (
        (
            row.maker.value.strip(),
            f"{row.name} {row.place}",
            _isocentre_z(row),
            ", ".join(sorted(row.verified_positions)),
            row.software,
            row.source,
            row.verified,
        )
        for row in TABLE_ROWS
    )
    return _text_table(header, rows)


def _isocentre_z(row: TableRow) -> str:
    value = f"{_HEAD_FOOT[row.component]} value"
    return value if row.minus is None else f"{value} minus {row.minus}"


def origins() -> str:
    """List what speaks for the origin where no table position is recorded."""
    rows = ((row.maker.value.strip(), row.meaning, row.source) for row in ORIGIN_ROWS)
    return _text_table(("vendor", "hint", "source"), rows)


def components() -> str:
    """List how complex parts are told where ImageType does not."""
    place: Place = GE_COMPONENT
    rows = ((f"`{value}`", f"`{token}`") for value, token in GE_COMPONENT_TOKENS.items())
    return _text_table((f"value of {place}", "means"), rows)


def patient_positions() -> str:
    """Say how each patient position turns patient LPS to the scanner's axes."""
    rows = (
        (f"`{position}`", *map(_signed, rotation_scanner_patient(position)))
        for position in PatientPosition
    )
    header = ("PatientPosition (0018,5100)", "scanner x", "scanner y", "scanner z")
    return _text_table(header, rows)


def _signed(row: NDArray[np.float64]) -> str:
    """Name the patient coordinate that a row of a rotation picks."""
    axis = int(np.abs(row).argmax())
    return ("-" if row[axis] < 0 else "") + "xyz"[axis]


def manifest_keys(table: str) -> str:
    """List the keys of one table of ``cohort.toml`` from its JSON schema.

    Parameters
    ----------
    table : str
        ``reference``, ``scan``, ``points`` or ``scanner``.
    """
    schema = manifest_schema()
    definition = _resolved(_only(_alternatives(schema["properties"][table])), schema)
    if definition.get("type") == "array":
        definition = _resolved(definition["items"], schema)
    required = set(definition.get("required", ()))
    rows = (
        (
            f"`{key}`",
            _value(one, schema),
            "required" if key in required else _default(one),
            one["description"],
        )
        for key, one in definition["properties"].items()
    )
    return _text_table(("key", "value", "default", "meaning"), rows)


def _alternatives(one: dict[str, Any]) -> list[dict[str, Any]]:
    every: list[dict[str, Any]] = one.get("anyOf", [one])
    return [alternative for alternative in every if alternative.get("type") != "null"]


def _only(alternatives: list[dict[str, Any]]) -> dict[str, Any]:
    (one,) = alternatives
    return one


def _resolved(one: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference: str | None = one.get("$ref")
    if reference is None:
        return one
    definition: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
    return definition


def _value(one: dict[str, Any], schema: dict[str, Any]) -> str:
    return " or ".join(_kind(_resolved(part, schema)) for part in _alternatives(one))


def _kind(one: dict[str, Any]) -> str:
    """Say in words what a key takes."""
    if "enum" in one:
        return ", ".join(f'`"{value}"`' for value in one["enum"])
    if one["type"] == "array":
        return "`[x, y, z]`" if one.get("maxItems") == 3 else "list of texts"
    if one["type"] == "number":
        return " ".join(["number", *_limits(one)])
    return "text"


def _limits(one: dict[str, Any]) -> Iterator[str]:
    if "exclusiveMinimum" in one:
        yield f"above {one['exclusiveMinimum']:g}"
    if "maximum" in one:
        yield f"up to {one['maximum']:g}"


def _default(one: dict[str, Any]) -> str:
    value = one.get("default")
    return f'`"{value}"`' if value else ""


def _text_table(header: tuple[str, ...], rows: Any) -> str:
    return Table(header, tuple(rows), numbers=False).markdown()
