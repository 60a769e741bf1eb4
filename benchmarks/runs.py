"""One run of the accuracy benchmark, carried out in a process of its own and logged."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from records import Records, sources_digest

import distcorr
from distcorr.acquisition import Scan
from distcorr.errors import DistcorrError
from distcorr.field import HarmonicField
from distcorr.learn import FitResult, FitSettings, Reference, learn
from distcorr.learn.fit import Progress
from distcorr.phantom.fields import FieldName, linac_1t, named_field, scaled_to_rim
from distcorr.phantom.pairs import AnatomyKind, Case, SimulatedCase, SimulatedPair, simulate_case
from distcorr.phantom.scanner import SimulatedScan
from distcorr.phantom.truth import body_points
from distcorr.space import transform_points

Array = NDArray[np.float64]
Answer = TypeVar("Answer")

RADIUS_MM = 200.0
"""Points farther from the isocentre are not judged."""

POINTS = 20_000
SHELLS_MM = ((0.0, 100.0), (100.0, 150.0), (150.0, 200.0))
LINAC_NAME = "linac-1t"
UNMAPPED_MM = 1e3
"""Error of a point that the learned map can't follow."""


@dataclass(frozen=True, slots=True)
class FieldSeed:
    """A field and the seed of the cohort that is scanned in it."""

    name: str
    seed: int

    def field(self, data: Path) -> HarmonicField:
        """Build the field; the measured one is read from the data folder."""
        if self.name == LINAC_NAME:
            return linac_1t(data / "gnl_linac1T")
        return named_field(FieldName(self.name), self.seed)

    def __str__(self) -> str:
        return f"{self.name} seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Run:
    """What is simulated and learned from.

    Attributes
    ----------
    row : str
        Row of the table that it belongs to.
    anatomy : AnatomyKind
    case : Case
    field : FieldSeed
    voxel_mm : float
    subjects : int
        Number of references.
    rim_mm : float, optional
        Largest displacement at 200 mm to which the field is scaled.
    """

    row: str
    anatomy: AnatomyKind
    case: Case
    field: FieldSeed
    voxel_mm: float = 2.0
    subjects: int = 2
    rim_mm: float | None = None

    def text(self) -> str:
        """Name the run in a line of the table."""
        return f"{self.row}, {self.anatomy}, {self.field}"

    def key(self) -> dict[str, Any]:
        """Everything that the figures depend on, with the version of the software."""
        return {**asdict(self), "version": software_version()}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures of a run; errors in mm over points of the new subject's body.

    Attributes
    ----------
    raw_mean_mm, raw_p95_mm : float
        How far tissue is from its place as scanned.
    left_mean_mm, left_p95_mm : float
        The same after correction.
    left_by_shell_mm : tuple of float
        Mean error left in each of ``SHELLS_MM``; NaN where there is no body.
    within_2_sd_inside, within_2_sd_outside : float
        Share of the revealed components of D whose error is within two standard
        deviations, where a reference's body was and elsewhere; NaN without points.
    outside_share : float
        Share of the points that no reference's body covers.
    learn_s : float
        Wall time of ``learn``.
    peak_mb, peak_simulating_mb : float
        Peak memory of the whole process, and before learning began.
    refusal, refusal_code : str, optional
        The reason, if nothing was learned; all figures are NaN then.
    """

    raw_mean_mm: float
    raw_p95_mm: float
    left_mean_mm: float
    left_p95_mm: float
    left_by_shell_mm: tuple[float, ...]
    within_2_sd_inside: float
    within_2_sd_outside: float
    outside_share: float
    learn_s: float
    peak_mb: float
    peak_simulating_mb: float
    refusal: str | None = None
    refusal_code: str | None = None

    def text(self) -> str:
        """One line of the table."""
        if self.refusal is not None:
            return f"refused after {self.learn_s:.0f} s: {self.refusal}"
        shells = " ".join(f"{value:5.3f}" for value in self.left_by_shell_mm)
        return (
            f"{self.raw_mean_mm:5.2f} {self.raw_p95_mm:6.2f} | "
            f"{self.left_mean_mm:6.3f} {self.left_p95_mm:6.3f} | {shells} | "
            f"{self.within_2_sd_inside:4.0%} {self.within_2_sd_outside:4.0%} "
            f"({self.outside_share:3.0%}) | {self.learn_s:5.0f} {self.peak_mb:6.0f}"
        )


HEADING = (
    f"{'run':58s} | raw mean p95 | left mean  p95  | <100 <150 <200 mm  | "
    "in 2 SD in, out (share) | s, MB"
)


def references_of(pair: SimulatedPair) -> list[Reference]:
    """Hand a simulated pair, station by station, to the estimator as it would come from files."""
    coronal = Scan(pair.coronal.volume, pair.coronal.facts)
    return [Reference(pair.id, Scan(one.volume, one.facts), coronal) for one in pair.axials]


def in_bodies(case: SimulatedCase, points_scanner: Array) -> NDArray[np.bool_]:
    """Whether points (m, 3) of the scanner frame lay in any reference's axial body."""
    found = np.zeros(len(points_scanner), dtype=np.bool_)
    for scan in (axial for pair in case.references for axial in pair.axials):
        true_lps = transform_points(np.linalg.inv(scan.T_scanner_patient), points_scanner)
        at = transform_points(scan.volume.grid.T_index_lps, scan.shown_lps(true_lps))
        size = np.array(scan.volume.grid.size)
        inside = np.isfinite(at).all(axis=1)
        index = np.rint(np.where(inside[:, None], at, -1.0)).astype(np.intp)
        inside &= ((index >= 0) & (index < size)).all(axis=1)
        i, j, k = index[inside].T
        found[inside] |= scan.body[k, j, i]
    return found


