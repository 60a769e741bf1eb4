"""Carry one damaged series through inspect, convert and apply, and watch what happens."""

from __future__ import annotations

import hashlib
import json
import os
import random
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np

from distcorr.apply import apply_correction
from distcorr.batch.load import LoadedScan, Statement, load_scan
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError
from distcorr.images import read_volume
from tests.cli.running import Done, run
from tests.robustness.outcomes import Observed
from tests.robustness.scene import Mutation, Scene
from tests.robustness.subjects import Subject
from tests.robustness.truth import misplaced, wrong_facts

STATEMENT = Statement("the harness")

NOT_APPLIED = frozenset({
    Code.STATE_UNKNOWN, Code.POSITION_UNKNOWN, Code.ISOCENTRE_UNKNOWN, Code.WRONG_SCANNER,
    Code.NOTHING_TO_CORRECT,
})  # fmt: skip
"""Why a scan that was loaded may still not be corrected."""

_ALLOWED_CONTROLS = "\n\t"


class TroubleError(Exception):
    """Something that must never happen."""


def carry_through(
    subject: Subject, mutation: Mutation, folder: Path, rng: random.Random
) -> Observed:
    """Damage a copy of a subject and put it through the commands."""
    scene = Scene.of(subject, folder / "series", rng)
    mutation.apply(scene)
    before = fingerprint(scene.folder)
    try:
        seen = _load_and_apply(subject, mutation, scene.folder)
        _inspect(scene.folder, as_json=rng.random() < 0.5)
        if rng.random() < 0.25:
            _convert(scene.folder, folder / "out.nrrd", seen)
    except TroubleError as trouble:
        seen = Observed(trouble=str(trouble))
    if fingerprint(scene.folder) != before:
        return Observed(trouble="the inputs were changed")
    return seen


def _load_and_apply(subject: Subject, mutation: Mutation, folder: Path) -> Observed:
    try:
        loaded = load_scan(folder, STATEMENT)
    except DistcorrError as refusal:
        return Observed(refusal.code, message=_one_line(str(refusal)))
    findings = frozenset(finding.code for finding in loaded.findings)
    for finding in loaded.findings:
        _one_line(str(finding))
    wrong = misplaced(loaded.scan.volume, subject.truth, values=not mutation.alters_values)
    wrong = wrong or wrong_facts(loaded.scan.facts, subject.facts)
    _apply(subject, loaded, right=not wrong)
    return Observed(findings=findings, wrong=wrong)


def _apply(subject: Subject, loaded: LoadedScan, *, right: bool) -> None:
    """Correct what was loaded; what is right must be moved as the undamaged scan is."""
    correction = Correction.load(subject.correction)
    try:
        corrected = apply_correction(loaded.scan, correction)
    except DistcorrError as refusal:
        if refusal.code in NOT_APPLIED:
            return
        raise TroubleError(f"apply refused what was loaded: {refusal}") from refusal
    if not np.isfinite(corrected.volume.array).all():
        raise TroubleError("apply made voxels that are not finite")
    same = right and loaded.scan.volume.grid.same_as(subject.truth.grid)
    if same and loaded.scan.volume.valid is None:
        truth = apply_correction(
            replace(loaded.scan, facts=_with_scanner(subject, loaded)), correction
        )
        if corrected.largest_displacement_mm != truth.largest_displacement_mm:
            raise TroubleError("apply moved a right scan otherwise than the undamaged one")


def _with_scanner(subject: Subject, loaded: LoadedScan):
    return replace(subject.facts, scanner=loaded.scan.facts.scanner)


def _inspect(folder: Path, *, as_json: bool) -> None:
    done = run("inspect", folder, *(["--json"] if as_json else []))
    check(done)
    if as_json and done.returncode == 0:
        json.loads(done.stdout)


def _convert(folder: Path, out: Path, seen: Observed) -> None:
    done = run("convert", folder, out)
    check(done)
    if (done.returncode == 0) != (seen.refusal is None):
        raise TroubleError(f"convert and load disagree: {done.stderr}")
    if done.returncode == 0:
        read_volume(out)
    elif out.exists():
        raise TroubleError("a refused conversion left a file")


def check(done: Done) -> list[str]:
    """Require one message of the stated form, and nothing that a terminal would obey.

    Returns
    -------
    list of str
        The code of the refusal, if there was one.
    """
    said = done.stdout + done.stderr
    if done.returncode not in (0, 1):
        raise TroubleError(f"exit status {done.returncode}: {done.stderr[:300]}")
    messages = [line for line in done.stderr.splitlines() if line.startswith("error[")]
    if "Traceback" in said or any(line.startswith("error[internal]") for line in messages):
        raise TroubleError(f"internal: {done.stderr[:500]}")
    if len(messages) != done.returncode:
        raise TroubleError(f"not one message but: {done.stderr[:500]}")
    _require_printable(said)
    return [message[len("error[") : message.index("]")] for message in messages]


def _require_printable(text: str) -> None:
    odd = sorted({c for c in text if not c.isprintable() and c not in _ALLOWED_CONTROLS})
    if odd:
        raise TroubleError(f"control characters reach the terminal: {odd!r}")


def _one_line(message: str) -> str:
    if "\n" in message or not message.isprintable():
        raise TroubleError(f"a message is not one printable line: {message!r}")
    return message


def fingerprint(folder: Path) -> dict[str, str]:
    """Content, kind and rights of everything below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        mark = f"{status.st_mode:o} {status.st_mtime_ns}"
        if stat.S_ISREG(status.st_mode) and status.st_size < 1 << 25:
            mark += hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.is_symlink():
            mark += os.readlink(path)  # noqa: PTH115 - as written
        else:
            mark += str(status.st_size)
        found[os.fsdecode(path)] = mark
    return found
