"""Split the images of one SeriesInstanceUID into volumes.

Some properties always separate: orientation, matrix, image type, echo, frame of
reference. Others (time point, diffusion, acquisition, coil) separate only images
that would otherwise claim one place, because scanners also number the slices of
a single volume with them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, pairwise

import numpy as np

from distcorr.dicom.header import Frame
from distcorr.dicom.part_names import WHOLE, part_names
from distcorr.dicom.pixels import PixelReader
from distcorr.dicom.stack import Regularity, build_stack, distinct_positions
from distcorr.errors import Code, DistcorrError, Finding
from distcorr.facts import nearest_plane

PARALLEL_TOLERANCE_MM = 0.05
"""Largest distance that tilting moves the far corner of a slice while it still
counts as parallel; a tenth of a small pixel."""

PIXEL_SPACING_TOLERANCE_MM = 1e-4
"""Pixel spacings nearer than this are one: headers round them to five digits."""

NOT_PARALLEL_DEGREES = 45.0
"""A lone slice nearer than this to another orientation belongs to a fan or a
drifting stack; further away it is one plane of a localiser."""

Labeller = Callable[[Frame], str]


@dataclass(frozen=True)
class Part:
    """Images of a series that may form one volume.

    Attributes
    ----------
    frames : tuple of Frame
    traits : dict
        Property to its value for this part, for the name.
    findings : tuple of Finding
    refusal : DistcorrError or None
    """

    frames: tuple[Frame, ...]
    traits: dict[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    refusal: DistcorrError | None = None


def split(frames: Iterable[Frame]) -> list[tuple[str, Part]]:
    """Split the images of one series.

    Parameters
    ----------
    frames : iterable of Frame
        All images with one SeriesInstanceUID.

    Returns
    -------
    list of (str, Part)
        Name and part; the name tells what distinguishes the part and is
        ``"all"`` if there is but one.
    """
    everything = list(frames)
    try:
        once, copies = _without_copies(everything)
    except DistcorrError as refusal:
        return [(WHOLE, Part(tuple(everything), refusal=refusal))]
    parts = [finished for part in _always_separate(once) for finished in _separate_colliding(part)]
    parts = [_with_copies_told(part, copies) for part in _mark_lone(parts)]
    return list(zip(part_names([part.traits for part in parts]), parts, strict=True))


# Copies -------------------------------------------------------------------------


def _without_copies(frames: list[Frame]) -> tuple[list[Frame], list[list[Frame]]]:
    """Drop objects that occur twice; returns the rest, and the copies with their first.

    Raises
    ------
    DistcorrError
        ``duplicate-conflict`` if objects of one SOPInstanceUID differ,
        ``pixels-unreadable`` if that can't be told.
    """
    groups: dict[tuple[str, int], list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[frame.sop_instance or str(frame.path), frame.index].append(frame)
    repeated = [group for group in groups.values() if len(group) > 1]
    reader = PixelReader()
    order = sorted(
        (frame for group in repeated for frame in group),
        key=lambda frame: (str(frame.path), frame.index),
    )
    digests = {id(frame): reader.digest(frame) for frame in order}
    for first, *others in repeated:
        for other in others:
            if not _identical(first, other) or digests[id(first)] != digests[id(other)]:
                raise _conflict("different images share one SOPInstanceUID", [first, other])
    return [group[0] for group in groups.values()], repeated


def _with_copies_told(part: Part, copies: list[list[Frame]]) -> Part:
    """Report the copies that concern a part."""
    kept = {id(frame) for frame in part.frames}
    own = [group for group in copies if id(group[0]) in kept]
    if not own:
        return part
    return replace(part, findings=(_copies_finding(own), *part.findings))


def _identical(one: Frame, other: Frame) -> bool:
    """Whether two headers place an image alike."""
    return (
        np.array_equal(one.position_lps, other.position_lps)
        and np.array_equal(one.row_lps, other.row_lps)
        and np.array_equal(one.column_lps, other.column_lps)
        and one.pixel_spacing == other.pixel_spacing
        and one.labels == other.labels
    )


def _copies_finding(groups: list[list[Frame]]) -> Finding:
    pairs = [f"{group[1].name} repeats {group[0].name}" for group in groups[:4]]
    more = f" and {len(groups) - 4} more" if len(groups) > 4 else ""
    return Finding(
        Code.DUPLICATE_IDENTICAL,
        f"{sum(len(group) - 1 for group in groups)} images occur twice and were used once",
        f"{', '.join(pairs)}{more}",
    )


def _conflict(what: str, group: Sequence[Frame]) -> DistcorrError:
    names = ", ".join(str(frame.path) for frame in group[:4])
    where = "\\".join(f"{value:.2f}" for value in group[0].position_lps)
    return DistcorrError(Code.DUPLICATE_CONFLICT, what, f"{names} at {where}")


# What always separates ------------------------------------------------------------


def _always_separate(frames: list[Frame]) -> list[Part]:
    orientation = _orientation_labels(frames)
    labellers: dict[str, Labeller] = {
        "orientation": lambda frame: orientation[id(frame)],
        "matrix": _matrix_label,
        "image type": lambda frame: "\\".join(frame.labels.image_type),
        "echo": _echo_label,
        "frame of reference": lambda frame: frame.labels.frame_of_reference,
    }
    groups: dict[tuple[str, ...], list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[tuple(label(frame) for label in labellers.values())].append(frame)
    return [
        Part(tuple(group), dict(zip(labellers, key, strict=True)))
        for key, group in sorted(groups.items())
    ]


def _orientation_labels(frames: list[Frame]) -> dict[int, str]:
    """Name the plane of each slice; slices that are not parallel get different names."""
    clusters: list[list[Frame]] = []
    for frame in frames:
        for cluster in clusters:
            if _tilt_mm(cluster[0], frame) <= PARALLEL_TOLERANCE_MM:
                cluster.append(frame)
                break
        else:
            clusters.append([frame])
    planes = [str(nearest_plane(cluster[0].normal_lps)) for cluster in clusters]
    # Named by place, not by the order of files, so that names are stable.
    order = sorted(range(len(clusters)), key=lambda n: (planes[n], *_rounded(clusters[n][0])))
    labels: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for n in order:
        seen[planes[n]] += 1
        name = planes[n] if planes.count(planes[n]) == 1 else f"{planes[n]} {seen[planes[n]]}"
        labels.update({id(frame): name for frame in clusters[n]})
    return labels


def _rounded(frame: Frame) -> tuple[float, ...]:
    return tuple(np.round([*frame.row_lps, *frame.column_lps], 4).tolist())


def _tilt_mm(one: Frame, other: Frame) -> float:
    """Find how far the farthest pixel moves from one orientation to the other, mm."""
    row_spacing, column_spacing = one.pixel_spacing
    along_row = (other.row_lps - one.row_lps) * one.columns * column_spacing
    along_column = (other.column_lps - one.column_lps) * one.rows * row_spacing
    return float(np.linalg.norm(along_row) + np.linalg.norm(along_column))


def _matrix_label(frame: Frame) -> str:
    digits = round(-np.log10(PIXEL_SPACING_TOLERANCE_MM))
    row, column = (round(value, digits) for value in frame.pixel_spacing)
    return f"{frame.columns}x{frame.rows} of {column:g}x{row:g} mm"


def _echo_label(frame: Frame) -> str:
    echo = frame.labels.echo_time_ms
    return "" if echo is None else f"TE {echo:g} ms"


# What separates images that claim one place -----------------------------------------

_REPEATS: dict[str, Labeller] = {
    "time": lambda frame: frame.labels.temporal and f"time {frame.labels.temporal}",
    "diffusion": lambda frame: frame.labels.diffusion and f"b {frame.labels.diffusion}",
    "acquisition": lambda frame: (
        frame.labels.acquisition and f"acquisition {frame.labels.acquisition}"
    ),
    "coil": lambda frame: frame.labels.coil and f"coil {frame.labels.coil}",
}


def _separate_colliding(part: Part) -> list[Part]:
    places = distinct_positions(part.frames)
    if len(places) < 2:
        return [part]
    most = max(len(place) for place in places)
    if most == 1:
        return _separate_interleaved(part)
    for count in range(1, len(_REPEATS) + 1):
        for names in combinations(_REPEATS, count):
            separated = _by_traits(part, names)
            if len(separated) == most and not any(_collides(each) for each in separated):
                return separated
    return _separate_by_content(part, places, most)


def _by_traits(part: Part, names: Sequence[str]) -> list[Part]:
    groups: dict[tuple[str, ...], list[Frame]] = defaultdict(list)
    for frame in part.frames:
        groups[tuple(_REPEATS[name](frame) for name in names)].append(frame)
    return [
        replace(
            part,
            frames=tuple(group),
            traits=part.traits | dict(zip(names, key, strict=True)),
        )
        for key, group in sorted(groups.items(), key=lambda item: _natural(item[0]))
    ]


def _natural(key: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Sort "time 10" after "time 9"."""
    return tuple((len(value), value) for value in key)


