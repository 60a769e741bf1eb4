"""Damage to the tags that the geometry rests on."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from distcorr.dicom import Layout
from distcorr.errors import Code
from tests.robustness.outcomes import RIGHT, Allowed, refused, undetectable, warned
from tests.robustness.scene import Extent, Image, Level, Mutation, Scene, classic, on_images
from tests.robustness.subjects import Kind

POSITION, ORIENTATION, SPACING = "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"
MISSING, INVALID = refused(Code.GEOMETRY_MISSING), refused(Code.GEOMETRY_INVALID)

APART = refused(
    Code.SEVERAL_VOLUMES,
    Code.NOT_PARALLEL,
    Code.NOT_A_VOLUME,
    Code.DUPLICATE_CONFLICT,
    Code.GEOMETRY_INVALID,
)
"""A slice that can't belong to the others: it is set apart or refused."""

IRREGULAR = warned(Code.SPACING_IRREGULAR, Code.SLICES_MISSING, Code.STACK_SHEARED)
CONSISTENT = "all images agree with each other, and no other tag contradicts them"


def _times(keyword: str, factor: float) -> Callable[[Image, random.Random], None]:
    def change(image: Image, rng: random.Random) -> None:
        image.set(keyword, [_decimal(factor * value) for value in image.values(keyword)])

    return change


def _decimal(value: float) -> str:
    return f"{value:.9g}"


def _value(keyword: str, *values: object) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: image.set(keyword, list(values))


def _raw(keyword: str, content: bytes) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: image.raw(keyword, content)


def _permuted(keyword: str, *order: int) -> Callable[[Image, random.Random], None]:
    def change(image: Image, rng: random.Random) -> None:
        values = image.values(keyword)
        image.set(keyword, [_decimal(values[n]) for n in order])

    return change


def _first(keyword: str, count: int) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: image.set(keyword, image.values(keyword)[:count])


def _extended(keyword: str) -> Callable[[Image, random.Random], None]:
    return lambda image, rng: image.set(keyword, [*image.values(keyword), 1.0])


def _unusable() -> list[Mutation]:
    """Values that can't be read, for each tag that the geometry needs."""
    found: list[Mutation] = []
    counts = {POSITION: 3, ORIENTATION: 6, SPACING: 2}
    for keyword, count in counts.items():
        changes: dict[str, tuple[Callable[[Image, random.Random], None], Allowed]] = {
            "removed": (lambda image, rng, k=keyword: image.remove(k), MISSING),
            "empty": (lambda image, rng, k=keyword: image.set(k, None), MISSING),
            "nan": (_raw(keyword, b"\\".join([b"nan"] * count)), INVALID),
            "infinite": (_raw(keyword, b"\\".join([b"-inf"] * count)), INVALID),
            "overflowing": (_raw(keyword, b"\\".join([b"1e999"] * count)), INVALID),
            "words": (_raw(keyword, b"\\".join([b"left"] * count)), INVALID),
            "decimal-commas": (_raw(keyword, b"\\".join([b"1,5"] * count)), INVALID),
            "bytes": (_raw(keyword, b"\xff\xfe\x00\x01" * count), INVALID),
            "one-value-missing": (_first(keyword, count - 1), INVALID),
            "one-value-more": (_extended(keyword), INVALID),
            "blank-values": (_raw(keyword, b"\\" * (count - 1)), INVALID | MISSING),
        }
        for name, (change, allowed) in changes.items():
            found += on_images(
                f"{keyword}-{name}", f"{keyword} {name}", change, one=allowed, every=allowed
            )
    return found


