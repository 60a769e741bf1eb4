"""How one scan shows the scanner's field: the map between true and shown points.

Tissue at true r appears, uncorrected, at q = r + D(r). The vendor's software
then undoes the displacement within a subspace with projector Q, treating the
rest as if it were right. What is shown at the end, s, satisfies

    s + Q D(s) = r + D(r)

with Q = 0 for ND, Q = I - n n^T for DIS2D with slice normal n (its n-component
says n.s = n.q, its in-plane components u + D_u(u, w) = q_u), and Q = I for
DIS3D and trusted scans, whose solution is s = r. One equation serves all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from distcorr.errors import Code, DistcorrError
from distcorr.facts import (
    UNKNOWN_SOURCE,
    AcquisitionFacts,
    Fact,
    Plane,
    VendorState,
    nearest_plane,
)
from distcorr.field import ScannerField
from distcorr.field.implicit import map_jacobian, solve_map
from distcorr.space import Volume, transform_points, transform_vectors

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Acquisition:
    """The map of one scan.

    Parameters
    ----------
    state : VendorState
        What the vendor's correction has done.
    T_scanner_patient : ndarray, shape (4, 4)
        From patient LPS to the scanner frame, a rigid transform.
    normal_lps : ndarray, shape (3,)
        Unit slice normal in patient LPS.
    """

    state: VendorState
    T_scanner_patient: Array
    normal_lps: Array

    @classmethod
    def from_facts(cls, facts: AcquisitionFacts, normal_lps: Array) -> Acquisition:
        """Build the map from a scan's facts.

        Parameters
        ----------
        facts : AcquisitionFacts
        normal_lps : ndarray, shape (3,)
            Normal of the volume's slices in patient LPS, which holds where the
            facts do not know that of the slices as acquired.

        Raises
        ------
        DistcorrError
            ``state-unknown``, ``patient-position-unknown`` or
            ``isocentre-unknown`` if the fact that is needed is unknown.
        """
        missing: tuple[tuple[Code, str, Fact[Any]], ...] = (
            (Code.STATE_UNKNOWN, "the vendor's distortion correction", facts.state),
            (Code.POSITION_UNKNOWN, "the patient position", facts.patient_position),
            (Code.ISOCENTRE_UNKNOWN, "the place of the isocentre", facts.isocentre_lps),
        )
        for code, name, fact in missing:
            if not fact.known:
                why = "" if fact.source == UNKNOWN_SOURCE else fact.source
                evidence = ": ".join(part for part in (facts.description, why) if part)
                raise DistcorrError(code, f"{name} is unknown", evidence)
        state, T = facts.state.value, facts.T_scanner_patient()
        assert state is not None  # refused above, both
        assert T is not None
        acquired = facts.slice_normal_lps.value
        normal = normal_lps if acquired is None else acquired
        return cls(state, T, np.array(normal, dtype=np.float64))

    @property
    def normal_scanner(self) -> Array:
        """Slice normal in the scanner frame."""
        return transform_vectors(self.T_scanner_patient, self.normal_lps)

    @property
    def vendor_projector(self) -> Array:
        """Projector Q on the subspace that the vendor corrected, shape (3, 3)."""
        if self.state is VendorState.ND:
            return np.zeros((3, 3))
        if self.state is VendorState.DIS2D:
            n = self.normal_scanner
            return np.eye(3) - np.outer(n, n)
        return np.eye(3)

    @property
    def shows_truth(self) -> bool:
        """Whether shown points are true points (DIS3D, trusted)."""
        return self.state in (VendorState.DIS3D, VendorState.TRUSTED)

    def true_to_shown(self, field: ScannerField, points_scanner: ArrayLike) -> Array:
        """Where the scan shows tissue.

        Parameters
        ----------
        field : ScannerField
        points_scanner : array_like, shape (..., 3)
            True places, scanner frame, mm.

        Returns
        -------
        ndarray, shape (..., 3)
            Shown places, scanner frame, mm. NaN where the map can't be solved
            (the field folds there).
        """
        return self._map(field, points_scanner, np.eye(3), self.vendor_projector)

    def shown_to_true(self, field: ScannerField, points_scanner: ArrayLike) -> Array:
        """Where the tissue is that a scan shows; inverse of :meth:`true_to_shown`."""
        return self._map(field, points_scanner, self.vendor_projector, np.eye(3))

    def true_to_shown_patient(self, field: ScannerField, points_lps: ArrayLike) -> Array:
        """Apply :meth:`true_to_shown` to points in patient LPS."""
        return self._in_patient(self.true_to_shown, field, points_lps)

    def shown_to_true_patient(self, field: ScannerField, points_lps: ArrayLike) -> Array:
        """Apply :meth:`shown_to_true` to points in patient LPS."""
        return self._in_patient(self.shown_to_true, field, points_lps)

    def jacobian(self, field: ScannerField, true_scanner: Array, shown_scanner: Array) -> Array:
        """Return the derivative ds/dr of the map true to shown.

        Parameters
        ----------
        field : ScannerField
        true_scanner, shown_scanner : ndarray, shape (..., 3)
            Corresponding points r and s, scanner frame, mm.

        Returns
        -------
        ndarray, shape (..., 3, 3)
            ``(I + Q J(s))^-1 (I + J(r))`` with J the Jacobian of D.
        """
        if self.shows_truth:
            return np.broadcast_to(np.eye(3), (*np.shape(true_scanner), 3))
        true = np.asarray(true_scanner, dtype=np.float64)
        shown = np.asarray(shown_scanner, dtype=np.float64)
        flat = map_jacobian(
            field, true.reshape(-1, 3), shown.reshape(-1, 3), np.eye(3), self.vendor_projector
        )
        return flat.reshape(*true.shape, 3)

    def stretch(self, field: ScannerField, true_scanner: Array, shown_scanner: Array) -> Array:
        """Return the determinant of ds/dr, shape (...,): shown volume per true volume.

        Tissue that is squeezed looks brighter by its inverse.
        """
        if self.shows_truth:
            return np.ones(np.shape(true_scanner)[:-1])
        return np.asarray(np.linalg.det(self.jacobian(field, true_scanner, shown_scanner)))

    def _in_patient(self, mapping, field: ScannerField, points_lps: ArrayLike) -> Array:  # type: ignore[no-untyped-def]
        moved = mapping(field, transform_points(self.T_scanner_patient, points_lps))
        return transform_points(np.linalg.inv(self.T_scanner_patient), moved)

    def _map(self, field: ScannerField, points: ArrayLike, known: Array, sought: Array) -> Array:
        array = np.asarray(points, dtype=np.float64)
        if self.shows_truth:
            return array.copy()
        return solve_map(field, array.reshape(-1, 3), known, sought).reshape(array.shape)


@dataclass(frozen=True, eq=False)
class Scan:
    """A volume with the facts that its correction rests on.

    Parameters
    ----------
    volume : Volume
        Voxels in patient LPS, as shown.
    facts : AcquisitionFacts
    """

    volume: Volume
    facts: AcquisitionFacts

    @property
    def plane(self) -> Plane:
        """Anatomical plane of the slices."""
        return nearest_plane(self.normal_lps)

    @property
    def normal_lps(self) -> Array:
        """Unit normal of the slices as acquired, patient LPS, shape (3,)."""
        acquired = self.facts.slice_normal_lps.value
        return self.volume.grid.normal_lps if acquired is None else np.array(acquired)

    @property
    def acquisition(self) -> Acquisition:
        """The scan's map; raises DistcorrError if a needed fact is unknown."""
        return Acquisition.from_facts(self.facts, self.normal_lps)

    def __repr__(self) -> str:
        return (
            f"Scan({self.facts.description!r}, {self.plane}, {self.facts.state}, {self.volume!r})"
        )