def _collides(part: Part) -> bool:
    return any(len(place) > 1 for place in distinct_positions(part.frames))


def _separate_interleaved(part: Part) -> list[Part]:
    """Separate acquisitions whose slices lie between each other's."""
    if len(part.frames) < 3 or _regularity(part) is Regularity.REGULAR:
        return [part]
    for name in _REPEATS:
        separated = _by_traits(part, [name])
        if (
            len(separated) > 1
            and all(len(each.frames) > 2 for each in separated)
            and all(_regularity(each) is Regularity.REGULAR for each in separated)
            and _interleaved(separated)
        ):
            return separated
    return [part]


def _interleaved(parts: list[Part]) -> bool:
    """Whether the stacks overlap, so that they can't be two halves of one."""
    normal = parts[0].frames[0].normal_lps
    along = [[float(f.position_lps @ normal) for f in part.frames] for part in parts]
    spans = sorted((min(places), max(places)) for places in along)
    return all(after[0] < before[1] for before, after in pairwise(spans))


def _regularity(part: Part) -> Regularity | None:
    """Tell how regular the stack of a part is, None if it forms none."""
    try:
        return build_stack(part.frames).regularity
    except DistcorrError:
        return None


def _separate_by_content(part: Part, places: list[list[Frame]], most: int) -> list[Part]:
    """Drop identical images at one place; separate the rest by rank of InstanceNumber."""
    reader = PixelReader()
    copies: list[list[Frame]] = []
    kept: list[list[Frame]] = []
    try:
        for place in places:
            by_content: dict[str, list[Frame]] = defaultdict(list)
            for frame in place:
                by_content[reader.digest(frame)].append(frame)
            kept.append([group[0] for group in by_content.values()])
            copies += [group for group in by_content.values() if len(group) > 1]
    except DistcorrError as refusal:
        return [replace(part, refusal=refusal)]
    findings = (*part.findings, *([_copies_finding(copies)] if copies else []))
    once = replace(part, frames=tuple(f for place in kept for f in place), findings=findings)
    if all(len(place) == 1 for place in kept):
        return [once]
    if copies or not _ranked(kept, most):
        crowded = next(place for place in kept if len(place) > 1)
        what = f"{len(crowded)} different images claim one position"
        return [replace(once, refusal=_conflict(what, crowded))]
    return _by_rank(once, kept, most)


