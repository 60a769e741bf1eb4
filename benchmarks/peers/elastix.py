"""elastix through itk-elastix: its default B-spline parameter map, and one tuned."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np

from distcorr.space import Volume
from peers.pairs import AlignedPair, PairField

LEVELS = 4

SAMPLER = "RandomSparseMask"
"""The default, RandomCoordinate, gives up with a mask on oblique grids ("could not find
enough image samples"); elastix itself recommends this one then."""

DEFAULT_CONTROL_POINTS_MM = 10.0
"""``finalGridSpacingInPhysicalUnits`` that the package itself assumes."""

TUNED_CONTROL_POINTS_MM = 16.0
TUNED = {
    "MaximumNumberOfIterations": "1000",
    "NumberOfSpatialSamples": "8192",
    "Metric0Weight": "1.0",
    "Metric1Weight": "100.0",
}
"""More samples and iterations, and bending that costs as much as the metric gains."""


def register_default(pair: AlignedPair) -> PairField:
    """Register with the parameter map "bspline" as it comes."""
    return _register(pair, DEFAULT_CONTROL_POINTS_MM, {})


def register_tuned(pair: AlignedPair) -> PairField:
    """Register with heavier bending energy, more samples and more iterations."""
    return _register(pair, TUNED_CONTROL_POINTS_MM, TUNED)


def _register(pair: AlignedPair, control_points_mm: float, changes: dict[str, str]) -> PairField:
    import itk

    parameters = itk.ParameterObject.New()
    one = parameters.GetDefaultParameterMap("bspline", LEVELS, control_points_mm)
    one["WriteResultImage"] = ["false"]
    one["ImageSampler"] = [SAMPLER]
    for name, value in changes.items():
        one[name] = [value]
    parameters.AddParameterMap(one)
    fixed, moving = _image(pair.fixed), _image(pair.moving)
    _, found = itk.elastix_registration_method(
        fixed,
        moving,
        parameter_object=parameters,
        fixed_mask=_image(pair.fixed_mask),
        log_to_console=False,
    )
    with tempfile.TemporaryDirectory() as folder:  # it writes the field to a file, too
        field = itk.transformix_deformation_field(
            moving, found, log_to_console=False, output_directory=folder
        )
    return PairField(pair.fixed.grid, np.asarray(itk.array_from_image(field), dtype=np.float32))


def _image(volume: Volume) -> Any:
    import itk

    image = itk.image_from_array(np.ascontiguousarray(volume.array))
    image.SetOrigin(volume.grid.origin_lps.tolist())
    image.SetSpacing(volume.grid.spacing.tolist())
    image.SetDirection(itk.matrix_from_array(np.array(volume.grid.direction)))
    return image
