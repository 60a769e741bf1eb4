"""Receive fields taken out before registration by mutual information, as careful users do.

Mattes mutual information over a whole body takes slow differences of brightness between
the scans for displacement: without this step elastix left 2.1 mm on the references of
legs in voxels of 4 mm, with it 0.9.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from distcorr.images import from_sitk, to_sitk
from distcorr.space import Volume
from peers.pairs import AlignedPair

COARSE_MM = 12.0
"""Voxels in which the bias is estimated; it varies over many centimetres."""

ITERATIONS = (50, 50, 50, 50)
"""N4's at each of its levels, the filter's default."""


def without_bias(pair: AlignedPair) -> AlignedPair:
    """Correct both scans by N4, each within its own Otsu mask.

    References
    ----------
    Tustison et al., "N4ITK: improved N3 bias correction", IEEE TMI 29(6), 2010.
    """
    return replace(pair, fixed=_corrected(pair.fixed), moving=_corrected(pair.moving))


def _corrected(scan: Volume) -> Volume:
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    image = to_sitk(scan)
    tissue = sitk.OtsuThreshold(image, 0, 1)
    shrink = [max(1, math.floor(COARSE_MM / spacing)) for spacing in scan.grid.spacing.tolist()]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(ITERATIONS)
    n4.Execute(sitk.Shrink(image, shrink), sitk.Shrink(tissue, shrink))
    bias = from_sitk(n4.GetLogBiasFieldAsImage(image)).array
    return Volume((scan.array / np.exp(bias)).astype(np.float32), scan.grid)
