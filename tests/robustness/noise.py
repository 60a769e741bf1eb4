"""Random damage to the bytes of a DICOM header, where no name says what is damaged."""

from __future__ import annotations

import random
from collections.abc import Callable

from distcorr.errors import Code
from tests.robustness.geometry_mutations import APART, INVALID, IRREGULAR, MISSING
from tests.robustness.outcomes import RIGHT, refused
from tests.robustness.scene import Mutation, Scene, classic

PIXEL_ELEMENT = b"\xe0\x7f\x10\x00"

ALLOWED = (
    RIGHT
    | APART
    | INVALID
    | MISSING
    | IRREGULAR
    | refused(
        Code.UNREADABLE, Code.PIXELS_UNREADABLE, Code.NO_PIXELS, Code.BAD_FORMAT, Code.TOO_LARGE,
        Code.PATIENTS_MIXED, Code.NOT_DICOM,
    )
)  # fmt: skip
"""One damaged image among sound ones: it is harmless, noticed, or refused. It never
moves a voxel silently."""

Spoil = Callable[[bytearray, random.Random], None]


def _header(change: Spoil) -> Callable[[Scene], None]:
    """Damage what stands before the pixels, in one image."""

    def apply(scene: Scene) -> None:
        path = scene.inner
        content = path.read_bytes()
        at = content.rfind(PIXEL_ELEMENT)
        head = bytearray(content[128:at])
        change(head, scene.rng)
        path.write_bytes(content[:128] + bytes(head) + content[at:])

    return apply


def _flip(head: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 1, 1, 2, 8, 64])):
        head[rng.randrange(len(head))] ^= 1 << rng.randrange(8)


def _overwrite(head: bytearray, rng: random.Random) -> None:
    at, count = rng.randrange(4, len(head)), rng.randrange(1, 60)
    head[at : at + count] = rng.randbytes(min(count, len(head) - at))


def _digits(head: bytearray, rng: random.Random) -> None:
    """Change digits for other digits: numbers stay well formed."""
    places = [n for n, byte in enumerate(head) if 48 <= byte <= 57]
    for n in rng.sample(places, rng.choice([1, 1, 2, 5])):
        head[n] = rng.randrange(48, 58)


def _lose(head: bytearray, rng: random.Random) -> None:
    at = rng.randrange(4, len(head))
    del head[at : at + rng.randrange(1, 40)]


def _insert(head: bytearray, rng: random.Random) -> None:
    at = rng.randrange(4, len(head))
    head[at:at] = rng.randbytes(rng.randrange(1, 40))


def _exchange(head: bytearray, rng: random.Random) -> None:
    """Swap two stretches of equal length."""
    count = rng.randrange(1, 30)
    a, b = (rng.randrange(4, len(head) - count) for _ in range(2))
    head[a : a + count], head[b : b + count] = head[b : b + count], head[a : a + count]


def _repeat(head: bytearray, rng: random.Random) -> None:
    a = rng.randrange(4, len(head))
    stretch = bytes(head[a : a + rng.randrange(8, 200)])
    head[a:a] = stretch * rng.choice([1, 2, 50])


def _zero(head: bytearray, rng: random.Random) -> None:
    at, count = rng.randrange(4, len(head)), rng.randrange(4, 300)
    head[at : at + count] = bytes(min(count, len(head) - at))


def _ones(head: bytearray, rng: random.Random) -> None:
    """Make lengths undefined or huge."""
    at = rng.randrange(4, len(head) - 4)
    head[at : at + 4] = b"\xff\xff\xff\xff"


NOISE: tuple[Mutation, ...] = tuple(
    Mutation(f"header-{name}", f"bytes of a header {words}", _header(change), ALLOWED, classic,
             alters_values=True)
    for name, words, change in (
        ("flip", "flipped", _flip), ("overwrite", "overwritten", _overwrite),
        ("digits", "that are digits replaced by others", _digits), ("lose", "lost", _lose),
        ("insert", "inserted", _insert), ("exchange", "exchanged", _exchange),
        ("repeat", "repeated", _repeat), ("zero", "zeroed", _zero), ("ones", "set", _ones),
    )
)  # fmt: skip