def _position_tables() -> list[Mutation]:
    def shifted(step: tuple[float, float]) -> Callable[[Image, random.Random], None]:
        """Shift by millimetres along the normal and along the rows."""

        def change(image: Image, rng: random.Random) -> None:
            row, column = np.array(image.values(ORIENTATION)).reshape(2, 3)
            moved = np.array(image.values(POSITION)) + step[0] * np.cross(row, column)
            image.set(POSITION, [_decimal(v) for v in moved + step[1] * row])

        return change

    return [
        *on_images(
            "position-zero", "ImagePositionPatient 0\\0\\0", _value(POSITION, 0, 0, 0),
            one=IRREGULAR | APART, every=refused(Code.NOT_A_VOLUME),
        ),
        *on_images(
            "position-shifted-along-normal", "a slice moved by 0.2 mm along its normal",
            shifted((0.2, 0)), one=IRREGULAR,
        ),
        *on_images(
            "position-shifted-sideways", "a slice moved by 3 mm within its plane",
            shifted((0, 3)), one=IRREGULAR,
        ),
        *on_images(
            "positions-shifted", "all slices moved by 5 mm", shifted((5, 5)),
            every=undetectable(CONSISTENT),
        ),
        *on_images(
            "position-x-y-swapped", "x and y of ImagePositionPatient swapped",
            _permuted(POSITION, 1, 0, 2), one=IRREGULAR | APART | RIGHT,
            every=undetectable(CONSISTENT) | IRREGULAR | APART,
        ),
        *on_images(
            "position-y-z-swapped", "y and z of ImagePositionPatient swapped",
            _permuted(POSITION, 0, 2, 1), one=IRREGULAR | APART,
            every=undetectable(CONSISTENT) | IRREGULAR | APART,
        ),
        *on_images(
            "position-negated", "signs of ImagePositionPatient turned, as between LPS and RAS",
            _times(POSITION, -1), one=IRREGULAR | APART,
            # Mirrored at the origin, the slices follow each other backwards.
            every=undetectable(CONSISTENT) | warned(Code.STACK_SHEARED),
        ),
        *on_images(
            "position-metres", "ImagePositionPatient in metres", _times(POSITION, 0.001),
            one=IRREGULAR | APART, every=INVALID,
        ),
        *on_images(
            "position-centimetres", "ImagePositionPatient in centimetres", _times(POSITION, 0.1),
            one=IRREGULAR | APART,
            every=undetectable(CONSISTENT) | warned(Code.SPACING_TAG_DISAGREES) | INVALID,
        ),
        *on_images(
            "position-micrometres", "ImagePositionPatient in micrometres", _times(POSITION, 1000),
            one=INVALID | APART, every=INVALID,
        ),
        *on_images(
            "position-absurd", "ImagePositionPatient of 1e9 mm", _value(POSITION, 1e9, -1e9, 1e9),
            one=INVALID, every=INVALID,
        ),
        *on_images(
            "position-beyond-floats", "ImagePositionPatient of 1e300 mm",
            _value(POSITION, 1e300, -1e300, 1e300),
            one=INVALID, every=INVALID,
        ),
    ]  # fmt: skip


def _orientation_tables() -> list[Mutation]:
    return [
        *on_images(
            "orientation-zero", "ImageOrientationPatient all zero",
            _value(ORIENTATION, 0, 0, 0, 0, 0, 0), one=INVALID, every=INVALID,
        ),
        *on_images(
            "orientation-non-unit", "direction cosines 10 % too long", _times(ORIENTATION, 1.1),
            one=INVALID, every=INVALID,
        ),
        *on_images(
            "orientation-non-orthogonal", "row and column not at right angles", _skewed,
            one=INVALID, every=INVALID,
        ),
        *on_images(
            "orientation-parallel", "row and column the same direction",
            _permuted(ORIENTATION, 0, 1, 2, 0, 1, 2), one=INVALID, every=INVALID,
        ),
        *on_images(
            "orientation-rounded", "direction cosines of three decimals", _rounded,
            every=RIGHT | warned(Code.STACK_SHEARED) | undetectable(CONSISTENT),
        ),
        *on_images(
            "orientation-rows-columns-swapped", "row and column direction swapped",
            _permuted(ORIENTATION, 3, 4, 5, 0, 1, 2), one=APART,
            every=undetectable(CONSISTENT),
        ),
        *on_images(
            "orientation-negated", "signs of ImageOrientationPatient turned",
            _times(ORIENTATION, -1), one=APART, every=undetectable(CONSISTENT),
        ),
        *on_images(
            "orientation-of-another-plane", "the orientation of another plane",
            _of_another_plane, one=APART,
            every=APART | IRREGULAR | undetectable(CONSISTENT),
        ),
        *on_images(
            "orientation-turned", "one slice turned by a degree", _turned(1.0),
            one=APART, every=undetectable(CONSISTENT) | IRREGULAR,
        ),
    ]  # fmt: skip


