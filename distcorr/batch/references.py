"""Load the references of a cohort and check that they are what they are said to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from distcorr.acquisition import Scan
from distcorr.batch.cohort import Cohort, CohortReference
from distcorr.batch.load import LoadedScan, load_scan
from distcorr.correction import InputRole, ProvenanceInput
from distcorr.correction.identity import ScannerMatch, match_scanners
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.facts import Plane, VendorState, require_as_acquired
from distcorr.images import read_volume
from distcorr.space import Grid, Volume, transform_points

_SAID_TO_BE_TRUE = (VendorState.TRUSTED, VendorState.DIS3D)
"""As such a corrected scan may serve; it no longer shows what ND and DIS2D promise."""

_WANTED = {InputRole.AXIAL: Plane.AXIAL, InputRole.CORONAL: Plane.CORONAL}


@dataclass(frozen=True, eq=False)
class LoadedReference:
    """A subject scanned axially and coronally.

    Attributes
    ----------
    id : str
    axials : tuple of Scan
        One for each station of the table.
    coronal : Scan
    masks : tuple of ndarray of bool, shape (k, j, i), or None
        On the axial grids; True where the fit may look.
    inputs : tuple of ProvenanceInput
        All scans, by hash.
    findings : tuple of Finding
    """

    id: str
    axials: tuple[Scan, ...]
    coronal: Scan
    masks: tuple[NDArray[np.bool_] | None, ...]
    inputs: tuple[ProvenanceInput, ...]
    findings: tuple[Finding, ...]

    @property
    def scans(self) -> tuple[Scan, ...]:
        """All scans, axial first."""
        return (*self.axials, self.coronal)

    @property
    def axial(self) -> Scan:
        """The axial scan whose middle lies nearest to the coronal one's."""
        middle = self.coronal.volume.grid.corners_lps.mean(axis=0)
        return min(
            self.axials,
            key=lambda scan: float(
                np.linalg.norm(scan.volume.grid.corners_lps.mean(axis=0) - middle)
            ),
        )


def load_references(
    cohort: Cohort, progress: Callable[[str], None] | None = None
) -> list[LoadedReference]:
    """Load all references of a cohort.

    Parameters
    ----------
    cohort : Cohort
    progress : callable, optional
        Called with the id of each reference before it is loaded.

    Returns
    -------
    list of LoadedReference

    Raises
    ------
    DistcorrError
        ``manifest-invalid`` if there are neither references nor points or two
        are the same scan,
        ``axial-coronal-swapped``, ``scanners-differ``, ``already-corrected`` for a
        corrected scan that was not declared trusted, ``state-unknown``, and as
        :func:`distcorr.batch.load_scan`.
    """
    if not cohort.references and not cohort.points:
        raise DistcorrError(
            Code.MANIFEST_INVALID,
            f"{cohort.path} names no reference and no points",
            "",
            "add a [[reference]] or [[points]]",
        )
    loaded = []
    for entry in cohort.references:
        if progress is not None:
            progress(entry.id)
        loaded.append(_load(cohort, entry))
    _require_distinct(loaded)
    _require_one_scanner(loaded)
    return loaded


def _load(cohort: Cohort, entry: CohortReference) -> LoadedReference:
    source = cohort.path.name
    statement = entry.statement(source, entry.axial_state)
    axials = [
        _named(
            load_scan(cohort.resolve(path), statement, entry.axial_part), _axial_name(entry, number)
        )
        for number, path in enumerate(entry.axials)
    ]
    coronal = _named(
        load_scan(
            cohort.resolve(entry.coronal),
            entry.statement(source, entry.coronal_state),
            entry.coronal_part,
        ),
        f"{entry.id} coronal",
    )
    for axial in axials:
        _require_planes(entry.id, axial.scan, coronal.scan)
    findings = [finding for one in (*axials, coronal) for finding in one.findings]
    for axial in axials:
        findings += _frame_doubt(axial.scan, coronal.scan)
    return LoadedReference(
        entry.id,
        tuple(axial.scan for axial in axials),
        coronal.scan,
        _masks(cohort, entry, [axial.scan.volume.grid for axial in axials]),
        (
            *(_input(entry.id, InputRole.AXIAL, axial) for axial in axials),
            _input(entry.id, InputRole.CORONAL, coronal),
        ),
        tuple(findings),
    )


def _axial_name(entry: CohortReference, number: int) -> str:
    several = f" station {number + 1}" if len(entry.axials) > 1 else ""
    return f"{entry.id} axial{several}"


