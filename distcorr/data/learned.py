"""Whether a correction was learned from exactly what a manifest names now.

A correction records its inputs by content: voxels and grid of scans, coordinates of
points. It is computed here as it was when learning, so that a file that was merely
stored in another way is the same input, and one that shows anything else is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from distcorr.batch import Cohort, CohortPoints, CohortReference, load_points, load_scan
from distcorr.correction import Correction, InputRole, ProvenanceInput
from distcorr.data.checksums import Change
from distcorr.dicom.scan import Progress
from distcorr.errors import Code, DistcorrError
from distcorr.facts import VendorState


@dataclass(frozen=True, slots=True)
class LearnedInput:
    """What became of one input since a correction was learned from it.

    Attributes
    ----------
    reference : str
        Pseudonym of the subject or phantom.
    role : InputRole
    change : Change
    evidence : str
        Why it counts as changed or missing; empty if there is no more to say.
    """

    reference: str
    role: InputRole
    change: Change
    evidence: str = ""

    @property
    def name(self) -> str:
        """What people call it, ``ref01 axial``."""
        return f"{self.reference} {self.role}"


@dataclass(frozen=True, slots=True)
class _Named:
    """An input as the manifest names it, to be loaded."""

    reference: str
    role: InputRole
    load: Callable[[], _Content]


@dataclass(frozen=True, slots=True)
class _Content:
    """What an input holds: digest and state, or why it can't be loaded."""

    sha256: str | None
    state: VendorState | None = None
    refusal: DistcorrError | None = None


def compare_with_correction(
    cohort: Cohort, correction: Correction, progress: Progress | None = None
) -> tuple[LearnedInput, ...]:
    """Compare a manifest's references and points with what a correction records.

    Scans are loaded one at a time. Masks and femoral heads are not among the inputs
    that a correction records.

    Parameters
    ----------
    cohort : Cohort
    correction : Correction
    progress : callable, optional

    Returns
    -------
    tuple of LearnedInput
        In the order of the manifest, then what only the correction knows.
    """
    named = [*_references(cohort), *_points(cohort)]
    contents = []
    for done, one in enumerate(named, start=1):
        contents.append(_load(one))
        if progress is not None:
            progress(done, len(named))
    left = list(correction.provenance.inputs)
    # Equal content first: all stations of a subject have one name.
    same = [_take(left, one, content.sha256) for one, content in zip(named, contents, strict=True)]
    told = [
        _equal(one, content, source) if source is not None else _other(one, content, left)
        for one, content, source in zip(named, contents, same, strict=True)
    ]
    gone = [LearnedInput(one.reference, one.role, Change.UNNAMED) for one in left]
    return (*told, *gone)


def _load(one: _Named) -> _Content:
    try:
        return one.load()
    except DistcorrError as refusal:
        return _Content(None, refusal=refusal)


def _equal(one: _Named, content: _Content, source: ProvenanceInput) -> LearnedInput:
    if content.state is source.state:
        return LearnedInput(one.reference, one.role, Change.UNCHANGED)
    now = content.state or "unknown"
    evidence = f"equal content, but learned as {source.state} and {now} now"
    return LearnedInput(one.reference, one.role, Change.CHANGED, evidence)


def _other(one: _Named, content: _Content, left: list[ProvenanceInput]) -> LearnedInput:
    source = next((s for s in left if _named_alike(s, one)), None)
    if source is not None:
        left.remove(source)
    if content.refusal is not None:
        lost = content.refusal.code is Code.NOT_FOUND
        change = Change.MISSING if lost else Change.UNREADABLE
        return LearnedInput(one.reference, one.role, change, str(content.refusal.finding))
    if source is None:
        return LearnedInput(one.reference, one.role, Change.NEW)
    evidence = f"content {source.sha256[:12]} then, {(content.sha256 or '')[:12]} now"
    return LearnedInput(one.reference, one.role, Change.CHANGED, evidence)


def _take(left: list[ProvenanceInput], one: _Named, sha256: str | None) -> ProvenanceInput | None:
    found = next((s for s in left if _named_alike(s, one) and s.sha256 == sha256), None)
    if found is not None:
        left.remove(found)
    return found


def _named_alike(source: ProvenanceInput, one: _Named) -> bool:
    return (source.reference, source.role) == (one.reference, one.role)


def _references(cohort: Cohort) -> Iterator[_Named]:
    for entry in cohort.references:
        for path in entry.axials:
            yield _scan(cohort, entry, InputRole.AXIAL, path)
        yield _scan(cohort, entry, InputRole.CORONAL, entry.coronal)


def _scan(cohort: Cohort, entry: CohortReference, role: InputRole, path: str) -> _Named:
    axial = role is InputRole.AXIAL
    state = entry.axial_state if axial else entry.coronal_state
    part = entry.axial_part if axial else entry.coronal_part
    statement = entry.statement(cohort.path.name, state)

    def load() -> _Content:
        loaded = load_scan(cohort.resolve(path), statement, part)
        return _Content(loaded.sha256, loaded.scan.facts.state.value)

    return _Named(entry.id, role, load)


def _points(cohort: Cohort) -> Iterator[_Named]:
    for entry in cohort.points:
        yield _point_set(cohort, entry)


def _point_set(cohort: Cohort, entry: CohortPoints) -> _Named:
    def load() -> _Content:
        source = load_points(replace(cohort, points=(entry,)))[0].input
        return _Content(source.sha256, source.state)

    return _Named(entry.id, InputRole.POINTS, load)
