"""How the result of a fit shows itself in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distcorr.correction.show import field_picture, figure_facts, lattice_facts, shell_facts
from distcorr.display import card
from distcorr.learn.figures import KnownFit, figures_of

if TYPE_CHECKING:
    from distcorr.learn.estimate import FitResult


def fit_card(result: FitResult) -> str:
    """Show a fit as HTML; see :func:`distcorr.display.card`."""
    known = KnownFit(result)
    settings = ", ".join(f"{name} {value}" for name, value in result.settings.model_dump().items())
    facts = [
        *brief_facts(result),
        *shell_facts(known),
        *figure_facts(figures_of(result)),
        *(("finding", str(finding)) for finding in result.findings),
        ("settings", settings),
    ]
    return card("FitResult", [field_picture(known)], facts)


def brief_facts(result: FitResult) -> list[tuple[str, str]]:
    """Say in a few words which fit this is."""
    seen = [name for name, shown in zip("xyz", result.gain.revealed, strict=True) if shown]
    return [
        ("references", str(len(result.references))),
        ("components revealed", ", ".join(f"D_{name}" for name in seen)),
        *lattice_facts(result.supported.lattice),
        ("smallest Jacobian", f"{result.supported.min_jacobian:.3f}"),
    ]