def _named(loaded: LoadedScan, name: str) -> LoadedScan:
    """Call a scan by its role, so that no later message repeats what a header says."""
    facts = replace(loaded.scan.facts, description=name)
    return replace(loaded, scan=Scan(loaded.scan.volume, facts))


def _input(reference: str, role: InputRole, loaded: LoadedScan) -> ProvenanceInput:
    if loaded.scan.facts.state.value not in _SAID_TO_BE_TRUE:
        require_as_acquired(loaded.scan.facts)
    state = loaded.scan.acquisition.state  # refuses where a fact is unknown
    return ProvenanceInput(reference=reference, role=role, state=state, sha256=loaded.sha256)


def _require_planes(reference: str, axial: Scan, coronal: Scan) -> None:
    planes = {InputRole.AXIAL: axial.plane, InputRole.CORONAL: coronal.plane}
    if planes == _WANTED:
        return
    normals = ", ".join(
        f"the {role} is {planes[role]}, normal LPS "
        + "({:.2f}, {:.2f}, {:.2f})".format(*scan.normal_lps)
        for role, scan in ((InputRole.AXIAL, axial), (InputRole.CORONAL, coronal))
    )
    swapped = (planes[InputRole.AXIAL], planes[InputRole.CORONAL]) == (Plane.CORONAL, Plane.AXIAL)
    what = "axial and coronal are exchanged" if swapped else "a scan is of another plane than named"
    remedy = "" if swapped else "give one axial and one coronal scan"
    raise DistcorrError(Code.SWAPPED, f"{reference}: {what}", normals, remedy)


def _frame_doubt(axial: Scan, coronal: Scan) -> tuple[Finding, ...]:
    frames = axial.facts.frame_of_reference, coronal.facts.frame_of_reference
    if "" in frames or frames[0] == frames[1]:
        return ()
    what = f"{axial.facts.description} and coronal have different frames of reference"
    return (Finding(Code.FRAME_OF_REFERENCE_DIFFERS, what, " and ".join(frames)),)


def _require_distinct(references: list[LoadedReference]) -> None:
    """Refuse one scan under two names: it would vouch for itself in leave-one-out."""
    seen: dict[str, str] = {}
    for reference in references:
        for source in reference.inputs:
            name = f"{reference.id} {source.role}"
            first = seen.setdefault(source.sha256, name)
            if first != name:
                raise DistcorrError(
                    Code.MANIFEST_INVALID,
                    f"{name} is the same scan as {first}",
                    f"content {source.sha256[:12]}",
                    "name every scan once",
                )


def _require_one_scanner(references: list[LoadedReference]) -> None:
    scans = [scan for reference in references for scan in reference.scans]
    for number, scan in enumerate(scans):
        for other in scans[:number]:
            if match_scanners(other.facts.scanner, scan.facts.scanner) is ScannerMatch.DIFFERENT:
                raise DistcorrError(
                    Code.SCANNERS_DIFFER,
                    "the references come from different scanners",
                    f"{other.facts.description}: {other.facts.scanner}, "
                    f"{scan.facts.description}: {scan.facts.scanner}",
                )


def _masks(
    cohort: Cohort, entry: CohortReference, grids: Sequence[Grid]
) -> tuple[NDArray[np.bool_] | None, ...]:
    """Read a mask and bring it to the axial grids by nearest voxel."""
    if entry.mask is None:
        return (None,) * len(grids)
    path = cohort.resolve(entry.mask)
    volume = read_volume(path)
    masks = tuple(
        volume.array != 0 if volume.grid.same_as(grid) else _nearest(volume, grid) for grid in grids
    )
    if not any(mask.any() for mask in masks):
        raise DistcorrError(
            Code.MANIFEST_INVALID,
            f"the mask {path} leaves nothing of the axial scan",
            f"mask on {volume.grid!r}, scan on {grids[0]!r}",
            "draw it on the axial scan",
        )
    return masks


def _nearest(volume: Volume, grid: Grid) -> NDArray[np.bool_]:
    index = np.rint(transform_points(volume.grid.T_index_lps, grid.points_lps())).astype(np.intp)
    inside = ((index >= 0) & (index < np.array(volume.grid.size))).all(axis=-1)
    mask = np.zeros(grid.shape, dtype=np.bool_)
    i, j, k = index[inside].T
    mask[inside] = volume.array[k, j, i] != 0
    return mask