@dataclass(frozen=True, eq=False)
class JudgedPoints:
    """Points of a body within ``RADIUS_MM`` of the isocentre, shape (m, 3) each.

    Attributes
    ----------
    shown_lps, true_lps : ndarray
        Where the scan shows them and where they are, patient LPS, mm.
    true_scanner : ndarray
        Where they are, scanner frame, mm.
    """

    shown_lps: Array
    true_lps: Array
    true_scanner: Array

    @classmethod
    def of(cls, scan: SimulatedScan) -> JudgedPoints:
        """Draw the points on which every method is judged."""
        shown, true = body_points(scan, POINTS, seed=1)
        at = transform_points(scan.T_scanner_patient, true)
        near = np.linalg.norm(at, axis=1) < RADIUS_MM
        return cls(shown[near], true[near], at[near])


def measure(case: SimulatedCase, result: FitResult, learn_s: float, before_mb: float) -> Outcome:
    """Measure a learned correction on a case's first new subject."""
    scan = case.new[0]
    acquisition = Scan(scan.volume, scan.facts).acquisition
    points = JudgedPoints.of(scan)
    shown, true, at = points.shown_lps, points.true_lps, points.true_scanner
    found = acquisition.shown_to_true_patient(result.field, shown)
    left = np.nan_to_num(np.linalg.norm(found - true, axis=1), nan=UNMAPPED_MM)
    raw, radius = np.linalg.norm(shown - true, axis=1), np.linalg.norm(at, axis=1)
    seen = np.array(result.gain.revealed)
    error = np.abs(result.field.displacement(at) - case.field.displacement(at))[:, seen]
    within = error <= 2 * result.standard_deviation_at(at)[:, seen]
    inside = in_bodies(case, at)
    return Outcome(
        float(raw.mean()),
        float(np.percentile(raw, 95)),
        float(left.mean()),
        float(np.percentile(left, 95)),
        tuple(_mean(left[(radius >= low) & (radius < high)]) for low, high in SHELLS_MM),
        _mean(within[inside]),
        _mean(within[~inside]),
        float((~inside).mean()),
        learn_s,
        peak_memory_mb(),
        before_mb,
    )


def carry_out(run: Run, data: Path, tell: Progress | None = None) -> Outcome:
    """Simulate, learn and measure, in this process."""
    field = run.field.field(data)
    if run.rim_mm is not None:
        field = scaled_to_rim(field, run.rim_mm)
    case = simulate_case(
        run.anatomy,
        run.case,
        field,
        subjects=run.subjects,
        voxel_mm=run.voxel_mm,
        seed=run.field.seed,
        data=data / "anatomy",
    )
    references = [one for pair in case.references for one in references_of(pair)]
    before_mb = peak_memory_mb()
    start = time.perf_counter()
    try:
        result = learn(references, FitSettings(), tell)
    except DistcorrError as refusal:
        return _refused(refusal, time.perf_counter() - start, before_mb)
    return measure(case, result, time.perf_counter() - start, before_mb)


def carry_out_apart(run: Run, data: Path, tell: Progress | None = None) -> Outcome:
    """Carry out a run in a process of its own, so that its memory is its own."""
    return apart(run.text(), carry_out, run, data, tell)


def apart(name: str, work: Callable[..., Answer], *arguments: Any) -> Answer:
    """Call a function in a process of its own.

    Parameters
    ----------
    name : str
        Of the work, for the message of a failure.
    work : callable
        A function that a new process can import.
    *arguments
        What it is called with; like its answer, it is sent between the processes.

    Raises
    ------
    RuntimeError
        If the process ends without an answer.
    """
    # No pool: its workers outlive a parent that is killed.
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_answer_into, args=(sender, work, arguments))
    child.start()
    sender.close()
    try:
        answer: Answer = receiver.recv()
    except EOFError:
        child.join()
        raise RuntimeError(f"{name}: its process ended with {child.exitcode}") from None
    child.join()
    return answer


def _answer_into(
    sender: Connection, work: Callable[..., Answer], arguments: tuple[Any, ...]
) -> None:
    sender.send(work(*arguments))


@dataclass(frozen=True, slots=True)
class Log:
    """Finished runs as JSON lines; a run that is there is not carried out again."""

    path: Path

    def find(self, run: Run) -> Outcome | None:
        """Outcome of a run by this version of the software, if it is logged."""
        figures = Records(self.path).find(run.key())
        if figures is None:
            return None
        return Outcome(**figures | {"left_by_shell_mm": tuple(figures["left_by_shell_mm"])})

    def append(self, run: Run, outcome: Outcome) -> None:
        """Add a finished run."""
        Records(self.path).append(run.key(), asdict(outcome))


JUDGED = ("acquisition.py", "facts.py", "field", "learn", "phantom", "space")
"""Rooms of the package that an outcome depends on."""


def software_version() -> str:
    """Version of the package with a digest of the sources that an outcome depends on."""
    package = Path(distcorr.__file__).parent
    return f"{distcorr.__version__}+{sources_digest(package, JUDGED)}"


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far (kilobytes on Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _refused(refusal: DistcorrError, learn_s: float, before_mb: float) -> Outcome:
    nan = float("nan")
    shells = (nan,) * len(SHELLS_MM)
    return Outcome(
        nan, nan, nan, nan, shells, nan, nan, nan, learn_s, peak_memory_mb(), before_mb,
        str(refusal), str(refusal.code),
    )  # fmt: skip


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")
