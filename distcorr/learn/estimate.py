"""Learn a scanner's field from its reference pairs: the whole estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from distcorr.correction import Correction, Provenance
from distcorr.errors import Finding
from distcorr.facts import Scanner
from distcorr.field import HarmonicBasis, Lattice, LatticeField
from distcorr.learn.body import Body, find_body, intensity_range
from distcorr.learn.contradiction import find_contradiction, finding_of, sights_of
from distcorr.learn.doubts import doubts_of, doubts_of_others
from distcorr.learn.equations import sum_of_points
from distcorr.learn.fit import Progress, fit_harmonics, lattice_of
from distcorr.learn.guards import refuse_doubtful, require_agreement, require_convergence
from distcorr.learn.outcomes import ReferenceOutcome, comparison_level, outcome_of
from distcorr.learn.pair import PairLevel, Reference, subjects_of
from distcorr.learn.point_figures import contradictions, describe_points, gain_of_points
from distcorr.learn.point_pairs import PointPairs
from distcorr.learn.prior import HarmonicPrior
from distcorr.learn.remainder import Remainder, fit_remainder
from distcorr.learn.revealed import Gain, gain_of, refuse_if_nothing
from distcorr.learn.rigid import Motion
from distcorr.learn.settings import FitSettings
from distcorr.learn.state import State
from distcorr.learn.support import Supported, fade
from distcorr.learn.uncertainty import SHARED_ERROR, with_shared_errors
from distcorr.learn.unmatched import findings_of_regions
from distcorr.learn.voices import Hearing

Array = NDArray[np.float64]

SKIN_MARGIN_MM = 8.0
"""How far beyond the skin the fit looks: the skin is the strongest edge there is."""

_ALIGN_STEPS = 4


@dataclass(frozen=True, eq=False)
class FitResult:
    """What was learned from a set of references.

    Attributes
    ----------
    state : State
        Harmonics, motions and their covariance.
    remainder : Remainder
    supported : Supported
        The faded lattice and its weight.
    sd : ndarray, shape (3, z, y, x)
        Standard deviation of D at the lattice's nodes, mm.
    gain : Gain
        What the pairs reveal.
    information : tuple of float
        Share of each component's prior variance that the data removed, in the
        references' bodies.
    references : tuple of ReferenceOutcome
    evidence : dict of int to float
        Log evidence of each degree of the harmonics that was tried.
    history : tuple of str
        One line for each step of the fit.
    settings : FitSettings
    findings : tuple of Finding
        Which references or pairs of points contradict the others, and where a
        reference does not match.
    doubts : tuple of Finding
        What forbids to store the field without a reason.
    """

    state: State
    remainder: Remainder
    supported: Supported
    sd: Array
    gain: Gain
    information: tuple[float, float, float]
    references: tuple[ReferenceOutcome, ...]
    evidence: dict[int, float]
    history: tuple[str, ...]
    settings: FitSettings
    findings: tuple[Finding, ...] = ()
    doubts: tuple[Finding, ...] = ()

    @property
    def no_field(self) -> LatticeField:
        """A field of the same layout that displaces nothing."""
        return _nothing(self.supported.lattice)

    @property
    def field(self) -> LatticeField:
        """The field as it is stored and applied."""
        return LatticeField(self.supported.lattice)

    def standard_deviation_at(self, points_scanner: ArrayLike) -> Array:
        """Posterior standard deviation of D at points (m, 3), by component, mm."""
        return _sd_at(np.asarray(points_scanner, dtype=np.float64), self.state, self.remainder)

    def correction(self, scanner: Scanner, provenance: Provenance) -> Correction:
        """Pack the result for storage.

        Parameters
        ----------
        scanner : Scanner
        provenance : Provenance
            With the reason for storing a field that is in doubt.

        Raises
        ------
        DistcorrError
            The first of the doubts, unless a reason is given.
        """
        from distcorr.learn.figures import figures_of  # it describes results

        notes = refuse_doubtful(self.doubts, provenance.force_reason)
        figures = figures_of(self)
        return Correction(
            lattice=self.supported.lattice,
            standard_deviation=self.sd.astype(np.float32),
            support=self.supported.weight.astype(np.float32),
            harmonics=self.state.harmonics,
            scanner=scanner,
            provenance=provenance,
            figures=figures.model_copy(update={"notes": (*notes, *figures.notes)}),
        )

    def __repr__(self) -> str:
        from distcorr.learn.show import brief_facts  # it describes results

        return f"FitResult({'; '.join(f'{name}: {value}' for name, value in brief_facts(self))})"

    def _repr_html_(self) -> str:
        from distcorr.learn.show import fit_card

        return fit_card(self)


def learn(
    references: Sequence[Reference],
    settings: FitSettings,
    progress: Progress | None = None,
    points: Sequence[PointPairs] = (),
) -> FitResult:
    """Learn the scanner's field.

    Parameters
    ----------
    references : sequence of Reference
        At least one subject scanned axially and coronally.
    settings : FitSettings
    progress : callable, optional
        Called with a line of text and the share done, 0 to 1.
    points : sequence of PointPairs
        Markers or landmarks of the same scanner, fitted together with the images.

    Raises
    ------
    DistcorrError
        ``nothing-to-learn`` if the pairs show no component of the field;
        ``no-overlap``, ``no-contrast``, ``not-converged``, ``folding`` as their
        names say.

    Notes
    -----
    What a person may know better (``different-subjects``, ``worse-than-nothing``) is no
    refusal here: it is found in the result's doubts, and storing asks for a reason.
    The field is the same, to 1e-6 mm, on any number of threads and for any order of
    the references.
    """
    # Many small products gain nothing from more threads, lose much on a busy
    # machine, and with one thread every sum has one order: the result is the
    # same on any number of processors.
    with threadpool_limits(1, user_api="blas"):
        return _learn(references, points, settings, progress or _silent)


def _learn(
    references: Sequence[Reference],
    points: Sequence[PointPairs],
    settings: FitSettings,
    tell: Progress,
) -> FitResult:
    tell("looking for the body", 0.0)
    bodies = [find_body(r.axial, margin_mm=SKIN_MARGIN_MM) for r in references]
    for r in references:
        intensity_range(r.coronal)  # refuses an image without contrast
    subjects = subjects_of(references)
    still = [Motion.none(np.zeros(3))] * (max(subjects) + 1) + [pairs.still for pairs in points]
    prior = HarmonicPrior(HarmonicBasis(settings.max_degree))
    start = State.initial(prior, tuple(still))
    refuse_if_nothing(references, _gain(references, bodies, start, settings, points))
    fit = fit_harmonics(
        references, bodies, settings, lambda text, share: tell(text, 0.8 * share), points
    )
    require_convergence(fit)
    tell("fitting the remainder", 0.8)
    told = sum_of_points(fit.state, fit.views).normal
    state, remainder = fit_remainder(fit.state, fit.rows, told, settings.remainder_spacing_mm)
    tell("what is known where", 0.9)
    state = with_shared_errors(state, fit.rows, told)
    remainder = replace(remainder, sd=SHARED_ERROR * remainder.sd)
    layout = lattice_of(state.harmonics, settings)
    whole = _with_remainder(layout, remainder)
    sd = _sd_at_nodes(layout.lattice, state, remainder)
    gain = _gain(references, bodies, state, settings, points)
    refuse_if_nothing(references, gain)
    seen = [a for a in range(3) if gain.revealed[a]]
    supported = fade(layout.lattice, whole, sd[seen].max(axis=0), settings.sd_limit_mm)
    stored, nothing = LatticeField(supported.lattice), _nothing(layout.lattice)
    outcomes, doubts = _compared(references, bodies, state.motions, stored, nothing)
    hearing = Hearing.of(fit.state, fit.rows, told)
    contradiction = find_contradiction(hearing, sights_of(fit.levels))
    found = contradictions(points, fit.views)
    if contradiction is not None:
        found += (finding_of(contradiction, list(dict.fromkeys(r.id for r in references))),)
        if not doubts:
            doubts = doubts_of_others(references, bodies, outcomes, contradiction, settings)
    elif not doubts:  # otherwise regions that don't match tell no more
        for outcome in outcomes:
            found += findings_of_regions(outcome.id, outcome.after.match)
    tell("done", 1.0)
    return FitResult(
        state,
        remainder,
        supported,
        sd,
        gain,
        _information(state, fit.levels),
        outcomes,
        fit.evidence,
        (*fit.history, *describe_points(points, fit.views, state.motions)),
        settings,
        found,
        doubts,
    )


def _compared(
    references: Sequence[Reference],
    bodies: Sequence[Body],
    motions: Sequence[Motion],
    stored: LatticeField,
    nothing: LatticeField,
) -> tuple[tuple[ReferenceOutcome, ...], tuple[Finding, ...]]:
    """Compare each reference without a field and with the stored one; what is in doubt, too."""
    outcomes: list[ReferenceOutcome] = []
    doubts: tuple[Finding, ...] = ()
    for reference, body, subject in zip(references, bodies, subjects_of(references), strict=True):
        level = comparison_level(reference, body)
        outcome = outcome_of(level, motions[subject], stored, nothing)
        require_agreement(outcome.id, outcome.after.agreement)
        doubts += doubts_of(level, outcome, stored)
        outcomes.append(outcome)
    return tuple(outcomes), doubts


def _nothing(layout: Lattice) -> LatticeField:
    return LatticeField(replace(layout, coefficients=np.zeros(layout.coefficients.shape)))


def _silent(text: str, share: float) -> None:
    """Take progress and say nothing."""
    del text, share


def _gain(
    references: Sequence[Reference],
    bodies: Sequence[Body],
    state: State,
    settings: FitSettings,
    points: Sequence[PointPairs],
) -> Gain:
    field = lattice_of(state.harmonics, settings)
    inside = [body.points() for body in bodies]
    motions = [state.motions[subject] for subject in subjects_of(references)]
    gain = gain_of(references, inside, motions, field, state.prior)
    return gain.or_better(gain_of_points(points, state)) if points else gain


def _with_remainder(layout: LatticeField, remainder: Remainder) -> LatticeField:
    if remainder.width_mm == 0.0:
        return layout
    refined = layout.lattice.interpolating(remainder.lattice.displacement)
    total = layout.lattice.coefficients + refined.coefficients
    return LatticeField(replace(layout.lattice, coefficients=total))


def _sd_at(points: Array, state: State, remainder: Remainder) -> Array:
    """Posterior standard deviation of D at points (m, 3), by component."""
    own = replace(remainder.lattice, coefficients=remainder.sd)
    return np.asarray(np.sqrt(state.sd_of_field(points) ** 2 + own.displacement(points) ** 2))


def _sd_at_nodes(layout: Lattice, state: State, remainder: Remainder) -> Array:
    sd = _sd_at(layout.node_points().reshape(-1, 3), state, remainder)
    return sd.T.reshape(layout.coefficients.shape)


def _information(state: State, levels: Sequence[PairLevel]) -> tuple[float, float, float]:
    points = np.concatenate([lv.points[:: max(1, len(lv.points) // 2000)] for lv in levels])
    posterior = (state.sd_of_field(points) ** 2).sum(axis=0)
    before = State.initial(state.prior, state.motions)
    prior = (before.sd_of_field(points) ** 2).sum(axis=0)
    x, y, z = (float(v) for v in np.clip(1 - posterior / prior, 0, 1))
    return x, y, z
