"""Sort volumes by the machine that made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distcorr.batch.survey import Candidate
from distcorr.correction.identity import ScannerMatch, match_scanners
from distcorr.errors import Code, DistcorrError
from distcorr.facts import Plane, Scanner


@dataclass(frozen=True, eq=False)
class Machine:
    """A scanner and its volumes.

    Attributes
    ----------
    scanner : Scanner
        The identity that says most.
    volumes : tuple of Candidate
    unsure : bool
        Whether some volumes do not record that they come from it.
    """

    scanner: Scanner
    volumes: tuple[Candidate, ...]
    unsure: bool

    @property
    def coronals(self) -> int:
        """Number of coronal volumes."""
        return sum(one.plane is Plane.CORONAL for one in self.volumes)


def machines_of(candidates: Sequence[Candidate]) -> list[Machine]:
    """Group volumes by scanner.

    Parameters
    ----------
    candidates : sequence of Candidate

    Returns
    -------
    list of Machine
        In the order of their first volumes. A volume that does not record its
        scanner's serial number joins the only one of its model, else a group of its
        own make.
    """
    groups: list[list[Candidate]] = []
    open_: list[Candidate] = []
    for one in candidates:
        home = [group for group in groups if _match(group[0], one) is ScannerMatch.SAME]
        if home:
            home[0].append(one)
        elif _match(one, one) is ScannerMatch.SAME:
            groups.append([one])
        else:
            open_.append(one)
    known = len(groups)
    unsure: set[int] = set()
    for one in open_:
        possible = [
            n for n, group in enumerate(groups[:known])
            if all(_may_be_one(other, one) for other in group)
        ]  # fmt: skip
        if len(possible) != 1:
            possible = [n for n in range(known, len(groups)) if _same_make(groups[n][0], one)]
        if possible:
            groups[possible[0]].append(one)
            unsure.add(possible[0])
        else:
            groups.append([one])
            unsure.add(len(groups) - 1)
    order = {one: number for number, one in enumerate(candidates)}
    made = [
        Machine(_fullest(group), tuple(sorted(group, key=lambda one: order[one])), n in unsure)
        for n, group in enumerate(groups)
    ]
    return sorted(made, key=lambda machine: order[machine.volumes[0]])


def choose_machine(machines: Sequence[Machine], wanted: str | None) -> Machine | None:
    """Choose the scanner that a manifest is for.

    Parameters
    ----------
    machines : sequence of Machine
    wanted : str, optional
        Serial number, model, or all that a refusal says of it. Without it, the only
        scanner that has coronal volumes is taken, or the only one at all.

    Returns
    -------
    Machine or None
        None if there is no volume at all.

    Raises
    ------
    DistcorrError
        ``several-scanners`` with all of them if none or no single one is chosen.
    """
    if not machines:
        return None
    if wanted is None:
        for choice in ([one for one in machines if one.coronals], list(machines)):
            if len(choice) == 1:
                return choice[0]
            if choice:
                break
        what = f"{len(machines)} scanners made these scans, and a field belongs to one"
    else:
        plain = wanted.strip().casefold()
        choice = []
        for names in (
            [one.scanner.serial for one in machines],
            [one.scanner.model for one in machines],
            [str(one.scanner) for one in machines],
        ):
            choice = choice or [
                one
                for one, name in zip(machines, names, strict=True)
                if name.casefold() == plain != ""
            ]
        if len(choice) == 1:
            return choice[0]
        what = f"{wanted!r} names {len(choice) or 'none'} of {len(machines)} scanners"
    listed = "; ".join(
        f"{one.scanner}: {len(one.volumes)} volumes, {one.coronals} coronal" for one in machines
    )
    raise DistcorrError(Code.SEVERAL_SCANNERS, what, listed)


def _match(a: Candidate, b: Candidate) -> ScannerMatch:
    return match_scanners(a.series.facts.scanner, b.series.facts.scanner)


def _may_be_one(a: Candidate, b: Candidate) -> bool:
    """Whether two volumes are of one known model, and nothing tells their scanners apart."""
    models = [one.series.facts.scanner.model for one in (a, b)]
    return all(models) and _match(a, b) is not ScannerMatch.DIFFERENT


def _same_make(a: Candidate, b: Candidate) -> bool:
    one, other = a.series.facts.scanner, b.series.facts.scanner
    return (one.manufacturer, one.model, one.field_strength_t) == (
        other.manufacturer,
        other.model,
        other.field_strength_t,
    )


def _fullest(group: Sequence[Candidate]) -> Scanner:
    return max(
        (one.series.facts.scanner for one in group),
        key=lambda s: sum(
            bool(part) for part in (s.serial, s.manufacturer, s.model, s.field_strength_t)
        ),
    )
