"""Which shown point belongs to which true point: by label, or as a person states."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distcorr.errors import Code, DistcorrError, Finding
from distcorr.points.lists import PointList
from distcorr.points.tables import read_pair_table

Array = NDArray[np.float64]

MIN_PAIRS = 4
"""Three pairs are used up by the rigid motion between both sides."""

_NAMED = 5
"""Labels that a message lists before it only counts."""


class Pairing(StrEnum):
    """How two lists belong together."""

    LABEL = "label"
    ORDER = "order"


@dataclass(frozen=True, eq=False)
class MatchedPoints:
    """Points of which both the true and the shown place is known.

    Parameters
    ----------
    source : str
        For messages.
    labels : tuple of str
    true_lps, shown_lps : ndarray, shape (m, 3)
        Patient LPS, mm, row by row the same points.
    findings : tuple of Finding

    Raises
    ------
    DistcorrError
        ``points-invalid`` if there are fewer than :data:`MIN_PAIRS`.
    """

    source: str
    labels: tuple[str, ...]
    true_lps: Array
    shown_lps: Array
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        if len(self.true_lps) < MIN_PAIRS:
            raise DistcorrError(
                Code.POINTS_INVALID,
                "there are too few pairs of points",
                f"{self.source}: {len(self.true_lps)}",
                f"give at least {MIN_PAIRS}",
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        apart = np.linalg.norm(self.shown_lps - self.true_lps, axis=1)
        return f"MatchedPoints({self.source!r}, {len(self)} pairs, {apart.mean():.2f} mm apart)"


def read_pairs(path: Path) -> MatchedPoints:
    """Read pairs from one table, see :mod:`distcorr.points.tables`.

    Raises
    ------
    DistcorrError
        ``not-found``, ``unreadable``, ``bad-format``, ``points-invalid``.
    """
    true, shown = read_pair_table(Path(path))
    return _matched(str(path), true, shown, (*true.findings, *shown.findings))


def match_lists(true: PointList, shown: PointList, pairing: Pairing) -> MatchedPoints:
    """Match two lists.

    Parameters
    ----------
    true, shown : PointList
    pairing : Pairing
        By ``LABEL``, points that one list alone names are left out and counted.
        By ``ORDER``, which a person has to state, the lists must be equally
        long and their labels equal or absent.

    Raises
    ------
    DistcorrError
        ``points-invalid`` if labels are absent, repeated or different, the
        lengths differ, or too few pairs are left.
    """
    if pairing is Pairing.ORDER:
        return _by_order(true, shown)
    return _by_label(true, shown)


def _by_order(true: PointList, shown: PointList) -> MatchedPoints:
    source = f"{true.source} and {shown.source}"
    if len(true) != len(shown):
        raise DistcorrError(
            Code.POINTS_INVALID,
            "lists that are paired by order are not equally long",
            f"{true.source}: {len(true)}, {shown.source}: {len(shown)}",
            "label the points",
        )
    for k, (one, other) in enumerate(zip(true.labels, shown.labels, strict=True), 1):
        if one and other and one != other:
            raise DistcorrError(
                Code.POINTS_INVALID,
                "lists that are paired by order have different labels",
                f"point {k}: {one} in {true.source}, {other} in {shown.source}",
                'pair them by label: pairing = "label"',
            )
    labels = tuple(a or b for a, b in zip(true.labels, shown.labels, strict=True))
    named = PointList(shown.source, labels, shown.points_lps)
    return _matched(source, true, named, (*true.findings, *shown.findings))


def _by_label(true: PointList, shown: PointList) -> MatchedPoints:
    for one in (true, shown):
        _require_labels(one)
    place_true = {label: k for k, label in enumerate(true.labels)}
    place_shown = {label: k for k, label in enumerate(shown.labels)}
    common = [label for label in true.labels if label in place_shown]
    alone = [label for label in true.labels if label not in place_shown]
    alone += [label for label in shown.labels if label not in place_true]
    findings = [*true.findings, *shown.findings]
    if alone:
        findings.append(
            Finding(
                Code.POINTS_UNUSED,
                f"{len(alone)} points are named in one list alone and were left out",
                f"{true.source} and {shown.source}: {_some(alone)}",
                "check the labels",
            )
        )
    return _matched(
        f"{true.source} and {shown.source}",
        _chosen(true, [place_true[label] for label in common]),
        _chosen(shown, [place_shown[label] for label in common]),
        tuple(findings),
    )


def _require_labels(points: PointList) -> None:
    unnamed = points.labels.count("")
    if unnamed:
        raise DistcorrError(
            Code.POINTS_INVALID,
            "points without label can't be paired by label",
            f"{points.source}: {unnamed} of {len(points)}",
            'label them, or state pairing = "order" if both lists have one order',
        )
    twice = [label for label, count in Counter(points.labels).items() if count > 1]
    if twice:
        raise DistcorrError(
            Code.POINTS_INVALID,
            "a label occurs twice",
            f"{points.source}: {_some(twice)}",
            "give every point its own label",
        )


def _chosen(points: PointList, where: list[int]) -> PointList:
    labels = tuple(points.labels[k] for k in where)
    return PointList(points.source, labels, points.points_lps[where], points.axes)


def _matched(
    source: str, true: PointList, shown: PointList, findings: tuple[Finding, ...]
) -> MatchedPoints:
    return MatchedPoints(source, shown.labels, true.points_lps, shown.points_lps, findings)


def _some(labels: list[str]) -> str:
    more = len(labels) - _NAMED
    return ", ".join(labels[:_NAMED]) + (f" and {more} more" if more > 0 else "")
