"""What a correction says of its making: provenance and figures of the fit.

All records are frozen, refuse unknown keys and turn to JSON and back without
loss. None of them has a place for a patient's name.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.spatial.transform import Rotation

from distcorr.facts import VendorState

Finite = Annotated[float, Field(allow_inf_nan=False)]
NotNegative = Annotated[float, Field(allow_inf_nan=False, ge=0)]
Fraction = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Vector = tuple[Finite, Finite, Finite]
Setting = str | int | Finite | bool | None


class Record(BaseModel):
    """Base of all records: frozen, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Axis(StrEnum):
    """Component of the field in the scanner frame."""

    X = "x"
    Y = "y"
    Z = "z"


class InputRole(StrEnum):
    """What an input served as."""

    AXIAL = "axial"
    CORONAL = "coronal"
    POINTS = "points"


class ProvenanceInput(Record):
    """One scan or set of points that went into the fit.

    Attributes
    ----------
    reference : str
        Identifier of the subject in the cohort; a pseudonym, never a name.
    role : InputRole
    state : VendorState
        Vendor correction that the fit assumed.
    sha256 : str
        Of voxel values and grid, see :func:`distcorr.batch.load.content_sha256`,
        or of points, see :func:`distcorr.batch.points.points_sha256`.
    """

    reference: str
    role: InputRole
    state: VendorState
    sha256: Digest


class Provenance(Record):
    """How a correction came about.

    Attributes
    ----------
    created : date
    distcorr : str
        Version of this package.
    software : dict
        Versions of Python and of the libraries that calculate.
    settings : dict
        Settings of the fit, by name.
    inputs : tuple of ProvenanceInput
    """

    created: date
    distcorr: str
    software: dict[str, str] = {}
    settings: dict[str, Setting] = {}
    inputs: tuple[ProvenanceInput, ...] = ()


class ReferenceFigures(Record):
    """How one reference subject fits.

    Attributes
    ----------
    id : str
    translation_mm, rotation_deg : tuple of float
        Rigid motion of the subject from the axial to the coronal scan, scanner
        frame: rotation (a rotation vector) about the centre, then translation.
        It follows what the table did, which the headers tell.
    centre_mm : tuple of float
        Centre of rotation, scanner frame at the time of the coronal scan.
    points : int
        Points of the images that were compared.
    residual_before, residual_after : float
        Robust RMS difference of intensity between the two scans after the local
        regression, as a fraction of the local contrast: without a correction
        (motion alone) and with it.
    residual_mm : float, optional
        Displacement that the remaining difference would correspond to.
    """

    id: str
    translation_mm: Vector
    rotation_deg: Vector
    centre_mm: Vector = (0.0, 0.0, 0.0)
    points: Annotated[int, Field(ge=0)]
    residual_before: NotNegative
    residual_after: NotNegative
    residual_mm: NotNegative | None = None

    @property
    def T_moved_still(self) -> NDArray[np.float64]:
        """The motion as a 4 x 4 transform of scanner points, axial to coronal time."""
        centre = np.array(self.centre_mm)
        T = np.eye(4)
        T[:3, :3] = Rotation.from_rotvec(self.rotation_deg, degrees=True).as_matrix()
        T[:3, 3] = centre + self.translation_mm - T[:3, :3] @ centre
        return T


class ComponentRevealed(Record):
    """Whether the references show one component of the field.

    Attributes
    ----------
    component : Axis
    revealed : bool
    information : float
        Part of this component's prior variance that the data removed, averaged
        over the supported region: 0 nothing learned, 1 fully determined.
    text : str
        One sentence for people.
    """

    component: Axis
    revealed: bool
    information: Fraction
    text: str


class ShellFigures(Record):
    """Displacement and uncertainty in a shell around the isocentre, supported part.

    Attributes
    ----------
    inner_mm, outer_mm : float
        Radii of the shell.
    supported : float
        Supported part of the shell.
    mean_mm, p95_mm, max_mm : float
        Length of D, uncorrected.
    sd_mm : float
        Mean length of the standard deviation of D.
    """

    inner_mm: NotNegative
    outer_mm: NotNegative
    supported: Fraction
    mean_mm: NotNegative
    p95_mm: NotNegative
    max_mm: NotNegative
    sd_mm: NotNegative


class LeaveOneOutRow(Record):
    """How well the other references correct one that was left out.

    Attributes
    ----------
    left_out : str
    residual_before, residual_after : float
        As in :class:`ReferenceFigures`, with the field learned from the others.
    field_change_mean_mm, field_change_p95_mm : float
        Difference between the field without this subject and the full one, over
        this subject's points.
    """

    left_out: str
    residual_before: NotNegative
    residual_after: NotNegative
    field_change_mean_mm: NotNegative
    field_change_p95_mm: NotNegative


class Figures(Record):
    """Figures of a fit.

    Attributes
    ----------
    references : tuple of ReferenceFigures
    revealed : tuple of ComponentRevealed
    min_jacobian : float
        Smallest determinant of d(shown)/d(true), uncorrected; folding if <= 0.
    shells : tuple of ShellFigures
    hyperparameters : dict
        Widths of priors and noise as used or estimated, unit in the name.
    leave_one_out : tuple of LeaveOneOutRow
        Empty if it was not run.
    notes : tuple of str
        Further sentences for people.
    """

    references: tuple[ReferenceFigures, ...] = ()
    revealed: tuple[ComponentRevealed, ...] = ()
    min_jacobian: Finite
    shells: tuple[ShellFigures, ...] = ()
    hyperparameters: dict[str, Finite] = {}
    leave_one_out: tuple[LeaveOneOutRow, ...] = ()
    notes: tuple[str, ...] = ()
