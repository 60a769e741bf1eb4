"""The rigid motion of a pair, estimated as one does before a deformable registration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distcorr.images import to_sitk
from distcorr.phantom.pairs import SimulatedPair
from distcorr.space import Volume
from peers.pairs import aligned

Array = NDArray[np.float64]

CENTRE_MM = 100.0
"""Only the middle is aligned: within 100 mm of the isocentre fields displace tissue by
a millimetre or two, beyond that they would be taken for motion."""


def estimated_motion(pair: SimulatedPair) -> Array:
    """Estimate the motion from the axial to the coronal scan, patient LPS, shape (4, 4)."""
    import SimpleITK as sitk  # noqa: N813 - slow to import, and large

    still = aligned(pair, np.eye(4))
    points = still.fixed.grid.points_lps()
    near = np.linalg.norm(points, axis=-1) < CENTRE_MM
    middle = Volume(still.fixed_mask.array * near, still.fixed.grid)
    registration = sitk.ImageRegistrationMethod()
    registration.SetMetricAsMattesMutualInformation(50)
    registration.SetMetricFixedMask(to_sitk(middle))
    registration.SetMetricSamplingStrategy(registration.NONE)
    registration.SetInterpolator(sitk.sitkLinear)
    registration.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
    registration.SetOptimizerScalesFromPhysicalShift()
    registration.SetShrinkFactorsPerLevel([2, 1])
    registration.SetSmoothingSigmasPerLevel([8.0, 0.0])
    registration.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    motion = sitk.Euler3DTransform()
    registration.SetInitialTransform(motion, inPlace=True)
    registration.Execute(to_sitk(still.fixed), to_sitk(still.moving))
    T_scanner = np.eye(4)
    T_scanner[:3, :3] = np.array(motion.GetMatrix()).reshape(3, 3)
    T_scanner[:3, 3] = motion.TransformPoint((0.0, 0.0, 0.0))
    T = pair.coronal.T_scanner_patient
    return np.asarray(np.linalg.inv(T) @ T_scanner @ T)
