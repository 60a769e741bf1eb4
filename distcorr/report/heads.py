"""How round the femoral heads of the references are, as scanned and corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distcorr.acquisition import Scan
from distcorr.apply import measure_ball
from distcorr.correction import Correction
from distcorr.roundness import Roundness, Surface


@dataclass(frozen=True, eq=False)
class Shape:
    """Roundness as a table shows it.

    Attributes
    ----------
    axis_ratio : float
        Shortest to longest axis.
    axis_ratio_sd : float or None
    squeeze_text : str
        Direction of the shortest axis if it is more than chance, and its probability.
    """

    axis_ratio: float
    axis_ratio_sd: float | None
    squeeze_text: str

    @classmethod
    def of(cls, found: Roundness) -> Shape:
        """Put a measurement into words."""
        if found.p_value is None:
            text = f"{found.squeeze_name}; too little surface to test it"
        else:
            chance = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.3f}"
            text = (
                f"{found.squeeze_name}, {chance}"
                if found.significant
                else f"none beyond chance ({chance})"
            )
        return cls(found.axis_ratio, found.axis_ratio_sd, text)


@dataclass(frozen=True, eq=False)
class HeadShape:
    """One femoral head before and after correction.

    Attributes
    ----------
    reference : str
        Identifier of the subject.
    name : str
        Which of its heads.
    before, after : Shape
        As the scan shows it, and with its surface where it truly is.
    """

    reference: str
    name: str
    before: Shape
    after: Shape


def measure_heads(
    reference: str, drawn: Sequence[tuple[str, Surface]], scan: Scan, correction: Correction
) -> list[HeadShape]:
    """Measure heads that were drawn on a scan.

    Parameters
    ----------
    reference : str
    drawn : sequence of tuple
        Names and surfaces, patient LPS, as the scan shows them.
    scan : Scan
        On which they were drawn.
    correction : Correction

    Returns
    -------
    list of HeadShape

    Raises
    ------
    DistcorrError
        As :func:`distcorr.roundness.measure_roundness`.
    """
    measured = [
        (name, measure_ball(surface, scan.acquisition, correction.field)) for name, surface in drawn
    ]
    return [
        HeadShape(reference, name, Shape.of(ball.shown), Shape.of(ball.corrected))
        for name, ball in measured
    ]
