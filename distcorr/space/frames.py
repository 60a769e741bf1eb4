"""Frames of reference and the two ways to move between them.

A transform named ``T_a_b`` is a 4 x 4 array that takes coordinates of frame b
to frame a, so inner frames cancel: ``T_a_c = T_a_b @ T_b_c``. Points and
vectors are transformed by different functions; a displacement that is treated
as a point picks up the translation, which is the commonest error of the trade.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class PatientPosition(StrEnum):
    """How the patient lies on the table (DICOM PS3.3 C.7.3.1.1.2)."""

    HFS = "HFS"
    HFP = "HFP"
    HFDR = "HFDR"
    HFDL = "HFDL"
    FFS = "FFS"
    FFP = "FFP"
    FFDR = "FFDR"
    FFDL = "FFDL"


# Images of the patient axes L, P, S in the scanner frame (the LPS axes of a
# head-first supine patient): +y is down, +z points out of the bore's front end
# as the head-first patient's superior axis does. "Decubitus right" lies on the
# right side, so patient right points down.
_PATIENT_AXES_IN_SCANNER: dict[PatientPosition, tuple[tuple[int, int, int], ...]] = {
    PatientPosition.HFS: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    PatientPosition.HFP: ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    PatientPosition.HFDR: ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    PatientPosition.HFDL: ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    PatientPosition.FFS: ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    PatientPosition.FFP: ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    PatientPosition.FFDR: ((0, -1, 0), (-1, 0, 0), (0, 0, -1)),
    PatientPosition.FFDL: ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
}


def rotation_scanner_patient(position: PatientPosition) -> Array:
    """Rotation that takes patient LPS directions to scanner directions.

    Parameters
    ----------
    position : PatientPosition
        PatientPosition (0018,5100).

    Returns
    -------
    ndarray, shape (3, 3)
        A proper rotation; its columns are the patient's L, P and S axes in the
        scanner frame.
    """
    return np.array(_PATIENT_AXES_IN_SCANNER[position], dtype=np.float64).T


def T_scanner_patient(position: PatientPosition, isocentre_lps: ArrayLike) -> Array:
    """Transform from patient LPS to the scanner frame.

    Parameters
    ----------
    position : PatientPosition
        PatientPosition (0018,5100).
    isocentre_lps : array_like, shape (3,)
        Place of the isocentre in patient coordinates, mm.

    Returns
    -------
    ndarray, shape (4, 4)
    """
    rotation = rotation_scanner_patient(position)
    T = np.eye(4)
    T[:3, :3] = rotation
    T[:3, 3] = -rotation @ np.asarray(isocentre_lps, dtype=np.float64)
    return T


def translation(offset: ArrayLike) -> Array:
    """Build the 4 x 4 transform that adds ``offset`` (mm)."""
    T = np.eye(4)
    T[:3, 3] = offset
    return T


def transform_points(T_a_b: ArrayLike, points_b: ArrayLike) -> Array:
    """Take points of frame b to frame a.

    Parameters
    ----------
    T_a_b : array_like, shape (4, 4)
        Affine transform.
    points_b : array_like, shape (..., 3)
        Points, mm.

    Returns
    -------
    ndarray, shape (..., 3)
    """
    T = np.asarray(T_a_b, dtype=np.float64)
    return _rotated(T, points_b, T[:3, 3])


def transform_vectors(T_a_b: ArrayLike, vectors_b: ArrayLike) -> Array:
    """Take vectors (displacements, gradients of a rotation) of frame b to frame a.

    Parameters
    ----------
    T_a_b : array_like, shape (4, 4)
        Affine transform, of which only the linear part acts.
    vectors_b : array_like, shape (..., 3)
        Vectors, mm.

    Returns
    -------
    ndarray, shape (..., 3)
    """
    return _rotated(np.asarray(T_a_b, dtype=np.float64), vectors_b, np.zeros(3))


def _rotated(T: Array, triples: ArrayLike, offset: Array) -> Array:
    """Apply the linear part of ``T`` and add ``offset``, component by component.

    A matrix product would go to BLAS, whose threads take up to 30 times longer
    than this on tall thin arrays, and which rounds differently by their number.
    """
    v = np.asarray(triples, dtype=np.float64)
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    out = np.empty_like(v, order="C")
    for a in range(3):
        component = x * T[a, 0]
        component += y * T[a, 1]
        component += z * T[a, 2]
        component += offset[a]
        out[..., a] = component
    return out