def _ranked(places: list[list[Frame]], most: int) -> bool:
    """Whether every place holds the same number of images with numbers of their own."""
    return all(
        len(place) == most
        and None not in (numbers := {frame.instance for frame in place})
        and len(numbers) == most
        for place in places
    )


def _by_rank(part: Part, places: list[list[Frame]], most: int) -> list[Part]:
    ordered = [sorted(place, key=lambda frame: frame.instance or 0) for place in places]
    finding = Finding(
        Code.SPLIT_BY_NUMBER,
        f"{most} images at every position are told apart by InstanceNumber alone",
        f"{ordered[0][0].name}, {ordered[0][1].name} in {ordered[0][0].path.parent}",
    )
    return [
        replace(
            part,
            frames=tuple(place[rank] for place in ordered),
            traits=part.traits | {"repeat": f"repeat {rank + 1}"},
            findings=(*part.findings, finding),
        )
        for rank in range(most)
    ]


# Slices that stand alone -------------------------------------------------------------


def _mark_lone(parts: list[Part]) -> list[Part]:
    """Refuse single slices that are nearly, but not, parallel to the rest."""
    return [
        part if part.refusal or len(distinct_positions(part.frames)) > 1
        else replace(part, refusal=_not_parallel(part, parts))
        for part in parts
    ]  # fmt: skip


def _not_parallel(part: Part, parts: list[Part]) -> DistcorrError | None:
    own = part.frames[0]
    others = [other.frames[0] for other in parts if other is not part]
    angles = [
        (_turn_degrees(own, other), other)
        for other in others
        if _tilt_mm(own, other) > PARALLEL_TOLERANCE_MM
    ]
    if not angles:
        return None
    angle, other = min(angles, key=lambda pair: pair[0])
    if angle > NOT_PARALLEL_DEGREES:
        return None
    return DistcorrError(
        Code.NOT_PARALLEL,
        "a slice is parallel to no other of its series",
        f"{own.name} is turned {angle:.1f} degrees against {other.name}, which moves its far "
        f"corner by {_tilt_mm(own, other):.1f} mm (tolerance {PARALLEL_TOLERANCE_MM:g})",
    )


def _turn_degrees(one: Frame, other: Frame) -> float:
    """Angle of the rotation from one orientation to the other."""
    axes = [np.stack([f.row_lps, f.column_lps, f.normal_lps]) for f in (one, other)]
    cosine = (np.trace(axes[0] @ axes[1].T) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
