"""elastix through itk-elastix: its default B-spline parameter map, and one tuned."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from distcorr.space import Volume
from peers.pairs import AlignedPair, PairField

SAMPLER = "RandomSparseMask"
"""The default, RandomCoordinate, gives up with a mask on oblique grids ("could not find
enough image samples"); elastix itself recommends this one then."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A B-spline registration.

    Attributes
    ----------
    levels : int
        Of resolution.
    control_points_mm : float
        Their distance at the last level.
    changes : dict
        Parameters that differ from the default map.
    """

    levels: int
    control_points_mm: float
    changes: dict[str, str]


DEFAULT = Preset(4, 10.0, {})
"""Levels and distance that the package itself assumes."""

TUNED = Preset(
    3,
    32.0,
    {
        "MaximumNumberOfIterations": "500",
        "NumberOfSpatialSamples": "4096",
        "MaximumStepLength": "1.0",
        "Metric1Weight": "200000",
    },
)
"""More samples, shorter steps, and so much bending energy that it counts: a field that
rises by 10 mm over 100 mm has second derivatives of 0.001 per mm, whose squares are lost
beside mutual information unless they are weighed heavily. With weights of 1, 50 and
1,000 legs in voxels of 6 mm drifted by 15 to 89 mm."""


def register_default(pair: AlignedPair) -> PairField:
    """Register with the parameter map "bspline" as it comes."""
    return _register(pair, DEFAULT)


def register_tuned(pair: AlignedPair) -> PairField:
    """Register with bending energy that holds the field together."""
    return _register(pair, TUNED)


def _register(pair: AlignedPair, preset: Preset) -> PairField:
    import itk

    parameters = itk.ParameterObject.New()
    one = parameters.GetDefaultParameterMap("bspline", preset.levels, preset.control_points_mm)
    one["WriteResultImage"] = ["false"]
    one["ImageSampler"] = [SAMPLER]
    for name, value in preset.changes.items():
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
