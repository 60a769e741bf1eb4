"""elastix through itk-elastix: its default B-spline parameter map, and one tuned."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from distcorr.images import from_sitk, to_sitk
from distcorr.space import Volume
from peers.pairs import AlignedPair, PairField
from peers.reduction import common_grid

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
    2,
    64.0,
    {
        "MaximumNumberOfIterations": "2000",
        "NumberOfSpatialSamples": "5000",
        "MaximumStepLength": "0.25",
        "Metric1Weight": "10000",
    },
)
"""More and shorter steps, wide splines, and so much bending energy that it counts: a field
that rises by 10 mm over 100 mm has second derivatives of 0.001 per mm, whose squares are
lost beside mutual information unless they are weighed heavily. Found on legs in voxels of
4 mm, whose references were left with 0.69 mm; one level instead of two left 0.88, a weight
of 100 1.07, steps of 1 mm without a pyramid of such voxels 2 mm and more."""


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
    upright = _upright(pair)
    fixed, moving = _image(upright.fixed), _image(upright.moving)
    _, found = itk.elastix_registration_method(
        fixed,
        moving,
        parameter_object=parameters,
        fixed_mask=_image(upright.fixed_mask),
        log_to_console=False,
    )
    with tempfile.TemporaryDirectory() as folder:  # it writes the field to a file, too
        field = itk.transformix_deformation_field(
            moving, found, log_to_console=False, output_directory=folder
        )
    return PairField(upright.fixed.grid, np.asarray(itk.array_from_image(field), dtype=np.float32))


def _upright(pair: AlignedPair) -> AlignedPair:
    """Resample; on grids that are oblique or permuted elastix left half as much again."""
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    grid = common_grid([pair.fixed.grid])
    like = to_sitk(Volume(np.zeros(grid.shape, dtype=np.float32), grid))

    def on_grid(scan: Volume, how: int) -> Volume:
        return from_sitk(sitk.Resample(to_sitk(scan), like, sitk.Transform(), how))

    share = on_grid(
        Volume(pair.fixed_body.astype(np.float32), pair.fixed.grid), sitk.sitkLinear
    ).array
    fixed, moving = (on_grid(scan, sitk.sitkBSpline) for scan in (pair.fixed, pair.moving))
    return AlignedPair(fixed, moving, share >= 0.5)


def _image(volume: Volume) -> Any:
    import itk

    image = itk.image_from_array(np.ascontiguousarray(volume.array))
    image.SetOrigin(volume.grid.origin_lps.tolist())
    image.SetSpacing(volume.grid.spacing.tolist())
    image.SetDirection(itk.matrix_from_array(np.array(volume.grid.direction)))
    return image
