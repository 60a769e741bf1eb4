"""Write a corrected volume as a series derived from the one that it was made of.

Classic series and Siemens mosaics become classic series, one file for each slice.
Enhanced multi-frame series become one enhanced multi-frame object. Each slice has
the header of the source slice nearest to it, without what is no longer true
(:mod:`distcorr.dicom.inherit`).

ImageType becomes DERIVED, because the pixels were computed from those of other
images, and SECONDARY, because that happened after the examination (PS3.3
C.7.6.1.1.2). Enhanced objects have rules of their own, see
:mod:`distcorr.dicom.derived_enhanced`.
"""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset

from distcorr.dicom import tags
from distcorr.dicom.derivation import MARK, Derivation, spatial_resampling
from distcorr.dicom.derived_enhanced import write_enhanced
from distcorr.dicom.derived_header import (
    Plan,
    derivation_text,
    derive_header,
    orientation,
    pixel_measures,
    position,
    put,
    rescale,
)
from distcorr.dicom.header import Layout
from distcorr.dicom.inherit import strip
from distcorr.dicom.read import read_dataset
from distcorr.dicom.series import Series
from distcorr.dicom.writing import decimal_string, write_image
from distcorr.outputs import whole_directory
from distcorr.space import Grid, Volume

SUFFIX = ".dcm"
"""Ending of all files of a derived series."""

SAME_GRID_TOLERANCE_MM = 1e-3
"""Largest distance of corners of grids that count as one: below what headers round."""

FALSE_TYPES = frozenset(
    {"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "MOSAIC", "ND", "DIS2D", "DIS3D", MARK}
)
"""Values of ImageType that a derived image replaces or must not claim."""


def write_derived_series(
    series: Series,
    corrected: Volume,
    about: Derivation,
    directory: Path,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write a derived DICOM series.

    Parameters
    ----------
    series : Series
        The source; its files give the headers and stay as they are.
    corrected : Volume
        On any grid, in patient LPS; its k axis becomes the slice normal. Voxels
        that are not valid become padding where the source defines it.
    about : Derivation
        What the series says of its origin. Equal input, correction and options
        give equal files and UIDs.
    directory : Path
        Appears once it is complete.
    overwrite : bool
        Replace a derived series that is there.

    Returns
    -------
    list of Path
        The files, in the order of the slices (k).

    Raises
    ------
    DistcorrError
        ``output-exists``, ``output-unwritable``; ``unreadable`` if the source has
        gone; ``bad-format`` if its pixels are no integers or ``corrected`` is
        not finite; ``too-large``; its refusal if ``series`` is no volume.
    """
    plan = Plan.of(series, corrected, about)
    directory = Path(directory)
    with whole_directory(directory, overwrite=overwrite, suffix=SUFFIX) as temporary:
        if series.layout is Layout.MULTIFRAME:
            names = [f"enhanced{SUFFIX}"]
            write_enhanced(plan, temporary / names[0])
        else:
            names = [f"{k + 1:05d}{SUFFIX}" for k in range(plan.grid.size[2])]
            for k, name in enumerate(names):
                _write_slice(plan, k, temporary / name)
    return [directory / name for name in names]


def _write_slice(plan: Plan, k: int, path: Path) -> None:
    source = plan.sources.nearest(k)
    frames = plan.sources.behind(k)
    scaling = plan.quantiser.scaling(k, source)
    ds = read_dataset(source.path)
    with tags.quiet():
        strip(ds)
        derive_header(ds, plan, k, frames)
        put(ds, "ImageType", _image_type(ds))
        plan.references.put_source_images(ds, ds.SOPClassUID, frames)
        steps = [*tags.items(ds, "DerivationCodeSequence"), spatial_resampling()]
        put(ds, "DerivationCodeSequence", steps)
        put(ds, "DerivationDescription", derivation_text(ds, plan.about))
        _place(ds, plan, k)
        if scaling.changed:
            rescale(ds, scaling)
            # It maps stored values, which mean something else now.
            ds.pop("RealWorldValueMappingSequence", None)
    write_image(ds, [plan.quantiser.pixels(k, source)], path)


def _image_type(ds: Dataset) -> list[str]:
    kept = [token for token in tags.tokens(ds, "ImageType") if token not in FALSE_TYPES]
    # The third value has its own meaning (PS3.3 C.8.3.1.1.1): the mark must not become it.
    return ["DERIVED", "SECONDARY", *(kept or ["OTHER"]), MARK]


def _place(ds: Dataset, plan: Plan, k: int) -> None:
    grid = plan.grid
    pixel_measures(ds, plan)
    orientation(ds, grid)
    position(ds, grid, k)
    put(ds, "SliceLocation", decimal_string(_location(grid, k)))
    if "ReconstructionDiameter" in ds and not grid.same_as(plan.stack.grid, SAME_GRID_TOLERANCE_MM):
        del ds.ReconstructionDiameter


def _location(grid: Grid, k: int) -> float:
    return float(grid.origin_lps @ grid.normal_lps + k * grid.spacing[2])
