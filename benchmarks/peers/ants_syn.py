"""ANTs through antspyx: SyN and B-spline SyN with local cross-correlation.

The settings are those of antsRegistrationSyN.sh, which its authors recommend:
cross-correlation, 100 x 70 x 50 x 20 iterations at 1/8, 1/4, 1/2 and full resolution;
but for the distance of the splines.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from peers.pairs import AlignedPair, PairField


def register_syn(pair: AlignedPair) -> PairField:
    """Register with greedy symmetric normalisation."""
    return _register(pair, "antsRegistrationSyN[so]")


SPLINE_MM = 200
"""Control points' distance at the coarsest level, halved at each of the three others. The
script's 26 mm is made for brains that differ; a scanner's field is smoother."""


def register_bspline_syn(pair: AlignedPair) -> PairField:
    """Register with symmetric normalisation whose updates are B-splines."""
    return _register(pair, f"antsRegistrationSyN[bo,2,{SPLINE_MM}]")


def _register(pair: AlignedPair, kind: str) -> PairField:
    import ants
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    fixed, moving, mask = (ants.from_sitk(image) for image in pair.sitk_images())
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = ants.registration(
            fixed,
            moving,
            type_of_transform=kind,
            initial_transform="Identity",
            mask=mask,
            outprefix=str(Path(folder) / "ants_"),
            random_seed=1,
        )
        (warp,) = (name for name in found["fwdtransforms"] if name.endswith("Warp.nii.gz"))
        field = sitk.ReadImage(warp, sitk.sitkVectorFloat64)
    return PairField.from_sitk(field)