def _of_another_plane(image: Image, rng: random.Random) -> None:
    row, column = np.array(image.values(ORIENTATION)).reshape(2, 3)
    sagittal = abs(np.cross(row, column)[0]) > 0.5
    image.set(ORIENTATION, [1, 0, 0, 0, 1, 0] if sagittal else [0, 1, 0, 0, 0, -1])


def _skewed(image: Image, rng: random.Random) -> None:
    row, column = np.array(image.values(ORIENTATION)).reshape(2, 3)
    column = column + 0.1 * row
    image.set(ORIENTATION, [_decimal(v) for v in (*row, *column / np.linalg.norm(column))])


def _rounded(image: Image, rng: random.Random) -> None:
    image.set(ORIENTATION, [f"{value:.3f}" for value in image.values(ORIENTATION)])


def _turned(degrees: float) -> Callable[[Image, random.Random], None]:
    def change(image: Image, rng: random.Random) -> None:
        row, column = np.array(image.values(ORIENTATION)).reshape(2, 3)
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turned = (*(c * row + s * column), *(c * column - s * row))
        image.set(ORIENTATION, [_decimal(v) for v in turned])

    return change


def _oblong(kind: Kind) -> bool:
    return not kind.square


def _spacing_tables() -> list[Mutation]:
    return [
        *on_images(
            "pixel-spacing-zero", "PixelSpacing 0\\0", _value(SPACING, 0, 0),
            one=INVALID, every=INVALID,
        ),
        *on_images(
            "pixel-spacing-negative", "PixelSpacing negative", _times(SPACING, -1),
            one=INVALID, every=INVALID,
        ),
        *on_images(
            "pixel-spacing-swapped", "distance of rows and of columns swapped",
            _permuted(SPACING, 1, 0), one=APART, every=undetectable(CONSISTENT), fits=_oblong,
        ),
        *on_images(
            "pixel-spacing-metres", "PixelSpacing in metres", _times(SPACING, 0.001),
            one=APART, every=INVALID,
        ),
        *on_images(
            "pixel-spacing-centimetres", "PixelSpacing in centimetres", _times(SPACING, 0.1),
            one=APART, every=undetectable(CONSISTENT) | INVALID,
        ),
        *on_images(
            "pixel-spacing-micrometres", "PixelSpacing in micrometres", _times(SPACING, 1000),
            one=APART, every=INVALID,
        ),
        *on_images(
            "pixel-spacing-absurd", "PixelSpacing of 1e6 mm", _value(SPACING, 1e6, 1e6),
            one=APART, every=INVALID,
        ),
        *on_images(
            "pixel-spacing-tiny", "PixelSpacing of 1e-12 mm", _value(SPACING, 1e-12, 1e-12),
            one=APART, every=INVALID,
        ),
        *on_images(
            "pixel-spacing-beyond-floats", "PixelSpacing of 1e300 mm",
            _value(SPACING, 1e300, 1e300), one=APART, every=INVALID,
        ),
        *on_images(
            "pixel-spacing-scaled", "PixelSpacing 10 % too large", _times(SPACING, 1.1),
            one=APART, every=undetectable(CONSISTENT),
        ),
    ]  # fmt: skip


