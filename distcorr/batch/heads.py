"""Load the femoral heads that were drawn on a reference's coronal scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distcorr.errors import Code, DistcorrError
from distcorr.images import read_volume
from distcorr.roundness import Surface, labels_of, surface_of_label
from distcorr.space import Grid, transform_points


@dataclass(frozen=True, eq=False)
class LoadedHead:
    """A femoral head as the coronal scan shows it.

    Attributes
    ----------
    name : str
        ``label 1`` and so on.
    surface : Surface
        Patient LPS of the coronal scan.
    """

    name: str
    surface: Surface


def load_heads(path: Path, coronal: Grid) -> tuple[LoadedHead, ...]:
    """Load the labels of a label map, each a femoral head.

    Parameters
    ----------
    path : Path
        NRRD or NIfTI label map.
    coronal : Grid
        Of the scan on which they were drawn.

    Raises
    ------
    DistcorrError
        ``manifest-invalid`` if a label lies outside of the scan or there is none,
        ``bad-format`` if it is no label map, ``no-contrast`` if a label is tiny,
        and as :func:`distcorr.images.read_volume`.
    """
    volume = read_volume(path)
    labels = labels_of(volume)
    if not labels:
        raise DistcorrError(Code.MANIFEST_INVALID, f"the label map {path} is empty")
    heads = tuple(LoadedHead(f"label {label}", surface_of_label(volume, label)) for label in labels)
    for head in heads:
        index = transform_points(coronal.T_index_lps, head.surface.points_lps)
        if ((index < -1) | (index > np.array(coronal.size))).any():
            raise DistcorrError(
                Code.MANIFEST_INVALID,
                f"{head.name} of {path} lies outside of the coronal scan",
                f"the scan is {coronal!r}",
                "draw it on the coronal scan as acquired",
            )
    return heads
