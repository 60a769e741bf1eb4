"""Load the femoral heads that were drawn on a reference's coronal scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distcorr.errors import Code, DistcorrError
from distcorr.labels import read_labels
from distcorr.meshes import MESH_SUFFIXES, read_mesh
from distcorr.roundness import Surface, labels_of, surface_of_label, surface_of_triangles
from distcorr.space import Grid, transform_points


@dataclass(frozen=True, eq=False)
class LoadedHead:
    """A femoral head as the coronal scan shows it.

    Attributes
    ----------
    name : str
        ``label 1`` and so on, or ``mesh``.
    surface : Surface
        Patient LPS of the coronal scan.
    """

    name: str
    surface: Surface


def load_heads(path: Path, coronal: Grid) -> tuple[LoadedHead, ...]:
    """Load femoral heads: every label of a label map, or one mesh.

    Parameters
    ----------
    path : Path
        Label map or mesh.
    coronal : Grid
        Of the scan on which they were drawn.

    Raises
    ------
    DistcorrError
        ``manifest-invalid`` if a head lies outside of the scan or there is none,
        ``already-corrected`` if the file was, ``bad-format`` if it is no label map,
        ``no-contrast`` if a head is tiny, and as the readers.
    """
    is_mesh = path.name.lower().endswith(MESH_SUFFIXES)
    corrected, heads = _of_mesh(path) if is_mesh else _of_labels(path)
    if corrected:
        raise DistcorrError(
            Code.ALREADY_CORRECTED, "the heads were corrected by distcorr before", str(path)
        )
    if not heads:
        raise DistcorrError(Code.MANIFEST_INVALID, f"the label map {path} is empty")
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


def _of_mesh(path: Path) -> tuple[bool, tuple[LoadedHead, ...]]:
    mesh = read_mesh(path)
    surface = surface_of_triangles(mesh.points_lps, mesh.triangles())
    return mesh.corrected, (LoadedHead("mesh", surface),)


def _of_labels(path: Path) -> tuple[bool, tuple[LoadedHead, ...]]:
    found = read_labels(path)
    several = len(found.layers) > 1
    return found.corrected, tuple(
        LoadedHead(
            f"layer {number} label {label}" if several else f"label {label}",
            surface_of_label(layer, label),
        )
        for number, layer in enumerate(found.layers)
        for label in labels_of(layer)
    )
