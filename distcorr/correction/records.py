"""What a correction says of its making: provenance and figures of the fit.

All records are frozen, refuse unknown keys and turn to JSON and back without
loss. None of them has a place for a patient's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer
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


class LaterRecord(Record):
    """A record that got fields after files with it had been written.

    Those fields are empty by default and left out of the file when empty, so a
    correction that was written before keeps its bytes and its identifier.
    """

    _later: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        return {name: v for name, v in written.items() if v or name not in self._later}


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


class Provenance(LaterRecord):
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
    force_reason : str, optional
        Why it was stored although its fit is in doubt; the notes of its figures name
        the doubts.
    """

    _later = frozenset({"force_reason"})

    created: date
    distcorr: str
    software: dict[str, str] = {}
    settings: dict[str, Setting] = {}
    inputs: tuple[ProvenanceInput, ...] = ()
    force_reason: str | None = None


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


class ShiftShell(Record):
    """Shifts of tissue that took no part in a fit, in one shell around the isocentre.

    Attributes
    ----------
    inner_mm, outer_mm : float
        Radii of the shell.
    blocks : int
        Blocks of tissue that were measured.
    before_mm, after_mm : float
        Mean length of their shifts between the two scans: with the subject's
        motion alone, and with the field learned without them.
    """

    inner_mm: NotNegative
    outer_mm: NotNegative
    blocks: Annotated[int, Field(ge=1)]
    before_mm: NotNegative
    after_mm: NotNegative

    @classmethod
    def joined(cls, rows: Sequence[Self]) -> Self:
        """Join rows, weighted by their blocks, into one from the inmost to the outmost radius."""
        blocks = [row.blocks for row in rows]
        return cls(
            inner_mm=min(row.inner_mm for row in rows),
            outer_mm=max(row.outer_mm for row in rows),
            blocks=sum(blocks),
            before_mm=float(np.average([row.before_mm for row in rows], weights=blocks)),
            after_mm=float(np.average([row.after_mm for row in rows], weights=blocks)),
        )


class LeaveOneOutRow(LaterRecord):
    """How well the other references correct one that was left out.

    Attributes
    ----------
    left_out : str
    residual_before, residual_after : float
        As in :class:`ReferenceFigures`, with the field learned from the others.
    field_change_mean_mm, field_change_p95_mm : float
        Difference between the field without this subject and the full one, over
        this subject's points.
    shells : tuple of ShiftShell
        What is left in this subject, by distance; empty where it was not measured.
    """

    _later = frozenset({"shells"})

    left_out: str
    residual_before: NotNegative
    residual_after: NotNegative
    field_change_mean_mm: NotNegative
    field_change_p95_mm: NotNegative
    shells: tuple[ShiftShell, ...] = ()


class SpatialFigures(Record):
    """Spatial cross-validation: parts of the only subject's body were left out.

    Attributes
    ----------
    reference : str
    folds : int
        Parts, each left out in turn.
    cube_mm : float
        Edge of the cubes that make them up.
    shells : tuple of ShiftShell
        Of all blocks, each while it was left out.
    """

    reference: str
    folds: Annotated[int, Field(ge=2)]
    cube_mm: NotNegative
    shells: tuple[ShiftShell, ...]


class Owner(StrEnum):
    """Whose it is that two scans still differ."""

    SCANNER = "scanner"
    SUBJECT = "subject"
    BOTH = "both"
    NOISE = "noise"
    UNKNOWN = "unknown"


class ComponentLeft(Record):
    """Whose one component of what is left after correction is.

    Attributes
    ----------
    component : Axis
    owner : Owner
    scanner_mm, subject_mm, noise_mm : float, optional
        Root mean squares of what repeats in all subjects, of what does not, and
        of the measurement; None if they can't be told.
    text : str
        One sentence for people.
    """

    component: Axis
    owner: Owner
    scanner_mm: NotNegative | None = None
    subject_mm: NotNegative | None = None
    noise_mm: NotNegative | None = None
    text: str


class Figures(LaterRecord):
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
    spatial : SpatialFigures, optional
        Of a single subject, of whom nobody can be left out.
    left : tuple of ComponentLeft
        Whose it is what is left; empty if it was not separated.
    notes : tuple of str
        Further sentences for people.
    """

    _later = frozenset({"spatial", "left"})

    references: tuple[ReferenceFigures, ...] = ()
    revealed: tuple[ComponentRevealed, ...] = ()
    min_jacobian: Finite
    shells: tuple[ShellFigures, ...] = ()
    hyperparameters: dict[str, Finite] = {}
    leave_one_out: tuple[LeaveOneOutRow, ...] = ()
    spatial: SpatialFigures | None = None
    left: tuple[ComponentLeft, ...] = ()
    notes: tuple[str, ...] = ()

    def validated_shells(self) -> tuple[ShiftShell, ...]:
        """Join the shells of all that was left out, weighted by their blocks.

        Returns
        -------
        tuple of ShiftShell
            By distance; empty if nothing was left out and measured.
        """
        rows = [shell for one in self.leave_one_out for shell in one.shells]
        rows += self.spatial.shells if self.spatial else ()
        edges = sorted({(row.inner_mm, row.outer_mm) for row in rows})
        return tuple(
            ShiftShell.joined([row for row in rows if (row.inner_mm, row.outer_mm) == edge])
            for edge in edges
        )