def _thickness_tables() -> list[Mutation]:
    """Tags that many readers take for the distance of slices; here nothing rests on them."""
    found: list[Mutation] = []
    for keyword in ("SliceThickness", "SpacingBetweenSlices", "SliceLocation"):
        for name, content in {
            "zero": b"0", "negative": b"-4", "nan": b"nan", "absurd": b"1e9", "words": b"thick",
            "overflowing": b"1e999", "several": b"1\\2\\3", "bytes": b"\xff\xfe\xfd",
        }.items():  # fmt: skip
            found += on_images(
                f"{keyword}-{name}", f"{keyword} {name}", _raw(keyword, content),
                one=RIGHT, every=RIGHT,
            )  # fmt: skip
    return found


def _swap_places(scene: Scene) -> None:
    places = [_position_of(scene, n) for n in (1, 2)]
    _set_position(scene, 1, places[1])
    _set_position(scene, 2, places[0])


def _reverse(scene: Scene) -> None:
    places = [_position_of(scene, n) for n in range(_count(scene))]
    for n, place in enumerate(reversed(places)):
        _set_position(scene, n, place)


def _stretch(scene: Scene) -> None:
    """Move the slices apart by a tenth of their distance, consistently."""
    places = [_position_of(scene, n) for n in range(_count(scene))]
    for n, place in enumerate(places):
        _set_position(scene, n, places[0] + 1.1 * (place - places[0]))


def _same_place(scene: Scene) -> None:
    _set_position(scene, 1, _position_of(scene, 2))


def _far_last(scene: Scene) -> None:
    """Leave a hole of 30 m before the last slice: a grid over it would fill the memory."""
    last, before = (_position_of(scene, n) for n in (-1, -2))
    direction = (last - before) / np.linalg.norm(last - before)
    _set_position(scene, -1, before + 30_000 * direction)


def _nearly_same_place(scene: Scene) -> None:
    """Bring two slices within a hundredth of a millimetre: the least gap says nothing."""
    one, other = (_position_of(scene, n) for n in (1, 2))
    _set_position(scene, 1, other - 0.01 * (other - one) / np.linalg.norm(other - one))


def _count(scene: Scene) -> int:
    return len(scene.files) if scene.subject.kind.layout is Layout.CLASSIC else _frames(scene)


def _frames(scene: Scene) -> int:
    return int(scene.subject.truth.grid.size[2])


def _image(scene: Scene, n: int, use: Callable[[Image], None]) -> None:
    """Use the n-th image along the normal."""
    chosen = Scene(scene.subject, scene.folder, [scene.files[n]], scene.rng)
    chosen.edit(Extent.EVERY, lambda image, rng: use(image), Level.FRAME)


def _position_of(scene: Scene, n: int) -> np.ndarray:
    found: list[list[float]] = []
    _image(scene, n, lambda image: found.append(image.values(POSITION)))
    return np.array(found[0])


def _set_position(scene: Scene, n: int, place: np.ndarray) -> None:
    _image(scene, n, lambda image: image.set(POSITION, [_decimal(v) for v in place]))


_STACKS = [
    Mutation("places-swapped", "positions of two slices swapped", _swap_places,
             undetectable("positions alone place a slice; numbers and locations are not geometry")),
    Mutation("places-reversed", "positions in reverse order", _reverse, undetectable(CONSISTENT)),
    Mutation("places-stretched", "slices 10 % too far apart", _stretch,
             undetectable(CONSISTENT) | warned(Code.SPACING_TAG_DISAGREES)),
    Mutation("places-equal", "two slices at one place", _same_place,
             refused(Code.DUPLICATE_CONFLICT)),
    Mutation("places-nearly-equal", "two slices 0.01 mm apart", _nearly_same_place, IRREGULAR),
    Mutation("places-far-apart", "a hole of 30 m before the last slice", _far_last, INVALID),
]  # fmt: skip

TABLES: tuple[list[Mutation], ...] = (
    _unusable(), _position_tables(), _orientation_tables(), _spacing_tables(),
    _thickness_tables(), [replace(mutation, fits=classic) for mutation in _STACKS],
)  # fmt: skip
