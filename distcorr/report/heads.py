"""How round the femoral heads of the references are, as scanned and corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from distcorr.acquisition import Scan
from distcorr.correction import Correction
from distcorr.roundness import Roundness, Surface, measure_roundness


@dataclass(frozen=True, eq=False)
class HeadShape:
    """One femoral head before and after correction.

    Attributes
    ----------
    reference : str
        Identifier of the subject.
    name : str
        Which of its heads.
    before, after : Roundness
        As the scan shows it, and with its surface where it truly is.
    """

    reference: str
    name: str
    before: Roundness
    after: Roundness


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
    shapes = []
    for name, surface in drawn:
        true = scan.acquisition.shown_to_true_patient(correction.field, surface.points_lps)
        before, after = measure_roundness(surface), measure_roundness(surface.moved_to(true))
        shapes.append(HeadShape(reference, name, before, after))
    return shapes
