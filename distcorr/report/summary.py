"""The answers that a report gives first, each in a sentence with its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distcorr.correction import (
    FULL_SUPPORT,
    SHELL_EDGES_MM,
    Correction,
    Figures,
    InputRole,
    ProvenanceInput,
    ShellFigures,
    ShiftShell,
    shell_figures,
)

RADIUS_STEP_MM = 5.0
"""Steps in which the supported sphere is measured."""

SENTENCE_EDGES_MM = tuple(edge for edge in SHELL_EDGES_MM if edge % 50 == 0)
"""A sentence bears half of the shells."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question that every reader has, and its answer.

    Attributes
    ----------
    question, answer : str
    doubtful : bool
        Whether the answer is a reason not to rely on the correction.
    """

    question: str
    answer: str
    doubtful: bool = False


def answers(correction: Correction) -> list[Answer]:
    """Say what was learned, from whom, how good it is, where it holds and who fits worst."""
    shells = shell_figures(correction, SENTENCE_EDGES_MM)
    found = [
        _learned(correction, shells),
        _from_whom(correction),
        _how_good(correction, shells),
        _where_valid(correction),
    ]
    worst = worst_subject(correction.figures)
    return found if worst is None else [*found, worst]


def shells_of(correction: Correction) -> tuple[ShellFigures, ...]:
    """Take the figures stored with the correction, or gather them from its field."""
    return correction.figures.shells or shell_figures(correction)


def pairs(correction: Correction) -> list[tuple[str, list[ProvenanceInput]]]:
    """Group the inputs by reference, in the order of the cohort."""
    grouped: dict[str, list[ProvenanceInput]] = {}
    for source in correction.provenance.inputs:
        grouped.setdefault(source.reference, []).append(source)
    return list(grouped.items())


def _learned(correction: Correction, shells: tuple[ShellFigures, ...]) -> Answer:
    known = [row for row in shells if row.supported > 0]
    largest = max((row.max_mm for row in known), default=0.0)
    sizes = ", ".join(f"{row.mean_mm:.1f} mm {_between(row)}" for row in known)
    unseen = [row.component for row in correction.figures.revealed if not row.revealed]
    text = (
        f"How {correction.scanner} displaces tissue: up to {largest:.1f} mm; "
        f"on average {sizes} from the isocentre."
    )
    if unseen:
        names = " and ".join(unseen)
        text += f" The references do not show the {names} component; do not rely on it."
    return Answer("What was learned?", text, doubtful=bool(unseen))


def _between(row: ShellFigures) -> str:
    return f"at {row.inner_mm:.0f} to {row.outer_mm:.0f} mm"


def _from_whom(correction: Correction) -> Answer:
    grouped = pairs(correction)
    points = [source for _, sources in grouped for source in sources if _is_points(source)]
    scanned = [sources for _, sources in grouped if not all(map(_is_points, sources))]
    kinds = sorted(
        {
            ", ".join(sorted({f"{source.role} {source.state}" for source in sources}))
            for sources in scanned
        }
    )
    texts = []
    if scanned:
        count = f"{len(scanned)} subject{'s' if len(scanned) != 1 else ''}"
        texts.append(f"From {count} scanned twice ({'; '.join(kinds)}).")
    if points:
        count = f"{len(points)} set{'s' if len(points) != 1 else ''}"
        states = ", ".join(sorted({source.state for source in points}))
        texts.append(f"From {count} of points whose true places are known (shown {states}).")
    if len(scanned) == 1 and not points:
        texts.append(
            "One subject alone can't tell the scanner's distortion from the subject's own."
        )
    return Answer("From whom?", " ".join(texts), doubtful=len(grouped) < 2 and not points)


def _is_points(source: ProvenanceInput) -> bool:
    return source.role is InputRole.POINTS


def _how_good(correction: Correction, shells: tuple[ShellFigures, ...]) -> Answer:
    figures = correction.figures
    expected = ", ".join(
        f"{row.sd_mm:.2f} mm {_between(row)}" for row in shells if row.supported > 0
    )
    text = f"Expected error (one standard deviation): {expected or 'not known anywhere'}."
    worse = False
    if figures.references:
        before, after = (
            100 * float(np.mean([getattr(row, name) for row in figures.references]))
            for name in ("residual_before", "residual_after")
        )
        text += (
            f" The paired scans differ by {after:.0f} % of local contrast, {before:.0f} % before."
        )
        worse = after >= before
    text += _left_out(figures)
    if figures.min_jacobian <= 0:
        text += " The field folds space onto itself: do not use it."
    return Answer("How good is it?", text, doubtful=worse or figures.min_jacobian <= 0)


def _left_out(figures: Figures) -> str:
    """Say what is known from what took no part in a fit."""
    shells = figures.validated_shells()
    text = ""
    if figures.leave_one_out:
        change = float(np.mean([row.field_change_mean_mm for row in figures.leave_one_out]))
        text = f" Leaving one subject out changes the field by {change:.2f} mm on average."
    if not shells:
        return text or (
            " It was not tried on a subject left out of the fit (distcorr learn --validate does)."
        )
    whole = ShiftShell.joined(shells)
    who = "the subjects who were left out" if figures.leave_one_out else "parts of the only subject"
    return text + (
        f" In {who}, tissue still differs between the two scans by {whole.after_mm:.2f} mm "
        f"on average, {whole.before_mm:.2f} mm before."
    )


def worst_subject(figures: Figures) -> Answer | None:
    """Say which subject fits worst, and why; None if there are no two to compare."""
    question = "Which subject is worst, and why?"
    measured = {row.left_out: row.shells for row in figures.leave_one_out if row.shells}
    if len(measured) > 1:
        left = {id: ShiftShell.joined(rows).after_mm for id, rows in measured.items()}
        text = f"{_ranked(left)} between its scans with the field that the others taught."
    else:
        left = {
            row.id: row.residual_mm for row in figures.references if row.residual_mm is not None
        }
        if len(left) < 2:
            return None
        text = f"{_ranked(left)} between its scans."
    worst = max(left, key=left.__getitem__)
    if worst in measured:
        shell = max(measured[worst], key=lambda row: row.after_mm)
        text += (
            f" It is largest {shell.inner_mm:.0f} to {shell.outer_mm:.0f} mm from the isocentre "
            f"({shell.after_mm:.2f} mm there)."
        )
    text += "".join(f" {row.text}" for row in figures.left)
    return Answer(question, text)


def _ranked(left: dict[str, float]) -> str:
    """Name the worst and set the others beside it."""
    order = sorted(left, key=lambda id: (-left[id], id))
    others = ", ".join(f"{id} {left[id]:.2f} mm" for id in order[1:])
    return f"{order[0]}: {left[order[0]]:.2f} mm are left ({others})"


def _where_valid(correction: Correction) -> Answer:
    radius = supported_radius_mm(correction)
    nodes = correction.lattice.node_points()
    inside = nodes[correction.supported(nodes)]
    if not len(inside) or radius <= 0:
        text = "Nowhere near the isocentre: the correction is not supported there."
        return Answer("Where is it valid?", text, doubtful=True)
    reach = ", ".join(
        f"{name} {low:.0f} to {high:.0f}"
        for name, low, high in zip("xyz", inside.min(axis=0), inside.max(axis=0), strict=True)
    )
    text = (
        f"Everywhere within {radius:.0f} mm of the isocentre, in places as far as {reach} mm "
        f"(scanner frame). Beyond, it fades out, and every corrected scan comes with a mask."
    )
    return Answer("Where is it valid?", text)


def supported_radius_mm(correction: Correction) -> float:
    """Radius of the largest sphere around the isocentre that is supported throughout."""
    low, high = correction.lattice.domain
    axes = [
        RADIUS_STEP_MM * np.arange(np.floor(a / RADIUS_STEP_MM), np.ceil(b / RADIUS_STEP_MM) + 1)
        for a, b in zip(low, high, strict=True)
    ]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    lost = np.linalg.norm(points, axis=-1)[~correction.supported(points)]
    reach = float(np.abs(np.stack([low, high])).min())
    return max(0.0, min(float(lost.min(initial=np.inf)) - RADIUS_STEP_MM, reach))


def fully_supported(correction: Correction) -> bool:
    """Whether the support has no edge within the lattice."""
    return bool((correction.support >= FULL_SUPPORT).all())
