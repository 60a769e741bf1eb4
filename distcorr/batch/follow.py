"""Correct what was drawn on a scan: label maps, points and meshes, files to files.

Each file becomes one of the same format, ``NAME_corrected.ext``, and beside it
``NAME_corrected.ext.json``, which says how it came about. A file that fails, fails
alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distcorr.acquisition import Scan
from distcorr.apply.follow import CorrectedPoints, correct_points, turn_normals
from distcorr.apply.labels import LabelInterpolation, correct_labels, grown
from distcorr.batch.attachments import Attachment, Kind
from distcorr.batch.load import LoadedScan
from distcorr.batch.record_parts import file_sha256, findings_record, sources_record
from distcorr.correction import Correction
from distcorr.errors import Code, DistcorrError, Finding, in_order_of_harm
from distcorr.labels import read_labels
from distcorr.meshes import Mesh, NormalsKind, read_mesh
from distcorr.outputs import refuse_existing, whole_output
from distcorr.points import read_document
from distcorr.space import FileAxes, Grid

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """How attachments are corrected.

    Attributes
    ----------
    mesh_axes : FileAxes, optional
        Axes of the meshes, where their files do not state them or are wrong.
    label_interpolation : LabelInterpolation
    like : Grid, optional
        Grid of corrected label maps; see :func:`distcorr.apply.correct_labels`.
    force_reason : str, optional
        See :class:`distcorr.apply.ApplyOptions`.
    overwrite : bool
        Whether existing files may be replaced.
    """

    mesh_axes: FileAxes | None = None
    label_interpolation: LabelInterpolation = LabelInterpolation.VOTE
    like: Grid | None = None
    force_reason: str | None = None
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class AttachmentOutcome:
    """Result of one attachment.

    Attributes
    ----------
    attachment : Attachment
    output, record : Path
        Corrected file, and how it came about as JSON.
    largest_displacement_mm : float
    supported_fraction : float
        Of the points, or of the labelled voxels.
    findings : tuple of Finding
        About the file; the record has those about the scan, too.
    """

    attachment: Attachment
    output: Path
    record: Path
    largest_displacement_mm: float
    supported_fraction: float
    findings: tuple[Finding, ...]


def follow(
    attachments: Sequence[Attachment],
    loaded: LoadedScan,
    correction: Correction,
    directory: Path,
    options: FollowOptions = FollowOptions(),
) -> list[AttachmentOutcome | DistcorrError]:
    """Correct attachments of one scan; each refusal is returned in its place.

    Parameters
    ----------
    attachments : sequence of Attachment
    loaded : LoadedScan
        The scan on which they were drawn, as acquired.
    correction : Correction
    directory : Path
    options : FollowOptions
    """
    outcomes: list[AttachmentOutcome | DistcorrError] = []
    for one in attachments:
        try:
            outcomes.append(correct_attachment(one, loaded, correction, directory, options))
        except DistcorrError as refusal:
            outcomes.append(refusal)
    return outcomes


def correct_attachment(
    attachment: Attachment,
    loaded: LoadedScan,
    correction: Correction,
    directory: Path,
    options: FollowOptions = FollowOptions(),
) -> AttachmentOutcome:
    """Correct one attachment and write it and its record.

    Raises
    ------
    DistcorrError
        As reading, correcting and writing do; then no file was replaced.
    """
    output, record = attachment.output(directory), attachment.record(directory)
    for path in (output, record):
        refuse_existing(path, overwrite=options.overwrite)
    followed = followed_by(attachment, loaded, correction, options)
    # On the way out the file itself comes last: where it is, its record is too.
    with (
        whole_output(output, overwrite=options.overwrite) as file,
        whole_output(record, overwrite=options.overwrite) as beside,
    ):
        followed.write(file, beside)
    return AttachmentOutcome(
        attachment,
        output,
        record,
        followed.largest_displacement_mm,
        followed.supported_fraction,
        followed.findings,
    )


@dataclass(frozen=True, slots=True)
class Followed:
    """A corrected attachment that is not yet written.

    Attributes
    ----------
    largest_displacement_mm : float
    supported_fraction : float
    findings : tuple of Finding
        About the file.
    record : dict
        How it came about, for JSON.
    write_file : callable
        Writes the corrected file under a name that ends as the input's does.
    """

    largest_displacement_mm: float
    supported_fraction: float
    findings: tuple[Finding, ...]
    record: dict[str, Any]
    write_file: Callable[[Path], None]

    def write(self, file: Path, record: Path) -> None:
        """Write the corrected file and its record under names that do not exist yet."""
        text = json.dumps(self.record, indent=1, ensure_ascii=False, allow_nan=False)
        self.write_file(file)
        record.write_text(text + "\n", encoding="utf-8")


def followed_by(
    attachment: Attachment, loaded: LoadedScan, correction: Correction, options: FollowOptions
) -> Followed:
    """Correct one attachment in memory.

    Raises
    ------
    DistcorrError
        As reading and correcting do.
    """
    correct = {Kind.LABELS: _labels, Kind.POINTS: _points, Kind.MESH: _mesh}[attachment.kind]
    result = correct(attachment.path, loaded.scan, correction, options)
    findings = in_order_of_harm(result.findings)
    of_both = in_order_of_harm((*loaded.findings, *findings))
    record = _record(attachment, loaded, correction, options, result, of_both)
    return Followed(result.largest_mm, result.supported_fraction, findings, record, result.write)


@dataclass(frozen=True, slots=True)
class _Result:
    """What correcting a file gave, ready to be written."""

    input_sha256: str
    largest_mm: float
    supported_fraction: float
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    write: Callable[[Path], None]


def _labels(path: Path, scan: Scan, correction: Correction, options: FollowOptions) -> _Result:
    file = read_labels(path)
    _require_as_drawn(path, corrected=file.corrected)
    grid = options.like
    if grid is None:
        held = np.logical_or.reduce([layer.array != 0 for layer in file.layers])
        grid = grown(file.grid, held, scan, correction)
    layers = [
        correct_labels(
            layer, scan, correction, grid, options.label_interpolation, options.force_reason
        )
        for layer in file.layers
    ]
    voxels = sum(int((layer.volume.array != 0).sum()) for layer in layers)
    unsupported = sum(int((~layer.supported[layer.volume.array != 0]).sum()) for layer in layers)
    return _Result(
        file_sha256(path),
        max(layer.largest_displacement_mm for layer in layers),
        1.0 - unsupported / voxels if voxels else 0.0,
        tuple(dict.fromkeys(finding for layer in layers for finding in layer.findings)),
        {"labelled_voxels": voxels, "outside_support": unsupported},
        lambda output: file.write(output, [layer.volume for layer in layers]),
    )


def _points(path: Path, scan: Scan, correction: Correction, options: FollowOptions) -> _Result:
    document = read_document(path)
    places = document.places
    corrected = correct_points(places.points_lps, scan, correction, options.force_reason)
    text = document.moved(corrected.true_lps, remarks(corrected))
    return _Result(
        file_sha256(path),
        corrected.largest_displacement_mm,
        corrected.supported_fraction,
        (*document.findings, *corrected.findings(places.names)),
        _counts(corrected),
        lambda output: _write_text(text, output),
    )


def _mesh(path: Path, scan: Scan, correction: Correction, options: FollowOptions) -> _Result:
    mesh = read_mesh(path, options.mesh_axes)
    _require_as_drawn(path, corrected=mesh.corrected)
    corrected = correct_points(mesh.points_lps, scan, correction, options.force_reason)
    if not corrected.mapped.all():
        raise DistcorrError(
            Code.NO_TRUE_PLACE,
            "parts of the mesh have no true place",
            f"{path}: {(~corrected.mapped).sum()} of {len(corrected)} points",
            "cut them off: the correction folds there",
        )
    normals = _turned(mesh, corrected, scan, correction, options.force_reason)
    return _Result(
        file_sha256(path),
        corrected.largest_displacement_mm,
        corrected.supported_fraction,
        (*mesh.findings, *corrected.findings()),
        _counts(corrected),
        lambda output: mesh.write(output, corrected.true_lps, normals),
    )


def _require_as_drawn(path: Path, *, corrected: bool) -> None:
    if corrected:
        raise DistcorrError(
            Code.ALREADY_CORRECTED, "this file was corrected by distcorr before", str(path)
        )


def _turned(
    mesh: Mesh,
    corrected: CorrectedPoints,
    scan: Scan,
    correction: Correction,
    force_reason: str | None,
) -> dict[NormalsKind, Array]:
    """Return the normals that the mesh holds, of the corrected surface."""
    turned = {}
    for kind in NormalsKind:
        normals = mesh.normals_lps(kind)
        if normals is None:
            continue
        at = corrected
        if kind is NormalsKind.CELLS:
            at = correct_points(mesh.centres_lps, scan, correction, force_reason)
        turned[kind] = turn_normals(normals, at, scan, correction)
    return turned


def remarks(corrected: CorrectedPoints) -> list[str]:
    """Say of each point why it may not be relied on; empty for the others."""
    said = []
    for mapped, supported, in_scan in zip(
        corrected.mapped, corrected.supported, corrected.in_scan, strict=True
    ):
        if not mapped:
            said.append("not corrected: no true place known")
        elif not supported:
            said.append("outside of the correction's support")
        else:
            said.append("" if in_scan else "outside of the scan")
    return said


def _counts(corrected: CorrectedPoints) -> dict[str, int]:
    return {
        "points": len(corrected),
        "outside_support": int((corrected.mapped & ~corrected.supported).sum()),
        "outside_scan": int((~corrected.in_scan).sum()),
        "no_true_place": int((~corrected.mapped).sum()),
    }


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _record(
    attachment: Attachment,
    loaded: LoadedScan,
    correction: Correction,
    options: FollowOptions,
    result: _Result,
    findings: tuple[Finding, ...],
) -> dict[str, Any]:
    return {
        "kind": attachment.kind,
        "input_sha256": result.input_sha256,
        **sources_record(loaded, correction),
        "options": {
            "mesh_axes": options.mesh_axes,
            "label_interpolation": options.label_interpolation,
            "other_grid": options.like is not None,
            "force_reason": options.force_reason,
        },
        "counts": result.counts,
        "largest_displacement_mm": round(result.largest_mm, 4),
        "supported_fraction": round(result.supported_fraction, 6),
        "findings": findings_record(findings),
    }
