"""Which damage is done to what, case by case; the seed decides everything."""

from __future__ import annotations

import random
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path

from distcorr.errors import Code
from tests.robustness import (
    correction_mutations,
    file_mutations,
    geometry_mutations,
    manifest_mutations,
    pixel_mutations,
    series_mutations,
)
from tests.robustness.noise import NOISE
from tests.robustness.outcomes import Allowed, Ending, Observed, Verdict, judge, refused
from tests.robustness.scene import Mutation, joined
from tests.robustness.series_cases import carry_through
from tests.robustness.subjects import KINDS, Subject, Ward

TABLES: tuple[list[Mutation], ...] = (
    *geometry_mutations.TABLES, *pixel_mutations.TABLES, *series_mutations.TABLES,
    *file_mutations.TABLES,
)  # fmt: skip
MUTATIONS = joined(*TABLES)

SCHEDULE = "SSNSSCSSMSSNSSCSNSSMSNSSCSNSS"
"""Kinds of cases in turn: series, noise in a header, correction file, manifest."""


@dataclass(frozen=True)
class Result:
    """What became of a case.

    Attributes
    ----------
    index : int
    name : str
        The damage and what it was done to.
    verdict : Verdict
    """

    index: int
    name: str
    verdict: Verdict


@dataclass(frozen=True)
class Plan:
    """A damage to be done, and what may come of it."""

    name: str
    allowed: Allowed
    carry_out: Callable[[Path], Observed]


def run_case(index: int, seed: int, ward: Ward, folder: Path) -> Result:
    """Carry out one case in a folder of its own; it is removed afterwards."""
    plan = plan_case(index, seed, ward)
    try:
        verdict = judge(plan.carry_out(folder), plan.allowed)
    except Exception:  # what escapes is the very failure that is looked for
        last = traceback.format_exc().strip().splitlines()
        verdict = Verdict(Ending.FAILED, "", f"{last[-1]} ({' '.join(last[-3:-1])})")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Result(index, plan.name, verdict)


def plan_case(index: int, seed: int, ward: Ward) -> Plan:
    """Decide what a case does."""
    kind = SCHEDULE[index % len(SCHEDULE)]
    count = index // len(SCHEDULE) * SCHEDULE.count(kind)
    count += SCHEDULE[: index % len(SCHEDULE)].count(kind)
    rng = random.Random(f"{seed} {index}")
    return {"S": _series, "N": _noise, "C": _correction, "M": _manifest}[kind](
        count, seed, rng, ward
    )  # fmt: skip


def _series(count: int, seed: int, rng: random.Random, ward: Ward) -> Plan:
    order = _interleaved(seed)
    mutation = order[count % len(order)]
    return _on_series(mutation, rng, ward)


def _noise(count: int, seed: int, rng: random.Random, ward: Ward) -> Plan:
    return _on_series(NOISE[count % len(NOISE)], rng, ward)


def _on_series(mutation: Mutation, rng: random.Random, ward: Ward) -> Plan:
    subject = ward.subject(rng.choice([kind for kind in ward.kinds if mutation.fits(kind)]))
    return Plan(
        f"{mutation.name} on {subject.kind.name}",
        mutation.allowed,
        lambda folder: carry_through(subject, mutation, folder, rng),
    )


def _correction(count: int, seed: int, rng: random.Random, ward: Ward) -> Plan:
    damages = correction_mutations.DAMAGES
    if count % 10 == 0:
        subject = ward.subject(KINDS[0])
        return Plan(
            "correction-of-another-scanner",
            refused(Code.WRONG_SCANNER),
            lambda folder: correction_mutations.swapped_between_scanners(subject, rng),
        )
    damage = damages[(count - count // 10) % len(damages)]
    return Plan(
        f"correction-{damage.name}",
        damage.allowed,
        lambda folder: correction_mutations.carry_out(damage, folder, rng),
    )


def _manifest(count: int, seed: int, rng: random.Random, ward: Ward) -> Plan:
    edits = manifest_mutations.EDITS
    edit = edits[count % len(edits)]
    axial, coronal = _pair(ward)
    return Plan(
        f"manifest-{edit.name}",
        edit.allowed,
        lambda folder: manifest_mutations.carry_out(edit, axial, coronal, folder, rng),
    )


def _pair(ward: Ward) -> tuple[Subject, Subject]:
    coronal, axial = (ward.subject(kind) for kind in KINDS[:2])
    return axial, coronal


@cache
def _interleaved(seed: int) -> list[Mutation]:
    """Order the mutations so that any stretch of them holds some of every table."""
    rng = random.Random(seed)
    shuffled = [rng.sample(table, len(table)) for table in TABLES]
    mixed = chain.from_iterable(zip_longest(*shuffled))
    return [mutation for mutation in mixed if mutation is not None]
