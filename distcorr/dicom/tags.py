"""Read tags without trusting them: absent, empty and impossible values are told apart."""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from distcorr.errors import Code, DistcorrError, printable

Array = NDArray[np.float64]

# What pydicom raises on values that break their representation, and what Python
# raises when such a value is then converted.
VALUE_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence pydicom's warnings on odd values; distcorr judges the values itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def name_of(keyword: str) -> str:
    """Name a tag for people, for example ``ImageType (0008,0008)``."""
    number = tag_for_keyword(keyword)
    return keyword if number is None else f"{keyword} {Tag(number)}".replace("'", "")


def raw_values(ds: Dataset, tag: str | BaseTag) -> list[object]:
    """List the values of a tag; empty if it is absent, empty or unreadable."""
    try:
        value = ds[tag].value if tag in ds else None
    except VALUE_ERRORS:
        return []
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, str | bytes):
        return [value]
    try:
        return list(value)
    except TypeError:
        return [value]


def text(ds: Dataset, keyword: str) -> str:
    """Read a tag as printable text; several values are joined by a backslash, as DICOM does."""
    return "\\".join(_shown(value) for value in raw_values(ds, keyword))


def _shown(value: object) -> str:
    return printable(str(value).strip())


def tokens(ds: Dataset, tag: str | BaseTag) -> tuple[str, ...]:
    """Read a multi-valued code string, without its empty values."""
    parts = (_shown(value).upper() for value in raw_values(ds, tag))
    return tuple(part for part in parts if part)


def number(ds: Dataset, tag: str | BaseTag) -> float | None:
    """Read the first value of a descriptive tag; None if absent or not a finite number."""
    values = raw_values(ds, tag)
    try:
        value = float(str(values[0]))
    except VALUE_ERRORS:
        return None
    return value if math.isfinite(value) else None


def numbers(ds: Dataset, tag: str | BaseTag) -> tuple[float, ...]:
    """Read all values of a descriptive tag; empty if any is not a finite number."""
    try:
        values = tuple(float(str(value)) for value in raw_values(ds, tag))
    except VALUE_ERRORS:
        return ()
    return values if all(math.isfinite(value) for value in values) else ()


def geometry(ds: Dataset, keyword: str, count: int, path: Path) -> Array:
    """Read a tag that the geometry rests on.

    Parameters
    ----------
    ds : Dataset
        Data set or functional group that holds it.
    keyword : str
        DICOM keyword.
    count : int
        Number of values it must have.
    path : Path
        For the message.

    Returns
    -------
    ndarray, shape (count,)

    Raises
    ------
    DistcorrError
        ``geometry-missing`` if absent or empty, ``geometry-invalid`` if it has
        another number of values or one that is not a finite number.
    """
    evidence = f"{name_of(keyword)} in {path}"
    if keyword not in ds or not _has_value(ds, keyword):
        raise DistcorrError(Code.GEOMETRY_MISSING, f"{keyword} is missing", evidence)
    values = raw_values(ds, keyword)
    try:
        array = np.array([float(str(value)) for value in values], dtype=np.float64)
    except VALUE_ERRORS:
        array = np.array([math.nan])
    if array.shape != (count,) or not np.isfinite(array).all():
        shown = "\\".join(str(value) for value in values) or "unreadable"
        raise DistcorrError(
            Code.GEOMETRY_INVALID,
            f"{keyword} does not hold {count} finite numbers",
            f"{evidence} is {shown}",
        )
    return array


def _has_value(ds: Dataset, keyword: str) -> bool:
    """Whether there is any value, be it unreadable."""
    try:
        value = ds[keyword].value
    except VALUE_ERRORS:
        return True
    return value is not None and value != "" and not (hasattr(value, "__len__") and len(value) == 0)


def private(ds: Dataset, group: int, creator: str, element: int) -> BaseTag | None:
    """Find the tag of a private element by its creator; None if it is absent."""
    try:
        tag = ds.private_block(group, creator).get_tag(element)
    except VALUE_ERRORS:
        return None
    return tag if tag in ds else None


def items(ds: Dataset, keyword: str) -> list[Dataset]:
    """List the items of a sequence; empty if it is absent or no sequence."""
    return [item for item in raw_values(ds, keyword) if isinstance(item, Dataset)]


__all__ = [
    "VALUE_ERRORS",
    "Array",
    "geometry",
    "items",
    "name_of",
    "number",
    "numbers",
    "private",
    "quiet",
    "raw_values",
    "text",
    "tokens",
]
