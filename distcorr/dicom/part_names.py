"""Name the volumes of a series by what tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

WHOLE = "all"
"""Name of the part of a series that is one volume."""

_NAMING_ORDER = (
    "orientation",
    "image type",
    "echo",
    "time",
    "diffusion",
    "acquisition",
    "coil",
    "repeat",
    "matrix",
    "frame of reference",
)


def part_names(parts: Sequence[dict[str, str]]) -> list[str]:
    """Name each part by as few traits as tell all parts apart.

    Parameters
    ----------
    parts : sequence of dict
        Traits of each part: what it is, and its value.

    Returns
    -------
    list of str
        ``"all"`` for a series that is one part.
    """
    if len(parts) == 1:
        return [WHOLE]
    columns: list[list[str]] = []
    told_apart = 1
    for trait in _NAMING_ORDER:
        values = _shown(trait, [traits.get(trait, "") for traits in parts])
        rows = len(set(zip(*columns, values, strict=True)))
        if rows > told_apart:
            columns.append(values)
            told_apart = rows
    rows_of_names = zip(*columns, strict=True) if columns else [()] * len(parts)
    names = [", ".join(value for value in row if value) or WHOLE for row in rows_of_names]
    total, seen = Counter(names), Counter[str]()
    for n, name in enumerate(names):
        seen[name] += 1
        if total[name] > 1:
            names[n] = f"{name} #{seen[name]}"
    return names


def _shown(trait: str, values: list[str]) -> list[str]:
    if trait == "image type":
        split_values = [value.split("\\") for value in values]
        common = set(split_values[0]).intersection(*split_values)
        own = ["\\".join(t for t in value if t not in common) or "plain" for value in split_values]
        return own if len(set(own)) == len(set(values)) else values
    if trait == "frame of reference":
        order = sorted(set(values))
        return [f"frame {order.index(value) + 1}" for value in values]
    return values
